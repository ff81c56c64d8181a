"""ASE calculators by name: their parameters, checked, the packages they need, and how each is made.

A new one is a class of parameters with a ``make`` method, and a line in :data:`ENGINES`. Nothing is imported until it is made.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from alworkflows.schema import Count, PositiveLength, Settings

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["ENGINES", "Engine"]


class Engine(Settings):
    """Parameters of one calculator; the class says what it needs, the instance makes it."""

    #: One line for a list of calculators.
    title: ClassVar[str]
    #: Packages whose version is part of what defines a label; the first is the one to install.
    packages: ClassVar[tuple[str, ...]] = ("ase",)
    #: Module whose presence tells that the calculator can be made.
    module: ClassVar[str] = "ase"
    #: Our extra that installs it, if there is one.
    extra: ClassVar[str | None] = None
    #: Parameters that do not change a label beyond rounding, and so are no part of its fingerprint.
    neutral: ClassVar[tuple[str, ...]] = ("threads",)
    #: Parameters that name a file; its content, not its place, is part of the fingerprint.
    files: ClassVar[tuple[str, ...]] = ()

    def make(self) -> Calculator:
        """Return the calculator."""
        raise NotImplementedError


class _TorchEngine(Engine):
    threads: Count = Field(1, description="threads of one job; jobs run side by side, so more is rarely faster")

    def _limit_threads(self) -> None:
        import torch

        torch.set_num_threads(self.threads)


class Chgnet(_TorchEngine):
    """CHGNet: a universal potential trained on density functional theory; its weights come in the package."""

    title: ClassVar[str] = "CHGNet, a universal potential (Materials Project, GGA/GGA+U); weights in its package"
    packages: ClassVar[tuple[str, ...]] = ("chgnet",)
    module: ClassVar[str] = "chgnet"
    extra: ClassVar[str | None] = "universal"

    model: Literal["0.3.0", "0.2.0", "r2scan"] = Field("0.3.0", description="which of the weights in the package")

    def make(self) -> Calculator:
        """Return the calculator, on the CPU, in single precision as it was trained."""
        with _quiet():
            from chgnet.model.dynamics import CHGNetCalculator
            from chgnet.model.model import CHGNet

            class WithoutMoments(CHGNetCalculator):
                """CHGNet that leaves out magnetic moments, which are no label here."""

                def calculate(
                    self, atoms: Any = None, properties: Any = None, system_changes: Any = None, task: Any = "efs"
                ) -> None:
                    """Fill energy, forces and stress."""
                    with _quiet():
                        super().calculate(atoms, properties, system_changes, task=task)

            self._limit_threads()
            weights = CHGNet.load(model_name=self.model, use_device="cpu", verbose=False)
            # an isolated atom has no graph: an error, which the labeller records, and not a wrong number
            return WithoutMoments(weights, use_device="cpu", on_isolated_atoms="error")


class Emt(Engine):
    """Effective medium theory of ASE: Al, Cu, Ag, Au, Ni, Pd, Pt."""

    title: ClassVar[str] = "effective medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt (ASE); for trials"

    def make(self) -> Calculator:
        """Return the calculator."""
        from ase.calculators.emt import EMT

        return EMT()


class LennardJones(Engine):
    """One Lennard-Jones pair potential for all species."""

    title: ClassVar[str] = "one Lennard-Jones potential for all species (ASE); for trials"

    sigma: PositiveLength = Field(1.0, description="A")
    epsilon: float = Field(1.0, description="eV")
    cutoff: PositiveLength = Field(3.0, description="A")
    smooth: bool = Field(True, description="forces go to zero at the cutoff")

    def make(self) -> Calculator:
        """Return the calculator."""
        from ase.calculators.lj import LennardJones as AseLennardJones

        return AseLennardJones(sigma=self.sigma, epsilon=self.epsilon, rc=self.cutoff, smooth=self.smooth)


class Morse(Engine):
    """One Morse pair potential for all species."""

    title: ClassVar[str] = "one Morse potential for all species (ASE); for trials"

    epsilon: float = Field(1.0, description="depth, eV")
    r0: PositiveLength = Field(1.0, description="distance of the minimum, A")
    rho0: float = Field(6.0, gt=0, description="width parameter, times r0")
    inner: float = Field(1.9, gt=0, description="where the cutoff function begins, times r0")
    outer: float = Field(2.7, gt=0, description="where it ends, times r0")

    def make(self) -> Calculator:
        """Return the calculator."""
        from ase.calculators.morse import MorsePotential

        return MorsePotential(epsilon=self.epsilon, r0=self.r0, rho0=self.rho0, rcut1=self.inner, rcut2=self.outer)


class Classical(Engine):
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

    def make(self) -> Calculator:
        """Return the calculator."""
        from alworkflows.potentials import resolve
        from alworkflows.simulation.lammps import LammpsCalculator

        return LammpsCalculator(resolve(self.potential))


class Tblite(Engine):
    """Extended tight binding."""

    title: ClassVar[str] = "extended tight binding GFN1-xTB or GFN2-xTB (tblite)"
    packages: ClassVar[tuple[str, ...]] = ("tblite",)
    module: ClassVar[str] = "tblite"

    method: Literal["GFN1-xTB", "GFN2-xTB"] = "GFN1-xTB"
    accuracy: float = Field(1.0, gt=0)
    electronic_temperature: float = Field(300.0, ge=0, description="K")

    def make(self) -> Calculator:
        """Return the calculator."""
        from tblite.ase import TBLite

        return TBLite(method=self.method, accuracy=self.accuracy, electronic_temperature=self.electronic_temperature, verbosity=0)


class Sevennet(_TorchEngine):
    """SevenNet: an equivariant universal potential; its weights come in the package."""

    title: ClassVar[str] = "SevenNet, an equivariant universal potential; weights in its package"
    packages: ClassVar[tuple[str, ...]] = ("sevenn",)
    module: ClassVar[str] = "sevenn"

    model: str = Field("7net-0", description="name of weights that the package holds")

    def make(self) -> Calculator:
        """Return the calculator, on the CPU."""
        with _quiet():
            from sevenn.calculator import SevenNetCalculator

            self._limit_threads()
            return SevenNetCalculator(self.model, device="cpu")


class Mace(_TorchEngine):
    """MACE with weights of the user's own."""

    title: ClassVar[str] = "MACE, with a checkpoint file of your own"
    packages: ClassVar[tuple[str, ...]] = ("mace-torch",)
    module: ClassVar[str] = "mace"
    files: ClassVar[tuple[str, ...]] = ("checkpoint",)

    checkpoint: str = Field(description="path of the weights")
    precision: Literal["float32", "float64"] = "float64"

    def make(self) -> Calculator:
        """Return the calculator, on the CPU."""
        with _quiet():
            from mace.calculators import MACECalculator

            self._limit_threads()
            return MACECalculator(model_paths=self.checkpoint, device="cpu", default_dtype=self.precision)


class EnsembleMean(Engine):
    """The mean of an ensemble of ours."""

    title: ClassVar[str] = "the mean of an ensemble that alworkflows trained"
    packages: ClassVar[tuple[str, ...]] = ("alworkflows",)
    module: ClassVar[str] = "alworkflows"
    files: ClassVar[tuple[str, ...]] = ("file",)

    file: str = Field(description="path of the ensemble")

    def make(self) -> Calculator:
        """Return the calculator."""
        from alworkflows.models import Ensemble

        return Ensemble.load(self.file).calculator()


#: Every calculator a campaign may name.
ENGINES: dict[str, type[Engine]] = {
    "chgnet": Chgnet,
    "classical": Classical,
    "emt": Emt,
    "ensemble": EnsembleMean,
    "lennard-jones": LennardJones,
    "mace": Mace,
    "morse": Morse,
    "sevennet": Sevennet,
    "tblite": Tblite,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the greetings and warnings of a package that loads weights off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
