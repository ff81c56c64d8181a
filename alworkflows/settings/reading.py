"""How files of frames are read: which keys hold the labels, in which units, and what is done about frames that cannot be used."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from alworkflows.errors import suggest, unknown
from alworkflows.schema import Force, Settings

__all__ = ["QUANTITIES", "ReadSettings"]

#: what has a unit of its own in a file
QUANTITIES = ("length", "energy", "force", "stress", "virial")


class ReadSettings(Settings):
    """How frames are read from files, and what is done about those that cannot be used."""

    format: str | None = Field(None, description="of the file, by our name or ASE's; none: told by its name and first lines")
    energy_key: str | None = Field(None, description="key of the energy; none: by the order in docs/reference/files.md")
    forces_key: str | None = Field(None, description="column of the forces; none: by the order in docs/reference/files.md")
    stress_key: str | None = Field(None, description="key of the stress; none: by the order in docs/reference/files.md")
    virial_key: str | None = Field(None, description="key of the virial, from which the stress is made where there is none")
    units: dict[Literal["length", "energy", "force", "stress", "virial"], str] = Field(
        default_factory=dict,
        description="of the numbers in the file, such as 'energy: Hartree'; none: eV and A, or as it declares",
    )
    types: tuple[str, ...] = Field((), description="chemical symbols of atom types 1, 2, ..., for files that have numbers only")
    largest_force: Force | None = Field(
        None,
        description="eV/A; a frame with a larger force cannot be used; none: 100, and 1000 where atoms are near each other",
    )
    skip_bad: bool = Field(False, description="leave out frames that cannot be used, with a count; else nothing is computed")

    @field_validator("types")
    @classmethod
    def _symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from ase.data import chemical_symbols

        for symbol in value:
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"types: unknown chemical symbol '{symbol}'{suggest(symbol, chemical_symbols[1:])}")
        return value

    @field_validator("units")
    @classmethod
    def _units(cls, value: dict[str, str]) -> dict[str, str]:
        from alworkflows.frames.units import UNITS, find_unit

        for quantity, unit in value.items():
            if find_unit(quantity, unit) is None:
                raise unknown(f"units: unit of {quantity}", unit, list(UNITS[quantity]))
        return value
