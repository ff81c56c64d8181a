"""The file of models: one ``.npz`` of arrays and a JSON header, no pickle, whatever classes the models are of.

Version 3. The header has ``format``, ``version``, ``species``, ``report`` and ``groups``: in each ``class``, ``members`` (how
many) and ``model``, the header that members of the group share (see :meth:`.contract.Model.pack`). Array ``NAME`` of group G is
``G/NAME``, with a leading axis of members. Files of earlier versions are read through one upgrade function a version.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from alworkflows.atomic import replacing
from alworkflows.errors import InputError, unknown
from alworkflows.models.contract import Model
from alworkflows.models.registry import MODELS
from alworkflows.npz import open_arrays
from alworkflows.schema import Settings, parse

__all__ = ["FORMAT", "VERSION", "load", "save"]

FORMAT, VERSION = "alworkflows-ensemble", 3

Arrays = dict[str, np.ndarray]


def save(path: str | os.PathLike[str], models: Sequence[Model], report: dict[str, Any]) -> None:
    """Write models for the same species, and what is known of their fit."""
    groups: list[dict[str, Any]] = []
    parts: list[list[Arrays]] = []
    for model in models:
        description, arrays = model.pack()
        like = {name: (array.shape, array.dtype) for name, array in arrays.items()}
        last = {name: (array.shape, array.dtype) for name, array in parts[-1][0].items()} if parts else None
        if groups and (groups[-1]["class"], groups[-1]["model"], last) == (model.class_name, description, like):
            groups[-1]["members"] += 1
            parts[-1].append(arrays)
        else:
            groups.append({"class": model.class_name, "members": 1, "model": description})
            parts.append([arrays])
    header = {"format": FORMAT, "version": VERSION, "species": list(models[0].species), "groups": groups, "report": report}
    stored = {
        f"{number}/{name}": np.array([arrays[name] for arrays in part]) for number, part in enumerate(parts) for name in part[0]
    }
    with replacing(path) as part, part.open("wb") as handle:
        np.savez(handle, allow_pickle=False, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **stored)


class GroupHeader(Settings):
    """What the header says of members that have their class and all but their numbers in common."""

    class_: str = Field(alias="class")
    members: int = Field(ge=1, strict=True)
    model: dict[str, Any]


class Known(Settings):
    """What is known of a fit, as far as programs read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    groups: tuple[dict[str, Any], ...] = ()
    reference_disagreement: float | None = None


class Header(Settings):
    """What stands in a file beside the numbers; the rest of its keys says what the file is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    species: tuple[str, ...] = Field(min_length=1)
    groups: tuple[GroupHeader, ...] = Field(min_length=1)
    report: dict[str, Any]

    @classmethod
    def of(cls, values: dict[str, Any], where: str) -> Header:
        """Return the checked header.

        Raises
        ------
        InputError
            If something is missing or is of another kind; the message begins with the file.
        """
        header: Header = parse(cls, values, f"{where}: not a sound model file")
        if len(set(header.species)) != len(header.species):
            raise InputError(f"{where}: not a sound model file: species: expected each once, got {', '.join(header.species)}")
        parse(Known, header.report, f"{where}: not a sound model file: report")
        return header


def load(path: str | os.PathLike[str]) -> tuple[list[Model], dict[str, Any]]:
    """Return the models in a file, and what is known of their fit.

    Raises
    ------
    InputError
        If the file is missing, corrupt, not ours, of a newer version, or of a class that is not known.
    """
    values, arrays = _upgraded(*_read(path), str(path))
    header = Header.of(values, str(path))
    try:
        return _unpacked(header, arrays, path), header.report
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise InputError(f"{path}: not a sound model file: its header lacks, or has in another form, {error}") from error


def _unpacked(header: Header, arrays: Arrays, path: str | os.PathLike[str]) -> list[Model]:
    models: list[Model] = []
    for number, group in enumerate(header.groups):
        if group.class_ not in MODELS:
            raise InputError(f"{path}: {unknown('class of models', group.class_, MODELS)}")
        mine = f"{number}/"
        own = {name.removeprefix(mine): array for name, array in arrays.items() if name.startswith(mine)}
        if group.members > 1 and not own:
            raise InputError(f"{path}: expected numbers of {group.members} members of group {number}, got none")
        for name, array in own.items():
            if array.dtype.kind not in "fiu" or not array.ndim:
                raise InputError(f"{path}: expected {name} to be numbers of each member, got {array.dtype} {array.shape}")
            if len(array) != group.members:
                raise InputError(f"{path}: expected {name} of {group.members} members, got {len(array)}")
        for member in range(group.members):
            part = {name: array[member] for name, array in own.items()}
            models.append(MODELS[group.class_].model.unpack(group.model, part, header.species, str(path)))
    return models


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    try:
        with open_arrays(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(arrays.pop("header").tobytes().decode())
        if header["format"] != FORMAT or type(header["version"]) is not int:
            raise KeyError("format")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (InputError, PermissionError):
        raise
    except Exception as error:  # whatever a foreign or truncated zip raises, the user needs the same sentence
        raise InputError(f"{path}: not a model file of alworkflows ({type(error).__name__} on reading it)") from error
    return header, arrays


def _upgraded(header: dict[str, Any], arrays: Arrays, where: str) -> tuple[dict[str, Any], Arrays]:
    version = header["version"]
    if version != VERSION and version not in UPGRADES:
        readable = f"versions {min(UPGRADES)} to {VERSION}"
        newer = "; it was written by a newer program" if version > VERSION else ""
        raise InputError(f"{where}: model format version {version}, but this program knows {readable}{newer}")
    while version < VERSION:
        try:
            header, arrays = UPGRADES[version](header, arrays)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{where}: not a sound model file of version {version}: it lacks {error}") from error
        version += 1
    return header, arrays


def _from_2(header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Return a file of version 2, which held linear models on one descriptor set alone, as version 3."""
    group = {
        "class": header["class"],
        "members": header["members"],
        "model": {"descriptors": header["descriptors"], "baseline": header["baseline"]},
    }
    report = header["report"]
    shared = ("frames", "terms", "held_out_rmse", "held_out_frames", "reference_disagreement", "reference_disagreement_q90")
    whole = {name: report[name] for name in shared if name in report}
    if report:
        whole["groups"] = [{"class": header["class"], "members": header["members"], **report}]
    stored = {"0/weights": arrays["weights"], "0/reference_energies": arrays["levels"]}
    return {"species": header["species"], "groups": [group], "report": whole}, stored


#: from a version to the next
UPGRADES: dict[int, Callable[[dict[str, Any], Arrays], tuple[dict[str, Any], Arrays]]] = {2: _from_2}
