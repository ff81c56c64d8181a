"""Any other calculator that ASE can drive, by the path of its class."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field, field_validator

from alworkflows.calculators.contract import CalculatorParameters, EnergyKind
from alworkflows.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["AnyAse"]

#: ASE's calculators that only compute; its others start a program, whose command may be one of their arguments, or load a library
COMPUTING = frozenset(
    f"ase.calculators.{path}"
    for path in ("acn:ACN", "eam:EAM", "emt:EMT", "lj:LennardJones", "morse:MorsePotential", "tip3p:TIP3P", "tip4p:TIP4P")
)


class AnyAse(CalculatorParameters):
    """Any class derived from ASE's calculator; one that is not of those of ASE that only compute needs a person's permission."""

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
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", value, re.ASCII):
            raise ValueError(f"expected 'module:Class', got {value!a}")
        return value

    def foreign(self) -> str | None:
        """Return the import, and the arguments, in which a command may stand; None for ASE's own that only compute."""
        if self.path in COMPUTING:
            return None
        arguments = json.dumps(self.arguments, sort_keys=True, default=str)
        return f"import {self.path}" + (f" and call it with {arguments}" if self.arguments else "")

    def installed(self) -> bool:
        """Return whether the package is there, and the module as far as that can be told without importing anything."""
        try:
            importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return False
        return importlib.util.find_spec(self._module.partition(".")[0]) is not None

    @property
    def _module(self) -> str:
        return self.path.partition(":")[0]

    def missing(self, name: str) -> Exception:
        """Return the error that says which of the two is not there."""
        try:
            importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return MissingExtraError(f"the calculator '{name}' ({self.path})", self.package)
        return InputError(f"calculator {name}: class: no module '{self._module}'")

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
            If there is no such module, it has no such class, or the class is not derived from ASE's calculator or refuses the
            arguments.
        """
        from ase.calculators.calculator import BaseCalculator

        name = self.path.partition(":")[2]
        try:
            module = importlib.import_module(self._module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self._module}.".startswith(f"{error.name}."):
                raise  # a package that it needs itself
            raise self.missing("ase") from error
        calculator_class = getattr(module, name, None)
        if calculator_class is None:
            raise InputError(f"calculator ase: class: the module '{self._module}' has no class '{name}'")
        if not (isinstance(calculator_class, type) and issubclass(calculator_class, BaseCalculator)):
            raise InputError(f"calculator ase: class: expected a class derived from ASE's calculator, got {self.path}")
        try:
            calculator: Any = calculator_class(**self.arguments)
        except TypeError as error:
            raise InputError(f"calculator ase: arguments: {self.path} refuses them: {error}") from error
        return cast("Calculator", calculator)
