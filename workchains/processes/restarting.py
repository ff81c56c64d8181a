"""Work chains whose jobs go on from their checkpoints when the walltime ends them, and once when they die."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import ProcessNode

from workchains.processes.folders import clean
from workchains.processes.keyed import ending
from workchains.processes.queueing import QueueingWorkChain, is_stopping, load_process
from workchains.processes.retries import End, Folder, Tries, decide, died, end_of, folder_of, is_out_of_walltime

__all__ = ["RestartingWorkChain"]


class RestartingWorkChain(QueueingWorkChain):
    """Runs, each in one job or, where the walltime ends it, in several one after the other; as many at a time as there are slots.

    A subclass's outline is ``setup, while_(has_work)(run_jobs, inspect_jobs), results``; it says what the runs are and what job
    one of them needs. The context holds ``waiting`` (keys of jobs, in order), ``running`` (PKs by key), ``run_of`` (runs by key),
    ``ended`` (by run, the PKs of its jobs that have ended), ``let_go`` (keys not begun, as the chain was asked to begin nothing
    new).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare what all of them have."""
        super().define(spec)
        spec.input(
            "restarts",
            valid_type=int,
            default=3,
            non_db=True,
            validator=validate_restarts,
            help="jobs that may follow on a job that the walltime ended, or that died (one)",
        )
        spec.input(
            "clean",
            valid_type=bool,
            default=True,
            non_db=True,
            help="whether the folders of a run that ended well are removed from the machine",
        )

    def runs(self) -> list[str]:
        """Return the names of the runs; each is the key of its first job."""
        raise NotImplementedError

    def job(self, run: str) -> tuple[type, dict[str, Any]]:
        """Return the process class and the inputs of a run's jobs."""
        raise NotImplementedError

    def key(self, run: str, attempt: int) -> str:
        """Return the key of a run's job: its first (0), its first restart (1), ..."""
        return f"{run}_r{attempt}" if attempt else run

    def setup(self) -> None:
        """Queue the first job of each run."""
        self.ctx.waiting, self.ctx.running, self.ctx.let_go = self.runs(), {}, []
        self.ctx.ended = {run: [] for run in self.ctx.waiting}
        self.ctx.run_of = {run: run for run in self.ctx.waiting}

    def has_work(self) -> bool:
        """Something waits or runs."""
        return bool(self.ctx.waiting or self.ctx.running)

    def run_jobs(self) -> ToContext:
        """Submit what fits; go on when the first job ends. Once asked to begin nothing new, let go of what waits."""
        if self.ctx.waiting and is_stopping(self.node):
            self.ctx.let_go = [*self.ctx.let_go, *self.ctx.waiting]
            self.ctx.waiting = []
        awaited = self.submit_some(self.inputs.code.computer, self.ctx.waiting, self.make, self.ctx.running)
        self.ctx.waiting = [key for key in self.ctx.waiting if key not in self.ctx.running]
        return awaited

    def make(self, key: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return process class, inputs and what it works on, for a key."""
        run = self.ctx.run_of[key]
        process, inputs = self.job(run)
        before = self.jobs(run)
        if before:
            if folder_of(before[-1]) is Folder.THERE:
                inputs["parent_folder"] = before[-1].outputs.remote_folder
            inputs["label"] = f"{inputs.get('label', run)}, restart {len(before)}"
        return process, inputs, {"run": run}

    def inspect_jobs(self) -> None:
        """Let a run that the walltime ended go on from its checkpoint; tidy up after one that ended well."""
        for key, pk in list(self.ctx.running.items()):
            node = load_process(pk)
            if not node.is_terminated:
                continue
            del self.ctx.running[key]
            run = self.ctx.run_of[key]
            self.ctx.ended[run] = [*self.ctx.ended[run], pk]
            if not node.is_finished_ok:
                self.go_on(run, node)
            elif self.inputs.clean:
                for job in self.jobs(run):
                    if message := clean(job):
                        self.report(f"a folder stays on the machine: {message}")

    def go_on(self, run: str, node: ProcessNode) -> None:
        """Queue the next job of a run whose last one did not end well, if there is to be one."""
        jobs = self.jobs(run)
        end, tries = end_of(node), Tries(restarts=len(jobs) - 1, deaths=sum(map(died, jobs)))
        decision = decide(end, tries, self.inputs.restarts, folder_of(node))
        if decision.action:
            why = "the walltime ended it" if end is End.INTERRUPTED else f"it died: {ending(node)}"
            self.report(f"{run}: {why}. {decision.action}")
        if decision.again:
            key = self.key(run, len(jobs))
            self.ctx.run_of = {**self.ctx.run_of, key: run}
            self.ctx.waiting = [*self.ctx.waiting, key]

    def was_let_go(self, run: str) -> bool:
        """Whether a job of this run waited when the chain was asked to begin nothing new."""
        return any(self.ctx.run_of[key] == run for key in self.ctx.let_go)

    def jobs(self, run: str) -> list[ProcessNode]:
        """Return the jobs of a run that have ended, in order."""
        return [load_process(pk) for pk in self.ctx.ended[run]]

    @staticmethod
    def is_out_of_walltime(node: ProcessNode) -> bool:
        """Whether the walltime ended a job, and nothing else."""
        return is_out_of_walltime(node)


def validate_restarts(value: int, _: Any) -> str | None:
    """Refuse a negative number."""
    return None if value >= 0 else f"expected a number of restarts of 0 or more, got {value}"
