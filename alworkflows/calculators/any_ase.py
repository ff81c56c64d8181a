"""Any other calculator that ASE can drive, by the path of its class."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from alworkflows.calculators.contract import CalculatorParameters, EnergyKind
from alworkflows.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["AnyAse"]


class AnyAse(CalculatorParameters):
    """Any calculator that keeps ASE's interface."""

    model_config = ConfigDict(serialize_by_alias=True)

    title: ClassVar[str] = "any other calculator with ASE's interface, by the path of its class"
    magnetic: ClassVar[bool] = True
    neutral: ClassVar[tuple[str, ...]] = ()

    path: str = Field(alias="class", description="module:Class, such as ase.calculators.emt:EMT")
    arguments: dict[str, Any] = Field(default_factory=dict, description="what the class is called with; part of the label")
    package: str = Field(description="the package, by its name in pip, whose version is part of the label")
    energy: Literal["free", "potential"] = Field(description="which its labels are: electrons' free energy, or a potential's")

    @field_validator("path")
    @classmethod
    def _two_parts(cls, value: str) -> str:
        module, _, name = value.partition(":")
        if not module or not name.isidentifier():
            raise ValueError(f"expected 'module:Class', got '{value}'")
        return value

    def installed(self) -> bool:
        """Return whether the package and the module are there."""
        try:
            importlib.metadata.version(self.package)
            return importlib.util.find_spec(self.path.partition(":")[0]) is not None
        except (importlib.metadata.PackageNotFoundError, ModuleNotFoundError):
            return False

    def missing(self, name: str) -> Exception:
        """Return the error that says which of the two is not there."""
        try:
            importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return MissingExtraError(f"the calculator '{name}' ({self.path})", self.package)
        module = self.path.partition(":")[0]
        return InputError(f"calculator {name}: class: no module '{module}'")

    def distributions(self) -> tuple[str, ...]:
        """Return the package, and ASE."""
        return tuple(sorted({self.package, "ase"}))

    def which_energy(self) -> EnergyKind:
        """Return which energy its labels are, as it was told."""
        return self.energy

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator.

        Raises
        ------
        InputError
            If the module has no such class, or the class does not take the arguments.
        """
        module, _, name = self.path.partition(":")
        calculator_class = getattr(importlib.import_module(module), name, None)
        if not callable(calculator_class):
            raise InputError(f"calculator ase: class: the module '{module}' has no class '{name}'")
        try:
            return calculator_class(**self.arguments)
        except TypeError as error:
            raise InputError(f"calculator ase: arguments: {self.path} refuses them: {error}") from error
