"""Predictions beside labels in a file: what parity plots, errors of single atoms and maps of the uncertainty are drawn from.

Labels go by the names ``REF_energy``, ``REF_forces`` and ``REF_stress``, predictions by ``model_energy`` and so on. None is
named as labels of other programs are (``energy``, ``forces``): whoever reads such a file to train on it finds the labels or
nothing, never a prediction.

================  ==========  ==================================================================================
name              shape       what it is
================  ==========  ==================================================================================
REF_energy        ()          label, eV; where there is one
REF_forces        (N, 3)      labels, eV/A
REF_stress        (6,)        label, eV/A^3; where there is one. In extended XYZ all nine components, as is the custom
model_energy      ()          mean of the members, eV
model_energies    (N,)        how it is divided among the atoms, eV; where the members divide theirs
model_forces      (N, 3)      mean of the members, eV/A
model_stress      (6,)        mean of the members, eV/A^3, likewise; of frames that are periodic along all directions
forces_std        (N, 3)      standard deviation of each force component over the members, eV/A
disagreement      ()          its largest norm over the atoms, eV/A
================  ==========  ==================================================================================

In ``.npz`` the arrays of all frames stand one after the other, NaN where there is nothing; ``offsets`` (F + 1,) delimits the
atoms of each, ``numbers`` are the atomic ones, ``frame_id`` and ``config_type`` (empty for none) are texts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str
from ase.outputs import all_outputs
from ase.stress import voigt_6_to_full_3x3_stress

from alworkflows import frames as frames_io
from alworkflows.atomic import replacing
from alworkflows.errors import InputError, suggest
from alworkflows.frames.kept import encode, held_coordinates
from alworkflows.models.accuracy import Comparison

__all__ = ["ENDINGS", "check_ending", "write_predictions"]

#: what extended XYZ calls columns of numbers, by numpy's kinds
_KINDS = {"f": "R", "i": "I", "b": "L"}
#: of files that predictions are written to
ENDINGS = ("extxyz", "npz", "xyz")


def check_ending(path: str) -> None:
    """Raise an :class:`InputError` unless the name of a file ends as one that predictions are written to."""
    ending = Path(path).suffix.removeprefix(".")
    if ending not in ENDINGS:
        raise InputError(
            f"{path}: unknown ending '{ending}' of predictions{suggest(ending, ENDINGS)}; known: {', '.join(ENDINGS)}"
        )


def write_predictions(path: str | os.PathLike[str], frames: Sequence[Atoms], comparison: Comparison) -> None:
    """Write the frames of a comparison with labels and predictions; see the module.

    Raises
    ------
    InputError
        If the name of the file has another ending.
    """
    check_ending(os.fspath(path))
    with replacing(path) as part:
        if Path(path).suffix == ".npz":
            with open(part, "wb") as handle:
                np.savez(handle, **_arrays(frames, comparison))
        else:
            with open(part, "w", encoding="utf-8") as text:
                for number, frame in enumerate(frames):
                    text.writelines(_lines(frame, number, comparison))


def _arrays(frames: Sequence[Atoms], comparison: Comparison) -> dict[str, Any]:
    reference, predicted = comparison.reference, comparison.predicted
    arrays = {"offsets": comparison.offsets, "numbers": comparison.numbers, "forces_std": comparison.forces_std}
    arrays |= {f"REF_{name}": getattr(reference, name) for name in ("energy", "forces", "stress")}
    arrays |= {f"model_{name}": getattr(predicted, name) for name in ("energy", "forces", "stress")}
    if comparison.energies is not None:
        arrays["model_energies"] = comparison.energies
    arrays["disagreement"] = comparison.disagreement
    arrays["frame_id"] = np.array([frames_io.frame_id(frame) for frame in frames])
    arrays["config_type"] = np.array([str(frame.info.get("config_type", "")) for frame in frames])
    return arrays


def _lines(frame: Atoms, number: int, comparison: Comparison) -> Iterator[str]:
    """Yield a frame as extended XYZ, with all digits, and with what else it carries that could not be taken for a label."""
    atoms = slice(int(comparison.offsets[number]), int(comparison.offsets[number + 1]))
    info = {name: value for name, value in frame.info.items() if name not in all_outputs}
    others = {name: array for name, array in frame.arrays.items() if name not in (*all_outputs, "numbers", "positions")}
    columns = {"pos": frame.positions, **{name: array for name, array in others.items() if _KINDS.get(array.dtype.kind)}}
    if info.get("origin"):
        info["origin"] = encode(info["origin"])
    for prefix, values in (("REF", comparison.reference), ("model", comparison.predicted)):
        columns[f"{prefix}_forces"] = values.forces[atoms]
        if not np.isnan(values.energy[number]):
            info[f"{prefix}_energy"] = float(values.energy[number])
        if not np.isnan(values.stress[number]).any():
            info[f"{prefix}_stress"] = voigt_6_to_full_3x3_stress(values.stress[number]).ravel()
    if comparison.energies is not None:
        columns["model_energies"] = comparison.energies[atoms]
    if (held := held_coordinates(frame)) is not None:
        columns["move_mask"] = ~held
    columns["forces_std"] = comparison.forces_std[atoms]
    info |= {"disagreement": float(comparison.disagreement[number]), "frame_id": frames_io.frame_id(frame), "pbc": frame.pbc}
    flat = {name: np.reshape(array, (len(frame), -1)) for name, array in columns.items()}
    names = [f"{name}:{_KINDS[array.dtype.kind]}:{array.shape[1]}" for name, array in flat.items()]
    lattice = f'Lattice="{" ".join(map(repr, frame.cell.array.ravel().tolist()))}" ' if frame.cell.array.any() else ""
    yield f"{len(frame)}\n{lattice}Properties={':'.join(['species:S:1', *names])} {key_val_dict_to_str(info)}\n"
    for symbol, *rows in zip(frame.symbols, *(array.tolist() for array in flat.values()), strict=True):
        yield " ".join([symbol, *(_cell(value) for row in rows for value in row)]) + "\n"


def _cell(value: float | bool) -> str:
    return repr(value) if not isinstance(value, bool) else "T" if value else "F"
