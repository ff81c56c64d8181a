"""What only some committees can do, each asked for by its protocol and missed in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError

if TYPE_CHECKING:
    from alworkflows.descriptors import Descriptors
    from alworkflows.models.contract import Committee, Model

__all__ = ["Capability", "Insightful", "Joint", "LammpsFiles", "LatentFeatures", "LinearTerms", "require"]


@runtime_checkable
class Joint(Protocol):
    """A model that is evaluated together with others like it for less than all cost apart."""

    @property
    def joint_key(self) -> Hashable:
        """What models have in common that are evaluated together."""

    @classmethod
    def together(cls, models: Sequence[Any]) -> Committee:
        """Return models of one key as a committee."""


@runtime_checkable
class LammpsFiles(Protocol):
    """A committee whose mean can be written for LAMMPS."""

    def write_lammps(self, folder: Path) -> Any:
        """Write the files; return an object with their names as ``files``."""


@runtime_checkable
class Insightful(Protocol):
    """A committee of which can be said what makes its forces: terms that add up."""

    def look_into(self, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> Any:
        """Return force shares and curves on the environments in frames; labels are not needed."""


@runtime_checkable
class LinearTerms(Protocol):
    """A committee that is linear in descriptors: its terms can be told, and a D-optimal active set says where it extrapolates.

    ``weights`` (M, P): of its models, eV per descriptor.
    """

    descriptors: Descriptors
    weights: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Indices (Q,) of the descriptors that any of its models uses."""


@runtime_checkable
class LatentFeatures(Protocol):
    """A model that learnt what describes an atom."""

    def features(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Return features (N, D) of the atoms of each frame."""


Capability = TypeVar("Capability")

#: in words, after "a model with"
NOUNS: dict[type[Any], str] = {
    Joint: "joint evaluation",
    LammpsFiles: "files for LAMMPS",
    Insightful: "curves and force shares",
    LinearTerms: "terms that are linear in descriptors",
    LatentFeatures: "latent features",
}


def require(one: Committee | Model, capability: type[Capability], what: str) -> Capability:
    """Return a committee or model as something with a capability.

    Raises
    ------
    InputError
        If it lacks it; ``what`` is what was to be done.
    """
    if not isinstance(one, capability):
        raise InputError(f"{what}: expected a model with {NOUNS[capability]}, got one of class {one.make}, which has none")
    return one
