"""CHGNet as a model: a graph network for 89 elements, trained on the Materials Project.

Deng et al., "CHGNet as a pretrained universal neural network potential for charge-informed atomistic modelling", Nature Machine
Intelligence 5, 1031 (2023). Energies are sums over atoms; forces are their derivative, all in single precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from ase import Atoms, units

from alworkflows.descriptors.neighbours import neighbours
from alworkflows.errors import InputError, unknown
from alworkflows.models.contract import Model
from alworkflows.models.evaluation import SKIN, Evaluation, Evaluator, Still, check_frame
from alworkflows.models.universal import chgnet

__all__ = ["UniversalModel", "boxed"]

#: microseconds an atom and step, measured on zinc oxide
COST = 4000.0
#: of the graph's edges, A
CUTOFF = 6.0


class UniversalModel(Model):
    """A pretrained potential, restricted to the species that an ensemble is for.

    Parameters
    ----------
    species
        Chemical symbols.
    weights
        Which of those in the package.
    """

    class_name: ClassVar[str] = "universal"

    def __init__(self, species: Sequence[str], weights: str = "0.3.0") -> None:
        if weights not in chgnet.PARAMETERS:
            raise unknown("weights of CHGNet", weights, chgnet.PARAMETERS)
        chgnet.check_species(species, weights)
        self.species, self.weights = tuple(species), weights

    @property
    def make(self) -> str:
        """The class, the network and its weights."""
        return f"universal (chgnet {self.weights})"

    def check_installed(self) -> None:
        """Raise :class:`.errors.MissingExtraError` if CHGNet is not installed."""
        chgnet.check_installed(f"a model of class {self.make}")

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what it says of a frame, in one thread's arithmetic, so that the same atoms give the same bits.

        Atoms that are all out of reach of each other have the energies that each has alone, and no forces.
        """
        whole = self._whole(atoms)
        if whole is None:
            alone = [chgnet.energy_alone(self.weights, int(number)) for number in atoms.numbers]
            return Evaluation.of_atoms(np.array(alone)[None], np.zeros((1, len(atoms), 3)), np.zeros((1, 6)))
        outputs = chgnet.predict(self.weights, whole, task="efs", return_site_energies=True)
        energies = np.concatenate(outputs["site_energies"], dtype=float, axis=None)[None]
        stress = outputs["s"].astype(float)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] * units.GPa
        return Evaluation.of_atoms(energies, outputs["f"].astype(float)[None], whole.get_volume() * stress[None])

    def features(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Return what the network describes each atom by before its last layers, (N, 64) for each frame."""
        described = []
        for atoms in frames:
            whole = self._whole(atoms)
            if whole is None:
                raise InputError(f"{self.make}: expected atoms within {CUTOFF:g} A of each other, got none, images included")
            described.append(chgnet.predict(self.weights, whole, task="e", return_atom_feas=True)["atom_fea"].astype(float))
        return described

    def _whole(self, atoms: Atoms) -> Atoms | None:
        """Return the frame as the periodic one that the network sees; None if no atom is within reach of another."""
        check_frame(atoms, self.species)
        whole = boxed(atoms, CUTOFF)
        pairs = neighbours(whole.positions, np.asarray(whole.cell), whole.pbc, CUTOFF)
        return whole if len(pairs.second) else None

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return what follows one structure; the graph is made anew at each step, which is little beside the network."""
        return Still(self.evaluate)

    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the names of network and weights: the numbers are those of the package."""
        return {"name": "chgnet", "weights": self.weights}, {}

    @classmethod
    def unpack(
        cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], species: tuple[str, ...], where: str
    ) -> UniversalModel:
        """Return the model that was packed."""
        if header["name"] != "chgnet":
            raise InputError(f"{where}: {unknown('universal potential', header['name'], ['chgnet'])}")
        if header["weights"] not in chgnet.PARAMETERS:
            raise InputError(f"{where}: {unknown('weights of CHGNet', header['weights'], chgnet.PARAMETERS)}")
        return cls(species, header["weights"])

    def summary(self) -> dict[str, Any]:
        """Return what it is."""
        return {
            "class": self.class_name,
            "make": self.make,
            "descriptors": None,
            "parameters": chgnet.PARAMETERS[self.weights],
            "cost": {"microseconds_per_atom": COST, "basis": "measured: 64 and 216 atoms of zinc oxide, one core"},
        }


def boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """Return the frame as a periodic one: along free directions a box so large that images are out of reach."""
    if atoms.pbc.all():
        return atoms
    cell, periodic = np.array(atoms.cell), atoms.pbc
    free = np.flatnonzero(~periodic)
    basis = np.linalg.svd(cell[periodic], full_matrices=True)[2][len(cell[periodic]) :] if periodic.any() else np.eye(3)
    for axis, direction in zip(free, basis, strict=True):
        cell[axis] = direction * (np.ptp(atoms.positions @ direction) + 2.0 * cutoff)
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=True)
