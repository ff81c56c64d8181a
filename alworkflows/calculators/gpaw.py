"""GPAW: density functional theory with plane waves and projector-augmented waves, from ``pip install gpaw``."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from alworkflows.calculators.contract import CalculatorParameters, EnergyKind, Remedy
from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError
from alworkflows.schema import Count, Settings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["Gpaw", "GpawConvergence", "Smearing"]


class Smearing(Settings):
    """How electrons are spread over the levels near the Fermi level."""

    method: Literal["fermi-dirac", "methfessel-paxton", "marzari-vanderbilt"] = "fermi-dirac"
    width: float = Field(0.05, gt=0, description="eV")
    order: int = Field(1, ge=0, description="of methfessel-paxton")


class GpawConvergence(Settings):
    """When the self-consistent field is converged; all criteria have to be met."""

    energy: float = Field(1e-5, gt=0, description="eV per valence electron, change over three steps")
    density: float = Field(1e-6, gt=0, description="electrons per valence electron; 1e-5 leaves 1 meV/A in forces, 1e-6 a tenth")
    eigenstates: float = Field(4e-8, gt=0, description="eV^2 per valence electron")
    forces: float | None = Field(
        None, gt=0, description="eV/A, change of forces over two steps; forces at each step are not free"
    )


class Gpaw(CalculatorParameters):
    """GPAW with plane waves."""

    title: ClassVar[str] = "GPAW, density functional theory with plane waves and PAW; its data sets come with it"
    packages: ClassVar[tuple[str, ...]] = ("gpaw", "gpaw-data", "ase")
    module: ClassVar[str] = "gpaw"
    extra: ClassVar[str | None] = "gpaw"
    neutral: ClassVar[tuple[str, ...]] = ("threads", "maxiter", "mixer", "mixing", "history", "eigensolver", "checkpoint_every")
    energy_kind: ClassVar[EnergyKind] = "free"
    magnetic: ClassVar[bool] = True
    reusable: ClassVar[bool] = False
    remedies: ClassVar[dict[str, Remedy]] = {
        "more-steps": Remedy(
            "three times the steps", (FailureKind.UNCONVERGED,), lambda settings: {"maxiter": 3 * settings.maxiter}
        ),
        "mixing": Remedy(
            "Pulay mixing of 2 % of the new density and 12 old ones, three times the steps",
            (FailureKind.UNCONVERGED, FailureKind.SPIN),
            lambda settings: {"mixer": "pulay", "mixing": 0.02, "history": 12, "maxiter": 3 * settings.maxiter},
        ),
        "algorithm": Remedy(
            "projected conjugate gradients in place of Davidson, three times the steps",
            (FailureKind.UNCONVERGED, FailureKind.CRASH),
            lambda settings: {
                "eigensolver": "davidson" if settings.eigensolver == "ppcg" else "ppcg",
                "maxiter": 3 * settings.maxiter,
            },
        ),
    }

    cutoff: float = Field(600.0, gt=0, description="of the plane waves, eV; a stress needs more than forces")
    xc: str = Field("PBE", description="functional that there are PAW data sets for: LDA, PBE, RPBE, revPBE, ...")
    kpoints: tuple[Count, Count, Count] | None = Field(None, description="points of a mesh with Gamma; none: by kpoints_spacing")
    kpoints_spacing: float | None = Field(
        None, gt=0, description="largest distance of k-points, 1/A, 2 pi included; one point along vacuum; none: Gamma only"
    )
    smearing: Smearing | None = Field(Smearing(), description="none: no smearing")
    setups: dict[str, str] = Field(default_factory=dict, description="PAW data set of a species where it is not the usual one")
    bands: int | str | None = Field(None, description="number of bands, or such as '120%'; none: GPAW's choice")
    convergence: GpawConvergence = GpawConvergence()
    maxiter: Count = Field(100, description="most steps of the self-consistent field")
    mixer: Literal["msr1", "pulay"] = Field("msr1", description="how densities are mixed")
    mixing: float | None = Field(None, gt=0, le=1, description="share of the new density; none: GPAW's choice")
    history: Count | None = Field(None, description="old densities that are mixed; none: GPAW's choice")
    eigensolver: Literal["davidson", "ppcg", "rmm-diis"] = "davidson"
    threads: Count = Field(1, description="threads of linear algebra in one job")
    checkpoint_every: Count = Field(10, description="steps of the self-consistent field between two states on disk")

    @model_validator(mode="after")
    def _one_mesh(self) -> Gpaw:
        if self.kpoints is not None and self.kpoints_spacing is not None:
            raise ValueError("kpoints: expected either a mesh or kpoints_spacing, got both")
        return self

    def check(self, frame: Atoms) -> None:
        """Refuse a frame without a cell, several k-points along vacuum, and species without a PAW data set."""
        from alworkflows.calculators.kpoints import check_mesh, require_box

        require_box(frame, "GPAW")
        check_mesh(frame, self.mesh(frame))
        for symbol in sorted(set(frame.get_chemical_symbols())):
            self._data_set(symbol)

    def mesh(self, frame: Atoms) -> tuple[int, int, int]:
        """Return the points of the mesh for a frame."""
        from alworkflows.calculators.kpoints import mesh

        return self.kpoints if self.kpoints is not None else mesh(frame, self.kpoints_spacing)

    def identity(self) -> dict[str, Any]:
        """Return the content of PAW data sets that are not those of ``gpaw-data``, if there are any."""
        folders = [folder for folder in _data_folders() if folder != _packaged()]
        if not folders:
            return {}
        digest = hashlib.sha256()
        for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return {"setups": "sha256:" + digest.hexdigest()}

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator for one frame."""
        from alworkflows.calculators.gpaw_run import GpawSinglePoint

        return GpawSinglePoint(self, work)

    def keywords(self, frame: Atoms) -> dict[str, Any]:
        """Return GPAW's keywords for a frame, which carries its initial moments."""
        mixer: dict[str, Any] = {"name": self.mixer}
        if self.mixing is not None:
            mixer["beta"] = self.mixing
        if self.history is not None:
            mixer["nmaxold"] = self.history
        occupations: dict[str, Any] = {"name": "fermi-dirac", "width": 0.0}
        if self.smearing is not None:
            occupations = {"name": self.smearing.method, "width": self.smearing.width}
            if self.smearing.method == "methfessel-paxton":
                occupations["order"] = self.smearing.order
        keywords: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": self.cutoff},
            "xc": self.xc,
            "kpts": {"size": self.mesh(frame), "gamma": True},
            "occupations": occupations,
            "convergence": self.convergence.model_dump(exclude_none=True),
            "maxiter": self.maxiter,
            "mixer": mixer,
            "eigensolver": {"name": self.eigensolver},
        }
        if self.setups:
            keywords["setups"] = self.setups
        if self.bands is not None:
            keywords["nbands"] = self.bands
        if frame.get_initial_magnetic_moments().any():
            keywords["spinpol"] = True
        return keywords

    def _data_set(self, symbol: str) -> None:
        """Raise an ``InputError`` if there is no PAW data set for a species; where GPAW is not installed, its job is to know."""
        if not self.found():
            return
        kind = self.setups.get(symbol, self.setups.get("default", "paw")).partition(":")[0]
        if kind in ("ae", "ah", "ghost", "hgh", "hgh.sc", "null", "sg15"):
            return  # what these need is not a file by the functional's name
        name = f"{symbol}.{self.xc}" if kind in ("", "paw") else f"{symbol}.{kind}.{self.xc}"
        folders = _data_folders()
        if any((folder / (name + end)).exists() for folder in folders for end in ("", ".gz")):
            return
        others = sorted({path.name.split(".")[1] for folder in folders for path in folder.glob(f"{symbol}.*.gz")} - {"dzp"})
        there = f"; for {symbol} there is {', '.join(others)}" if others else f"; there is none for {symbol}"
        raise InputError(
            f"GPAW: no PAW data set '{name}' in {', '.join(map(str, folders)) or 'any folder'}{there} "
            "(the variable GPAW_SETUP_PATH names folders with more)"
        )


def _packaged() -> Path | None:
    """Return the folder of the data sets that come with GPAW, found without importing it."""
    spec = importlib.util.find_spec("gpaw_data")
    return Path(spec.origin).parent / "setups" if spec is not None and spec.origin else None


def _data_folders() -> list[Path]:
    """Return the folders in which GPAW looks for PAW data sets, in its order."""
    listed = [Path(part) for part in os.environ.get("GPAW_SETUP_PATH", "").split(os.pathsep) if part]
    packaged = _packaged()
    return [folder for folder in [*listed, *([packaged] if packaged else [])] if folder.is_dir()]
