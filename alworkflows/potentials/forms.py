"""Classical pair potentials: their parameters, checked, and the LAMMPS commands that set them.

Energies in eV, lengths in A, charges in e (LAMMPS' ``metal`` units). A pair is named by its two symbols, ``Zn-O``, in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Annotated, Any, Literal

import numpy as np
from ase.data import atomic_numbers
from pydantic import AfterValidator, Field, model_validator

from alworkflows.errors import InputError, suggest
from alworkflows.potentials.ewald import ewald_sizes
from alworkflows.schema import PositiveLength, Settings

__all__ = ["STYLES", "BuckinghamCoulomb", "LennardJones", "Mixed", "Morse", "PairPotential"]


def _pair(name: str) -> tuple[str, str]:
    """Return the two symbols of ``A-B``, sorted."""
    parts = name.split("-")
    for part in parts:
        if part not in atomic_numbers or part == "X":
            raise ValueError(f"unknown species '{part}' in pair '{name}'{suggest(part, atomic_numbers)}; write a pair as 'Zn-O'")
    if len(parts) != 2:
        raise ValueError(f"expected a pair of species such as 'Zn-O', got '{name}'")
    first, second = sorted(parts)
    return first, second


def _sorted_pairs(pairs: dict[str, Any]) -> dict[str, Any]:
    ordered: dict[str, Any] = {}
    for name, values in pairs.items():
        key = "-".join(_pair(name))
        if key in ordered:
            raise ValueError(f"pair '{name}' is given twice")
        ordered[key] = values
    return ordered


SortedPairs = AfterValidator(_sorted_pairs)


class PairPotential(Settings):
    """What all pair potentials share."""

    source: str = Field("the user", description="where the parameters were published")
    cutoff: PositiveLength = Field(10.0, description="A")
    core: tuple[PositiveLength, PositiveLength] | None = Field(
        None, description="distances between which a ZBL core (screened nuclear repulsion) is switched off, A; none: no core"
    )

    @model_validator(mode="after")
    def _core_inside(self) -> PairPotential:
        if self.core is not None and not self.core[0] < self.core[1] < self.cutoff:
            raise ValueError(f"core: expected inner < outer < cutoff ({self.cutoff:g} A), got {list(self.core)}")
        return self

    def species(self) -> tuple[str, ...]:
        """Return the species it has parameters for, sorted."""
        raise NotImplementedError

    def charge(self, symbol: str) -> float:
        """Return the charge of a species, e."""
        return 0.0

    @property
    def charged(self) -> bool:
        """Whether long-range Coulomb interactions are part of it."""
        return False

    def sizes(self, cell: np.ndarray, symbols: Sequence[str]) -> list[str]:
        """Return the LAMMPS commands that follow from the cell (lower triangular (3, 3), A) and what is in it."""
        return []

    def _styles(self) -> tuple[str, list[str], list[str]]:
        """Return the pair style's name, its arguments, and further commands (k-space, modifiers)."""
        raise NotImplementedError

    def _coefficients(self, pair: str) -> list[float]:
        """Return the coefficients of a pair, by its sorted name."""
        raise NotImplementedError

    def check(self, symbols: Sequence[str], name: str = "structure") -> None:
        """Raise if it does not describe these atoms.

        Raises
        ------
        InputError
            If a species has no parameters, or the cell would be charged.
        """
        for symbol in sorted(set(symbols) - set(self.species())):
            raise InputError(
                f"{name}: the classical potential has no parameters for species '{symbol}'; known: {', '.join(self.species())}"
            )
        total = sum(self.charge(symbol) for symbol in symbols)
        if abs(total) > 1e-6:
            raise InputError(f"{name}: expected a neutral cell under the potential's charges, got {total:+g} e")

    def commands(self, species: Sequence[str]) -> list[str]:
        """Return the LAMMPS commands that set the potential, for atom types numbered in the order of ``species``."""
        style, arguments, further = self._styles()
        words = [style, *arguments]
        overlay = self.core is not None
        if self.core is not None:
            words = ["hybrid/overlay", *words, "zbl", f"{self.core[0]!r}", f"{self.core[1]!r}"]
        lines = ["pair_style " + " ".join(words)]
        for first, second in combinations_with_replacement(range(len(species)), 2):
            values = self._coefficients("-".join(sorted((species[first], species[second]))))
            head = f"pair_coeff {first + 1} {second + 1}"
            lines.append(" ".join([head, *([style] if overlay else []), *(repr(float(value)) for value in values)]))
            if overlay:
                lines.append(f"{head} zbl {atomic_numbers[species[first]]} {atomic_numbers[species[second]]}")
        return lines + further


class _AllPairs(PairPotential):
    """A potential that needs parameters for every pair of its species."""

    pairs: dict[str, Any]

    @model_validator(mode="after")
    def _complete(self) -> _AllPairs:
        for pair in combinations_with_replacement(self.species(), 2):
            if "-".join(pair) not in self.pairs:
                raise ValueError(f"pairs: no parameters for '{'-'.join(pair)}'; given: {', '.join(self.pairs)}")
        return self

    def species(self) -> tuple[str, ...]:
        """Return the species it has parameters for, sorted."""
        return tuple(sorted({symbol for name in self.pairs for symbol in name.split("-")}))


class BuckinghamPair(Settings):
    """V(r) = a exp(-r / rho) - c / r^6."""

    a: float = Field(ge=0, description="eV")
    rho: PositiveLength = Field(description="A")
    c: float = Field(0.0, ge=0, description="eV A^6")


class BuckinghamCoulomb(PairPotential):
    r"""Rigid ions: :math:`V(r) = A e^{-r/\rho} - C/r^6 + q_i q_j / (4 \pi \epsilon_0 r)`, the last summed by Ewald's method.

    Pairs that are not listed interact through their charges alone. At short range -C/r^6 and opposite charges win over the finite
    exponential, so a hot liquid needs the ``core``.
    """

    style: Literal["buckingham-coulomb"] = "buckingham-coulomb"
    charges: dict[str, float] = Field(min_length=1, description="of each species, e")
    pairs: Annotated[dict[str, BuckinghamPair], SortedPairs] = Field(min_length=1)
    core: tuple[PositiveLength, PositiveLength] | None = (0.8, 1.3)
    precision: float = Field(1e-5, gt=0, lt=1e-2, description="relative error of the Ewald sum's forces")

    @model_validator(mode="after")
    def _known(self) -> BuckinghamCoulomb:
        for symbol in self.charges:
            if symbol not in atomic_numbers or symbol == "X":
                raise ValueError(f"charges: unknown species '{symbol}'{suggest(symbol, atomic_numbers)}")
        for name in self.pairs:
            for symbol in name.split("-"):
                if symbol not in self.charges:
                    raise ValueError(f"pairs: '{name}' names species '{symbol}', which has no charge")
        return self

    def species(self) -> tuple[str, ...]:
        """Return the species it has parameters for, sorted."""
        return tuple(sorted(self.charges))

    def charge(self, symbol: str) -> float:
        """Return the charge of a species, e."""
        return self.charges[symbol]

    @property
    def charged(self) -> bool:
        """Whether long-range Coulomb interactions are part of it."""
        return True

    def sizes(self, cell: np.ndarray, symbols: Sequence[str]) -> list[str]:
        """Return the command that says how finely the Ewald sum is to be done."""
        charges = np.array([self.charge(symbol) for symbol in symbols])
        if not charges.any():
            return []
        splitting, counts = ewald_sizes(cell, charges, self.cutoff, self.precision)
        return [f"kspace_modify gewald {splitting!r} kmax/ewald {' '.join(map(str, counts))}"]

    def _styles(self) -> tuple[str, list[str], list[str]]:
        return "buck/coul/long", [repr(self.cutoff)], [f"kspace_style ewald {self.precision!r}"]

    def _coefficients(self, pair: str) -> list[float]:
        values = self.pairs.get(pair)
        return [0.0, 1.0, 0.0] if values is None else [values.a, values.rho, values.c]


class LennardJonesPair(Settings):
    """V(r) = 4 epsilon [(sigma / r)^12 - (sigma / r)^6]."""

    epsilon: float = Field(gt=0, description="eV")
    sigma: PositiveLength = Field(description="A")


class LennardJones(_AllPairs):
    r""":math:`V(r) = 4 \epsilon [(\sigma/r)^{12} - (\sigma/r)^6]`, shifted to zero at the cutoff."""

    style: Literal["lennard-jones"] = "lennard-jones"
    pairs: Annotated[dict[str, LennardJonesPair], SortedPairs] = Field(min_length=1)

    def _styles(self) -> tuple[str, list[str], list[str]]:
        return "lj/cut", [repr(self.cutoff)], ["pair_modify shift yes"]

    def _coefficients(self, pair: str) -> list[float]:
        return [self.pairs[pair].epsilon, self.pairs[pair].sigma]


class MorsePair(Settings):
    """V(r) = d [exp(-2 alpha (r - r0)) - 2 exp(-alpha (r - r0))]."""

    d: float = Field(gt=0, description="depth, eV")
    alpha: float = Field(gt=0, description="1/A")
    r0: PositiveLength = Field(description="distance of the minimum, A")


class Morse(_AllPairs):
    r""":math:`V(r) = D [e^{-2\alpha(r-r_0)} - 2 e^{-\alpha(r-r_0)}]`, shifted to zero at the cutoff."""

    style: Literal["morse"] = "morse"
    pairs: Annotated[dict[str, MorsePair], SortedPairs] = Field(min_length=1)

    def _styles(self) -> tuple[str, list[str], list[str]]:
        return "morse", [repr(self.cutoff)], ["pair_modify shift yes"]

    def _coefficients(self, pair: str) -> list[float]:
        return [self.pairs[pair].d, self.pairs[pair].alpha, self.pairs[pair].r0]


class Mixed(_AllPairs):
    """Lennard-Jones for some pairs, Morse for others, each shifted to zero at the cutoff (Benoit et al., 2020, for Au and Fe)."""

    style: Literal["mixed"] = "mixed"
    pairs: Annotated[dict[str, LennardJonesPair | MorsePair], SortedPairs] = Field(min_length=1)

    def commands(self, species: Sequence[str]) -> list[str]:
        """Return the LAMMPS commands that set the potential, for atom types numbered in the order of ``species``."""
        names = list(combinations_with_replacement(range(len(species)), 2))
        values = {pair: self.pairs["-".join(sorted(species[k] for k in pair))] for pair in names}
        styles = {"lj/cut" if isinstance(value, LennardJonesPair) else "morse" for value in values.values()}
        core = [] if self.core is None else [f"zbl {self.core[0]!r} {self.core[1]!r}"]
        words = [*(f"{style} {self.cutoff!r}" for style in sorted(styles)), *core]
        lines = [f"pair_style hybrid/overlay {' '.join(words)}", "pair_modify shift yes"]
        for (first, second), value in values.items():
            head = f"pair_coeff {first + 1} {second + 1}"
            if isinstance(value, LennardJonesPair):
                lines.append(f"{head} lj/cut {value.epsilon!r} {value.sigma!r}")
            else:
                lines.append(f"{head} morse {value.d!r} {value.alpha!r} {value.r0!r}")
            if core:
                lines.append(f"{head} zbl {atomic_numbers[species[first]]} {atomic_numbers[species[second]]}")
        return lines


#: The forms by the name that a campaign file gives as ``style``.
STYLES: dict[str, type[PairPotential]] = {
    "buckingham-coulomb": BuckinghamCoulomb,
    "lennard-jones": LennardJones,
    "mixed": Mixed,
    "morse": Morse,
}
