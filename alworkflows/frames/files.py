"""Frames in files of any kind: exact ``.npz``, else what ASE reads and writes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.identity import frame_id
from alworkflows.frames.labels import attach_labels, labels, require_finite
from alworkflows.frames.storage import load, plain, save

__all__ = ["read", "write"]


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
            images = ase.io.read(Path(path), index=index)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # ASE's readers raise anything; name the file and keep their reason
            raise InputError(f"{path}: ASE cannot read this file ({type(error).__name__}: {error})") from error
        frames = [_keep_labels(atoms) for atoms in (images if isinstance(images, list) else [images])]
    if not frames:
        raise InputError(f"{path}: holds no frames")
    for number, frame in enumerate(frames):
        require_finite(frame.positions, f"{path}: positions", number)
        require_finite(np.asarray(frame.cell), f"{path}: cell", number)
        stored = labels(frame)
        for name in ("energy", "forces", "stress"):
            if getattr(stored, name) is not None:
                require_finite(getattr(stored, name), f"{path}: {name}", number)
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
    return json.dumps(origin, default=plain).replace("%", "%25").replace("\\", "%5C")


def _decode(origin: Any) -> dict[str, Any]:
    """Return the origin in a file; what another program wrote there becomes a note."""
    try:
        decoded = json.loads(str(origin).replace("%5C", "\\").replace("%25", "%"))
    except json.JSONDecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"note": str(origin)}
