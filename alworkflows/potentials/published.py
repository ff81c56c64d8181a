"""Pair potentials by name, with the paper their numbers come from."""

from __future__ import annotations

from typing import Any

from alworkflows.errors import InputError, unknown
from alworkflows.potentials.forms import STYLES, PairPotential
from alworkflows.schema import parse

__all__ = ["PUBLISHED", "resolve"]

_GIRIFALCO = "L. A. Girifalco and V. G. Weizer, Phys. Rev. 114, 687 (1959), doi:10.1103/PhysRev.114.687, table I"


#: Depth (eV), 1 / width (1/A) and distance of the minimum (A) of the cubic metals of the paper's table.
_MORSE = {
    "Na": (0.06334, 0.58993, 5.336),
    "Al": (0.2703, 1.1646, 3.253),
    "K": (0.05424, 0.49767, 6.369),
    "Ca": (0.1623, 0.80535, 4.569),
    "Cr": (0.4414, 1.5721, 2.754),
    "Fe": (0.4174, 1.3885, 2.845),
    "Ni": (0.4205, 1.4199, 2.780),
    "Cu": (0.3429, 1.3588, 2.866),
    "Rb": (0.04644, 0.42981, 7.207),
    "Sr": (0.1513, 0.73776, 4.988),
    "Mo": (0.8032, 1.5079, 2.976),
    "Ag": (0.3323, 1.3690, 3.115),
    "Cs": (0.04485, 0.41569, 7.557),
    "Ba": (0.1416, 0.65698, 5.373),
    "W": (0.9906, 1.4116, 3.032),
    "Pb": (0.2348, 1.1836, 3.733),
}

#: Parameters as the papers print them, in eV and A.
PUBLISHED: dict[str, dict[str, Any]] = {
    "zno-binks-grimes": {
        "style": "buckingham-coulomb",
        "source": "D. J. Binks and R. W. Grimes, J. Am. Ceram. Soc. 76, 2370 (1993)",
        "charges": {"Zn": 2.0, "O": -2.0},
        "pairs": {"Zn-O": {"a": 529.70, "rho": 0.3581, "c": 0.0}, "O-O": {"a": 9547.96, "rho": 0.21916, "c": 32.0}},
        "core": (0.8, 1.3),
    },
    "ar-rahman": {
        "style": "lennard-jones",
        "source": "A. Rahman, Phys. Rev. 136, A405 (1964), doi:10.1103/PhysRev.136.A405: epsilon 120 K, sigma 3.4 A",
        "pairs": {"Ar-Ar": {"epsilon": 120.0 * 8.617333262e-5, "sigma": 3.4}},
    },
    "au-fe": {
        "style": "mixed",
        "source": f"Fe: {_GIRIFALCO}; Au: Lennard-Jones with the lattice constant (4.08 A) and cohesive energy (3.81 eV) of the "
        "crystal; Au-Fe: Lennard-Jones with the mean of both metals' nearest distances and the geometric mean of their depths; "
        "the forms are those of M. Benoit et al., arXiv:1912.10761, whose numbers are not printed",
        "pairs": {
            "Au-Au": {"epsilon": 0.4606, "sigma": 2.6419},
            "Au-Fe": {"epsilon": 0.4385, "sigma": 2.4571},
            "Fe-Fe": {"d": 0.4174, "alpha": 1.3885, "r0": 2.845},
        },
        "core": (0.8, 1.5),
    },
    **{
        f"{symbol.lower()}-morse": {
            "style": "morse",
            "source": _GIRIFALCO,
            "pairs": {f"{symbol}-{symbol}": {"d": depth, "alpha": alpha, "r0": distance}},
        }
        for symbol, (depth, alpha, distance) in _MORSE.items()
    },
}


def resolve(potential: str | dict[str, Any] | PairPotential) -> PairPotential:
    """Return a potential from its published name or from a dictionary of parameters.

    Raises
    ------
    InputError
        If the name is unknown or the parameters are not those of the named style.
    """
    if isinstance(potential, PairPotential):
        return potential
    if isinstance(potential, str):
        if potential not in PUBLISHED:
            raise unknown("potential", potential, PUBLISHED)
        potential = PUBLISHED[potential]
    style = potential.get("style")
    if style is None:
        raise InputError(f"potential: expected 'style', one of {', '.join(STYLES)}")
    if style not in STYLES:
        raise unknown("potential style", style, STYLES)
    return parse(STYLES[style], potential, f"potential ({style})")
