"""Private parts of AiiDA that are relied on: each still is what it was when it was read, and does what it is used for.

After a change of AiiDA that was read and adapted to: ``python tests/workchains/processes/test_aiida_private.py`` records the new
sources in ``aiida_private.json``.
"""

import ast
import hashlib
import importlib
import inspect
import json
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiida.common import LinkType
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.manage.caching import get_use_cache
from aiida.orm import CalcJobNode, Int, WorkChainNode

from workchains.processes import aiida_private
from workchains.processes.aiida_private import RELIED_ON, ForgetsOutputs, daemon_role, end_unbegun, has_lost_checkpoint
from workchains.processes.keyed import reuse_jobs

RECORDED = Path(__file__).with_name("aiida_private.json")
RECORD = "python tests/workchains/processes/test_aiida_private.py"
PARTS = sorted({(user, part) for user, parts in RELIED_ON.items() for part in parts})


class GoneError(Exception):
    """A part that AiiDA does not have any more."""


def find(part):
    """Return what a 'module:qualified name' stands for, a property by the function behind it."""
    module, _, name = part.partition(":")
    try:
        member = importlib.import_module(module)
        for word in name.split("."):
            member = inspect.getattr_static(member, word)
    except (ImportError, AttributeError) as error:
        raise GoneError(str(error)) from error
    member = member.fget if isinstance(member, property) else member
    return inspect.unwrap(member) if callable(member) else member


def digest(source):
    """Return the hash of a source, of which layout, comments and docstrings do not matter."""
    lines = textwrap.dedent(source).splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            said = node.body[0]
            lines[said.lineno - 1 : said.end_lineno] = [""] * (said.end_lineno - said.lineno + 1)
    kept = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def package_of(part):
    """Return the name and the version of the package that a part is of."""
    from importlib.metadata import version

    name = "plumpy" if part.startswith("plumpy") else "aiida-core"
    return f"{name} {version(name)}"


def complaint(part, user, recorded):
    """Return in plain words what is wrong with a part that is relied on; None if nothing is."""
    name = part.partition(":")[2]
    adapt = f"read what became of it, adapt {user} in workchains/processes/aiida_private.py, then record it with: {RECORD}"
    if part not in recorded:
        return f"{name} is relied on by {user}, and its source is not recorded: record it with: {RECORD}"
    try:
        now = digest(inspect.getsource(find(part)))
    except GoneError:
        return f"{package_of(part)} has no {name} any more ({part}): {adapt}"
    return None if now == recorded[part] else f"{package_of(part)} changed {name} ({part}): {adapt}"


@pytest.mark.parametrize(("user", "part"), PARTS, ids=[f"{user}-{part.partition(':')[2]}" for user, part in PARTS])
def test_aiida_is_what_it_was(user, part):
    said = complaint(part, user, json.loads(RECORDED.read_text()))
    if said:
        pytest.fail(said, pytrace=False)


def test_nothing_is_recorded_that_is_not_relied_on():
    assert sorted(json.loads(RECORDED.read_text())) == sorted({part for _, part in PARTS})


def test_each_user_is_a_name_of_the_module():
    assert [name for name in RELIED_ON if not hasattr(aiida_private, name)] == []


def test_a_change_is_told_in_plain_words():
    part = "aiida.engine.processes.workchains.workchain:WorkChain._action_awaitables"
    assert complaint(part, "AwaitsFirst", {part: "0" * 16}) == (
        f"{package_of(part)} changed WorkChain._action_awaitables ({part}): read what became of it, adapt AwaitsFirst in "
        f"workchains/processes/aiida_private.py, then record it with: {RECORD}"
    )
    gone = "aiida.engine.processes.workchains.workchain:WorkChain._await_all"
    assert complaint(gone, "AwaitsFirst", {gone: "0" * 16}).startswith(f"{package_of(part)} has no WorkChain._await_all any more")


def test_only_what_is_done_counts():
    one = 'def f(x):\n    """Say it."""\n    return x + 1\n'
    other = '    def f(x):\n        """Say it in other words."""\n        # because\n\n        return x + 1\n'
    assert digest(one) == digest(other)
    assert digest(one) != digest(one.replace("1", "2"))


def test_no_other_module_uses_private_names_of_aiida():
    """A private name imported from AiiDA or plumpy, or one of those that are listed, used outside of aiida_private.py."""
    root = Path(aiida_private.__file__).parents[1]
    private = {part.rpartition(".")[2].rpartition(":")[2] for _, part in PARTS}
    private = {name for name in private if name.startswith("_")} | {"_awaitables", "_outputs"}
    uses = []
    for path in sorted(root.rglob("*.py")):
        if path.name == "aiida_private.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            words = set()
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("aiida", "plumpy"):
                words = {alias.name for alias in node.names if alias.name.startswith("_")}
            elif isinstance(node, ast.Attribute):
                words = {node.attr} & private
            uses += [f"{path.relative_to(root)}:{node.lineno}: {word}" for word in sorted(words)]
    assert uses == [], "move it to workchains/processes/aiida_private.py, and list what it rests on in RELIED_ON"


# ------------------------------------------------------------------------------------------------------- what they are used for


class Handing(ForgetsOutputs):
    """Hands over one output a step."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.first, cls.second)
        spec.output("a", valid_type=Int)
        spec.output_namespace("b", valid_type=Int, dynamic=True)

    def first(self):
        self.out("a", Int(1).store())

    def second(self):
        self.out("b.two", Int(2).store())


def returned(node):
    return {link.link_label: link.node.value for link in node.base.links.get_outgoing(link_type=LinkType.RETURN).all()}


def test_outputs_are_attached_as_they_come(aiida_profile):
    outputs, node = run_get_node(Handing)
    assert node.is_finished_ok, node.exception
    assert returned(node) == {"a": 1, "b__two": 2}
    # who runs it here gets them
    assert outputs["b"]["two"].value == 2


def test_a_daemon_forgets_outputs_that_are_attached_and_attaches_none_twice(aiida_profile, monkeypatch):
    made = instantiate_process(get_manager().get_runner(), Handing)
    monkeypatch.setattr(type(made.runner), "is_daemon_runner", True)
    made.first()
    made.update_outputs()
    assert returned(made.node) == {"a": 1}
    assert dict(made.outputs) == {}
    # a step that is run again after its worker died
    made.out("a", made.node.outputs.a)
    made.second()
    made.update_outputs()
    assert returned(made.node) == {"a": 1, "b__two": 2}


def test_a_process_that_never_ran_is_ended(aiida_profile):
    node = CalcJobNode()
    node.set_process_state("created")
    node.set_checkpoint("what it would go on from")
    node.store()
    end_unbegun(node, "abandoned: the daemon died")
    assert node.is_terminated
    assert node.is_excepted
    assert node.is_sealed
    assert node.checkpoint is None
    assert node.exception == "abandoned: the daemon died"


def test_a_process_without_a_checkpoint_says_so_in_the_words_that_are_looked_for(aiida_profile):
    from aiida.engine.persistence import AiiDAPersister
    from plumpy.exceptions import PersistenceError

    node = WorkChainNode().store()
    with pytest.raises(PersistenceError, match="checkpoint") as raised:
        AiiDAPersister().load_checkpoint(node.pk)
    node.set_process_state("excepted")
    node.set_exception(f"{type(raised.value)}: {raised.value}")
    assert has_lost_checkpoint(node), node.exception
    assert not has_lost_checkpoint(WorkChainNode())


def test_the_daemons_processes_are_known_by_their_commands():
    from aiida.engine.daemon.client import DaemonClient

    profile = SimpleNamespace(name="mine")
    # a client of a profile that has a broker
    client = SimpleNamespace(
        _verdi_bin="/bin/verdi", profile=profile, _zmq_broker_service_dir="/files", _zmq_broker_service_log_file="/log"
    )
    assert daemon_role(DaemonClient.cmd_start_daemon_worker.fget(client), profile) == "worker"
    assert daemon_role(DaemonClient._cmd_start_zmq_broker.fget(client), profile) == "broker"
    assert daemon_role(["verdi", "-p", "mine", "daemon", "start-circus"], profile) is None
    assert daemon_role(["verdi", "-p", "another", "daemon", "worker"], profile) is None


def test_caching_ends_with_its_context_whatever_is_raised_in_it(aiida_profile):
    job = "aiida.calculations:alworkflows.sample"
    with reuse_jobs(True):
        assert get_use_cache(identifier=job)
    assert not get_use_cache(identifier=job)
    with pytest.raises(KeyError, match="gone"), reuse_jobs(True):
        raise KeyError("gone")
    assert not get_use_cache(identifier=job)
    with reuse_jobs(False):
        assert not get_use_cache(identifier=job)


if __name__ == "__main__":
    recorded = {part: digest(inspect.getsource(find(part))) for _, part in PARTS}
    RECORDED.write_text(json.dumps(dict(sorted(recorded.items())), indent=1) + "\n")
    print(f"{len(recorded)} sources recorded in {RECORDED}")
