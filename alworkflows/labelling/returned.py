"""What a job that labelled handed back, compared with what it was asked: nobody vouches for the executable on its machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.calculators.factory import parameters
from alworkflows.frames import frame_id, labels
from alworkflows.settings import LabelSettings

__all__ = ["Doubt", "ReturnedError", "check_engine", "check_labels"]


class Doubt(StrEnum):
    """Why what came back is not believed."""

    NOT_FINITE = "not finite"
    FORCE_TOO_LARGE = "force too large"
    OTHER_ENGINE = "other engine"
    OTHER_SPECIES = "other species"
    OTHER_POSITIONS = "other positions"
    OTHER_COUNT = "other count"


class ReturnedError(ValueError):
    """What came back is not what was asked for; ``doubt`` says in which way."""

    def __init__(self, doubt: Doubt, message: str) -> None:
        super().__init__(message)
        self.doubt = doubt


def check_labels(asked: Sequence[Atoms], returned: Sequence[Atoms], largest_force: float = np.inf) -> None:
    """Raise if a labelled frame is none of those asked for, or its labels are none.

    Parameters
    ----------
    asked
        The frames to label.
    returned
        Those that came back labelled; fewer where some failed or were not reached.
    largest_force
        eV/A.

    Raises
    ------
    ReturnedError
        Naming the first such frame by its place among those that came back.
    """
    wanted = {frame_id(frame): frame for frame in asked}
    if len(returned) > len(asked):
        raise ReturnedError(Doubt.OTHER_COUNT, f"expected at most {len(asked)} labelled frames, got {len(returned)}")
    there = {frame_id(frame) for frame in returned}
    for place, frame in enumerate(returned):
        if frame_id(frame) not in wanted:
            raise _stranger(place, frame, [other for identity, other in wanted.items() if identity not in there])
        stored, name = labels(frame), f"labelled frame {place} ({frame_id(frame)})"
        for quantity, values in (("energy", stored.energy), ("forces", stored.forces)):
            if values is None or not np.isfinite(values).all():
                raise ReturnedError(Doubt.NOT_FINITE, f"{name}: {quantity}: expected finite numbers, got NaN, infinity or none")
        if stored.stress is not None and not np.isfinite(stored.stress).all():
            raise ReturnedError(Doubt.NOT_FINITE, f"{name}: stress: expected finite numbers, got NaN or infinity")
        assert stored.forces is not None  # just seen
        largest = float(np.linalg.norm(stored.forces, axis=1).max(initial=0.0))
        if largest > largest_force:
            raise ReturnedError(
                Doubt.FORCE_TOO_LARGE, f"{name}: largest force {largest:.3g} eV/A is above {largest_force:g} eV/A"
            )


def check_engine(engine: Mapping[str, Any] | None, settings: LabelSettings) -> None:
    """Raise if labels say that they were made by another calculator, or with other parameters, than was asked.

    Versions and the contents of files are what the job's machine has, and are not asked for.

    Raises
    ------
    ReturnedError
        Naming the first difference.
    """
    calculator = parameters(settings.calculator)
    told = engine or {}
    expected = {
        "engine": "ase",
        "calculator": settings.calculator.name,
        "energy": str(calculator.which_energy()),
        "moments": dict(sorted(settings.moments.items())) or None,
    }
    for key, value in expected.items():
        if told.get(key) != value:
            raise ReturnedError(Doubt.OTHER_ENGINE, f"engine: {key}: expected {value!r}, got {told.get(key)!r}")
    seen = told.get("parameters")
    if not isinstance(seen, Mapping):
        raise ReturnedError(Doubt.OTHER_ENGINE, f"engine: parameters: expected a mapping, got {seen!r}")
    wanted = calculator.model_dump(mode="json", exclude={*calculator.neutral, *calculator.files})
    for key, value in wanted.items():
        if seen.get(key) != value:
            raise ReturnedError(Doubt.OTHER_ENGINE, f"engine: parameters.{key}: expected {value!r}, got {seen.get(key)!r}")


def _stranger(place: int, frame: Atoms, others: Sequence[Atoms]) -> ReturnedError:
    """Return the error for a frame that was not asked for: what tells it from the nearest of those that are missing."""
    name = f"labelled frame {place}"
    alike = [other for other in others if np.array_equal(other.numbers, frame.numbers)]
    if not alike:
        formulas = ", ".join(sorted({other.get_chemical_formula() for other in others})[:3]) or "none that is missing"
        return ReturnedError(Doubt.OTHER_SPECIES, f"{name}: expected {formulas}, got {frame.get_chemical_formula()}")
    distance = min(
        max(np.abs(frame.positions - other.positions).max(initial=0.0), np.abs(frame.cell - other.cell).max()) for other in alike
    )
    return ReturnedError(
        Doubt.OTHER_POSITIONS,
        f"{name}: is none of those asked for; positions or cell differ from those of the nearest by {distance:.3g} A",
    )
