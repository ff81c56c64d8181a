"""A small job of each program of a machine, through the daemon, and what became of it in plain words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from workchains.machines.faults import explain

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import CalcJobNode, InstalledCode

__all__ = ["Trial", "run_jobs"]

#: s between two looks at the jobs
POLL = 1.0
VERSION = "version.txt"

#: what an alworkflows executable labels: calculator, its parameters, one frame
LABELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "alworkflows": ("emt", {}, "Cu"),
    "gpaw": ("gpaw", {"cutoff": 300.0}, "H2"),
    "cp2k": ("cp2k", {}, "H2"),
}


@dataclass(frozen=True)
class Trial:
    """One thing that was tried: what, whether it works, how long it took (s), what was seen or what is wrong."""

    what: str
    ok: bool
    seconds: float
    message: str


def run_jobs(codes: dict[str, InstalledCode], timeout: float) -> Iterator[Trial]:
    """Submit a job of each code, wait for all side by side, and yield how each went, as it ends.

    Parameters
    ----------
    codes
        By program.
    timeout
        s after which what has not ended is told and stopped.
    """
    from aiida.engine import submit
    from aiida.manage.caching import disable_caching

    start = time.monotonic()
    nodes: dict[str, CalcJobNode] = {}
    with disable_caching():  # a result from last year says nothing about today
        for program, code in codes.items():
            node = submit(_builder(program, code))
            nodes[program] = node  # type: ignore[assignment]
    while nodes:
        late = time.monotonic() - start > timeout
        for program, node in list(nodes.items()):
            message, ok = _outcome(program, node, late)
            if message:
                if not node.is_terminated:
                    _stop(node)
                del nodes[program]
                yield Trial(program, ok, time.monotonic() - start, message)
        if nodes:
            time.sleep(POLL)


# ------------------------------------------------------------------------------------------------ jobs


def _builder(program: str, code: InstalledCode) -> ProcessBuilder:
    from workchains.machines import options_for

    step = "label" if program == "alworkflows" else program
    options = options_for(code.computer, step, atoms=1)
    builder: Any = _probe(program, code) if program not in LABELS else _label(program, code)
    appended = "\n".join(filter(None, [options.get("append_text", ""), builder.metadata.options.get("append_text", "")]))
    builder.metadata.options.update({**options, "append_text": appended})
    builder.metadata.label = f"test of {code.full_label}"
    return cast("ProcessBuilder", builder)


def _label(program: str, code: InstalledCode) -> ProcessBuilder:
    """Return a label of one frame by an alworkflows executable, which then says its version."""
    from aiida.orm import Dict
    from ase.build import bulk, molecule

    from workchains.calculations.label_job import LabelJob
    from workchains.data.frames import FramesData

    calculator, parameters, what = LABELS[program]
    atoms = bulk("Cu", cubic=True) if what == "Cu" else molecule(what, vacuum=3.0, pbc=True)
    atoms.info["origin"] = {"structure": f"test of {program}"}
    builder: Any = LabelJob.get_builder()
    builder.code = code
    builder.frames = FramesData.from_frames([atoms])
    builder.settings = Dict({"calculator": {"name": calculator, "parameters": parameters}, "remedies": False})
    builder.run = Dict({"indices": [0], "remedy": None})
    builder.metadata.options.append_text = f"'{code.filepath_executable}' --version > {VERSION}"
    builder.metadata.options.additional_retrieve_list = [VERSION]
    return builder


def _probe(program: str, code: InstalledCode) -> ProcessBuilder:
    from aiida.orm import Str

    from workchains.calculations.probe_job import ProbeJob

    builder: Any = ProbeJob.get_builder()
    builder.code = code
    builder.program = Str(program)
    return builder


# ------------------------------------------------------------------------------------------------ outcomes


def _outcome(program: str, node: CalcJobNode, late: bool) -> tuple[str, bool]:
    """Return what to say of a job, and whether it is well; an empty text: it goes on."""
    file = f"codes/{program}.yaml"
    if node.is_finished_ok:
        return _praise(program, node), True
    if node.is_terminated:
        return _blame(node, file), False
    if problem := _transport_problem(node):
        # AiiDA would try again for hours; here one wants to know at once
        return _explained(problem, file, f"the job could not be handed over: {problem[:300]}"), False
    return (_waiting(node), False) if late else ("", False)


def _praise(program: str, node: CalcJobNode) -> str:
    if program not in LABELS:
        version = node.outputs.report["version"]
        notes = {"vasp": _potcar_note()}.get(program, "")
        return f"{version or 'of unknown version'}; it starts, and stops for want of input{notes}"
    calculator, _, what = LABELS[program]
    engine = node.outputs.labelled.base.attributes.get("engine", {})
    packages = {**engine.get("programs", {}), **engine.get("packages", {})}
    version = re.search(r"version (\S+)", _content(node, VERSION))
    described = ", ".join(f"{name} {number}" for name, number in packages.items())
    return f"alworkflows {version.group(1) if version else 'of unknown version'}; a label of {what} by {calculator} ({described})"


def _potcar_note() -> str:
    """Say that VASP's potentials are missing, if they are: a label would be refused."""
    from aiida.orm import Group, QueryBuilder

    if QueryBuilder().append(Group, filters={"type_string": "vasp.potcar"}).count():
        return ""
    return "; labels will need its potentials in this profile, which has none: aiida-vasp potcar uploadfamily"


def _blame(node: CalcJobNode, file: str) -> str:
    if node.is_excepted:
        return _explained(str(node.exception), file, f"AiiDA could not make the job: {_last_line(str(node.exception))}")
    if node.is_killed:
        return "the job was killed from outside"
    names = ("errors.txt", "probe.err", "_scheduler-stderr.txt", "progress.txt", "probe.out")
    written = "\n".join(_content(node, name) for name in names)
    status = f"[{node.exit_status}] {node.exit_message}"
    return _explained(f"{node.exit_message}\n{written}", file, status) + f"; its files: verdi calcjob gotocomputer {node.pk}"


def _explained(text: str, file: str, status: str) -> str:
    """Return what a text means, with what was said; else that alone."""
    meaning = explain(text, file)
    return f"{meaning} ({status})" if meaning else status


def _transport_problem(node: CalcJobNode) -> str:
    """Return what went wrong with upload, submission or a look at the queue, on one line, or an empty text."""
    from aiida.orm import Log

    for log in Log.collection.get_logs_for(node):
        if log.levelname == "ERROR":
            # of a traceback, what follows the exception's name; of a scheduler's refusal, what it said
            text = re.split(r"^[\w.]*(?:Error|Exception)\w*: ", log.message, flags=re.M)[-1].split("stderr=")[-1]
            return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or "no reason given"
    return ""


def _waiting(node: CalcJobNode) -> str:
    """Say where a job is that has not ended in time."""
    from workchains.machines import daemon

    if not daemon.daemon_status().running:
        return "the daemon does not run (any more); its log: verdi daemon logshow"
    job, info = node.get_job_id(), node.get_last_job_info()
    if job is None:
        return "the job was not handed to the scheduler in time; the daemon may be busy: verdi process report " + str(node.pk)
    state = node.get_scheduler_state()
    if state is not None and state.value == "running":
        return f"the job {job} started, and runs longer than --timeout; stopped"
    reason = (info.annotation if info is not None else None) or "no reason given"
    meaning = explain(reason, "options.yaml")
    return f"the job {job} waits in the queue ({reason}), and never started" + (f": {meaning}" if meaning else "") + "; stopped"


def _content(node: CalcJobNode, name: str) -> str:
    if "retrieved" not in node.outputs or name not in node.outputs.retrieved.base.repository.list_object_names():
        return ""
    return str(node.outputs.retrieved.base.repository.get_object_content(name, "rb").decode(errors="replace"))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"


def _stop(node: CalcJobNode) -> None:
    """End a job and its process; one that does not listen, such as one whose connection is being tried again, ends by itself."""
    from concurrent.futures import TimeoutError as FutureTimeoutError

    from aiida.manage import get_manager

    with suppress(FutureTimeoutError):
        get_manager().get_process_controller().kill_process(node.pk, msg_text="the test of the machine is over").result(5)
