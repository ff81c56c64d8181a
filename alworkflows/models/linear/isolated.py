"""Reference energies of the species from atoms that stand alone among labelled frames: what users of other programs call E0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames import labels
from alworkflows.settings import LinearSettings

__all__ = ["is_isolated_atom", "isolated_energies", "with_isolated_atoms"]

#: config_type of an atom alone, as other programs write it, in small letters and without signs between
_NAMES = ("isolatedatom", "isolatedatoms", "freeatom", "singleatom")
#: A; an atom alone in a periodic box, if its images are farther away than this along each lattice vector
FAR = 8.0
#: eV; energies of one atom that differ by more are of different states
SAME = 1e-3


def is_isolated_atom(frame: Atoms) -> bool:
    """Return whether a frame is one atom alone: called so, without periodicity, or in a box of 8 A or more."""
    if len(frame) != 1:
        return False
    name = "".join(letter for letter in str(frame.info.get("config_type", "")).lower() if letter.isalpha())
    return name in _NAMES or not frame.pbc.any() or float(frame.cell.lengths()[frame.pbc].min()) >= FAR


def isolated_energies(frames: Sequence[Atoms]) -> dict[str, float]:
    """Return the energy (eV) of each species of which there is an atom alone with an energy.

    Raises
    ------
    InputError
        If there are two of one species whose energies differ.
    """
    energies: dict[str, float] = {}
    for frame in frames:
        if len(frame) != 1 or not is_isolated_atom(frame) or (energy := labels(frame).energy) is None:
            continue
        symbol = str(frame.symbols[0])
        before = energies.setdefault(symbol, energy)
        if abs(energy - before) > SAME:
            raise InputError(
                f"isolated atoms: two of {symbol} with different energies, {before:.4f} and {energy:.4f} eV: keep that of the "
                "ground state, or say fit.reference_energies: least-squares"
            )
    return energies


def with_isolated_atoms(
    settings: LinearSettings, species: Sequence[str], frames: Sequence[Atoms], say: Callable[[str], None] = lambda line: None
) -> LinearSettings:
    """Return settings with the reference energies fixed to those of the isolated atoms among frames.

    Only where ``fit.reference_energies`` is ``auto``, and there is an atom of each species; else they are as they were.
    ``say`` gets a line on what was found.
    """
    if settings.fit.reference_energies != "auto":
        return settings
    energies = isolated_energies(frames)
    lacking = ", ".join(symbol for symbol in species if symbol not in energies)
    if energies and lacking:
        say(f"isolated atoms of {', '.join(energies)}, none of {lacking}: the reference energies follow from all data")
    if lacking:
        return settings
    told = ", ".join(f"{symbol} {energies[symbol]:.4f} eV" for symbol in species)
    say(f"reference energies are those of isolated atoms: {told}")
    fixed = settings.fit.model_copy(update={"reference_energies": {symbol: energies[symbol] for symbol in species}})
    return settings.model_copy(update={"fit": fixed})
