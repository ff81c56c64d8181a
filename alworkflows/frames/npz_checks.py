"""Is an exact ``.npz`` file of frames what it says: its header, its arrays, and the numbers of each frame?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from alworkflows.errors import InputError

__all__ = ["bad_frames", "check_arrays", "check_frames", "check_header", "decode"]

#: shape of each array, of F frames with N atoms in all, and the kinds of numbers it may hold (as ``numpy.dtype.kind``)
ARRAYS: dict[str, tuple[tuple[str | int, ...], str]] = {
    "numbers": (("N",), "iu"),
    "positions": (("N", 3), "fiu"),
    "cells": (("F", 3, 3), "fiu"),
    "pbc": (("F", 3), "b"),
    "energies": (("F",), "fiu"),
    "forces": (("N", 3), "fiu"),
    "stresses": (("F", 6), "fiu"),
}
#: the same of arrays that a file has only where a frame has something there
OPTIONAL: dict[str, tuple[tuple[str | int, ...], str]] = {
    "initial_magmoms": (("N",), "fiu"),
    "initial_moment_vectors": (("N", 3), "fiu"),
    "magmoms": (("N",), "fiu"),
    "energies_of_atoms": (("N",), "fiu"),
    "fixed": (("N", 3), "b"),
}
#: lists of JSON mappings, one a frame
MAPPINGS = {"origins": "origin", "infos": "what is kept"}


def decode(array: np.ndarray, what: str, where: str) -> Any:
    """Return the JSON value whose text an array of bytes holds.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return json.loads(array.tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: its {what} cannot be read: expected JSON ({type(error).__name__})") from error


def check_header(header: Any, form: str, version: int, where: str) -> None:
    """Raise an :class:`InputError` unless a header says that the file is of a form and a version.

    Its ``engine``, where it has one, must be a mapping.
    """
    if not isinstance(header, dict) or header.get("format") != form:
        got = repr(header.get("format", "none")) if isinstance(header, dict) else f"a {type(header).__name__}"
        raise InputError(f"{where}: not a frames file of alworkflows: expected a header of format '{form}', got {got:.80}")
    if type(header.get("version")) is not int:
        raise InputError(f"{where}: expected the version of the format as a number, got {header.get('version')!r:.80}")
    if header["version"] != version:
        raise InputError(f"{where}: frames format version {header['version']}, but this program knows version {version}")
    if not isinstance(header.get("engine", {}), dict | None):
        raise InputError(f"{where}: engine: expected a mapping, got {header['engine']!r:.80}")


def check_arrays(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Raise an :class:`InputError` unless the arrays of a file, and its origins, belong to the same atoms and frames.

    Arrays that it does not know are not looked at.
    """
    missing = [name for name in ("offsets", "origins", *ARRAYS) if name not in arrays]
    if missing:
        raise InputError(f"{where}: not a sound frames file: {', '.join(missing)} missing")
    offsets = arrays["offsets"]
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or not len(offsets):
        raise InputError(f"{where}: offsets: expected a list of whole numbers, got {offsets.dtype} {offsets.shape}")
    starts = offsets.astype(np.int64)
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise InputError(f"{where}: offsets: expected numbers that begin with 0 and do not fall, got {_listed(starts)}")
    sizes = {"N": int(starts[-1]), "F": len(starts) - 1}
    optional = {name: form for name, form in OPTIONAL.items() if name in arrays}
    for name, (shape, kinds) in {**ARRAYS, **optional}.items():
        array = arrays[name]
        expected = tuple(sizes[part] if isinstance(part, str) else part for part in shape)
        if array.shape != expected or array.dtype.kind not in kinds:
            raise InputError(
                f"{where}: {name}: expected an array {expected} for {sizes['F']} frames of {sizes['N']} atoms in all, "
                f"got {array.dtype} {array.shape}"
            )
    for name, what in MAPPINGS.items():
        if name in arrays:
            _check_mappings(decode(arrays[name], name, where), name, what, sizes["F"], where)


def _check_mappings(values: Any, name: str, what: str, frames: int, where: str) -> None:
    if not isinstance(values, list) or len(values) != frames:
        got = f"{len(values)}" if isinstance(values, list) else f"a {type(values).__name__}"
        raise InputError(f"{where}: {name}: expected a list of {frames}, one a frame, got {got}")
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise InputError(f"{where}: {what} of frame {index}: expected a mapping, got {value!r:.80}")


def bad_frames(arrays: Mapping[str, np.ndarray]) -> dict[int, str]:
    """Return why frames of sound arrays cannot be used, by their index.

    Unknown elements, and numbers that are not finite. A label that is NaN as a whole is one that the frame does not have.
    """
    offsets = arrays["offsets"].astype(np.int64)
    frames = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    reasons: dict[int, str] = {}
    numbers = arrays["numbers"]
    for atom in np.flatnonzero((numbers < 1) | (numbers >= len(chemical_symbols)))[::-1]:
        last = len(chemical_symbols) - 1
        reasons[int(frames[atom])] = f"expected atomic numbers from 1 to {last}, got {numbers[atom]}"
    forces, absent = arrays["forces"], np.isnan(arrays["forces"]).all(axis=1)
    lacking = np.bincount(frames, absent, minlength=len(offsets) - 1)
    partly = (lacking > 0) & (lacking < np.diff(offsets))
    broken = {
        "position": frames[~np.isfinite(arrays["positions"]).all(axis=1)],
        "cell": np.flatnonzero(~np.isfinite(arrays["cells"]).all(axis=(1, 2))),
        "energy": np.flatnonzero(np.isinf(arrays["energies"])),
        "forces": [*frames[~absent & ~np.isfinite(forces).all(axis=1)], *np.flatnonzero(partly)],
        "stress": np.flatnonzero(
            ~np.isfinite(arrays["stresses"]).all(axis=1) & ~np.isnan(arrays["stresses"]).all(axis=1),
        ),
    }
    for name, indices in broken.items():
        for index in indices:
            reasons.setdefault(int(index), f"{name}: expected finite numbers, got NaN or infinity")
    return dict(sorted(reasons.items()))


def check_frames(arrays: Mapping[str, np.ndarray], header: Any, form: str, version: int, where: str) -> None:
    """Raise an :class:`InputError` of one sentence unless a file of frames is sound: header, arrays and each frame."""
    check_header(header, form, version, where)
    check_arrays(arrays, where)
    for index, reason in bad_frames(arrays).items():
        raise InputError(f"{where}: frame {index}: {reason}")


def _listed(values: np.ndarray) -> str:
    """Return the first numbers of many."""
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
