"""``LabelWorkChain``: labels for a set of frames, by any program; nothing is lost, and nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from aiida.engine import ExitCode, ToContext, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode, ProcessNode
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.twins import coarse_key
from alworkflows.settings import GeometryLimits, LabelSettings, parse
from workchains.data.frames import FramesData, engine_key
from workchains.labelling.contract import LabelProgram, Task, label_program
from workchains.labelling.follow_up import follow_up, with_progress
from workchains.labelling.gather import gather_labels, tell_failures
from workchains.labelling.screen import screen_frames
from workchains.labelling.sharing import SharingWorkChain
from workchains.machines import options_for
from workchains.processes.exit_statuses import LabelStatus, declare
from workchains.processes.folders import clean
from workchains.processes.naming import numbered
from workchains.processes.queueing import is_stopping, load_process

__all__ = ["LabelWorkChain"]


class LabelWorkChain(SharingWorkChain):
    """Label frames; a frame that fails is kept with its reason and never blocks the rest.

    The context holds ``waiting`` (tasks by key, in order), ``running`` (PKs by key; their ``tasks``), ``deferred`` (frames whose
    twin is being labelled elsewhere: PKs of those processes), ``parts`` (labels by key), ``log`` (failed attempts).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the program that labels")
        spec.input("frames", valid_type=FramesData, validator=validate_frames, help="frames to label")
        spec.input("settings", valid_type=Dict, validator=validate_settings, help="label settings: engine, calculator, ...")
        spec.input(
            "geometry",
            valid_type=Dict,
            validator=validate_geometry,
            default=lambda: Dict({}),
            help="which frames may be labelled",
        )
        spec.input(
            "options", valid_type=Dict, default=lambda: Dict({}), help="metadata.options of the jobs, over those of the machine"
        )
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            steps.run_screen,
            steps.run_look_up,
            while_(steps.has_work)(steps.run_jobs, steps.inspect_jobs),
            steps.results,
        )
        spec.output("batch", valid_type=FramesData, required=False, help="the labelled frames, in the order of the frames given")
        spec.output("failures", valid_type=Dict, help="total, failed, reused; failures: id, kind, reason and attempts of each")
        declare(spec, LabelStatus.SETTINGS_REFUSED, "the label settings do not suit the frames: {message}")
        declare(spec, LabelStatus.ALL_LABELS_FAILED, "none of {total} labels succeeded; first: {message}")
        declare(
            spec,
            LabelStatus.TOO_MANY_LABELS_FAILED,
            "{failed} of {total} labels failed, more than the allowed share of {allowed}; first: {message}",
        )

    @property
    def settings(self) -> LabelSettings:
        """The label settings."""
        return parse(LabelSettings, self.inputs.settings.get_dict(), "label settings")

    @property
    def tool(self) -> LabelProgram:
        """How the program labels."""
        return label_program(self.settings.engine)(self.settings)

    @cached_property
    def frames(self) -> list[Atoms]:
        """The frames to label."""
        return self.inputs.frames.get_frames()

    # -------------------------------------------------------------------------------------------- before anything is paid for

    def setup(self) -> ExitCode | None:
        """Begin with nothing; see that the settings suit the frames."""
        self.ctx.waiting, self.ctx.running, self.ctx.tasks, self.ctx.deferred = {}, {}, {}, {}
        self.ctx.parts, self.ctx.log, self.ctx.kept, self.ctx.number, self.ctx.look_ups = {}, [], {}, 0, 0
        try:
            self.tool.check(self.frames, self.inputs.code)
        except InputError as error:
            return self.exit_codes.ERROR_SETTINGS_REFUSED.format(message=str(error))
        description = self.tool.describe(self.inputs.code)
        self.ctx.engine = engine_key(description) if description is not None else None
        return None

    def run_screen(self) -> None:
        """Set frames aside that must not be labelled."""
        limits = {**self.inputs.geometry.get_dict(), "tolerance": self.settings.reuse_tolerance}
        node = self.call_once("screen", screen_frames, label="screen", frames=self.inputs.frames, geometry=Dict(limits))
        self.ctx.refused = node.outputs.result["refused"]
        self.ctx.log += [{**item, "job": "screen", "remedy": None} for item in self.ctx.refused]

    def run_look_up(self) -> None:
        """Take over the labels that twins of the frames have; leave those to others that others are labelling."""
        refused = {item["index"] for item in self.ctx.refused}
        self.look_up([index for index in range(len(self.inputs.frames)) if index not in refused])

    # ------------------------------------------------------------------------------------------------------------- the queue

    def has_work(self) -> bool:
        """Something waits, runs, or is made elsewhere."""
        return bool(self.ctx.waiting or self.ctx.running or self.ctx.deferred)

    def let_go(self) -> None:
        """Begin nothing of what waits, here or for others, once asked to stop."""
        if is_stopping(self.node) and (self.ctx.waiting or self.ctx.deferred):
            indices = [index for task in self.ctx.waiting.values() for index in task["indices"]] + list(self.ctx.deferred)
            failures = [self.failure(int(index), "cancelled", "not begun: cancelled") for index in indices]
            self.log_failures("queue", None, failures)
            self.ctx.waiting, self.ctx.deferred = {}, {}

    def run_jobs(self) -> ToContext:
        """Submit what fits; go on when the first job ends."""
        self.let_go()
        elsewhere = {pk for pks in self.ctx.deferred.values() for pk in pks}
        awaited = self.submit_some(self.inputs.code.computer, list(self.ctx.waiting), self.make, self.ctx.running, elsewhere)
        for key in [key for key in self.ctx.waiting if key in self.ctx.running]:
            self.ctx.tasks[key] = self.ctx.waiting.pop(key)
        self.ctx.waiting = {key: task for key, task in self.ctx.waiting.items() if task["indices"]}
        others = {pk for pks in self.ctx.deferred.values() for pk in pks} - elsewhere
        awaited.update({f"others.pk_{pk}": load_process(pk) for pk in others})
        return awaited

    def make(self, key: str) -> tuple[type, dict[str, Any], dict[str, Any]] | None:
        """Return process class, inputs and content of a waiting task; None if others label all of it by now."""
        task, code = self.leave_to_others(key, Task.from_dict(self.ctx.waiting[key])), self.inputs.code
        if not task.indices:
            return None
        frames = [self.frames[index] for index in task.indices]
        options = options_for(code.computer, self.tool.code_name, max(len(frame) for frame in frames))
        options.update(self.inputs.options.get_dict())
        process, inputs = self.tool.process(self.inputs.frames, task, self.inputs.settings, code, options, self.call_once)
        return process, inputs, {"engine": self.ctx.engine, "contents": [coarse_key(frame) for frame in frames]}

    def inspect_jobs(self) -> None:
        """See what became of the jobs that ended, and of the frames that others labelled."""
        for key, pk in list(self.ctx.running.items()):
            node = load_process(pk)
            if node.is_terminated:
                task = Task.from_dict(self.ctx.tasks[key])
                del self.ctx.running[key]
                self.inspect(key, node, task)
        came = [index for index, pks in self.ctx.deferred.items() if all(load_process(pk).is_terminated for pk in pks)]
        for index in came:
            del self.ctx.deferred[index]
        if came:
            self.look_up([int(index) for index in came])

    def inspect(self, key: str, node: ProcessNode, task: Task) -> None:
        """Keep what a job made; queue anew what it did not reach, what the walltime stopped, and what has a remedy left."""
        outcome = with_progress(self.tool.outcome(node, self.inputs.frames, task, self.call_once), task)
        if outcome.labelled is not None:
            self.ctx.parts[key] = outcome.labelled
            self.drop_other_versions(outcome.labelled)
        following = follow_up(node, task, outcome, self.inputs.frames.ids, self.settings.restarts, self.next_remedy)
        for sentence in following.reports:
            self.report(f"{key}: {sentence}")
        self.log_failures(key, task, following.failures)
        for retry in following.retries:
            self.queue(retry.indices, retry.like, retry.apart)
        if task.parent is not None:
            # what a job went on from is in its own folder by now
            self.tidy(load_process(task.parent))
        if outcome.failures:
            self.ctx.kept = {**self.ctx.kept, key: node.pk}
        elif outcome.interrupted is None:
            self.tidy(node)

    def next_remedy(self, kind: str, used: Sequence[str]) -> str | None:
        """Return the next remedy for a kind of failure, None if there is none or none is wanted."""
        return self.tool.remedy(kind, used) if self.settings.remedies else None

    def drop_other_versions(self, labelled: FramesData) -> None:
        """Label anew what was taken over, if the first new label shows that the program is another one by now."""
        key = engine_key(labelled.engine or {})
        stale = [
            name
            for name, part in self.ctx.parts.items()
            if name.startswith("reuse") and part.base.attributes.get("engine_key") != key
        ]
        for name in stale:
            part = self.ctx.parts.pop(name)
            self.report(f"{len(part)} labels taken over are of another version of {self.settings.engine}: labelled anew")
            ids = self.inputs.frames.ids
            self.queue([ids.index(identity) for identity in part.ids], Task(()))
        if stale or self.ctx.engine is None:
            self.ctx.engine = key

    # ------------------------------------------------------------------------------------------------------------ small things

    def queue(self, indices: Iterable[int], like: Task, one_each: bool = False) -> None:
        """Queue frames, those of largest disagreement first, in as many tasks as the program wants."""
        origins = [frame.info.get("origin", {}).get("chosen", {}) for frame in self.frames]
        ordered = sorted(indices, key=lambda index: (-(origins[index].get("disagreement") or 0.0), index))
        for group in [[index] for index in ordered] if one_each else self.tool.split(ordered) if ordered else []:
            task = replace(like, indices=tuple(sorted(group)))
            self.ctx.waiting[numbered("label", self.ctx.number, 3)] = task.as_dict()
            self.ctx.number += 1

    def failure(self, index: int, kind: str, reason: str) -> dict[str, Any]:
        """Return the record of a failure."""
        return {"index": index, "id": self.inputs.frames.ids[index], "kind": kind, "reason": reason}

    def log_failures(self, key: str, task: Task | None, failures: list[dict[str, Any]]) -> None:
        """Write down failed attempts."""
        remedy = task.remedies[-1] if task is not None and task.remedies else None
        self.ctx.log += [{**item, "job": key, "remedy": remedy} for item in failures]

    def tidy(self, node: ProcessNode) -> None:
        """Remove what a finished process left on its machine, if that is wanted."""
        message = clean(node) if self.settings.clean else None
        if message:
            self.report(f"a folder stays on the machine: {message}")

    # -------------------------------------------------------------------------------------------------------------------- end

    def results(self) -> ExitCode | None:
        """Put all labels into one batch and all failures into one list."""
        frames, parts = self.inputs.frames, dict(self.ctx.parts)
        summary = self.call_once(
            "failures", tell_failures, frames=frames, log=Dict({"attempts": self.ctx.log}), **parts
        ).outputs.result
        self.out("failures", summary)
        if parts:
            batch = next(iter(parts.values()))
            if len(parts) > 1 or batch.ids != [identity for identity in frames.ids if identity in set(batch.ids)]:
                batch = self.call_once("batch", gather_labels, label="batch", frames=frames, **parts).outputs.result
            self.out("batch", batch)
        lost = {item["index"] for item in summary["failures"]}
        for key, pk in self.ctx.kept.items():
            # of a frame without a label, the folders stay: a person may want to look into them
            if not lost & set(self.ctx.tasks[key]["indices"]):
                self.tidy(load_process(pk))
        total, failed = summary["total"], summary["failed"]
        if not failed:
            return None
        first = summary["failures"][0]
        self.report(f"{failed} of {total} labels failed; first: {first['id']}: {first['reason']}")
        if not parts:
            return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=total, message=first["reason"])
        if total - failed < self.settings.success_share * total:
            allowed = round(1 - self.settings.success_share, 3)
            return self.exit_codes.ERROR_TOO_MANY_LABELS_FAILED.format(
                failed=failed, total=total, allowed=allowed, message=first["reason"]
            )
        return None


def validate_frames(value: FramesData, _: Any) -> str | None:
    """Refuse an empty set."""
    return None if len(value) else "expected at least one frame to label, got none"


def validate_settings(value: Dict, _: Any) -> str | None:
    """Refuse settings that the schema or the registry of programs does not know."""
    try:
        settings = parse(LabelSettings, value.get_dict(), "label settings")
        label_program(settings.engine)(settings).check([])
    except InputError as error:
        return str(error)
    return None


def validate_geometry(value: Dict, _: Any) -> str | None:
    """Refuse limits that the schema does not know."""
    try:
        parse(GeometryLimits, value.get_dict(), "geometry")
    except InputError as error:
        return str(error)
    return None
