"""The door for frames: files are read, labels put into our units, and every frame screened before anything is computed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.conversion import NO_STRESS, RefusedError, convert
from alworkflows.frames.energy_kinds import is_plain_energy, kind_of, require_one_energy
from alworkflows.frames.engines import require_one_engine
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats import RawFrame, reader_of
from alworkflows.frames.frame_file import FrameFile, Reading
from alworkflows.frames.kept import tidy
from alworkflows.frames.keys import Keys, candidates, choose_keys
from alworkflows.frames.labels import known_forces
from alworkflows.frames.magnitudes import suspicions
from alworkflows.frames.needed import require_labels
from alworkflows.frames.report import ReadReport
from alworkflows.frames.screen import absurd_forces, faults_of
from alworkflows.frames.sources import expand, opened
from alworkflows.frames.storage import load
from alworkflows.settings.reading import ReadSettings

__all__ = ["read", "read_files"]

#: labels whose key a person may name
NAMED_KEYS = ("energy", "forces", "stress", "virial")
#: what is done with forces that programs write for atoms that a constraint holds
HELD = "forces of exactly zero on atoms that are held still are neither fitted nor compared"
#: kinds of faults that matter only where labels are wanted
OF_LABELS = (FaultKind.UNCONVERGED, FaultKind.STALE)

#: frames screened at once
CHUNK = 1024


def read(path: str | os.PathLike[str], index: str = ":", settings: ReadSettings | None = None) -> list[Atoms]:
    """Return the frames of a file, with their labels in eV, eV/A and eV/A^3.

    Parameters
    ----------
    path
        Exact ``.npz``, extended XYZ, output of a program, a folder of DeePMD, ...: see docs/reference/files.md.
    index
        Which frames, a slice or number as text.
    settings
        Keys, units, what is done about frames that cannot be used.

    Raises
    ------
    InputError
        If the file is missing or cannot be read, or a frame cannot be used.
    """
    return read_files([str(path)], settings, index=index).frames


def read_files(
    paths: Sequence[str],
    settings: ReadSettings | None = None,
    needed: Sequence[str] = (),
    *,
    index: str = ":",
    with_labels: bool = True,
    say: Callable[[str], None] | None = None,
) -> Reading:
    """Return the frames of files, patterns and folders that can be used, and the report.

    Parameters
    ----------
    paths
        As a user names them: files, patterns such as ``runs/*/OUTCAR``, folders, ``-`` for standard input.
    settings
        Keys, units, and whether bad frames are left out (then they are in the report) or stop everything.
    needed
        Labels that every frame has to have: ``energy``, ``forces``, ``stress`` (of frames that repeat in three directions).
    index
        Which frames of each file, a slice or number as text.
    with_labels
        Whether labels are wanted; without them, those of a file are neither read nor judged.
    say
        Called with a line of text now and then.

    Raises
    ------
    InputError
        If a file is missing or cannot be read, holds nothing that can be used, a frame cannot be used and bad frames are not to
        be left out, or labels of two engines or two kinds of energy come together.
    """
    settings = settings or ReadSettings()
    expanded = expand(list(paths))
    report = ReadReport()
    files = []
    for number, path in enumerate(expanded):
        if say is not None:
            say(f"reading {path}" + (f" ({number + 1} of {len(expanded)})" if len(expanded) > 1 else ""))
        file, part = _read_file(path, settings, index, with_labels)
        require_labels(file, part, needed, settings)
        files.append(file)
        report.add(part)
    files = _screen_forces(files, settings, report)
    report.kept = sum(len(file.frames) for file in files)
    if not settings.skip_bad:
        report.require_sound()
    if with_labels:
        report.notes += suspicions([frame for file in files for frame in file.frames])
    for file in files:
        if not file.frames:
            raise InputError(f"{file.path}: holds no frames" + _why_none(file.path, report))
    require_one_engine({file.path: file.engine for file in files if file.engine})
    require_one_energy(files)
    return Reading(files, report)


def _why_none(path: str, report: ReadReport) -> str:
    faults = [fault for fault in report.faults if fault.file == path]
    return f" that can be used; first: {faults[0]}" if faults else ""


def _read_file(path: str, settings: ReadSettings, index: str, with_labels: bool) -> tuple[FrameFile, ReadReport]:
    report = ReadReport()
    if Path(path).suffix == ".npz":
        every, header = load(path, screened=False)
        if settings.units or any(getattr(settings, f"{quantity}_key") for quantity in NAMED_KEYS):
            report.notes.append(f"{path}: keys and units are for files of other programs; this one has its own")
        pairs = _picked(list(enumerate(every)), index, path)
        report.read = len(pairs)
        frames, numbers = _screened(_tidied(pairs, path, with_labels, report), path, report)
        free = any("energy_kind" in frame.info for frame in frames)
        return FrameFile(path, frames, numbers, header.get("engine"), "free" if free else None), report
    with opened(path) as local:
        raw = _raw_frames(local, path, settings, index, report)
        kinds: set[str] = set()
        frames, numbers = _converted(raw, path, settings, report, kinds, with_labels)
    return FrameFile(path, frames, numbers, _engine(path, frames, numbers), min(kinds, default=None)), report


def _tidied(pairs: list[tuple[int, Atoms]], path: str, with_labels: bool, report: ReadReport) -> list[tuple[int, Atoms]]:
    """Return the frames of an exact file whose weights and so on are such."""
    good = []
    for number, frame in pairs:
        _limit_labels(frame, with_labels, report)
        try:
            tidy(frame)
        except RefusedError as refusal:
            report.faults.append(Fault(refusal.kind, path, number, str(refusal)))
        else:
            good.append((number, frame))
    return good


def _engine(path: str, frames: Sequence[Atoms], numbers: Sequence[int]) -> dict[str, Any] | None:
    """Return what made the labels of a file, if it says so, and take it from its frames; refuse two."""
    engines = [frame.info.pop("engine", None) for frame in frames]
    if not any(engines):
        return None
    other = next((place for place, engine in enumerate(engines) if engine != engines[0]), None)
    if other is not None:
        require_one_engine({f"{path}, frame {numbers[place]}": engines[place] for place in (0, other)})
    return engines[0]


def _limit_labels(frame: Atoms, with_labels: bool, report: ReadReport) -> None:
    """Take from a frame of ours the labels that are not wanted, or mean nothing."""
    if not with_labels:
        frame.calc = None
    elif frame.calc is not None and "stress" in frame.calc.results and not frame.pbc.all():
        del frame.calc.results["stress"]
        report.converted[NO_STRESS] += 1
    if known_forces(frame) is not None:
        report.converted[HELD] += 1


def _picked(numbers: list[Any], index: str, path: str) -> list[Any]:
    """Return the entries of a list that a slice or number as text means."""
    if index == ":":
        return numbers
    from ase.io.formats import string2index

    try:
        wanted = string2index(index)
        return numbers[wanted] if isinstance(wanted, slice) else [numbers[int(wanted)]]
    except IndexError:
        raise InputError(f"{path}: holds {len(numbers)} frames, none at index {index}") from None
    except ValueError:
        raise InputError(f"{path}: expected a slice or number such as '::10' or '-1', got '{index}'") from None


def _raw_frames(local: Path, path: str, settings: ReadSettings, index: str, report: ReadReport) -> Iterator[RawFrame]:
    """Yield the wanted frames of a file; what is wrong with the file goes into the report."""
    if local.is_dir():
        from alworkflows.frames.formats.registry import folder_reader

        items = folder_reader(local, path)(local, path, settings)
    else:
        items = reader_of(local, path, settings)(local, path, settings)
    if index == ":":
        for item in _guarded(items, path):
            if isinstance(item, Fault):
                report.faults.append(item)
                report.read += item.index is not None
            else:
                report.read += 1
                yield item
        return
    everything = list(_guarded(items, path))
    report.faults += [item for item in everything if isinstance(item, Fault)]
    wanted = _picked([item for item in everything if isinstance(item, RawFrame)], index, path)
    report.read += len(wanted)
    yield from wanted


def _guarded(items: Iterator[RawFrame | Fault], path: str) -> Iterator[RawFrame | Fault]:
    """Yield what a reader gives; what it stumbles over in a file that is not as it should be is told with the file's name."""
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except (ValueError, LookupError, RecursionError, ArithmeticError, UnicodeError, EOFError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: cannot be read: {type(error).__name__}: {error}") from error
        yield item


def _converted(
    raw: Iterator[RawFrame], path: str, settings: ReadSettings, report: ReadReport, kinds: set[str], with_labels: bool
) -> tuple[list[Atoms], list[int]]:
    """Return the frames that can be used with their numbers; the others go into the report."""
    known: dict[tuple[str, ...], Keys] = {}
    named = {quantity: key for quantity in NAMED_KEYS if (key := getattr(settings, f"{quantity}_key")) is not None}
    frames: list[Atoms] = []
    numbers: list[int] = []
    while chunk := list(islice(raw, CHUNK)):
        pairs = []
        places = {}
        for item in chunk:
            for key in named.values() if with_labels else ():
                _take_named(item, key)
            names = tuple(item.labels) if with_labels else ()
            keys = known.get(names)
            if keys is None:
                keys = known[names] = choose_keys(names, settings)
            if item.fault is None and with_labels and (said := _says_unconverged(item)):
                item.fault = Fault(FaultKind.UNCONVERGED, path, item.index, said, item.place)
            if item.fault is not None and (with_labels or item.fault.kind not in OF_LABELS):
                report.faults.append(item.fault)
                continue
            try:
                atoms = convert(item, keys, settings, report.converted)
                tidy(atoms)
            except RefusedError as refusal:
                report.faults.append(Fault(refusal.kind, path, item.index, str(refusal), item.place))
                continue
            if known_forces(atoms) is not None:
                report.converted[HELD] += 1
            kind = kind_of(item, keys, settings)
            atoms.info.pop("energy_kind", None)
            if kind is not None:
                kinds.add(kind)
            if kind == "free":
                atoms.info["energy_kind"] = kind
            _count(report, keys, both=keys.energy is not None and kind is None)
            pairs.append((item.index, atoms))
            places[item.index] = item.place
        some, their = _screened(pairs, path, report, places)
        frames += some
        numbers += their
    for quantity, key in named.items() if with_labels and frames else ():
        if quantity not in report.used:
            there = candidates(quantity, report.unused)
            also = f", but {', '.join(there)}" if there else ""
            raise InputError(f"{path}: no frame has the key '{key}' of --{quantity}-key{also}")
    if len(kinds) > 1:
        raise InputError(
            f"{path}: some frames have a free energy, of which the forces are the derivative, and others only one that may "
            "differ; --energy-key names the one to take"
        )
    return frames, numbers


def _says_unconverged(raw: RawFrame) -> str | None:
    """Return what a frame says if it says that its calculation did not converge."""
    for key, value in raw.atoms.info.items():
        if key.lower().endswith("converged") and (value is False or str(value).lower() in ("f", "false", "no", "0")):
            return f"{key}={value}: the calculation did not converge"
    return None


def _take_named(raw: RawFrame, key: str) -> None:
    """Take what a person says is a label out of what the frame has beside, whatever it is called."""
    for store in (raw.atoms.info, raw.atoms.arrays):
        if key not in raw.labels and key in store and key not in ("numbers", "positions"):
            raw.labels[key] = store.pop(key)


def _count(report: ReadReport, keys: Keys, both: bool) -> None:
    """Count the keys; ``both``: the energy beside the free energy is the same, so that nothing was left aside."""
    for quantity, key in keys.used().items():
        report.used.setdefault(quantity, Counter())[key] += 1
    for key in keys.unused:
        if not (both and is_plain_energy(key)):
            report.unused[key] += 1


def _screened(
    pairs: list[tuple[int, Atoms]], path: str, report: ReadReport, places: dict[int, str] | None = None
) -> tuple[list[Atoms], list[int]]:
    """Return the frames without a fault and their numbers."""
    found = faults_of([atoms for _, atoms in pairs])
    for position, (kind, reason) in found.items():
        number = pairs[position][0]
        report.faults.append(Fault(kind, path, number, reason, (places or {}).get(number, "")))
    good = [pair for position, pair in enumerate(pairs) if position not in found]
    return [atoms for _, atoms in good], [number for number, _ in good]


def _screen_forces(files: list[FrameFile], settings: ReadSettings, report: ReadReport) -> list[FrameFile]:
    """Leave out frames with absurd forces, judged by those of all files together."""
    absurd = absurd_forces([frame for file in files for frame in file.frames], settings.largest_force)
    if not absurd:
        return files
    kept, first = [], 0
    for file in files:
        bad = {position: absurd[first + position] for position in range(len(file.frames)) if first + position in absurd}
        report.faults += [Fault(FaultKind.FORCE, file.path, file.numbers[position], reason) for position, reason in bad.items()]
        good = [position for position in range(len(file.frames)) if position not in bad]
        frames, numbers = [file.frames[position] for position in good], [file.numbers[position] for position in good]
        kept.append(FrameFile(file.path, frames, numbers, file.engine, file.energies))
        first += len(file.frames)
    return kept
