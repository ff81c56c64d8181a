"""Labels from any ASE calculator, density functional codes among them: many frames in one job of ours."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from aiida.orm import Dict, InstalledCode, ProcessNode, load_node
from ase import Atoms

from alworkflows.calculators import FailureKind, describe, parameters
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames.state import require_neutral, require_state
from workchains.calculations.label_job import LabelJob
from workchains.data.frames import FramesData
from workchains.labelling.code_versions import known_versions, remember_versions
from workchains.labelling.contract import Call, LabelProgram, Outcome, Task
from workchains.machines.programs import PROGRAMS
from workchains.processes.exit_statuses import NOT_BELIEVED, JobStatus, SchedulerStatus
from workchains.processes.keyed import ending

__all__ = ["AseProgram"]

#: what a frame has failed of whose job handed back what is not believed
NOT_BELIEVED_KINDS = {
    JobStatus.NOT_FINITE: FailureKind.FORCE,
    JobStatus.FORCE_TOO_LARGE: FailureKind.FORCE,
    JobStatus.OTHER_ENGINE: FailureKind.REFUSED,
    JobStatus.OTHER_SPECIES: FailureKind.SPECIES,
    JobStatus.OTHER_POSITIONS: FailureKind.SPECIES,
    JobStatus.OTHER_COUNT: FailureKind.TRUNCATED,
}
#: fewest frames for which a further job is started
WORTHWHILE = 8


class AseProgram(LabelProgram):
    """One job labels a slice of the frames, so the calculator is loaded once for many."""

    @property
    def code_name(self) -> str:
        """The calculator if a machine may have it in an environment of its own, else what runs all others."""
        name = self.settings.calculator.name
        return name if name in PROGRAMS else "alworkflows"

    def check(self, frames: Sequence[Atoms], code: InstalledCode | None = None) -> None:
        """Refuse settings that contradict a frame; files a calculator names are looked for where this runs."""
        calculator = parameters(self.settings.calculator)
        calculator.require_permission(self.settings.calculator.name, self.settings.calculator.allowed)
        name = f"the calculator '{self.settings.calculator.name}'"
        if calculator.magnetic:
            require_state(frames, name, moments=True)
        else:
            require_neutral(frames, name)
        for index, frame in enumerate(frames):
            try:
                calculator.check(frame)
            except InputError as error:
                raise InputError(f"frame {index} ({frame.get_chemical_formula()}): {error}") from error

    def describe(self, code: InstalledCode) -> dict[str, Any] | None:
        """Return what defines the labels: asked of this environment if the jobs run in it, else of the jobs before."""
        if _is_here(code):
            with contextlib.suppress(InputError, MissingExtraError):  # a job may find what is not to be found here
                return describe(self.settings.calculator, self.settings.moments)
        return known_versions(code, self.code_name, self._key())

    def split(self, indices: Sequence[int]) -> list[list[int]]:
        """Cut the frames into slices of at most ``chunk``, spread over ``jobs`` jobs or more if that leaves enough in each."""
        total = len(indices)
        # loading a calculator costs seconds: a job of its own is not worth it for a handful of frames
        spread = min(self.settings.jobs, max(1, total // WORTHWHILE))
        count = max(-(-total // self.settings.chunk), spread)
        edges = [round(index * total / count) for index in range(count + 1)]
        return [list(indices[start:stop]) for start, stop in pairwise(edges) if stop > start]

    def process(
        self, frames: FramesData, task: Task, settings: Dict, code: InstalledCode, options: dict[str, Any], call: Call
    ) -> tuple[type, dict[str, Any]]:
        """Return a job for the task's frames, which begins where its parent stopped."""
        run = {"indices": list(task.indices), "remedy": task.remedies[-1] if task.remedies else None}
        remedy = f", {task.remedies[-1]}" if task.remedies else ""
        inputs: dict[str, Any] = {
            "code": code,
            "frames": frames,
            "settings": settings,
            "run": Dict(run),
            "metadata": {"options": options, "label": f"label {_shown(task.indices)}{remedy}"},
        }
        if task.parent is not None and "remote_folder" in load_node(task.parent).outputs:
            inputs["parent_folder"] = load_node(task.parent).outputs.remote_folder
        return LabelJob, inputs

    def outcome(self, node: ProcessNode, frames: FramesData, task: Task, call: Call) -> Outcome:
        """Read the job's report; of a dead job, the frame it was at is to blame unless the walltime or a node is."""
        labelled = node.outputs.labelled if "labelled" in node.outputs else None
        if labelled is not None:
            remember_versions(node.inputs.code, self.code_name, self._key(), labelled.engine)
        done = set(labelled.ids) if labelled is not None else set()
        report = node.outputs.report.get_dict() if "report" in node.outputs else {}
        progress = node.outputs.progress.get_dict() if "progress" in node.outputs else {}
        ids = frames.ids
        if node.exit_status in NOT_BELIEVED:
            # of the whole job nothing is believed; another one would hand back the same, and so there is none
            told = {"kind": NOT_BELIEVED_KINDS[JobStatus(node.exit_status)], "reason": f"job {node.pk} ended: {ending(node)}"}
            return Outcome(failures=[{"index": index, "id": ids[index], **told} for index in task.indices])
        failures = [dict(item) for item in (report or progress).get("failures", [])]
        failures = [item for item in failures if item["index"] in task.indices and item["id"] == ids[item["index"]]]
        failed = {item["index"] for item in failures}
        left = [index for index in task.indices if ids[index] not in done and index not in failed]
        if report:
            interrupted = report.get("interrupted") if report.get("interrupted") in left else None
            unreached = [index for index in left if index in report.get("unreached", []) and index != interrupted]
            # a frame that a report says nothing of must not be queued for ever
            reason = f"job {node.pk} handed back no label of it, and no failure"
            failures += [
                {"index": index, "id": ids[index], "kind": FailureKind.LOST, "reason": reason}
                for index in left
                if index not in unreached and index != interrupted
            ]
            return Outcome(labelled, failures, unreached, interrupted)
        if not left:
            return Outcome(labelled, failures)
        current = (progress.get("current") or {}).get("index")
        if node.exit_status in (JobStatus.OUT_OF_WALLTIME, SchedulerStatus.NODE_FAILED):
            # time that did not even suffice to begin a frame is the first frame's problem: it must end some day
            stopped = current if current in left else left[0]
            return Outcome(labelled, failures, [index for index in left if index != stopped], stopped)
        kind, reason = _why(node)
        blamed = [current] if current in left and node.is_finished else left
        failures += [{"index": index, "id": ids[index], "kind": kind, "reason": reason} for index in blamed]
        gone = blamed if kind in (FailureKind.CRASH, FailureKind.LOST) else []
        return Outcome(labelled, failures, [index for index in left if index not in blamed], died=list(gone))

    def remedy(self, kind: str, used: Sequence[str]) -> str | None:
        """Return the first of the calculator's remedies for this kind that was not tried."""
        known = parameters(self.settings.calculator).remedies_for(FailureKind(kind)) if kind in list(FailureKind) else []
        return next((name for name in known if name not in used), None)

    def _key(self) -> dict[str, Any]:
        calculator = self.settings.calculator.model_dump(mode="json", exclude={"allowed"})
        return {**calculator, "moments": self.settings.moments}


def _is_here(code: InstalledCode) -> bool:
    """Whether jobs of this code run in the environment that this process runs in."""
    folder = os.path.dirname(os.path.abspath(sys.executable))
    return code.computer.transport_type == "core.local" and os.path.dirname(str(code.filepath_executable)) == folder


def _why(node: ProcessNode) -> tuple[str, str]:
    """Return the kind of failure of a job that died, and the reason in words."""
    reason = f"job {node.pk} ended: {ending(node)}"
    words = (node.exit_message or "").lower()
    if node.exit_status == SchedulerStatus.OUT_OF_MEMORY or "memoryerror" in words or "out of memory" in words or "oom" in words:
        return FailureKind.MEMORY, reason
    if node.exit_status == JobStatus.INPUT_REFUSED:
        return FailureKind.REFUSED, reason
    return (FailureKind.CRASH if node.is_finished else FailureKind.LOST), reason


def _shown(indices: Sequence[int]) -> str:
    if len(indices) == 1:
        return f"frame {indices[0]}"
    if list(indices) == list(range(indices[0], indices[-1] + 1)):
        return f"frames {indices[0]}-{indices[-1]}"
    return f"{len(indices)} frames"
