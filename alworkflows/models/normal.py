"""Streamed normal equations: the design matrix is never held, and a fold is left out by subtraction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import environ

import numpy as np
from ase import Atoms

from alworkflows.descriptors import Descriptors
from alworkflows.errors import InputError
from alworkflows.frames import Labels, frame_id, labels
from alworkflows.settings import FitSettings

__all__ = ["Normal", "accumulate", "fold_of"]

#: rows gathered before one update of a Gram matrix
BLOCK = 2048


def fold_of(identity: str, seed: int, folds: int) -> int:
    """Return the fold of a frame: from its id and a seed, so that it never moves as the data grow."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{identity}".encode()).digest()[:8], "little") % folds


@dataclass
class Normal:
    """Accumulators of weighted rows x with targets y, and of the atoms of each species that an energy row counts.

    ``xx`` (P, P), ``xy`` (P,), ``yy``; ``nx`` (S, P), ``nn`` (S, S), ``ny`` (S,): the same for the species counts of the fitted
    energy rows; ``level_*``: unweighted sums over all energies, from which levels follow when forces alone were fitted.
    """

    xx: np.ndarray
    xy: np.ndarray
    yy: float
    nx: np.ndarray
    nn: np.ndarray
    ny: np.ndarray
    level_nx: np.ndarray
    level_nn: np.ndarray
    level_ny: np.ndarray
    rows: int = 0
    frames: int = 0
    energies: int = 0

    @classmethod
    def empty(cls, size: int, species: int) -> Normal:
        """Return accumulators of nothing."""
        nx, nn, ny = np.zeros((species, size)), np.zeros((species, species)), np.zeros(species)
        return cls(np.zeros((size, size)), np.zeros(size), 0.0, nx, nn, ny, nx.copy(), nn.copy(), ny.copy())

    def __add__(self, other: Normal) -> Normal:
        return self._combine(other, 1)

    def __sub__(self, other: Normal) -> Normal:
        return self._combine(other, -1)

    def _combine(self, other: Normal, sign: int) -> Normal:
        return Normal(**{name: value + sign * getattr(other, name) for name, value in vars(self).items()})

    def reduced(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return X^T X, X^T y and y^T y with the energy level of each species projected out."""
        if not self.nn.any():
            return self.xx, self.xy, self.yy
        inverse = np.linalg.pinv(self.nn, hermitian=True)
        back = self.nx.T @ inverse
        return self.xx - back @ self.nx, self.xy - back @ self.ny, self.yy - self.ny @ inverse @ self.ny

    def levels(self, weights: np.ndarray) -> np.ndarray:
        """Return the energy of each species (eV) that fits the energies best, given weights; minimum norm where undetermined."""
        return np.linalg.pinv(self.level_nn, hermitian=True) @ (self.level_ny - self.level_nx @ weights)


def accumulate(
    frames: Sequence[Atoms],
    descriptors: Descriptors,
    settings: FitSettings,
    group: Callable[[Atoms], int],
    groups: int,
    progress: Callable[[str], None] | None = None,
) -> list[Normal]:
    """Return one set of accumulators for each group of frames; memory does not grow with the frames.

    Raises
    ------
    InputError
        If a frame lacks a quantity that is fitted.
    """
    from scipy.linalg.blas import dsyrk

    found = [Normal.empty(descriptors.size, len(descriptors.species)) for _ in range(groups)]
    pending: list[list[np.ndarray]] = [[] for _ in range(groups)]

    def flush(index: int) -> None:
        if pending[index]:
            stacked = np.concatenate(pending[index])
            # X^T X of a C-ordered X is A A^T of its transpose, which BLAS sees without a copy
            dsyrk(1.0, stacked.T, beta=1.0, c=found[index].xx.T, lower=1, overwrite_c=1)
            pending[index] = []

    with ThreadPoolExecutor(max(1, int(environ.get("OMP_NUM_THREADS", "1")))) as pool:
        done = 0
        for start in range(0, len(frames), 16):
            part = frames[start : start + 16]
            for frame, rows in zip(part, pool.map(lambda atoms: _rows(atoms, descriptors, settings), part), strict=True):
                index = group(frame)
                _add(found[index], rows, len(frame))
                pending[index].append(rows.x)
                if sum(map(len, pending[index])) >= BLOCK:
                    flush(index)
                done += 1
            if progress and (done % 64 == 0 or done == len(frames)):
                progress(f"normal equations: {done} of {len(frames)} frames")
    for index in range(groups):
        flush(index)
        upper = np.triu(found[index].xx)
        found[index].xx = upper + np.triu(upper, 1).T
    return found


@dataclass(frozen=True)
class _Rows:
    """Weighted rows of a frame, and what its energy adds."""

    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray
    energy_row: np.ndarray
    energy: float | None
    energy_weight: float


def _rows(atoms: Atoms, descriptors: Descriptors, settings: FitSettings) -> _Rows:
    stored = labels(atoms)
    design = descriptors.design(atoms, stress="stress" in settings.quantities)
    x, y = [], []
    if "forces" in settings.quantities:
        target = _needed(stored, "forces", atoms).ravel()
        kept = slice(None) if settings.force_limit is None else np.abs(target) <= settings.force_limit
        x.append(design.forces[kept])
        y.append(target[kept])
    if "stress" in settings.quantities and design.stress is not None:
        scale = settings.stress_weight * atoms.get_volume() / len(atoms)
        x.append(scale * design.stress)
        y.append(scale * _needed(stored, "stress", atoms))
    symbols = atoms.get_chemical_symbols()
    counts = np.array([symbols.count(symbol) for symbol in descriptors.species], dtype=float)
    scale = _frame_weight(stored, settings)
    weight = scale * settings.energy_weight / len(atoms) if "energy" in settings.quantities else 0.0
    if scale != 1.0:
        x, y = [scale * rows for rows in x], [scale * target for target in y]
    if weight:
        x.append(weight * design.energy[None])
        y.append(np.array([weight * float(_needed(stored, "energy", atoms))]))
    return _Rows(np.concatenate(x), np.concatenate(y), counts, design.energy, stored.energy, weight)


def _frame_weight(stored: Labels, settings: FitSettings) -> float:
    """Return s / sqrt(rms force^2 + s^2) with s the force scale: what matters is an error relative to the forces of the frame."""
    if settings.force_scale is None or stored.forces is None:
        return 1.0
    return settings.force_scale / float(np.sqrt((stored.forces**2).mean() + settings.force_scale**2))


def _needed(stored: Labels, name: str, atoms: Atoms) -> np.ndarray:
    value = getattr(stored, name)
    if value is None:
        raise InputError(f"frame {frame_id(atoms)}: the fit uses {name}, but the frame has none")
    return value


def _add(total: Normal, rows: _Rows, atoms: int) -> None:
    total.xy += rows.y @ rows.x
    total.yy += float(rows.y @ rows.y)
    total.rows += len(rows.y)
    total.frames += 1
    if rows.energy_weight and rows.energy is not None:
        scaled = rows.energy_weight * rows.counts
        total.nx += np.outer(scaled, rows.energy_weight * rows.energy_row)
        total.nn += np.outer(scaled, scaled)
        total.ny += scaled * rows.energy_weight * rows.energy
    if rows.energy is not None:
        counts = rows.counts / atoms
        total.level_nx += np.outer(counts, rows.energy_row / atoms)
        total.level_nn += np.outer(counts, counts)
        total.level_ny += counts * rows.energy / atoms
        total.energies += 1
