"""What commands that fit are given: settings of the model from files and options, frames to train and to judge on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.frames import Reading
    from alworkflows.settings import ModelSettings, ReadSettings

__all__ = ["FitInput", "divide", "inputs", "model_settings"]


@dataclass(frozen=True)
class FitInput:
    """Frames to train on, and to judge on; ``places``: file and index of each, by its identity in memory."""

    species: tuple[str, ...]
    training: list[Atoms]
    testing: list[Atoms]
    transfers: dict[str, list[Atoms]]
    references: list[Atoms]
    places: dict[int, tuple[str, int]]

    @classmethod
    def read(cls, frames: Sequence[str], options: dict[str, Any], quantities: Sequence[str], settings: ReadSettings) -> FitInput:
        """Read and check all files.

        Raises
        ------
        InputError
            If one cannot be read, lacks a label or holds a foreign species, or a frame would be trained and judged on.
        """
        from ase.data import chemical_symbols

        from alworkflows.cli.files import check_species, species_of
        from alworkflows.cli.outliers import places_of
        from alworkflows.cli.reading import read_told
        from alworkflows.errors import InputError
        from alworkflows.frames import require_one_engine
        from alworkflows.frames.energy_kinds import require_one_energy

        read, tests = read_told(frames, settings, quantities), read_told(options["tests"], settings, ("forces",))
        files = read.files
        transfers = {name: read_told([path], settings, ("forces",)) for name, path in _named(options["transfers"]).items()}
        references = read_told([options["reference"]] if options["reference"] else [], settings, ("energy",))
        others = {name: reading.engine for name, reading in {"--test": tests, "--reference": references, **transfers}.items()}
        require_one_engine({name: engine for name, engine in {"FRAMES": read.engine, **others}.items() if engine})
        require_one_energy([file for reading in (read, tests, references, *transfers.values()) for file in reading.files])
        species = tuple(options["species"].split(",")) if options["species"] else species_of(files)
        unknown_symbols = [symbol for symbol in species if symbol not in chemical_symbols[1:]]
        if unknown_symbols:
            raise InputError(f"--species: expected chemical symbols, got {', '.join(unknown_symbols)}")
        check_species(files, species, "--species")
        judged = [file for reading in (tests, references, *transfers.values()) for file in reading.files]
        check_species(judged, species, "the training set")
        training, testing = divide(read, tests, transfers, options["test_share"], options["seed"])
        sets = {name: reading.frames for name, reading in transfers.items()}
        return cls(species, training, testing, sets, references.frames, places_of([*files, *tests.files]))


def inputs(frames: Sequence[str], options: dict[str, Any]) -> list[str | None]:
    """Return all files that a fit reads."""
    transfers = [text.partition("=")[2] for text in options["transfers"]]
    return [*frames, *options["tests"], *transfers, options["reference"], options["settings_file"]]


def _named(texts: Sequence[str]) -> dict[str, str]:
    """Return files by name from texts such as ``janus=janus.npz``."""
    from alworkflows.errors import InputError

    named: dict[str, str] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"--transfer: expected NAME=FILE, got '{text}'")
        if name in named:
            raise InputError(f"--transfer: two sets are called '{name}'")
        named[name] = path
    return named


def model_settings(options: dict[str, Any]) -> ModelSettings:
    """Return the settings of the file, changed by --set and then by the options of their own.

    Raises
    ------
    InputError
        If the file has several groups, and an option changes settings of one.
    """
    from alworkflows.cli.files import assign, read_model_settings
    from alworkflows.errors import InputError
    from alworkflows.settings import ModelSettings, merge, parse

    base = read_model_settings(options["settings_file"]) if options["settings_file"] else {}
    if isinstance(base, list):
        single = ("changes", "method", "rule", "terms", "alpha", "quantities", "families", "zbl", "members")
        if conflicting := [name for name in single if options.get(name)]:
            option = "--set" if conflicting[0] == "changes" else f"--{conflicting[0]}"
            raise InputError(
                f"{option}: changes the settings of one group, and {options['settings_file']} has {len(base)}: change them there"
            )
        return parse(ModelSettings, base, options["settings_file"])
    direct: dict[str, Any] = {key: options[key] for key in ("method", "rule", "terms", "alpha") if options.get(key) is not None}
    if options.get("quantities"):
        direct["quantities"] = options["quantities"].split(",")
    if options.get("families"):
        base = merge(base, {"descriptors": {"functions": [{"family": name} for name in options["families"].split(",")]}})
    if options.get("zbl"):
        base = merge(base, {"baseline": {"name": "zbl", "inner": options["zbl"][0], "outer": options["zbl"][1]}})
    top = {"members": options["members"]} if options.get("members") is not None else {}
    changed = merge(merge(base, assign(options["changes"], "--set")), {**({"fit": direct} if direct else {}), **top})
    return parse(ModelSettings, changed, options["settings_file"] or "settings")


def divide(
    read: Reading, tests: Reading, transfers: dict[str, Reading], share: float, seed: int
) -> tuple[list[Atoms], list[Atoms]]:
    """Return frames to train on and to judge on, once all that a person should know of them is printed on standard error.

    Raises
    ------
    InputError
        If a frame would be trained and judged on, or stands in a set again with other labels.
    """
    from alworkflows.frames.leaks import NEAR, FrameSet, require_apart, require_consistent, unparted
    from alworkflows.frames.near import groups

    frames, given = FrameSet.of(read.files), FrameSet.of(tests.files)
    near = groups(frames.frames, NEAR)
    notes = require_consistent(frames, near)
    judged = [("test frames", given)]
    judged += [(f"frames of '{name}'", FrameSet.of(reading.files)) for name, reading in transfers.items()]
    for _, some in judged:
        require_consistent(some)
    is_aside = set_aside(frames.frames, near, share, seed)
    training = frames.only(np.flatnonzero(~is_aside))
    for what, some in judged:
        notes += require_apart(training, some, what)
    notes += unparted(near[~is_aside])
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return list(training.frames), [*given.frames, *frames.only(np.flatnonzero(is_aside)).frames]


def set_aside(frames: Sequence[Atoms], near: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which frames (F,) are test frames: groups of frames near each other (F,) as one.

    Which is which follows from the smallest id of a group, so that it does not change as the data grow.
    """
    from alworkflows.errors import InputError
    from alworkflows.frames import frame_id
    from alworkflows.frames.leaks import NEAR
    from alworkflows.models import fold_of

    if not share:
        return np.zeros(len(frames), dtype=bool)
    smallest: dict[int, str] = {}
    for frame, group in zip(frames, near.tolist(), strict=True):
        smallest[group] = min(frame_id(frame), smallest.get(group, "g"))
    # folds of the fit come from ids too: another text keeps the two choices apart
    chosen = {group: fold_of(f"test {identity}", seed, 10_000) < 10_000 * share for group, identity in smallest.items()}
    is_aside = np.array([chosen[group] for group in near.tolist()])
    if is_aside.any() and not is_aside.all():
        return is_aside
    came, other = ("all", "another") if is_aside.any() else ("none", "a larger")
    why = ""
    if len(smallest) < len(frames):
        groups = "one group" if len(smallest) == 1 else f"{len(smallest)} groups"
        why = f" ({groups} of frames within {NEAR:g} A of one another, as steps of a run are, which are not parted)"
    raise InputError(f"--test-share {share:g} of {len(frames)} frames is {came}{why}; give {other} share, or --test FILE")
