"""What commands that fit are given: settings of the model from files and options, frames to train and to judge on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.settings import ModelSettings

__all__ = ["FitInput", "check_apart", "model_settings", "set_aside"]


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
    def read(cls, frames: Sequence[str], options: dict[str, Any], quantities: Sequence[str]) -> FitInput:
        """Read and check all files.

        Raises
        ------
        InputError
            If one cannot be read, lacks a label or holds a foreign species, or a frame would be trained and judged on.
        """
        from ase.data import chemical_symbols

        from alworkflows.cli.files import check_labels, check_species, count, read_frames, species_of, together
        from alworkflows.cli.outliers import places_of
        from alworkflows.errors import InputError
        from alworkflows.frames import duplicates

        files, tests = read_frames(frames), read_frames(options["tests"])
        named = _named(options["transfers"])
        transfers = dict(zip(named, read_frames(list(named.values())), strict=True))
        references = read_frames([options["reference"]] if options["reference"] else [])
        species = tuple(options["species"].split(",")) if options["species"] else species_of(files)
        unknown_symbols = [symbol for symbol in species if symbol not in chemical_symbols[1:]]
        if unknown_symbols:
            raise InputError(f"--species: expected chemical symbols, got {', '.join(unknown_symbols)}")
        check_species(files, species, "--species")
        check_species([*tests, *transfers.values(), *references], species, "the training set")
        check_labels(files, quantities)
        check_labels([*tests, *transfers.values()])
        check_labels(references, ("energy",))
        training, aside = set_aside(together(files), options["test_share"], options["seed"])
        testing = together(tests) + aside
        check_apart(training, {"test": testing, **{name: file.frames for name, file in transfers.items()}})
        if repeated := len(duplicates(training)):
            click.echo(f"note: {count(repeated, 'frame')} of {len(training)} stand there more than once, and weigh so", err=True)
        others = {name: file.frames for name, file in transfers.items()}
        return cls(species, training, testing, others, together(references), places_of([*files, *tests]))


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


def set_aside(frames: list[Atoms], share: float, seed: int) -> tuple[list[Atoms], list[Atoms]]:
    """Return training and test frames; which is which follows from the frame's id, so that it never changes as the data grow."""
    from alworkflows.errors import InputError
    from alworkflows.frames import frame_id
    from alworkflows.models import fold_of

    # folds of the fit come from the same ids: another text keeps the two choices apart
    aside = [fold_of(f"test {frame_id(frame)}", seed, 10_000) < 10_000 * share for frame in frames]
    training = [frame for frame, is_aside in zip(frames, aside, strict=True) if not is_aside]
    if share and len(training) == len(frames):
        raise InputError(f"--test-share {share:g} of {len(frames)} frames is none; give a larger share, or --test FILE")
    return training, [frame for frame, is_aside in zip(frames, aside, strict=True) if is_aside]


def check_apart(training: Sequence[Atoms], others: dict[str, Sequence[Atoms]]) -> None:
    """Raise if a frame that is judged on is a training frame."""
    from alworkflows.cli.files import count
    from alworkflows.errors import InputError
    from alworkflows.frames import frame_id

    trained = {frame_id(frame) for frame in training}
    for name, frames in others.items():
        if shared := trained & {frame_id(frame) for frame in frames}:
            raise InputError(
                f"{count(len(shared), 'frame')} of the set '{name}' are trained on too (such as {min(shared)}): "
                "errors on them would mean nothing"
            )
