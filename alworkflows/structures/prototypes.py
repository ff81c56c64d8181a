"""Crystals known by name: space group, cell, and one site of each orbit."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from alworkflows.errors import unknown

__all__ = ["PROTOTYPES", "Prototype", "crystal"]

Site = tuple[float, float, float]


@dataclass(frozen=True)
class Prototype:
    """A crystal: its space group, cell (a, b, c in A; angles in degrees) and the fractional coordinates of each orbit."""

    title: str
    group: int
    cell: tuple[float, float, float, float, float, float]
    sites: tuple[tuple[str, Site], ...]
    source: str

    def atoms(self) -> Atoms:
        """Return one conventional cell."""
        from ase.spacegroup import crystal as expand

        made = expand(
            [symbol for symbol, _ in self.sites], [site for _, site in self.sites], spacegroup=self.group, cellpar=self.cell
        )
        return Atoms(numbers=made.numbers, positions=made.positions, cell=made.cell, pbc=True)


def _hexagonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, c, 90.0, 90.0, 120.0)


def _right(a: float, c: float | None = None) -> tuple[float, float, float, float, float, float]:
    return (a, a, a if c is None else c, 90.0, 90.0, 90.0)


_CHGNET = "relaxed with CHGNet 0.3.0 (Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3)"
_THIRD = 1.0 / 3.0

#: The six polymorphs of zinc oxide on which its first machine-learned potentials were trained.
PROTOTYPES: dict[str, Prototype] = {
    "zno-wurtzite": Prototype(
        "wurtzite", 186, _hexagonal(3.289, 5.297), (("Zn", (_THIRD, 2 * _THIRD, 0.0)), ("O", (_THIRD, 2 * _THIRD, 0.379))), _CHGNET
    ),
    "zno-zincblende": Prototype(
        "zinc blende", 216, _right(4.630), (("Zn", (0.0, 0.0, 0.0)), ("O", (0.25, 0.25, 0.25))), _CHGNET
    ),
    "zno-bct": Prototype(
        "body-centred tetragonal", 136, _right(5.602, 3.292), (("Zn", (0.18, 0.18, 0.0)), ("O", (0.18, -0.18, 0.0))), _CHGNET
    ),
    "zno-hbn": Prototype(
        "h-BN like", 194, _hexagonal(3.460, 4.569), (("Zn", (_THIRD, 2 * _THIRD, 0.25)), ("O", (_THIRD, 2 * _THIRD, 0.75))), _CHGNET
    ),
    "zno-sodalite": Prototype(
        "sodalite", 218, _right(5.664), (("Zn", (0.25, 0.5, 0.0)), ("O", (0.25, 0.0, 0.5))), _CHGNET
    ),
    "zno-cubane": Prototype(
        "cubane", 217, _right(6.275), (("Zn", (0.164, 0.164, 0.164)), ("O", (-0.164, -0.164, -0.164))), _CHGNET
    ),
}  # fmt: skip


def crystal(name: str) -> Atoms:
    """Return one conventional cell of a prototype.

    Raises
    ------
    InputError
        If no prototype has this name.
    """
    if name not in PROTOTYPES:
        raise unknown("prototype", name, PROTOTYPES)
    return PROTOTYPES[name].atoms()
