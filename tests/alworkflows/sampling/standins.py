"""A committee of Morse potentials: what drives a model-driven sampler where no ensemble has been trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

CU = (0.3429, 1.3588, 2.866)


class Committee(Calculator):
    """Members with the same Morse form and different depths; all pairs of a minimum image, smooth at half the shortest height.

    ``grows`` makes the disagreement rise with every look, to see runs end.
    """

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, depths: Sequence[float] = (0.33, 0.3429, 0.36), cutoff: float = 3.6, grows: float = 0.0) -> None:
        super().__init__()
        self.depths, self.cutoff, self.grows, self.looks = np.array(depths), cutoff, grows, 0

    def _pairs(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy, forces and stress of a member of depth one."""
        _, alpha, r0 = CU
        cell = np.asarray(atoms.cell)
        delta = atoms.positions[None] - atoms.positions[:, None]
        fractional = delta @ np.linalg.inv(cell)
        delta = (fractional - np.round(fractional)) @ cell
        distance = np.linalg.norm(delta, axis=2) + 1e9 * np.eye(len(atoms))
        x = np.exp(-alpha * (np.minimum(distance, 50.0) - r0))
        value, slope = x * x - 2 * x, -2 * alpha * (x * x - x)
        inside = distance < self.cutoff
        u = np.where(inside, 1 - (distance / self.cutoff) ** 2, 0.0)
        switch, switch_slope = u**2, np.where(inside, -4 * u * distance / self.cutoff**2, 0.0)
        pull = slope * switch + value * switch_slope
        along = (pull / distance)[..., None] * delta
        stress = 0.5 * np.einsum("ijk,ijl->kl", along, delta) / abs(np.linalg.det(cell))
        return 0.5 * float((value * switch).sum()), along.sum(axis=1), stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str] = all_changes) -> None:
        energy, forces, stress = self._pairs(atoms)
        mean = self.depths.mean()
        self.results = {"energy": mean * energy, "forces": mean * forces, "stress": mean * stress}
        if "disagreement" in properties:
            self.results["disagreement"] = self.disagreement(atoms)

    def state(self) -> dict[str, np.ndarray]:
        return {"looks": np.array(self.looks)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.looks = int(state["looks"])

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        self.looks += 1
        _, forces, _ = self._pairs(atoms)
        return (self.depths.std() + self.grows * self.looks) * np.linalg.norm(forces, axis=1) + self.grows * self.looks
