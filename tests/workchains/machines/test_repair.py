"""What a dead daemon leaves behind, put right before the next one starts; nothing that a script runs is touched."""

from typing import Any

MADE = """
import uuid
from aiida import orm
from aiida.common import LinkType
from aiida.manage import get_manager
from plumpy.process_comms import create_continue_body
from workchains.processes import aiida_private, repair
from workchains.processes.revival import ABANDONED, QUEUED

machines.setup("laptop")
profile = get_manager().get_profile()

def process(state, checkpoint=True, caller=None, cls=orm.WorkChainNode):
    node = cls()
    node.set_process_state(state)
    if checkpoint:
        node.base.attributes.set("checkpoints", "what it would go on from")
    if caller is not None:
        kind = LinkType.CALL_WORK if cls is orm.WorkChainNode else LinkType.CALL_CALC
        node.base.links.add_incoming(caller, kind, f"key_{uuid.uuid4().hex[:6]}")
    return node.store()

def task(node):
    aiida_private.task_files(profile).push(uuid.uuid4().hex, {"body": create_continue_body(pid=node.pk), "no_reply": True})

def tasks():
    return sorted(data["body"]["args"]["pid"] for _, data in aiida_private.task_files(profile).get_all_pending())
"""


class TestTasks:
    def test_what_lost_its_task_gets_it_back_and_what_never_began_is_buried(self, run: Any) -> None:
        printed = run(
            MADE
            + """
root = process("waiting")
task(root)
known = process("waiting", caller=root)
task(known)
lost = process("waiting", caller=known)
unborn = process("created", checkpoint=False, caller=known, cls=orm.CalcJobNode)
function = process("running", checkpoint=False, caller=root, cls=orm.CalcFunctionNode)
done = process("finished", checkpoint=False, caller=root)
mended = repair.mend_tasks(profile)
again = repair.mend_tasks(profile)
print(json.dumps([
    mended.queued == [lost.pk], mended.buried == [unborn.pk, function.pk], tasks() == sorted([root.pk, known.pk, lost.pk]),
    lost.base.extras.get(QUEUED), unborn.is_excepted, unborn.base.extras.get(ABANDONED), str(mended), str(again),
    done.is_finished,
]))
"""
        )
        assert printed[:3] == [True, True, True]
        assert printed[3:6] == [True, True, "the daemon died before it began"]
        assert printed[6] == "1 process lost its task and got it back; 2 processes never began and are made anew"
        assert printed[7] == ""
        assert printed[8]

    def test_what_a_script_runs_is_left_alone(self, run: Any) -> None:
        printed = run(
            MADE
            + """
root = process("running")
child = process("waiting", caller=root)
function = process("running", checkpoint=False, caller=root, cls=orm.CalcFunctionNode)
mended = repair.mend_tasks(profile)
print(json.dumps([str(mended), tasks(), child.is_terminated, function.is_terminated]))
"""
        )
        assert printed == ["", [], False, False]

    def test_the_second_task_of_a_process_is_dropped(self, run: Any) -> None:
        printed = run(
            MADE
            + """
root = process("waiting")
task(root)
task(root)
repair.mend_tasks(profile)
print(json.dumps(tasks() == [root.pk]))
"""
        )
        assert printed is True


class TestLeftovers:
    def test_a_worker_that_outlived_its_daemon_is_ended_when_the_next_starts(self, run: Any) -> None:
        printed = run("""
import os, signal, time
import psutil
machines.setup("laptop")
first = daemon.start_daemon(1)
left = [child.pid for child in psutil.Process(first.pid).children(recursive=True)]
os.kill(first.pid, signal.SIGKILL)
time.sleep(1)
try:
    second = daemon.start_daemon(1)
    alive = [pid for pid in left if psutil.pid_exists(pid)]
    print(json.dumps([second.mended, second.running, second.workers, len(left) >= 2, alive]))
finally:
    daemon.stop_daemon()
""")
        mended, running, workers, several, alive = printed
        assert "left by an earlier daemon" in mended
        assert (running, workers, several, alive) == (True, 1, True, [])
