"""Labels that others have made or are making: taken over, waited for, and looked for once more before one is paid for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aiida.orm import Dict

from alworkflows.frames.twins import coarse_keys
from workchains.labelling.contract import Task
from workchains.labelling.screen import find_labelled, find_underway, newest_frames, reuse_labels
from workchains.processes.naming import numbered
from workchains.processes.queueing import QueueingWorkChain

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.settings import LabelSettings

__all__ = ["SharingWorkChain"]


class SharingWorkChain(QueueingWorkChain):
    """A work chain that labels frames, and leaves to others what they have labelled or are labelling.

    Of the context it needs ``engine`` (key of engine and settings, None if it is not known yet), ``waiting``, ``running``,
    ``deferred``, ``parts`` and ``look_ups`` (how many there were); it sets ``seen`` (newest frames at the last look).
    """

    @property
    def settings(self) -> LabelSettings:
        """The label settings."""
        raise NotImplementedError

    @property
    def frames(self) -> Sequence[Atoms]:
        """The frames to label."""
        raise NotImplementedError

    def queue(self, indices: Iterable[int], like: Task, one_each: bool = False) -> None:
        """Queue frames."""
        raise NotImplementedError

    def look_up(self, indices: list[int]) -> None:
        """Take over what is there of these frames, wait for what is coming, and queue the rest."""
        self.ctx.seen = newest_frames()
        if self.settings.reuse and self.ctx.engine is not None and indices:
            indices = self.take_over(indices)
            mine = set(self.ctx.running.values())
            wanted = [self.frames[index] for index in indices]
            coming = find_underway(wanted, self.ctx.engine, self.settings.reuse_tolerance, mine)
            self.ctx.deferred.update({str(indices[number]): pks for number, pks in coming.items()})
            indices = [index for number, index in enumerate(indices) if number not in coming]
            if coming:
                self.report(f"{len(coming)} frames are being labelled elsewhere: waiting for them")
        self.queue(indices, Task(()))

    def take_over(self, indices: list[int]) -> list[int]:
        """Take over the labels that are there; return the frames that have none."""
        tolerance = self.settings.reuse_tolerance
        sources = find_labelled([self.frames[index] for index in indices], self.ctx.engine, tolerance)
        if not sources:
            return indices
        key = self._next_key(indices)
        node = self.call_once(
            key,
            reuse_labels,
            label="take over labels that are there",
            frames=self.inputs.frames,
            wanted=Dict({"indices": indices, "tolerance": tolerance}),
            **{f"source_{number:03d}": source for number, source in enumerate(sources)},
        )
        hits = {int(index) for index in node.outputs.hits["hits"]}
        if hits:
            self.ctx.parts[key] = node.outputs.reused
            self.report(f"{len(hits)} of {len(indices)} frames were labelled before with these settings: not labelled again")
        return [index for index in indices if index not in hits]

    def _next_key(self, indices: list[int]) -> str:
        """Return the key of this look; one of a step that was interrupted, which looked for other frames, is passed over."""
        while True:
            self.ctx.look_ups += 1
            key = numbered("reuse", self.ctx.look_ups)
            before = self.child(key)
            if before is None or before.inputs.wanted["indices"] == indices:
                return key

    def leave_to_others(self, key: str, task: Task) -> Task:
        """Look once more before frames are paid for: another campaign may have begun them while they were queued here.

        The slots are locked meanwhile, so that no two campaigns look at the same time and both find nothing.
        """
        tried = task.remedies or task.restarts or task.deaths
        if tried or not self.settings.reuse or self.ctx.engine is None or self.child(key) is not None:
            return task
        frames, tolerance = [self.frames[index] for index in task.indices], self.settings.reuse_tolerance
        coming = find_underway(frames, self.ctx.engine, tolerance, set(self.ctx.running.values()))
        nodes = find_labelled(frames, self.ctx.engine, tolerance, self.ctx.seen)
        there = {content for node in nodes for content in node.base.attributes.get("contents")}
        taken = {number: coming.get(number, []) for number in range(len(frames)) if number in coming}
        taken.update({number: [] for number, frame in enumerate(frames) if there & set(coarse_keys(frame, tolerance))})
        if not taken:
            return task
        self.report(f"{key}: {len(taken)} of {len(frames)} frames were begun elsewhere while they were queued here: left to that")
        self.ctx.deferred = {**self.ctx.deferred, **{str(task.indices[number]): pks for number, pks in taken.items()}}
        left = replace(task, indices=tuple(index for number, index in enumerate(task.indices) if number not in taken))
        self.ctx.waiting = {**self.ctx.waiting, key: left.as_dict()}
        return left
