"""Families of radial functions: one function each, and what its parameters are called.

Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with
linearized potentials", Table I and the text after Eq. 4.

A function that diverges at the origin goes on below the core as the parabola with its value, slope and curvature there: finite,
smooth to the second derivative and, for a repulsive function, still repulsive, at distances where no atom should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from alworkflows.settings.descriptors import plip as settings

__all__ = ["RadialFunction", "radial_functions"]

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RadialFunction:
    """One radial function f(r), without the cutoff.

    ``family`` and ``label`` say which; ``pair``: it serves two-body terms alone; ``value``: f at distances (M,) in A, also
    complex ones; ``diverges``: at the origin.
    """

    family: str
    label: str
    pair: bool
    value: Function
    diverges: bool = False

    def __call__(self, r: np.ndarray, core: float) -> np.ndarray:
        """Return f at distances ``r`` (M,), continued below ``core`` (A) if it diverges, (M,)."""
        if not self.diverges:
            return self.value(r)
        values = self.value(np.maximum(r, core))
        inside = r < core
        if inside.any():
            value, slope, curvature = _expansion(self.value, core)
            x = r[inside] - core
            values[inside] = value + x * (slope + 0.5 * curvature * x)
        return values


def _expansion(function: Function, r: float) -> tuple[float, float, float]:
    """Return value, slope and curvature of an analytic function at ``r``: complex steps lose no digits to differences."""
    step, width = 1e-20, 1e-4 * r
    points = np.array([r - width, r, r + width]) + 1j * step
    values = function(points)
    slopes = values.imag / step
    return float(values[1].real), float(slopes[1]), float((slopes[2] - slopes[0]) / (2 * width))


def radial_functions(family: settings.FunctionSettings) -> list[RadialFunction]:
    """Return the functions of a family, in the order of its lists, the last one fastest."""
    name: str = family.family  # type: ignore[attr-defined]
    pair = family.bodies == "two-body"
    return [
        RadialFunction(
            name,
            " ".join([f"{key}={value:g}" for key, value in parameters.items()] or [formula.__name__]),
            pair,
            partial(formula, **parameters),
            diverges,
        )
        for formula, parameters, diverges in _MAKERS[name](family)
    ]


# ------------------------------------------------------------------------------------------------ equations


def gaussian(r: np.ndarray, b: float, a: float) -> np.ndarray:
    """Return exp(-a (r - b)^2)."""
    return np.exp(-a * (r - b) ** 2)


def lorentzian(r: np.ndarray, a: float, b: int) -> np.ndarray:
    """Return 1 / ((r - a)^b + 1)."""
    return 1.0 / ((r - a) ** b + 1.0)


def log_normal(r: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return exp(-ln^2((r - a) / b)) for r > a, its limit 0 below."""
    return np.exp(-(np.log(np.maximum(r - a, 1e-30) / b) ** 2))


def slater(r: np.ndarray, a: int, b: float) -> np.ndarray:
    """Return r^a exp(-b r)."""
    return r ** float(a) * np.exp(-b * r)


def gaussian_orbital(r: np.ndarray, a: int, b: float) -> np.ndarray:
    """Return r^a exp(-b r^2)."""
    return r ** float(a) * np.exp(-b * r**2)


def lennard_jones(r: np.ndarray, s: float) -> np.ndarray:
    """Return (s / r)^12 - (s / r)^6: the potential is 4 epsilon times this."""
    return (s / r) ** 12 - (s / r) ** 6


def morse(r: np.ndarray, b: float, a: float) -> np.ndarray:
    """Return exp(-2 a (r - b)) - 2 exp(-a (r - b)): the potential is the well's depth times this."""
    return np.exp(-2 * a * (r - b)) - 2 * np.exp(-a * (r - b))


def exponential(r: np.ndarray, b: float) -> np.ndarray:
    """Return exp(-r / b), the repulsion of Buckingham's potential."""
    return np.exp(-r / b)


def dispersion(r: np.ndarray) -> np.ndarray:
    """Return r^-6, the attraction of Buckingham's potential."""
    return r**-6.0


def yukawa(r: np.ndarray, b: float) -> np.ndarray:
    """Return exp(-r / b) / r."""
    return np.exp(-r / b) / r


# ------------------------------------------------------------------------------------------------ lists of parameters

Made = Iterator[tuple[Any, dict[str, float], bool]]


def _gaussians(family: settings.GaussianFunctions) -> Made:
    for a, b in product(family.widths, family.centres):
        yield gaussian, {"b": b, "a": a}, False


def _lorentzians(family: settings.LorentzianFunctions) -> Made:
    for a, b in product(family.centres, family.powers):
        yield lorentzian, {"a": a, "b": b}, False


def _log_normals(family: settings.LogNormalFunctions) -> Made:
    for a, b in product(family.starts, family.scales):
        yield log_normal, {"a": a, "b": b}, False


def _slaters(family: settings.SlaterFunctions) -> Made:
    for a, b in product(family.powers, family.decays):
        yield slater, {"a": a, "b": b}, a < 0


def _gaussian_orbitals(family: settings.GaussianOrbitalFunctions) -> Made:
    for a, b in product(family.powers, family.decays):
        yield gaussian_orbital, {"a": a, "b": b}, a < 0


def _lennard_joneses(family: settings.LennardJonesFunctions) -> Made:
    for s in family.sigmas:
        yield lennard_jones, {"s": s}, True


def _morses(family: settings.MorseFunctions) -> Made:
    for b, a in product(family.minima, family.decays):
        yield morse, {"b": b, "a": a}, False


def _buckinghams(family: settings.BuckinghamFunctions) -> Made:
    for b in family.ranges:
        yield exponential, {"b": b}, False
    if family.dispersion:
        yield dispersion, {}, True


def _yukawas(family: settings.YukawaFunctions) -> Made:
    for b in family.ranges:
        yield yukawa, {"b": b}, True


_MAKERS: dict[str, Callable[..., Made]] = {
    "gaussian": _gaussians,
    "lorentzian": _lorentzians,
    "log-normal": _log_normals,
    "slater": _slaters,
    "gaussian-orbital": _gaussian_orbitals,
    "lennard-jones": _lennard_joneses,
    "morse": _morses,
    "buckingham": _buckinghams,
    "yukawa": _yukawas,
}
