"""The trust levels of each iteration and what they rest on, from the record to plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from workchains.provenance import IterationRecord

__all__ = ["Trust", "trusts"]


@dataclass(frozen=True)
class Trust:
    """The trust window of one iteration; disagreements and errors in eV/A.

    Attributes
    ----------
    number, stage
        Of the iteration.
    kind, sentence
        How the levels came about, and why they are what they are.
    lower, upper
        Disagreements.
    lower_error, upper_error
        What they stand for: the bound at the lower, the expected error at the upper; None without a calibration.
    calibration
        As :func:`alworkflows.selection.window.find_window` describes it.
    """

    number: int
    stage: str
    kind: str
    lower: float
    upper: float
    lower_error: float | None
    upper_error: float | None
    calibration: Mapping[str, Any]
    sentence: str

    @property
    def points(self) -> dict[str, np.ndarray]:
        """Disagreement and largest error (F, 2) of the test frames, by stage."""
        seen = self.calibration["points"]
        both, stages = np.column_stack([seen["disagreement"], seen["error"]]), np.array(seen["stage"])
        return {stage: both[stages == stage] for stage in dict.fromkeys(seen["stage"])}

    @property
    def curve(self) -> dict[str, np.ndarray]:
        """``disagreement``, ``expected`` error and ``bound``, each (K,); empty without a calibration."""
        return {name: np.array(values, dtype=float) for name, values in self.calibration["curve"].items()}

    def summary(self) -> dict[str, Any]:
        """Return its figures as plain JSON types, without points and curve."""
        quality = {key: value for key, value in self.calibration.items() if key not in ("points", "curve")}
        names = ("number", "stage", "kind", "lower", "upper", "lower_error", "upper_error", "sentence")
        return {**{name: getattr(self, name) for name in names}, "calibration": quality}


def trusts(records: Sequence[IterationRecord]) -> tuple[Trust, ...]:
    """Return the trust window of each iteration that had one, oldest first."""
    from aiida import orm

    windows = []
    for record in records:
        if "trust_levels" in record.nodes:
            node = orm.load_node(record.nodes["trust_levels"])
            assert isinstance(node, orm.Dict)  # what find_trust_levels returns
            windows.append(Trust(number=record.number, stage=record.stage, **node.get_dict()))
    return tuple(windows)
