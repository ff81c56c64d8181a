"""CP2K: density functional theory with Gaussians and plane waves, through its shell."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from alworkflows.calculators.contract import CalculatorParameters, EnergyKind, Remedy
from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError
from alworkflows.schema import Count

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["Cp2k"]

SHELL = "cp2k_shell"
#: Where distributions put CP2K's data; the variable CP2K_DATA_DIR comes first.
DATA = ("/usr/share/cp2k", "/usr/share/cp2k/data", "/usr/local/share/cp2k/data")

#: CP2K's programs as they are installed, which are started without a person's permission
_OWN_PROGRAM = re.compile(r"cp2k(_shell)?(\.[ps](smp|opt|dbg))?( (-s|--shell))?", re.ASCII)


class Cp2k(CalculatorParameters):
    """CP2K's Quickstep with GTH pseudopotentials."""

    title: ClassVar[str] = "CP2K, density functional theory with Gaussians and plane waves; needs its program cp2k_shell"
    packages: ClassVar[tuple[str, ...]] = ("ase",)
    neutral: ClassVar[tuple[str, ...]] = ("threads", "processes", "command", "maxiter", "mixing", "algorithm", "print_level")
    energy_kind: ClassVar[EnergyKind] = "free"
    reusable: ClassVar[bool] = False
    remedies: ClassVar[dict[str, Remedy]] = {
        "more-steps": Remedy(
            "three times the steps", (FailureKind.UNCONVERGED,), lambda settings: {"maxiter": 3 * settings.maxiter}
        ),
        "mixing": Remedy(
            "a quarter of the share of new density, three times the steps",
            (FailureKind.UNCONVERGED,),
            lambda settings: {"mixing": 0.25 * settings.mixing, "maxiter": 3 * settings.maxiter},
        ),
        "algorithm": Remedy(
            "Pulay mixing in place of Broyden's, three times the steps",
            (FailureKind.UNCONVERGED,),
            lambda settings: {
                "algorithm": "broyden" if settings.algorithm == "pulay" else "pulay",
                "maxiter": 3 * settings.maxiter,
            },
        ),
    }

    basis: str = Field("DZVP-MOLOPT-SR-GTH", description="basis set of all species")
    basis_file: str = Field("BASIS_MOLOPT", description="of CP2K's data, or a path")
    potential: str = Field("GTH-PBE", description="pseudopotential of all species")
    potential_file: str = Field("GTH_POTENTIALS", description="of CP2K's data, or a path")
    xc: str = Field("PBE", description="functional as CP2K names it, or XC_ and libxc's name")
    cutoff: float = Field(6800.0, gt=0, description="of the finest grid, eV (CP2K's own unit, Ry, is 13.606 eV)")
    relative_cutoff: float = Field(816.0, gt=0, description="of the grid a Gaussian goes to, eV")
    kpoints: tuple[Count, Count, Count] | None = Field(None, description="points of a mesh with Gamma; none: by kpoints_spacing")
    kpoints_spacing: float | None = Field(
        None, gt=0, description="largest distance of k-points, 1/A, 2 pi included; one point along vacuum; none: Gamma only"
    )
    smearing: float | None = Field(0.05, gt=0, description="width of Fermi-Dirac smearing, eV; none: no smearing")
    bands: Count = Field(20, description="empty bands, if there is smearing")
    convergence: float = Field(1e-6, gt=0, description="of the density matrix (EPS_SCF)")
    precision: float = Field(1e-12, gt=0, description="of all integrals (EPS_DEFAULT)")
    maxiter: Count = Field(60, description="most steps of the self-consistent field")
    mixing: float = Field(0.4, gt=0, le=1, description="share of the new density")
    algorithm: Literal["broyden", "pulay"] = Field("broyden", description="how densities are mixed")
    print_level: Literal["LOW", "MEDIUM", "HIGH"] = "LOW"
    command: str = Field(SHELL, description="what starts the shell; with processes of more than one, mpirun goes before it")
    processes: Count = Field(1, description="MPI processes of one job")
    threads: Count = Field(1, description="threads of a process")

    @model_validator(mode="after")
    def _one_mesh(self) -> Cp2k:
        if self.kpoints is not None and self.kpoints_spacing is not None:
            raise ValueError("kpoints: expected either a mesh or kpoints_spacing, got both")
        return self

    @classmethod
    def found(cls) -> bool:
        """Return whether CP2K's shell is in the PATH."""
        return shutil.which(SHELL) is not None

    @field_validator("command")
    @classmethod
    def _words(cls, value: str) -> str:
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"expected a command, got {value!a}: {error}") from error
        if not words:
            raise ValueError(f"expected a command, got {value!a}")
        return value

    def foreign(self) -> str | None:
        """Return the command, if it is not one of CP2K's own programs by its name alone."""
        return None if _OWN_PROGRAM.fullmatch(self.command) else f"start the command '{self.command}'"

    def installed(self) -> bool:
        """Return whether the first word of the command is a program."""
        return shutil.which(shlex.split(self.command)[0]) is not None

    def missing(self, name: str) -> Exception:
        """Return the error that names the program."""
        program = shlex.split(self.command)[0]
        return InputError(
            f"the calculator '{name}' needs the program '{program}', which is not there: apt-get install cp2k cp2k-data"
        )

    def identity(self) -> dict[str, Any]:
        """Return the program's version."""
        return {"programs": {"cp2k": _version(self.command)}}

    def cores(self) -> int:
        """Return processes times threads."""
        return self.processes * self.threads

    def check(self, frame: Atoms) -> None:
        """Refuse a frame without a cell, several k-points along vacuum, and species without basis or pseudopotential."""
        from alworkflows.calculators.kpoints import check_mesh, require_box

        require_box(frame, "CP2K")
        check_mesh(frame, self.mesh(frame))
        for name, file, what in (
            (self.basis, self.basis_file, "basis set"),
            (self.potential, self.potential_file, "pseudopotential"),
        ):
            path = _data(file)
            for symbol in sorted(set(frame.get_chemical_symbols())) if path else ():
                if name not in _names(path, symbol):
                    raise InputError(f"CP2K: no {what} '{name}' for {symbol} in {path}")

    def mesh(self, frame: Atoms) -> tuple[int, int, int]:
        """Return the points of the mesh for a frame."""
        from alworkflows.calculators.kpoints import mesh

        return self.kpoints if self.kpoints is not None else mesh(frame, self.kpoints_spacing)

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator for one frame."""
        from alworkflows.calculators.cp2k_run import Cp2kSinglePoint

        return Cp2kSinglePoint(self, work)

    def close(self, calculator: Calculator) -> None:
        """End CP2K."""
        from alworkflows.calculators.cp2k_run import Cp2kSinglePoint

        if isinstance(calculator, Cp2kSinglePoint):
            calculator.end()

    def launch(self) -> str:
        """Return the command with its processes."""
        return self.command if self.processes == 1 else f"mpirun -np {self.processes} {self.command}"

    def keywords(self, frame: Atoms) -> dict[str, Any]:
        """Return the keywords of ASE's calculator for a frame."""
        return {
            "basis_set": self.basis,
            "basis_set_file": self.basis_file,
            "pseudo_potential": self.potential,
            "potential_file": self.potential_file,
            "xc": self.xc,
            "cutoff": self.cutoff,
            "max_scf": self.maxiter,
            "print_level": self.print_level,
            "inp": self.template(frame),
        }

    def template(self, frame: Atoms) -> str:
        """Return the input that ASE does not write: convergence, mixing, smearing, k-points."""
        counts = self.mesh(frame)
        lines = ["&FORCE_EVAL", "&DFT", "&MGRID", f"REL_CUTOFF [eV] {self.relative_cutoff:.6f}", "&END MGRID"]
        lines += ["&QS", f"EPS_DEFAULT {self.precision:.3E}", "&END QS", "&SCF", f"EPS_SCF {self.convergence:.3E}"]
        if self.smearing is not None:
            from ase.units import kB

            lines += [f"ADDED_MOS {self.bands}", "&SMEAR ON", "METHOD FERMI_DIRAC"]
            lines += [f"ELECTRONIC_TEMPERATURE [K] {self.smearing / kB:.6f}", "&END SMEAR"]
        lines += ["&DIAGONALIZATION ON", "&END DIAGONALIZATION", "&MIXING"]
        lines += [f"METHOD {self.algorithm.upper()}_MIXING", f"ALPHA {self.mixing:.6f}", "&END MIXING"]
        lines += ["&PRINT", "&RESTART OFF", "&END RESTART", "&END PRINT", "&END SCF"]
        if max(counts) > 1:
            # Macdonald's scheme is Monkhorst and Pack's with a shift, here the one that puts Gamma into an even mesh
            shifts = [0.0 if count % 2 else 0.5 / count for count in counts]
            scheme = " ".join(map(str, counts)) + " " + " ".join(f"{shift:.10f}" for shift in shifts)
            lines += ["&KPOINTS", f"SCHEME MACDONALD {scheme}", "SYMMETRY OFF", "FULL_GRID OFF", "&END KPOINTS"]
        return "\n".join([*lines, "&END DFT", "&END FORCE_EVAL"])


def _data(file: str) -> Path | None:
    """Return where a data file is, or None if CP2K alone knows."""
    if os.sep in file:
        return Path(file) if Path(file).is_file() else None
    folders = [os.environ.get("CP2K_DATA_DIR"), *DATA]
    return next((Path(folder) / file for folder in folders if folder and (Path(folder) / file).is_file()), None)


@functools.cache
def _names(path: Path, symbol: str) -> frozenset[str]:
    """Return the names under which a data file has something for a species: lines of symbol and names."""
    names: set[str] = set()
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == symbol:
            names.update(words[1:])
    return frozenset(names)


@functools.cache
def _version(command: str) -> str:
    """Return what the program says its version is."""
    program = shlex.split(command)[0]
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    first = next((line.strip() for line in output.splitlines() if line.strip()), "unknown")
    return first.removeprefix("CP2K version").strip()
