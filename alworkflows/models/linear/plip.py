"""What linear models on PLIP descriptors can do besides: a baseline in their tables, files for LAMMPS, insight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from alworkflows.descriptors.plip import Plip
from alworkflows.descriptors.plip.folding import FoldedModels
from alworkflows.descriptors.plip.many import evaluate_each, plain_frames
from alworkflows.descriptors.plip.radial import RadialTable, tabulate
from alworkflows.models.evaluation import Evaluation
from alworkflows.models.linear.baseline import Baseline
from alworkflows.models.linear.committee import FoldedCommittee
from alworkflows.models.predictions import Evaluations
from alworkflows.settings.model import BaselineSettings

if TYPE_CHECKING:
    from alworkflows.descriptors.plip.blocks import Blocks
    from alworkflows.export.plip.lammps import Written
    from alworkflows.insight.plip.look import Insight

__all__ = ["PlipBaseline", "PlipCommittee"]


class PlipBaseline(Baseline):
    """A baseline as the kernels evaluate it: one more function of the distance in the tables of two-body terms."""

    def __init__(self, settings: BaselineSettings, descriptors: Plip) -> None:
        super().__init__(settings, descriptors)
        self._descriptors = descriptors

    @cached_property
    def table(self) -> RadialTable:
        """Energies of the pairs of species (eV) as functions of their distance."""
        return tabulate(self.energies, self.cutoff, 0.0, self.core)

    @cached_property
    def _alone(self) -> PlipCommittee:
        shape = (1, self._descriptors.size), (1, len(self.species))
        return PlipCommittee(self._descriptors, np.zeros(shape[0]), np.zeros(shape[1]), self)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what the repulsion, as one model, says of a frame."""
        return self._alone.evaluate(atoms)


class PlipCommittee(FoldedCommittee):
    """M linear models on PLIP descriptors."""

    descriptors: Plip
    baseline: PlipBaseline | None

    @property
    def fixed(self) -> RadialTable | None:
        """Energies of the baseline (eV) by unordered pair of species."""
        return self.baseline.table if self.baseline else None

    @cached_property
    def folded(self) -> FoldedModels:
        """The models as one evaluation, baseline included."""
        return self.descriptors.fold(self.weights, self.fixed)

    def evaluate_each(self, frames: Sequence[Atoms]) -> Evaluations:
        """Return what each model says of each of some frames."""
        plain = plain_frames(frames, self.species)
        found = evaluate_each(self.folded.flat, plain, self.descriptors.cutoff) if plain else None
        if plain is None or found is None:
            return super().evaluate_each(frames)
        energies, forces, virial = found
        return Evaluations.of_atoms(plain.offsets, energies + self.reference_energies[:, plain.kinds], forces, virial)

    def _with_baseline(self, energies: np.ndarray, forces: np.ndarray, virial: np.ndarray, atoms: Atoms) -> Evaluation:
        return Evaluation.of_atoms(energies, forces, virial)

    @property
    def blocks(self) -> Blocks:
        """The weights of all models term by term, baseline included."""
        return self.descriptors.blocks(self.weights, self.fixed)

    def write_lammps(self, folder: Path) -> Written:
        """Write the mean for LAMMPS into a folder; see :func:`.export.plip.lammps.write_lammps`."""
        from alworkflows.export.plip.lammps import write_lammps

        return write_lammps(self, folder)

    def look_into(self, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> Insight:
        """Return force shares and curves on the environments in frames; see :func:`.insight.plip.look.look_into`."""
        from alworkflows.insight.plip.look import look_into

        return look_into(self, frames, progress)
