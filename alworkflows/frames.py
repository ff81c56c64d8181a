"""Frames: atomic configurations with their labels and origin; files, identity and checks.

A frame is an :class:`ase.Atoms`. Its labels (energy in eV, forces in eV/A, stress in eV/A^3 in ASE's sign and
Voigt order xx, yy, zz, yz, xz, xy) sit in a ``SinglePointCalculator``; ``atoms.info["origin"]`` is a JSON dictionary that says
what made it (structure, sampler, seed, step, temperature).

Two formats: ``.npz`` is exact and what jobs and the database hold; anything else goes through ASE (extended XYZ by default),
for exchange. A labelled npz also says, in its header, which engine and settings made the labels.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alworkflows.errors import InputError

__all__ = [
    "GIVEN",
    "FrameWriter",
    "Labels",
    "attach_labels",
    "check_labelled",
    "duplicates",
    "frame_id",
    "is_given",
    "labels",
    "load",
    "load_origins",
    "pack",
    "read",
    "same_engine",
    "save",
    "unpack",
    "write",
]

T = TypeVar("T")

FORMAT = "alworkflows-frames"
VERSION = 1
#: key in a description of an engine: labels of which a person vouches that they are as the others of the data set
GIVEN = "given"


class Labels:
    """Energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3) of one frame; what is absent is None."""

    __slots__ = ("energy", "forces", "stress")

    def __init__(self, energy: float | None = None, forces: np.ndarray | None = None, stress: np.ndarray | None = None) -> None:
        self.energy, self.forces, self.stress = energy, forces, stress

    def __bool__(self) -> bool:
        return self.energy is not None or self.forces is not None or self.stress is not None


def labels(atoms: Atoms) -> Labels:
    """Return the labels stored with a frame; nothing is computed."""
    results = getattr(atoms.calc, "results", {}) if isinstance(atoms.calc, SinglePointCalculator) else {}
    return Labels(results.get("energy"), results.get("forces"), results.get("stress"))


def attach_labels(
    atoms: Atoms, energy: float | None = None, forces: np.ndarray | None = None, stress: np.ndarray | None = None
) -> Atoms:
    """Return a copy of ``atoms`` that carries the labels and the same ``info``."""
    frame = atoms.copy()
    values: dict[str, Any] = {}
    if energy is not None:
        values["energy"] = float(energy)
    if forces is not None:
        values["forces"] = np.array(forces, dtype=float).reshape(len(atoms), 3)
    if stress is not None:
        values["stress"] = np.array(stress, dtype=float).reshape(6)
    frame.calc = SinglePointCalculator(frame, **values) if values else None
    return frame


def frame_id(atoms: Atoms) -> str:
    """Return the exact identity of a configuration: 16 hex digits of SHA-256 over species, positions, cell and periodicity.

    Two frames share an id only if every number is the same to the last bit; labels and origin do not enter.
    """
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(atoms.numbers, dtype="<i8").tobytes())
    # adding zero turns -0.0 into 0.0, which compares equal but has other bytes
    digest.update(np.ascontiguousarray(atoms.positions + 0.0, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(np.asarray(atoms.cell) + 0.0, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(atoms.pbc, dtype="u1").tobytes())
    return digest.hexdigest()[:16]


def duplicates(frames: Sequence[Atoms]) -> list[int]:
    """Return the indices of frames whose id occurred earlier in the list."""
    seen: set[str] = set()
    repeated = []
    for index, frame in enumerate(frames):
        identity = frame_id(frame)
        if identity in seen:
            repeated.append(index)
        seen.add(identity)
    return repeated


def pack(frames: Sequence[Atoms]) -> dict[str, np.ndarray]:
    """Return the frames as flat arrays: ``offsets`` (F + 1,) delimits the atoms of each frame; missing labels are NaN."""
    counts = np.array([len(frame) for frame in frames], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    arrays: dict[str, np.ndarray] = {
        "offsets": offsets,
        "numbers": np.zeros(total, dtype=np.int32),
        "positions": np.zeros((total, 3)),
        "cells": np.zeros((len(frames), 3, 3)),
        "pbc": np.zeros((len(frames), 3), dtype=bool),
        "energies": np.full(len(frames), np.nan),
        "forces": np.full((total, 3), np.nan),
        "stresses": np.full((len(frames), 6), np.nan),
    }
    origins = []
    for index, frame in enumerate(frames):
        span = slice(offsets[index], offsets[index + 1])
        arrays["numbers"][span] = frame.numbers
        arrays["positions"][span] = frame.positions
        arrays["cells"][index] = np.asarray(frame.cell)
        arrays["pbc"][index] = frame.pbc
        stored = labels(frame)
        for name, array, value in (("energy", arrays["energies"], stored.energy), ("stress", arrays["stresses"], stored.stress)):
            if value is not None:
                _require_finite(value, name, index)
                array[index] = value
        if stored.forces is not None:
            _require_finite(stored.forces, "forces", index)
            arrays["forces"][span] = stored.forces
        _require_finite(frame.positions, "positions", index)
        _require_finite(np.asarray(frame.cell), "cell", index)
        origins.append(frame.info.get("origin", {}))
    arrays["origins"] = np.frombuffer(json.dumps(origins, default=_plain).encode(), dtype=np.uint8)
    return arrays


def unpack(arrays: dict[str, np.ndarray]) -> list[Atoms]:
    """Return the frames that :func:`pack` flattened.

    Raises
    ------
    ValueError
        If the arrays do not belong together.
    """
    origins = json.loads(arrays["origins"].tobytes().decode())
    offsets = arrays["offsets"]
    sizes = {name: len(arrays[name]) for name in ("numbers", "positions", "forces")}
    if set(sizes.values()) != {int(offsets[-1])}:
        raise ValueError(f"expected arrays of {int(offsets[-1])} atoms, got {sizes}")
    frames = []
    for index in range(len(offsets) - 1):
        span = slice(int(offsets[index]), int(offsets[index + 1]))
        frame = Atoms(
            numbers=arrays["numbers"][span],
            positions=arrays["positions"][span],
            cell=arrays["cells"][index],
            pbc=arrays["pbc"][index],
        )
        energy, forces, stress = arrays["energies"][index], arrays["forces"][span], arrays["stresses"][index]
        frame = attach_labels(
            frame,
            None if np.isnan(energy) else float(energy),
            None if np.isnan(forces).all() else forces,
            None if np.isnan(stress).all() else stress,
        )
        if origins[index]:
            frame.info["origin"] = origins[index]
        frames.append(frame)
    return frames


def save(path: str | os.PathLike[str], frames: Sequence[Atoms], header: dict[str, Any] | None = None) -> None:
    """Write frames to an exact ``.npz`` file, atomically; ``header`` is any JSON dictionary (labels: engine and settings)."""
    path = Path(path)
    meta = {"format": FORMAT, "version": VERSION, **(header or {})}
    arrays = pack(frames)
    arrays["header"] = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    partial = path.with_name(path.name + ".part")
    with open(partial, "wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def load(path: str | os.PathLike[str]) -> tuple[list[Atoms], dict[str, Any]]:
    """Read an exact ``.npz`` file; return the frames and the header.

    Raises
    ------
    InputError
        If the file is not one of ours, or of a version this program does not know.
    """
    return _read(path, lambda stored, header: (unpack({name: stored[name] for name in stored.files}), header))


def load_origins(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return where each frame of an exact ``.npz`` file comes from, without making the frames.

    Raises
    ------
    InputError
        As :func:`load`.
    """
    return _read(path, lambda stored, _: json.loads(stored["origins"].tobytes().decode()))


def _read(path: str | os.PathLike[str], get: Callable[[Any, dict[str, Any]], T]) -> T:
    """Return what ``get`` takes out of an exact file and its header, if it is one of ours."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes().decode())
            if header["format"] != FORMAT:
                raise KeyError("format")
            if header["version"] == VERSION:
                return get(stored, header)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # whatever a foreign or truncated zip raises, the user needs the same sentence
        raise InputError(f"{path}: not a frames file of alworkflows ({type(error).__name__} on reading it)") from error
    raise InputError(f"{path}: frames format version {header['version']}, but this program knows version {VERSION}")


class FrameWriter:
    """Write frames as they are made, so that a job that dies hands over what it has.

    Each append rewrites the file atomically: n frames cost O(n^2) bytes, 0.1 s in all for 200 frames of 64 atoms.
    """

    def __init__(self, path: str | os.PathLike[str], header: dict[str, Any] | None = None) -> None:
        self.path, self.header, self.frames = Path(path), header, list[Atoms]()

    def append(self, frame: Atoms) -> None:
        """Add one frame and put the file on disk."""
        self.frames.append(frame)
        save(self.path, self.frames, self.header)


def read(path: str | os.PathLike[str], index: str = ":") -> list[Atoms]:
    """Read frames from a file: exact ``.npz``, or anything ASE reads; ``index`` is a slice or number as text.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, holds nothing, or holds NaN.
    """
    if Path(path).suffix == ".npz":
        frames = load(path)[0]
        if index != ":":
            from ase.io.formats import string2index

            wanted = string2index(index)
            try:
                frames = frames[wanted] if isinstance(wanted, slice) else [frames[int(wanted)]]
            except IndexError:
                raise InputError(f"{path}: holds {len(frames)} frames, none at index {index}") from None
    else:
        import ase.io

        try:
            found = ase.io.read(Path(path), index=index)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # ASE's readers raise anything; name the file and keep their reason
            raise InputError(f"{path}: ASE cannot read this file ({type(error).__name__}: {error})") from error
        frames = [_keep_labels(atoms) for atoms in (found if isinstance(found, list) else [found])]
    if not frames:
        raise InputError(f"{path}: holds no frames")
    for number, frame in enumerate(frames):
        _require_finite(frame.positions, f"{path}: positions", number)
        _require_finite(np.asarray(frame.cell), f"{path}: cell", number)
        stored = labels(frame)
        for name in ("energy", "forces", "stress"):
            if getattr(stored, name) is not None:
                _require_finite(getattr(stored, name), f"{path}: {name}", number)
    return frames


def write(path: str | os.PathLike[str], frames: Sequence[Atoms]) -> None:
    """Write frames: exact for ``.npz``; else extended XYZ (8 decimals) with the frame id and origin beside each."""
    if Path(path).suffix == ".npz":
        save(path, frames)
        return
    import ase.io

    out = []
    for frame in frames:
        copy = frame.copy()
        copy.calc = frame.calc
        copy.info = {**{k: v for k, v in frame.info.items() if k != "origin"}, "frame_id": frame_id(frame)}
        if frame.info.get("origin"):
            copy.info["origin"] = _encode(frame.info["origin"])
        out.append(copy)
    ase.io.write(Path(path), out, format="extxyz")


def is_given(engine: dict[str, Any] | None) -> bool:
    """Whether labels were given with a file that does not say what made them."""
    return engine is not None and GIVEN in engine


def same_engine(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether labels of two engines may stand in one data set; those that a person vouches for go with any."""
    return one == other or (one is not None and other is not None and (is_given(one) or is_given(other)))


def check_labelled(frames: Sequence[Atoms], quantities: Iterable[str] = ("forces",), where: str = "frames") -> None:
    """Raise an :class:`InputError` that counts the frames lacking one of the quantities."""
    if not frames:
        raise InputError(f"{where}: expected at least one frame, got none")
    for quantity in quantities:
        lacking = [index for index, frame in enumerate(frames) if getattr(labels(frame), quantity) is None]
        if lacking:
            raise InputError(f"{where}: {len(lacking)} of {len(frames)} frames have no {quantity} (first: frame {lacking[0]})")


def _keep_labels(atoms: Atoms) -> Atoms:
    """Return a frame with labels only from a stored single point, and the origin decoded."""
    results = dict(getattr(atoms.calc, "results", {}) or {})
    frame = attach_labels(atoms, results.get("energy"), results.get("forces"), results.get("stress"))
    origin = frame.info.get("origin")
    if origin is not None:
        frame.info["origin"] = _decode(origin)
    return frame


def _encode(origin: dict[str, Any]) -> str:
    """Return an origin as JSON without backslashes: ASE's reader stumbles over a quote inside a string, and loses the labels."""
    return json.dumps(origin, default=_plain).replace("%", "%25").replace("\\", "%5C")


def _decode(origin: Any) -> dict[str, Any]:
    """Return the origin in a file; what another program wrote there becomes a note."""
    try:
        found = json.loads(str(origin).replace("%5C", "\\").replace("%25", "%"))
    except json.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {"note": str(origin)}


def _plain(value: Any) -> Any:
    """Return numpy numbers and arrays as JSON knows them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"origin: expected numbers, texts, lists and mappings, got {type(value).__name__}")


def _require_finite(values: Any, what: str, index: int) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{what} of frame {index}: expected finite numbers, got NaN or infinity")
