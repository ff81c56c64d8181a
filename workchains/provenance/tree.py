"""The processes below a process, read with one query a level, so that it can be polled while a campaign runs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from alworkflows.errors import InputError
from workchains.processes.revival import ABANDONED

__all__ = [
    "Kind",
    "Step",
    "campaign_of",
    "created_by",
    "earlier_campaign",
    "ending",
    "input_of",
    "is_campaign",
    "load_node",
    "outputs_in",
    "outputs_of",
    "pk_of",
    "portions",
    "settings_of",
    "steps_below",
    "steps_of",
]

Kind = str

#: process node class -> what it is called
KINDS: dict[str, Kind] = {
    "CalcJobNode": "job",
    "CalcFunctionNode": "function",
    "WorkChainNode": "workchain",
    "WorkFunctionNode": "workchain",
}

#: how many values go into one filter; databases limit them
AT_ONCE = 5000
#: forms of a PK and of the beginning of a UUID, and the largest number of the column that PKs stand in
_PK, _UUID = re.compile(r"[0-9]{1,20}"), re.compile(r"(?=.*[A-Fa-f-])[0-9A-Fa-f-]{1,36}")
LARGEST_PK = 2**31 - 1

#: what is kept as a job's ``info``
INFO = ("resources", "job_state", "scheduler_state", "last_job_info")

ENDED = frozenset({"finished", "excepted", "killed"})


@dataclass(frozen=True)
class Step:
    """One process below a campaign.

    Attributes
    ----------
    pk
        Its PK.
    parent
        PK of the process that called it.
    path
        Call link labels from the campaign down, such as ``iteration_01/sample/sample_00``.
    kind
        ``job`` (on a computer), ``function`` (inside the daemon) or ``workchain``.
    process
        Name of its class, such as ``SampleJob``.
    label
        The label a user sees.
    state
        ``created``, ``waiting``, ``running``, ``finished``, ``excepted`` or ``killed``.
    exit_status, exit_message
        Once it finished; 0 and None if all went well.
    created, modified
        Of its node, in UTC; an ended process is not modified again but by a user.
    info
        Of a job: the ``resources`` it asked for, and what the scheduler said: ``job_state`` (of AiiDA), ``scheduler_state``,
        ``last_job_info``.
    paused
        It waits to be played: a person, or AiiDA after a connection had failed several times, has paused it.
    process_status
        What it says it is doing.
    """

    pk: int
    parent: int
    path: str
    kind: Kind
    process: str
    label: str
    state: str
    exit_status: int | None
    exit_message: str | None
    created: dt.datetime
    modified: dt.datetime
    info: dict[str, Any]
    paused: bool = False
    process_status: str | None = None

    @property
    def ended(self) -> bool:
        """It will not change any more."""
        return self.state in ENDED

    @property
    def ok(self) -> bool:
        """It finished with exit status 0."""
        return self.state == "finished" and self.exit_status == 0

    @property
    def key(self) -> str:
        """The call link label."""
        return self.path.rsplit("/", 1)[-1]


_FIELDS = {
    "attributes.process_label": "process",
    "attributes.process_state": "state",
    "attributes.exit_status": "exit_status",
    "attributes.exit_message": "exit_message",
    "attributes.state": "job_state",
    "attributes.scheduler_state": "scheduler_state",
    "attributes.last_job_info": "last_job_info",
    "attributes.resources": "resources",
    "attributes.paused": "paused",
    "attributes.process_status": "process_status",
}
_COLUMNS = ["id", "node_type", "label", "ctime", "mtime", *_FIELDS]


def portions(pks: Sequence[int]) -> Iterator[list[int]]:
    """Return PKs by as many as go into one filter."""
    for start in range(0, len(pks), AT_ONCE):
        yield list(pks[start : start + AT_ONCE])


def steps_below(node: orm.ProcessNode, depth: int | None = None) -> list[Step]:
    """Return the processes called by a process and by those it called, in the order they were made.

    Parameters
    ----------
    node
        Usually a campaign; any process that calls others.
    depth
        How many levels down; None: all.
    """
    steps: list[Step] = []
    paths = {pk_of(node): ""}
    level = 0
    while paths and (depth is None or level < depth):
        rows = _children(list(paths))
        below = {}
        for parent, link, values in rows:
            path = f"{paths[parent]}/{link}".lstrip("/")
            step = Step(parent=parent, path=path, **values)
            steps.append(step)
            below[step.pk] = path
        paths = below
        level += 1
    return sorted(steps, key=lambda step: step.pk)


def _children(parents: list[int]) -> list[tuple[int, str, dict[str, Any]]]:
    rows: list[tuple[int, str, dict[str, Any]]] = []
    for some in portions(parents):
        rows += _some_children(some)
    return rows


def _some_children(parents: list[int]) -> list[tuple[int, str, dict[str, Any]]]:
    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={"id": {"in": parents}}, project="id", tag="parent")
    calls = {"type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}
    # what a dead daemon left before it began is no step: another was made in its place
    real = {"extras": {"!has_key": ABANDONED}}
    query.append(
        orm.ProcessNode, filters=real, with_incoming="parent", edge_filters=calls, edge_project="label", project=_COLUMNS
    )
    return [(parent, link, _values(row)) for parent, *row, link in query.all()]


def _values(row: list[Any]) -> dict[str, Any]:
    """Return what a step is made of, from what a query projects of its process."""
    pk, node_type, label, created, modified, *fields = row
    values = dict(zip(_FIELDS.values(), fields, strict=True))
    info = {key: values.pop(key) for key in INFO}
    kind = KINDS.get(node_type.rstrip(".").rsplit(".", 1)[-1], "workchain")
    values.update(pk=pk, kind=kind, label=label, created=created, modified=modified, info=info)
    values["process"] = values["process"] or ""
    values["state"] = values["state"] or "created"
    values["paused"] = bool(values["paused"])
    return values


def steps_of(pks: list[int]) -> list[Step]:
    """Return processes as steps, without a parent and a path."""
    steps: list[Step] = []
    for some in portions(pks):
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": {"in": some}}, project=_COLUMNS)
        steps += [Step(parent=0, path="", **_values(row)) for row in query.all()]
    return steps


def outputs_of(pks: list[int]) -> dict[int, dict[str, int]]:
    """Return the outputs of processes: {process: {link label: PK}}; nested names keep AiiDA's double underscore."""
    if not pks:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={"id": {"in": pks}}, project="id", tag="process")
    edges = {"type": {"in": [LinkType.CREATE.value, LinkType.RETURN.value]}}
    query.append(orm.Data, with_incoming="process", edge_filters=edges, edge_project="label", project="id")
    outputs: dict[int, dict[str, int]] = {pk: {} for pk in pks}
    for process, data, link in query.all():
        outputs[process][link] = data
    return outputs


def created_by(
    processes: Sequence[int], project: str | list[str], links: Sequence[str] | None = None, kind: type[orm.Data] = orm.Data
) -> list[Any]:
    """Return a row for each node that processes created: PK of the process, what is projected of the node, link label.

    ``links``: the link labels of the nodes that are wanted; None: all.
    """
    rows: list[Any] = []
    edge: dict[str, Any] = {"type": LinkType.CREATE.value, **({"label": {"in": list(links)}} if links else {})}
    for some in portions(processes):
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": {"in": some}}, project="id", tag="process")
        query.append(kind, with_incoming="process", edge_filters=edge, edge_project="label", project=project)
        rows += query.all()
    return rows


def outputs_in(pk: int, namespace: str) -> dict[str, int]:
    """Return what stands in a namespace of a process's outputs: {key: PK}."""
    outputs, prefix = outputs_of([pk])[pk], f"{namespace}__"
    return {label.removeprefix(prefix): node for label, node in outputs.items() if label.startswith(prefix)}


def pk_of(node: orm.Node) -> int:
    """Return the PK of a node that is stored."""
    assert node.pk is not None
    return node.pk


def ending(node: orm.ProcessNode) -> str:
    """Return how a process ended, or its state: its message if it left one."""
    return node.exit_message or (node.process_state.value if node.process_state else "unknown")


def is_campaign(node: orm.Node) -> bool:
    """Whether a node is a run of ``ActiveLearningWorkChain``."""
    return isinstance(node, orm.WorkChainNode) and node.process_label == "ActiveLearningWorkChain"


def campaign_of(node: orm.Node) -> orm.ProcessNode | None:
    """Return the campaign a process, or the process that made a data node, belongs to; None if there is none."""
    process = node if isinstance(node, orm.ProcessNode) else node.creator
    while process is not None and not is_campaign(process):
        process = process.caller
    return process


def earlier_campaign(node: orm.ProcessNode) -> orm.ProcessNode | None:
    """Return the campaign that a campaign went on from; None if there is none, or it is not in this profile."""
    record = input_of(node, "resumed")
    if record is None:
        return None
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"uuid": record["campaign"]})
    campaign: orm.ProcessNode | None = query.first(flat=True)
    return campaign


def input_of(node: orm.ProcessNode, label: str) -> Any:
    """Return an input of a work chain by its link label, None if it has none; ``node.inputs`` would load all there are."""
    query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": node.pk}, tag="process")
    query.append(orm.Data, with_outgoing="process", edge_filters={"label": label})
    return query.first(flat=True)


def settings_of(node: orm.ProcessNode) -> dict[str, Any]:
    """Return the settings of a campaign, as they were stored."""
    values: dict[str, Any] = input_of(node, "campaign").get_dict()
    return values


def load_node(text: str | int) -> orm.Node:
    """Return a node by PK or UUID.

    Raises
    ------
    InputError
        If there is none, or the beginning of a UUID fits several.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        # what can be neither, the database would not look for, but refuse
        is_pk, is_uuid = _PK.fullmatch(str(text)), _UUID.fullmatch(str(text))
        if not (is_pk or is_uuid) or (is_pk and int(text) > LARGEST_PK):
            raise ValueError("neither")
        return orm.load_node(text)
    except MultipleObjectsError:
        raise InputError(f"'{text}' is the beginning of the UUID of several nodes; give more of it") from None
    except (NotExistent, ValueError):
        raise InputError(
            f"no node with the PK or UUID '{text!s:.60}' in this profile; `alworkflows status` lists campaigns"
        ) from None
