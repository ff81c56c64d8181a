"""Run a verb in a job's folder: its input checked, its result written whole or not at all."""

from __future__ import annotations

import importlib
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alworkflows.atomic import write_text
from alworkflows.errors import InputError, unknown
from alworkflows.jobs.folder_lock import OUTPUT, lock_folder
from alworkflows.jobs.results import JobResult, Refusal, Usage
from alworkflows.jobs.specs import JobSpec
from alworkflows.jobs.verbs import VERBS

__all__ = ["run"]


def run(verb: str, path: str | os.PathLike[str], age: float = 0.0) -> dict[str, Any]:
    """Run a verb on an input file and write ``output.json`` beside it; return what was written.

    Parameters
    ----------
    verb
        One of :data:`~alworkflows.jobs.VERBS`.
    path
        The input file.
    age
        Seconds that its process has lived already; they count, for ``max_seconds`` and in the result.

    Raises
    ------
    InputError
        If the verb is unknown, the input is not what the verb takes, names a file that is not there, or is refused by the verb.
    """
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    path = Path(path)
    if not path.parent.is_dir():  # there is nowhere to say so in a file
        raise InputError(f"{path}: no such file")
    with lock_folder(path.parent) as done:
        return done if done is not None else _run(verb, path, age)


def _run(verb: str, path: Path, age: float) -> dict[str, Any]:
    start = time.perf_counter()
    folder = path.parent
    try:
        spec = read_spec(verb, path)
        if spec.max_seconds is not None:
            # what is left may be nothing: the verb then stops at once, in order
            spec = spec.model_copy(update={"max_seconds": spec.max_seconds - age})
        function: Callable[[JobSpec, Path], JobResult] = importlib.import_module(f"alworkflows.jobs.run_{verb}").run
        result = function(spec, folder)
    except InputError as error:
        _write(folder, Refusal(verb=verb, error=str(error), kind=type(error).__name__).model_dump())
        raise
    usage = Usage(
        verb=verb,
        seconds=round(age + time.perf_counter() - start, 3),
        cpu_seconds=round(time.process_time(), 3),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )
    # what a verb did not set does not hold for its job, and is left out
    written = {**usage.model_dump(), **result.model_dump(mode="json", exclude_unset=True)}
    _write(folder, written)
    return written


def read_spec(verb: str, path: Path) -> JobSpec:
    """Return the input of a verb, once it is known that the files it names are there.

    Raises
    ------
    InputError
        If it is not JSON, a key is missing or unknown, a value is wrong, or a file is not there.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(values).__name__}")
    spec = VERBS[verb].spec.of(str(path), f"the verb '{verb}'", **values)
    try:
        spec.require_files(path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return spec


def _write(folder: Path, result: dict[str, Any]) -> None:
    write_text(folder / OUTPUT, json.dumps(result, indent=1))
