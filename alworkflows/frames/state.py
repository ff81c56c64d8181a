"""The electronic state that a configuration is asked for: its charge, and the magnetic moments that it begins with.

Frames of the same atoms at the same places may differ in it, as an antiferromagnet does from a ferromagnet: their labels are not
each other's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError

__all__ = ["charge_of", "moments_of", "require_neutral", "require_state", "same_moments", "state_key"]

#: mu_B within which two moments are the same
SAME_MOMENT = 1e-3


def charge_of(atoms: Atoms) -> float:
    """Return the total charge, e."""
    return float(atoms.info.get("charge", 0.0))


def moments_of(atoms: Atoms) -> np.ndarray | None:
    """Return the initial magnetic moments of the atoms, (N,) or (N, 3), mu_B; None if all are zero."""
    moments = atoms.arrays.get("initial_magmoms")
    return None if moments is None or not np.any(moments) else np.asarray(moments, dtype=float)


def state_key(atoms: Atoms) -> bytes:
    """Return what frames of one state share, whatever the order of their atoms; nothing for neutral ones without moments."""
    charge, moments = charge_of(atoms), moments_of(atoms)
    if not charge and moments is None:
        return b""
    rounded = np.zeros((len(atoms), 1)) if moments is None else np.round(moments.reshape(len(atoms), -1) / SAME_MOMENT) + 0.0
    rows = sorted((int(number), *row) for number, row in zip(atoms.numbers, rounded.tolist(), strict=True))
    return repr((charge, rows)).encode()


def same_moments(atoms: Atoms, other: Atoms, order: np.ndarray) -> bool:
    """Return whether the atoms of one frame begin with the moments that their twins in another (``order``) have."""
    mine, theirs = moments_of(atoms), moments_of(other)
    if mine is None or theirs is None:
        return mine is theirs
    return mine.shape == theirs.shape and bool(np.abs(mine - theirs[order]).max() <= SAME_MOMENT)


def require_neutral(frames: Sequence[Atoms], program: str) -> None:
    """Raise an :class:`InputError` if a frame has a charge, which a program does not know of."""
    _refuse([(index, _of_charge(frame, program)) for index, frame in enumerate(frames)])


def require_state(frames: Sequence[Atoms], program: str, moments: bool, why: str = "") -> None:
    """Raise if frames ask for a state that a program cannot give; their labels would be those of another.

    Parameters
    ----------
    program
        What labels, for the message.
    moments
        Whether it takes collinear moments atom by atom.
    why
        Why not, if it does not. A program that knows of no moments at all needs none: see :func:`require_neutral`.

    Raises
    ------
    InputError
        One error for all: the first frame, why, and how many there are.
    """
    _refuse(
        [(index, _of_charge(frame, program) or _of_moments(frame, program, moments, why)) for index, frame in enumerate(frames)]
    )


def _refuse(reasons: Sequence[tuple[int, str | None]]) -> None:
    problems = [(index, reason) for index, reason in reasons if reason is not None]
    if problems:
        index, reason = problems[0]
        more = f" ({len(problems)} of {len(reasons)} frames have such a state)" if len(problems) > 1 else ""
        raise InputError(f"label: frame {index}: {reason}{more}")


def _of_charge(frame: Atoms, program: str) -> str | None:
    if charge := charge_of(frame):
        return (
            f"has the charge {charge:g} e, and {program} labels neutral frames here: the label would be of another state; "
            "take 'charge' from the file if that is meant"
        )
    return None


def _of_moments(frame: Atoms, program: str, moments: bool, why: str) -> str | None:
    given = moments_of(frame)
    if given is None:
        return None
    if moments and given.ndim == 1:
        return None
    if given.ndim > 1:
        return f"has moments that are vectors, and {program} takes collinear ones here"
    return (
        f"has initial magnetic moments of its atoms (up to {np.abs(given).max():g} mu_B), and {program} takes none: {why}; "
        "take 'initial_magmoms' from the file if labels without are meant"
    )
