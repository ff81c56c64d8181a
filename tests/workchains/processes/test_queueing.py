"""Slots and waiting: real jobs in this process, a cap, and whoever ends first wakes the chain."""

import pytest
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.engine import run_get_node, while_
from aiida.orm import CalcJobNode, Int, List, load_node

from workchains.machines import CORES_KEY, MAX_JOBS_KEY
from workchains.processes.queueing import MARK, QueueingWorkChain, cores_in_flight, in_flight


class Sleepers(QueueingWorkChain):
    """Add numbers in jobs that sleep as long as they are told."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("code")
        spec.input("seconds", valid_type=List)
        spec.input("threads", valid_type=List, required=False)
        spec.outline(cls.setup, while_(cls.has_work)(cls.run_jobs, cls.inspect_jobs), cls.single, cls.results)
        spec.output("ended", valid_type=List)
        spec.output("most", valid_type=Int)

    def setup(self):
        self.ctx.waiting = [f"job_{index}" for index, _ in enumerate(self.inputs.seconds.get_list())]
        self.ctx.running, self.ctx.ended, self.ctx.most = {}, [], 0

    def has_work(self):
        return bool(self.ctx.waiting or self.ctx.running)

    def make(self, key):
        options = {"resources": {"num_machines": 1}, "sleep": self.inputs.seconds[int(key[-1])]}
        if "threads" in self.inputs:
            options["environment_variables"] = {"OMP_NUM_THREADS": str(self.inputs.threads[int(key[-1])])}
        inputs = {"code": self.inputs.code, "x": Int(1), "y": Int(2), "metadata": {"options": options}}
        return ArithmeticAddCalculation, inputs, {"contents": [key]}

    def run_jobs(self):
        awaited = self.submit_some(self.inputs.code.computer, self.ctx.waiting, self.make, self.ctx.running)
        self.ctx.waiting = [key for key in self.ctx.waiting if key not in self.ctx.running]
        self.ctx.most = max(self.ctx.most, len(in_flight(self.inputs.code.computer)))
        return awaited

    def inspect_jobs(self):
        for key, pk in list(self.ctx.running.items()):
            if load_node(pk).is_terminated:
                del self.ctx.running[key]
                self.ctx.ended.append(key)

    def single(self):
        assert self.ended("job_0").is_finished_ok
        assert self.ended("job_99") is None

    def results(self):
        self.out("ended", List(self.ctx.ended).store())
        self.out("most", Int(self.ctx.most).store())


@pytest.fixture
def code(aiida_profile_clean, aiida_code_installed, tmp_path):
    made = aiida_code_installed(filepath_executable="/bin/bash", label="bash", default_calc_job_plugin="core.arithmetic.add")
    made.computer.set_minimum_job_poll_interval(0.2)
    return made


def cap(code, value):
    code.computer.metadata = {**code.computer.metadata, MAX_JOBS_KEY: value}


def test_the_first_that_ends_makes_room_for_the_next(code):
    cap(code, 2)
    outputs, node = run_get_node(Sleepers, code=code, seconds=List([8, 0, 0, 0]))
    assert node.is_finished_ok, node.exception
    ended = outputs["ended"].get_list()
    assert sorted(ended) == ["job_0", "job_1", "job_2", "job_3"]
    assert ended[0] == "job_1"
    by_key = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    assert by_key["job_2"].ctime < by_key["job_0"].mtime  # made while the first was still at work
    assert outputs["most"].value == 2
    marks = {job.base.extras.get(MARK)["contents"][0] for job in node.called if isinstance(job, CalcJobNode)}
    assert marks == {"job_0", "job_1", "job_2", "job_3"}


def test_slots_taken_by_others_are_waited_for(code):
    other = CalcJobNode(computer=code.computer)
    other.set_process_state("running")
    other.store()
    other.base.extras.set(MARK, {"queue": code.computer.uuid})
    assert in_flight(code.computer) == [other.pk]
    cap(code, 2)
    outputs, node = run_get_node(Sleepers, code=code, seconds=List([0, 0]))
    assert node.is_finished_ok, node.exception
    assert outputs["most"].value == 2  # the other's, and one of ours at a time
    other.set_process_state("finished")
    assert in_flight(code.computer) == []


def test_jobs_share_the_cores_and_take_as_many_as_they_have_threads(code):
    code.computer.metadata = {**code.computer.metadata, CORES_KEY: 3}
    outputs, node = run_get_node(Sleepers, code=code, seconds=List([4, 0, 0, 0]), threads=List([1, 2, 2, 8]))
    assert node.is_finished_ok, node.exception
    by_key = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    cores = {key: job.base.extras.get(MARK)["cores"] for key, job in by_key.items() if key.startswith("job_")}
    assert cores == {"job_0": 1, "job_1": 2, "job_2": 2, "job_3": 3}  # the last has more threads than there are cores
    assert outputs["most"].value == 2
    assert outputs["ended"].get_list()[0] == "job_1"
    assert by_key["job_2"].ctime > by_key["job_1"].ctime
    assert outputs["ended"].get_list()[-1] == "job_3"  # it ran alone
    assert cores_in_flight(code.computer) == {}


def test_without_a_cap_all_are_in_flight(code):
    cap(code, None)
    outputs, node = run_get_node(Sleepers, code=code, seconds=List([1, 1, 1]))
    assert node.is_finished_ok, node.exception
    assert outputs["most"].value == 3


class Impatient(QueueingWorkChain):
    """Wait for a job that sleeps, and look up from it after a while."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("code")
        spec.outline(cls.begin, cls.look_up, cls.wait_on, cls.results)
        spec.output("seen", valid_type=List)

    def begin(self):
        self.ctx.seen, self.ctx.wake_after = [], 0.5
        inputs = {"code": self.inputs.code, "x": Int(1), "y": Int(2), "metadata": {"options": {"sleep": 3}}}
        self.ctx.job = self.submit(ArithmeticAddCalculation, **inputs)
        return self.await_any([self.ctx.job])

    def look_up(self):
        self.ctx.seen, self.ctx.wake_after = [self.ctx.job.is_terminated], None
        return self.await_any([self.ctx.job])

    def wait_on(self):
        self.ctx.seen = [*self.ctx.seen, self.ctx.job.is_terminated]

    def results(self):
        self.out("seen", List(self.ctx.seen).store())


def test_a_chain_that_set_a_time_is_woken_before_what_it_waits_for_ends(code):
    results, node = run_get_node(Impatient, code=code)
    assert node.is_finished_ok
    assert results["seen"].get_list() == [False, True]
