"""What the work chains share: children that are made once, whatever restarts the step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ProcessBuilder, WorkChain
from aiida.manage.caching import enable_caching
from aiida.orm import ProcessNode

from workchains.processes.aiida_private import AttachesOnce
from workchains.processes.repair import exit_without_broker
from workchains.processes.revival import QUEUED, bury, is_abandoned, never_began

__all__ = ["KeyedWorkChain", "ending", "reuse_jobs"]

#: process types of our jobs, for AiiDA's caching
JOBS = "aiida.calculations:alworkflows.*"


def ending(node: ProcessNode) -> str:
    """Return how a process ended, in words: its exit message, the last line of its exception, or its state."""
    if node.exit_message:
        return node.exit_message
    exception = (node.exception or "").strip().splitlines()
    return exception[-1] if exception else node.process_state.value if node.process_state else "never started"


@contextmanager
def reuse_jobs(wanted: bool) -> Iterator[None]:
    """Let a job of ours whose inputs are those of a finished one take over its outputs (AiiDA's caching) within the context."""
    if not wanted:
        yield
        return
    error: BaseException | None = None
    with enable_caching(identifier=JOBS):
        try:
            yield
        except BaseException as raised:  # passed on below; here, it would leave caching enabled in a worker that lives on
            error = raised
    if error is not None:
        raise error


class KeyedWorkChain(AttachesOnce, WorkChain):
    """A work chain whose children are known by their call link label.

    A work chain killed inside a step restarts from the step's beginning; a child with the same key that already exists is then
    adopted, so nothing is run twice. One that was made and not handed to a worker any more is made anew.
    """

    @cached_property
    def goes_on(self) -> bool:
        """Whether this belongs to a campaign that goes on from another: the jobs that one had finished are not run again."""
        top: ProcessNode = self.node
        while top.caller is not None:
            top = top.caller
        return "resumed" in top.base.links.get_incoming(link_type=LinkType.INPUT_WORK).all_link_labels()

    def child(self, key: str) -> ProcessNode | None:
        """Return the child with this key, if it was made before: the last, if a job that died was run again."""
        return next(reversed(self.children(key)), None)

    def children(self, key: str) -> list[ProcessNode]:
        """Return the children with this key that were not abandoned before they began, oldest first."""
        calls = (LinkType.CALL_CALC, LinkType.CALL_WORK)
        # the filter is SQL's LIKE, to which an underscore is any character
        links = self.node.base.links.get_outgoing(link_type=calls, link_label_filter=key).all()
        nodes = [link.node for link in links if link.link_label == key and isinstance(link.node, ProcessNode)]
        return sorted((node for node in nodes if not is_abandoned(node)), key=lambda node: node.pk or 0)

    def submit_once(
        self, key: str, process: Any, label: str = "", description: str = "", again: bool = False, **inputs: Any
    ) -> ProcessNode:
        """Submit a child under a key, or adopt the one that has it; ``again``: unless that has ended."""
        existing = self.child(key)
        if existing is not None and again and existing.is_terminated:
            existing = None
        if existing is not None and never_began(existing):
            self.report(f"{key}: {existing.process_label}<{existing.pk}> never began, as the daemon died: made anew")
            bury(existing, "the daemon died before its task was handed over")
            existing = None
        if existing is not None:
            self.report(f"going on with {key}: {existing.process_label}<{existing.pk}>")
            return existing
        if isinstance(process, ProcessBuilder):
            raise TypeError("expected a process class, got a builder")
        metadata = {**inputs.pop("metadata", {}), "call_link_label": key}
        if label:
            metadata["label"] = label
        if description:
            metadata["description"] = description
        if self.runner.is_daemon_runner:
            exit_without_broker()
        with reuse_jobs(self.goes_on):
            node = self.submit(process, metadata=metadata, **inputs)
        node.base.extras.set(QUEUED, True)
        return node

    def call_once(self, key: str, function: Any, label: str = "", **inputs: Any) -> ProcessNode:
        """Run a calcfunction under a key and return its node, or that of the run that has it."""
        existing = self.child(key)
        if existing is not None and existing.is_finished_ok:
            return existing
        if existing is not None and not existing.is_terminated:
            # it ran in the worker that ran this step, and died with it
            bury(existing, "the daemon died while it ran")
        _, node = function.run_get_node(**inputs, metadata={"call_link_label": key, "label": label or key})
        return node
