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

        expanded = expand(
            [symbol for symbol, _ in self.sites], [site for _, site in self.sites], spacegroup=self.group, cellpar=self.cell
        )
        return Atoms(numbers=expanded.numbers, positions=expanded.positions, cell=expanded.cell, pbc=True)


def _hexagonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, c, 90.0, 90.0, 120.0)


def _right(a: float, c: float | None = None) -> tuple[float, float, float, float, float, float]:
    return (a, a, a if c is None else c, 90.0, 90.0, 90.0)


_CHGNET = "relaxed with CHGNet 0.3.0 (Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3)"
_THIRD = 1.0 / 3.0


def _zno(title: str, group: int, cell: tuple[float, float, float, float, float, float], zn: Site, o: Site) -> Prototype:
    return Prototype(title, group, cell, (("Zn", zn), ("O", o)), _CHGNET)


#: The six polymorphs of zinc oxide that a melt begins from.
PROTOTYPES: dict[str, Prototype] = {
    "zno-wurtzite": _zno("wurtzite", 186, _hexagonal(3.289, 5.297), (_THIRD, 2 * _THIRD, 0.0), (_THIRD, 2 * _THIRD, 0.379)),
    "zno-zincblende": _zno("zinc blende", 216, _right(4.630), (0.0, 0.0, 0.0), (0.25, 0.25, 0.25)),
    "zno-bct": _zno("body-centred tetragonal", 136, _right(5.602, 3.292), (0.18, 0.18, 0.0), (0.18, -0.18, 0.0)),
    "zno-hbn": _zno("h-BN like", 194, _hexagonal(3.460, 4.569), (_THIRD, 2 * _THIRD, 0.25), (_THIRD, 2 * _THIRD, 0.75)),
    "zno-sodalite": _zno("sodalite", 223, _right(5.664), (0.25, 0.5, 0.0), (0.25, 0.0, 0.5)),
    "zno-cubane": _zno("cubane", 217, _right(6.275), (0.164, 0.164, 0.164), (-0.164, -0.164, -0.164)),
}


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
