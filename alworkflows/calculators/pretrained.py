"""Calculators that are pretrained potentials, ours among them. Nothing is imported until a calculator is made."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from alworkflows.calculators.contract import CalculatorParameters
from alworkflows.schema import Count

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["Chgnet", "EnsembleMean", "Mace", "Sevennet"]


class _TorchParameters(CalculatorParameters):
    threads: Count = Field(1, description="threads of one job; jobs run side by side, so more is rarely faster")

    def _limit_threads(self) -> None:
        import torch

        torch.set_num_threads(self.threads)


class Chgnet(_TorchParameters):
    """CHGNet: a universal potential trained on density functional theory; its weights come in the package."""

    title: ClassVar[str] = "CHGNet, a universal potential (Materials Project, GGA/GGA+U); weights in its package"
    packages: ClassVar[tuple[str, ...]] = ("chgnet",)
    module: ClassVar[str] = "chgnet"
    extra: ClassVar[str | None] = "universal"

    model: Literal["0.3.0", "0.2.0", "r2scan"] = Field("0.3.0", description="which of the weights in the package")

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator, on the CPU, in single precision as it was trained."""
        from alworkflows.models.universal import chgnet

        self._limit_threads()
        weights = chgnet.load(self.model)
        with chgnet.quiet():
            from chgnet.model.dynamics import CHGNetCalculator

            class WithoutMoments(CHGNetCalculator):
                """CHGNet that leaves out magnetic moments, which are no label here."""

                def calculate(
                    self, atoms: Any = None, properties: Any = None, system_changes: Any = None, task: Any = "efs"
                ) -> None:
                    """Fill energy, forces and stress, that of a left-handed cell with the sign of the crystal's."""
                    with chgnet.quiet():
                        super().calculate(atoms, properties, system_changes, task=task)
                    seen: Any = self.atoms
                    if chgnet.mirrored(seen) and "stress" in self.results:
                        self.results["stress"] = -self.results["stress"]

            # an isolated atom has no graph: an error, which the labeller records, and not a wrong number
            return WithoutMoments(weights, use_device="cpu", on_isolated_atoms="error")


class Sevennet(_TorchParameters):
    """SevenNet: an equivariant universal potential; its weights come in the package."""

    title: ClassVar[str] = "SevenNet, an equivariant universal potential; weights in its package"
    packages: ClassVar[tuple[str, ...]] = ("sevenn",)
    module: ClassVar[str] = "sevenn"

    model: str = Field("7net-0", description="name of weights that the package holds")

    @field_validator("model")
    @classmethod
    def _no_file(cls, value: str) -> str:
        # of a name that is a file's, the package would load that, which may hold code
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value) or Path(value).exists():
            raise ValueError(f"expected the name of weights in the package, got {value!a}")
        return value

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator, on the CPU."""
        from alworkflows.models.universal.chgnet import quiet

        with quiet():
            from sevenn.calculator import SevenNetCalculator

            self._limit_threads()
            return SevenNetCalculator(self.model, device="cpu")


class Mace(_TorchParameters):
    """MACE with weights of the user's own."""

    title: ClassVar[str] = "MACE, with a checkpoint file of your own"
    packages: ClassVar[tuple[str, ...]] = ("mace-torch",)
    module: ClassVar[str] = "mace"
    files: ClassVar[tuple[str, ...]] = ("checkpoint",)

    checkpoint: str = Field(description="path of the weights")
    precision: Literal["float32", "float64"] = "float64"

    def foreign(self) -> str | None:
        """Return the checkpoint by its content: it is a pickle, which may hold code."""
        digest = hashlib.sha256(Path(self.checkpoint).read_bytes()).hexdigest()
        return f"load the checkpoint {Path(self.checkpoint).name} (sha256 {digest})"

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator, on the CPU."""
        from alworkflows.models.universal.chgnet import quiet

        with quiet():
            from mace.calculators import MACECalculator

            self._limit_threads()
            return MACECalculator(model_paths=self.checkpoint, device="cpu", default_dtype=self.precision)


class EnsembleMean(CalculatorParameters):
    """The mean of an ensemble of ours."""

    title: ClassVar[str] = "the mean of an ensemble that alworkflows trained"
    packages: ClassVar[tuple[str, ...]] = ("alworkflows",)
    module: ClassVar[str] = "alworkflows"
    files: ClassVar[tuple[str, ...]] = ("file",)

    file: str = Field(description="path of the ensemble")

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from alworkflows.models import Ensemble

        return Ensemble.load(self.file).calculator()
