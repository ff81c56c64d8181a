"""How wrong an ensemble is on each of some test frames: columns by name, a value a frame."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from alworkflows.schema import Settings

__all__ = ["FrameErrors"]


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value


#: a number; None: not finite, which JSON has no word for
Number = Annotated[float | None, BeforeValidator(_finite_or_none)]
Column = tuple[Number, ...]


class FrameErrors(Settings):
    """What a fit shows of the test frames of one batch; columns of one length, in the order of the frames.

    What trust levels are calibrated on, and what the error of a stage is a mean of.
    """

    id: tuple[str, ...] = Field(description="the frames")
    disagreement: Column = Field(description="of the ensemble, largest over the atoms, eV/A")
    largest_error: Column = Field(description="largest norm of an atom's force error, eV/A")
    rms_error: Column = Field(description="RMS of the components of the force error, eV/A")
    largest_force: Column = Field(description="largest norm of a reference force, eV/A")
    force_rms: Column = Field(description="RMS of the components of the reference forces, eV/A")
    atoms: tuple[int, ...] = Field(description="number of atoms")

    @model_validator(mode="after")
    def _one_length(self) -> FrameErrors:
        lengths = {name: len(getattr(self, name)) for name in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"expected columns of one length, got {', '.join(f'{name} {n}' for name, n in lengths.items())}")
        return self

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.id)

    def column(self, name: str) -> np.ndarray:
        """Return a column of numbers (F,); NaN where there is none."""
        return np.array(getattr(self, name), dtype=float)
