"""Calculators for trials: cheap, classical, and there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from alworkflows.calculators.contract import CalculatorParameters
from alworkflows.schema import PositiveLength

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["Classical", "Emt", "LennardJones", "Morse"]


class Emt(CalculatorParameters):
    """Effective medium theory of ASE: Al, Cu, Ag, Au, Ni, Pd, Pt."""

    title: ClassVar[str] = "effective medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt (ASE); for trials"

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from ase.calculators.emt import EMT

        return EMT()


class LennardJones(CalculatorParameters):
    """One Lennard-Jones pair potential for all species."""

    title: ClassVar[str] = "one Lennard-Jones potential for all species (ASE); for trials"

    sigma: PositiveLength = Field(1.0, description="A")
    epsilon: float = Field(1.0, description="eV")
    cutoff: PositiveLength = Field(3.0, description="A")
    smooth: bool = Field(True, description="forces go to zero at the cutoff")

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from ase.calculators.lj import LennardJones as AseLennardJones

        return AseLennardJones(sigma=self.sigma, epsilon=self.epsilon, rc=self.cutoff, smooth=self.smooth)


class Morse(CalculatorParameters):
    """One Morse pair potential for all species."""

    title: ClassVar[str] = "one Morse potential for all species (ASE); for trials"

    epsilon: float = Field(1.0, description="depth, eV")
    r0: PositiveLength = Field(1.0, description="distance of the minimum, A")
    rho0: float = Field(6.0, gt=0, description="width parameter, times r0")
    inner: float = Field(1.9, gt=0, description="where the cutoff function begins, times r0")
    outer: float = Field(2.7, gt=0, description="where it ends, times r0")

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from ase.calculators.morse import MorsePotential

        return MorsePotential(epsilon=self.epsilon, r0=self.r0, rho0=self.rho0, rcut1=self.inner, rcut2=self.outer)


class Classical(CalculatorParameters):
    """A classical pair potential in LAMMPS, as the melt sampler uses it."""

    title: ClassVar[str] = "a classical pair potential by name or by its parameters, in LAMMPS; for trials"
    packages: ClassVar[tuple[str, ...]] = ("lammps",)
    module: ClassVar[str] = "lammps"

    potential: str | dict[str, Any] = "zno-binks-grimes"

    @model_validator(mode="after")
    def _known(self) -> Classical:
        from alworkflows.potentials import resolve

        resolve(self.potential)
        return self

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from alworkflows.potentials import resolve
        from alworkflows.simulation.lammps import LammpsCalculator

        return LammpsCalculator(resolve(self.potential))
