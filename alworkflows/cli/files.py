"""What commands read and write: frames, models, settings and results, with errors that say what to do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError, suggest

if TYPE_CHECKING:
    from alworkflows.frames import FrameFile
    from alworkflows.models import Ensemble

__all__ = [
    "assign",
    "check_species",
    "count",
    "load_model",
    "new_file",
    "new_folder",
    "new_picture",
    "read_model_settings",
    "species_of",
]


def count(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def load_model(path: str) -> Ensemble:
    """Return the ensemble in a file.

    Raises
    ------
    InputError
        If it is missing or is something else.
    """
    from alworkflows.models import Ensemble

    if Path(path).is_dir():
        raise InputError(f"{path}: expected a model file, got a folder")
    return Ensemble.load(path)


def read_model_settings(path: str) -> Any:
    """Return what a file says of the model: all of a file of settings, or of several groups; of a campaign file its ``model``.

    Raises
    ------
    InputError
        If it is missing, is not YAML, or says nothing of a model.
    """
    from alworkflows.settings import read_yaml

    settings: Any = read_yaml(path, list_too=True)
    if isinstance(settings, dict) and not settings.keys().isdisjoint(("stages", "material", "model")):
        others = [key for key in settings if key != "model"]
        if others and settings.keys().isdisjoint(("stages", "material")):
            raise InputError(f"{path}: beside 'model' stands {', '.join(others)}: what is of the model belongs below it")
        settings = settings.get("model", {})
    if not isinstance(settings, dict | list):
        what = "nothing" if settings is None else repr(settings)
        raise InputError(f"{path}: model: expected a mapping, or a list of groups, got {what}")
    return settings


def species_of(files: Sequence[FrameFile]) -> tuple[str, ...]:
    """Return the chemical symbols in frames, sorted, as :class:`.models.Fit` does."""
    return tuple(sorted({symbol for file in files for frame in file.frames for symbol in frame.get_chemical_symbols()}))


def check_species(files: Sequence[FrameFile], species: Sequence[str], owner: str = "the model") -> None:
    """Raise an :class:`InputError` that names the first file with a species that ``species`` lacks, and how many frames do."""
    for file in files:
        foreign = Counter(symbol for frame in file.frames for symbol in set(frame.get_chemical_symbols()) - set(species))
        for symbol, number in foreign.items():
            raise InputError(
                f"{file.path}: {count(number, 'frame')} with {symbol}, which {owner} lacks; it has {', '.join(species)}"
            )


def new_file(path: str, overwrite: bool, inputs: Iterable[str | None] = ()) -> Path:
    """Return the path of a file to write.

    Parameters
    ----------
    inputs
        What the command reads: paths, patterns of such, or other words; it is none of them, by whatever name.

    Raises
    ------
    InputError
        If it exists and may not be replaced, or its folder does not exist or cannot be written to.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(f"{path}: expected the name of a file to write, got a folder")
    for name in _existing(inputs) if target.exists() else ():
        if os.path.samefile(target, name):
            alias = "" if str(name) == path else f" (as {name})"
            raise InputError(f"{path}: is read by this command{alias}, and would be replaced; give another name to write to")
    if target.exists() and not overwrite:
        raise InputError(f"{path}: exists; add --overwrite to replace it, or give another name")
    if not target.parent.is_dir():
        raise InputError(f"{path}: the folder {target.parent} does not exist")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{path}: the folder {target.parent} cannot be written to")
    return target


def _existing(inputs: Iterable[str | None]) -> Iterator[str]:
    """Yield the files among inputs, patterns and folders filled in."""
    from alworkflows.frames.sources import expand

    for text in inputs:
        if text:
            with suppress(InputError):  # whoever reads it says what is wrong with it
                yield from (path for path in expand([text]) if os.path.exists(path))


def new_picture(path: str, overwrite: bool, inputs: Iterable[str | None] = ()) -> Path:
    """Return the path of a picture to write; raise as :func:`new_file`, and if its ending names no format of pictures."""
    kinds = ("pdf", "png", "svg")
    ending = Path(path).suffix.removeprefix(".")
    if ending not in kinds:
        raise InputError(f"{path}: unknown ending '{ending}' of a picture{suggest(ending, kinds)}; known: {', '.join(kinds)}")
    return new_file(path, overwrite, inputs)


def new_folder(path: str, overwrite: bool) -> Path:
    """Return the path of a folder to write into.

    Raises
    ------
    InputError
        If it is a file, cannot be written to, or holds something and ``overwrite`` is not given.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{path}: expected a folder to write into, got a file")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise InputError(
            f"{path}: expected a new or empty folder, got one that holds something; add --overwrite to write into it"
        )
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{path}: the folder {there} cannot be written to")
    return folder


def assign(pairs: Sequence[str], option: str) -> dict[str, Any]:
    """Return nested settings from texts such as ``duration=5 ps`` or ``fit.terms=80``; values are read as YAML.

    Raises
    ------
    InputError
        If a text has no ``=``, or its value is not YAML.
    """
    from alworkflows.yaml_text import dotted, yaml_value

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{option}: expected KEY=VALUE, got '{pair}'")
        value = yaml_value(text, f"{option} {key}", f"{option} {key}: expected a YAML value, got '{text:.60}'")
        *path, last = dotted(key, option)
        inner = settings
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InputError(f"{option} {pair}: '{part}' was given a value already")
        inner[last] = value
    return settings
