"""Records made by hand: stored processes with inputs, outputs, callers and times, as if they had run."""

from aiida.common import LinkType
from pieces import computer

from alworkflows import __version__


def store(
    cls, label, *, caller=None, key=None, inputs=None, outputs=None, status=0, message=None, state="finished", **attributes
):
    """Return a stored process that ended as told, with inputs and outputs, called by ``caller`` under ``key``."""
    from aiida import orm

    node = cls(computer=computer()) if cls is orm.CalcJobNode else cls()
    node.set_process_label(label)
    node.set_process_state(state)
    if state == "finished":
        node.set_exit_status(status)
    if message:
        node.set_exit_message(message)
    if cls is orm.CalcJobNode:
        node.set_option("resources", {"num_machines": 1})
    node.base.attributes.set_many(attributes)
    calculates = cls in (orm.CalcJobNode, orm.CalcFunctionNode)
    for name, data in (inputs or {}).items():
        stored = data if data.is_stored else data.store()  # some nodes cannot be stored twice
        node.base.links.add_incoming(stored, LinkType.INPUT_CALC if calculates else LinkType.INPUT_WORK, name)
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_CALC if calculates else LinkType.CALL_WORK, key)
    node.store()
    if not calculates:
        returned(node, **(outputs or {}))
        return node
    for name, data in (outputs or {}).items():
        data.base.links.add_incoming(node, LinkType.CREATE, name)
        data.store()
    return node


def set_times(node, created, modified):
    """Give a stored node times of the past."""
    model = node.backend_entity.model
    model.ctime = created
    model.mtime = modified  # last: each change of a node sets it


def iteration(campaign, number, stage="melt", stage_iteration=1, state="running", inputs=None, **options):
    """Return an iteration of a campaign that was told its place; its steps are its children."""
    from aiida import orm

    told = orm.Dict({"name": stage, "iteration": number, "stage_iteration": stage_iteration})
    given = {"stage": told, **(inputs or {})}
    key = f"iteration_{number:02d}"
    return store(orm.WorkChainNode, "IterationWorkChain", caller=campaign, key=key, inputs=given, state=state, **options)


def returned(node, **outputs):
    """Let a work chain that is stored hand over data."""
    for name, data in outputs.items():
        (data if data.is_stored else data.store()).base.links.add_incoming(node, LinkType.RETURN, name)


def begun(name, state="running", version=__version__, **inputs):
    """Return a campaign that has no step yet; ``version``: of alworkflows, that made it."""
    from aiida import orm

    stage = {"name": "melt", "sampler": {"name": "melt"}, "structures": ["copper"], "iterations": 1}
    settings = {"name": name, "stages": [stage, {**stage, "name": "surface", "sampler": {"name": "surface-melt"}}]}
    node = orm.WorkChainNode(label=name)
    node.set_process_label("ActiveLearningWorkChain")
    node.set_process_state(state)
    node.base.attributes.set("version", {"core": "2.9.4", **({"plugin": version} if version else {})})
    for key, data in {"campaign": orm.Dict(settings), **inputs}.items():
        node.base.links.add_incoming(data.store(), LinkType.INPUT_WORK, key)
    return node.store()
