"""What a compute node runs: ``alworkflows run VERB input.json``, one module a verb.

A job's folder holds ``input.json`` and the files it names; the verb writes ``output.json`` and its own files there. Each verb is
a function ``run(spec, folder) -> dict``, whose result becomes ``output.json``. An :class:`~alworkflows.errors.InputError` is
reported in ``output.json`` under ``error`` (exit status 2); anything else that goes wrong leaves a traceback (exit status 1).

A verb may be given ``max_seconds``, its walltime. One that cannot end in time stops before, keeps what is needed to go on in the
folder ``checkpoint``, and says ``out_of_time`` in its result; the same verb on the same input, with that folder, goes on from it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alworkflows.errors import InputError, unknown
from alworkflows.jobs.folder_lock import OUTPUT, alone

__all__ = ["VERBS", "run"]

VERBS = {
    "sample": "make candidate frames from one structure",
    "deviate": "disagreement, geometry and fingerprint of candidate frames",
    "label": "energy, forces and stress of frames with an ASE calculator",
    "fit": "fit an ensemble to labelled batches",
    "evaluate": "errors of ensembles on labelled frames",
}

MODULES = {verb: f"alworkflows.jobs.run_{verb}" for verb in VERBS} | {"deviate": "alworkflows.jobs.run_describe"}


def run(verb: str, path: str | os.PathLike[str], age: float = 0.0) -> dict[str, Any]:
    """Run a verb on an input file and write ``output.json`` beside it; return what was written.

    Parameters
    ----------
    verb
        One of :data:`VERBS`.
    path
        The input file.
    age
        Seconds of ``max_seconds`` that have gone already.

    Raises
    ------
    InputError
        If the verb is unknown, the input is not a JSON object, lacks a key, or is refused by the verb.
    """
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    path = Path(path)
    with alone(path.parent) as done:
        return done if done is not None else _run(verb, path, age)


def _run(verb: str, path: Path, age: float) -> dict[str, Any]:
    start, cpu = time.perf_counter(), time.process_time()
    folder = path.parent
    try:
        spec = _read(path)
        if spec.get("max_seconds") is not None:
            spec["max_seconds"] = _seconds(path, spec["max_seconds"]) - age
        function: Callable[[dict[str, Any], Path], dict[str, Any]] = importlib.import_module(MODULES[verb]).run
        try:
            result = function(spec, folder)
        except KeyError as error:
            if error.args and error.args[0] not in spec:
                raise InputError(
                    f"{path}: the verb '{verb}' expects the key {error}, got {', '.join(sorted(spec)) or 'none'}"
                ) from error
            raise
    except InputError as error:
        _write(folder, {"verb": verb, "error": str(error), "kind": type(error).__name__})
        raise
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "verb": verb,
        **result,
        "seconds": round(time.perf_counter() - start, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "peak_memory_mb": round(usage.ru_maxrss / 1024, 1),
    }
    _write(folder, result)
    return result


def _read(path: Path) -> dict[str, Any]:
    try:
        spec = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected JSON: {error}") from error
    if not isinstance(spec, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(spec).__name__}")
    return spec


def _seconds(path: Path, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise InputError(f"{path}: max_seconds: expected a number of seconds above 0, or null, got {given!r}")
    return float(given)


def _write(folder: Path, result: dict[str, Any]) -> None:
    # whole or not at all: a job may be killed while it writes
    partial = folder / f"{OUTPUT}.part"
    partial.write_text(json.dumps(result, indent=1))
    os.replace(partial, folder / OUTPUT)
