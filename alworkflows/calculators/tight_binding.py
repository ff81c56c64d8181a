"""Extended tight binding: electrons, at a small part of what density functional theory costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from alworkflows.calculators.contract import CalculatorParameters, EnergyKind

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.calculators.contract import Work

__all__ = ["Tblite"]


class Tblite(CalculatorParameters):
    """Extended tight binding."""

    title: ClassVar[str] = "extended tight binding GFN1-xTB or GFN2-xTB (tblite)"
    packages: ClassVar[tuple[str, ...]] = ("tblite",)
    module: ClassVar[str] = "tblite"
    extra: ClassVar[str | None] = "tblite"
    energy_kind: ClassVar[EnergyKind] = "free"

    method: Literal["GFN1-xTB", "GFN2-xTB"] = "GFN1-xTB"
    accuracy: float = Field(1.0, gt=0)
    electronic_temperature: float = Field(300.0, ge=0, description="K")

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator."""
        from tblite.ase import TBLite

        return TBLite(method=self.method, accuracy=self.accuracy, electronic_temperature=self.electronic_temperature, verbosity=0)
