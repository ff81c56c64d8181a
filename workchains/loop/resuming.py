"""Going on with a campaign that ended, was killed, or is to do more: a new one that takes over what the earlier one has.

Finished iterations are taken over as data: their batches, ensembles, decisions are inputs of the new campaign, and its outputs
again. Of an iteration that was begun, the choice of frames is kept once labels were begun; before that, its jobs come from
AiiDA's cache, if their inputs are the same. Labels are found by content, as always, also those that are still being made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ProcessBuilder
from aiida.orm import Data, Dict, ProcessNode, QueryBuilder, WorkChainNode

from alworkflows import __version__
from alworkflows.errors import InputError
from alworkflows.selection.convergence import Ending
from alworkflows.settings import CalculatorSettings, Campaign, LabelSettings, parse
from workchains.data.frames import FramesData
from workchains.loop.given import GIVEN
from workchains.loop.late import labelling_of
from workchains.loop.products import LABELLED, PRODUCTS
from workchains.processes.naming import in_order, link_key, numbered
from workchains.processes.queueing import load_process
from workchains.provenance.places import CHOICE, told_of
from workchains.provenance.versions import check_version, version_of

__all__ = ["Earlier", "earlier", "resume_builder", "successors"]

#: what of the label settings may change without making other labels
FREE = frozenset(
    {
        "machine",
        "chunk",
        "jobs",
        "success_share",
        "remedies",
        "restarts",
        "reuse",
        "reuse_tolerance",
        "approval",
        "clean",
        "largest_force",
    }
)


@dataclass
class Earlier:
    """What a campaign has, as far as its iterations are finished, and what it had begun.

    Attributes
    ----------
    node
        The campaign.
    campaign
        Its settings.
    kept
        For each namespace in :data:`~workchains.loop.products.PRODUCTS` nodes by the key of the iteration.
    decisions
        What each finished iteration decided, oldest first.
    unfinished
        Of the iteration that was begun, once labels were: see :data:`~workchains.provenance.places.CHOICE`.
    iterations
        Its own iterations, by number.
    late_batches
        How many batches came late, those too that are not kept.
    """

    node: ProcessNode
    campaign: Campaign
    kept: dict[str, dict[str, Data]]
    decisions: list[dict[str, Any]]
    unfinished: dict[str, Data] = field(default_factory=dict)
    iterations: dict[int, ProcessNode] = field(default_factory=dict)
    late_batches: int = 0

    @property
    def iteration(self) -> int:
        """The number of the last finished iteration; 0: none is."""
        return self.decisions[-1]["iteration"] if self.decisions else 0

    @property
    def labels(self) -> int:
        """How many labels there are."""
        kept = (self.kept[name].values() for name in LABELLED)
        return sum(len(node) for nodes in kept for node in nodes if isinstance(node, FramesData))


def earlier(node: ProcessNode) -> Earlier:
    """Return what a campaign that has ended hands over.

    Raises
    ------
    InputError
        If it was made by a version whose settings this one does not know.
    """
    campaign, products = _settings(node), _handed_over(node)
    decisions = [data.get_dict() for data in products["decisions"].values() if isinstance(data, Dict)]
    decisions.sort(key=lambda item: item["iteration"])
    last = decisions[-1]["iteration"] if decisions else 0
    own = _iterations(node)
    unfinished = {numbered("iteration", number) for number in own if number > last}
    # given frames that no fit has used yet are taken up anew
    given = set() if last or numbered("iteration", 0) in products["ensembles"] else _given(node)
    # what came late of an iteration that is done again comes again with its frames
    late = {key: told["iteration"] for name in LABELLED for key, data in products[name].items() if (told := _late_of(data))}
    left_out = unfinished | given | {key for key, iteration in late.items() if iteration > last}
    kept = {name: {key: nodes[key] for key in in_order(nodes) if key not in left_out} for name, nodes in products.items()}
    return Earlier(node, campaign, kept, decisions, _unfinished(node, own.get(last + 1), last), own, len(late))


def _iterations(node: ProcessNode) -> dict[int, ProcessNode]:
    """Return a campaign's own iterations, by number."""
    query = QueryBuilder().append(WorkChainNode, filters={"id": node.pk}, tag="campaign")
    named = {"attributes.process_label": "IterationWorkChain"}
    nodes = query.append(WorkChainNode, with_incoming="campaign", filters=named).all(flat=True)
    places = told_of([int(iteration.pk or 0) for iteration in nodes])
    return {places[iteration.pk]["iteration"]: iteration for iteration in sorted(nodes, key=lambda item: item.pk)}


def _given(node: ProcessNode) -> set[str]:
    """Return the keys of the frames that a campaign was given."""
    return set(node.inputs.given.sources) if "given" in node.inputs else set()


def _settings(node: ProcessNode) -> Campaign:
    check_version(node)
    try:
        return parse(Campaign, node.inputs.campaign.get_dict(), f"campaign {node.pk}")
    except InputError as error:
        raise InputError(
            f"campaign {node.pk} was made by alworkflows {version_of(node) or '(unknown)'}; this is {__version__}, which cannot "
            f"go on with it ({error}); launch its file anew: labels that are there are not paid for again"
        ) from error


def _handed_over(node: ProcessNode) -> dict[str, dict[str, Data]]:
    """Return what a campaign was given by an earlier one, and what it made itself."""
    outputs: dict[str, dict[str, Data]] = {name: {} for name in PRODUCTS.values()}
    links = [
        *((link, f"previous__{link.link_label}") for link in node.base.links.get_outgoing(link_type=LinkType.RETURN).all()),
        *((link, link.link_label) for link in node.base.links.get_incoming(link_type=LinkType.INPUT_WORK).all()),
    ]
    for link, label in links:
        namespace, _, key = label.removeprefix("previous__").partition("__")
        if label.startswith("previous__") and namespace in outputs and key and isinstance(link.node, Data):
            outputs[namespace][key] = link.node
    return outputs


def _unfinished(node: ProcessNode, iteration: ProcessNode | None, last: int) -> dict[str, Data]:
    """Return what was chosen in the iteration after the last finished one, if labels were begun in it."""
    if iteration is not None:
        labelled = any(child.process_label == "LabelWorkChain" for child in iteration.called)
        chosen = {name: iteration.outputs[name] for name in CHOICE if name in iteration.outputs}
        if labelled and "selection" in chosen:
            return chosen
    # the campaign may itself have gone on from such a choice, and have ended before it began any label
    resumed = node.inputs.resumed.get_dict() if "resumed" in node.inputs else {}
    return dict(node.inputs.unfinished) if "unfinished" in node.inputs and resumed.get("iteration") == last else {}


# ------------------------------------------------------------------------------------------------ changed settings


def _defining(campaign: Campaign, name: str) -> Any:
    """Return a label setting, without what was allowed, which defines no label."""
    value = getattr(campaign.label, name)
    return value.model_copy(update={"allowed": None}) if isinstance(value, CalculatorSettings) else value


def check_changes(before: Earlier, campaign: Campaign) -> None:
    """Raise an ``InputError`` if changed settings contradict what is there."""
    old = before.campaign
    if before.labels:
        if campaign.species != old.species:
            raise InputError(
                f"species: the {before.labels} labels that are there are of {', '.join(old.species)}, "
                f"got {', '.join(campaign.species)}; another material is a campaign of its own"
            )
        changed = [
            name for name in LabelSettings.model_fields if name not in FREE and _defining(campaign, name) != _defining(old, name)
        ]
        if changed:
            raise InputError(
                f"label.{changed[0]}: it would make other labels than the {before.labels} that are there, and those of two kinds "
                "must not be mixed; launch another campaign"
            )
    done = list(dict.fromkeys(decision["stage"] for decision in before.decisions))
    names = [stage.name for stage in campaign.stages]
    if names[: len(done)] != done:
        raise InputError(
            f"stages: {', '.join(done)} {'are' if len(done) > 1 else 'is'} done or begun, and must come first, in this order; "
            f"got {', '.join(names)}"
        )
    for stage in campaign.stages[: len(done)]:
        was = next(item for item in old.stages if item.name == stage.name)
        if was.train != stage.train:
            raise InputError(f"stages.{stage.name}.train: its labels are there already, as {was.train}; got {stage.train}")


def position(before: Earlier, campaign: Campaign) -> tuple[int, int, dict[str, str]]:
    """Return the index of the stage to go on with, how many of its iterations are done, and which stages did not converge."""
    unconverged: dict[str, str] = {}
    for decision in before.decisions:
        unconverged.pop(decision["stage"], None)
        if decision["ending"] not in (None, Ending.CONVERGED, Ending.FIXED):
            unconverged[decision["stage"]] = decision["sentence"]
    if not before.decisions:
        return 0, 0, {}
    last = before.decisions[-1]
    index = [stage.name for stage in campaign.stages].index(last["stage"])
    stage, was = campaign.stages[index], before.campaign.stages[index]
    done = last["stage_iteration"]
    judged_anew = stage.convergence != was.convergence and done < stage.iterations
    more = last["ending"] in (Ending.ITERATIONS, Ending.FIXED) and stage.iterations > done
    if (last["ending"] is None and done < stage.iterations) or judged_anew or more:
        unconverged.pop(stage.name, None)
        return index, done, unconverged
    return index + 1, 0, unconverged


# ------------------------------------------------------------------------------------------------ the new campaign


def successors(node: ProcessNode) -> list[ProcessNode]:
    """Return the campaigns that go on from a campaign, oldest first."""
    query = QueryBuilder().append(Dict, filters={"attributes.campaign": node.uuid}, tag="record")
    query.append(WorkChainNode, with_incoming="record", edge_filters={"label": "resumed"}, tag="next")
    query.order_by({"next": {"id": "asc"}})
    return query.all(flat=True)


def resume_builder(before: Earlier, campaign: Campaign, base: Path, code: Any, label_code: Any) -> ProcessBuilder:
    """Return a builder of the campaign that goes on.

    Parameters
    ----------
    campaign
        The settings from now on.
    base
        Folder that relative paths of new structure files start from.

    Raises
    ------
    InputError
        If the settings contradict what is there, or nothing is left to do.
    """
    from workchains.campaigns import read_files
    from workchains.loop.active_learning import ActiveLearningWorkChain
    from workchains.provenance.costs import costs

    check_changes(before, campaign)
    stage, done, unconverged = position(before, campaign)
    pk, names = before.node.pk, ", ".join(item.name for item in campaign.stages)
    if stage >= len(campaign.stages):
        raise InputError(
            f"campaign {pk} has done all its stages ({names}); to do more, give more iterations or another convergence (--set), "
            "or new stages (alworkflows extend)"
        )
    builder: Any = ActiveLearningWorkChain.get_builder()
    builder.code, builder.label_code = code, label_code
    builder.campaign = Dict(campaign.model_dump(mode="json"))
    files = dict(before.node.inputs.files) if "files" in before.node.inputs else {}
    there = [name for name in campaign.structures if link_key(name) in files]
    read = read_files(campaign, base, skip=there)
    files.update({link_key(name): FramesData.from_frames(frames) for name, frames in read.items()})
    if files:
        builder.files = files
    builder.options = before.node.inputs.options
    builder.previous = {name: nodes for name, nodes in before.kept.items() if nodes}
    if "given" in before.node.inputs:
        builder.given = {"sources": dict(before.node.inputs.given.sources), "uses": before.node.inputs.given.uses}
    at = campaign.stages[stage].name
    was = position(before, before.campaign)
    if before.unfinished and was[:2] == (stage, done) and before.campaign.stages[was[0]].name == at:
        builder.unfinished = before.unfinished
    spent = costs(before.node)
    record = before.node.inputs.resumed.get_dict() if "resumed" in before.node.inputs else {}
    sentence = f"goes on from campaign {pk}, with {before.labels} labels, after iteration {before.iteration}: stage {at}"
    builder.resumed = Dict(
        {
            "campaign": before.node.uuid,
            "pk": before.node.pk,
            "stage": stage,
            "stage_iteration": done,
            "iteration": before.iteration,
            "groups": _groups(before),
            "late": _late(before),
            "late_batches": before.late_batches,
            "unconverged": unconverged,
            "core_hours": record.get("core_hours", 0.0) + spent.total.core_hours,
            "per_label": spent.labels.per_label or record.get("per_label"),
            "sentence": sentence,
        }
    )
    builder.metadata.label = campaign.name
    builder.metadata.description = campaign.description or sentence
    return builder


def _late(before: Earlier) -> dict[str, str]:
    """Return the finished iterations whose labelling step made, or still makes, labels which no batch holds yet."""
    from workchains.provenance.labels import labelled_parts

    kept = {identity for name in LABELLED for node in before.kept[name].values() for identity in node.ids}
    resumed = before.node.inputs.resumed.get_dict() if "resumed" in before.node.inputs else {}
    iterations = {key: load_process(uuid) for key, uuid in resumed.get("late", {}).items()}
    iterations.update({numbered("iteration", number): iteration for number, iteration in before.iterations.items()})
    uuids = {}
    for key, iteration in iterations.items():
        step = labelling_of(iteration)
        if step is None or not any(key in before.kept[name] for name in LABELLED):
            continue
        if not step.is_terminated or {identity for part in labelled_parts(step) for identity in part.ids} - kept:
            uuids[key] = iteration.uuid
    return uuids


def _groups(before: Earlier) -> dict[str, str]:
    """Return the stage of each set of test frames and each transfer set."""
    stages = {numbered("iteration", decision["iteration"]): decision["stage"] for decision in before.decisions}
    groups = {}
    for name in ("tests", "transfers"):
        for key, node in before.kept[name].items():
            late = _late_of(node)
            groups[key] = stages.get(key, late["stage"] if late else GIVEN)
    return groups


def _late_of(node: Data) -> dict[str, Any] | None:
    """Return which ``stage`` and ``iteration`` asked for labels that came late; None for what did not."""
    if node.creator is None or node.creator.process_label != "late_labels":
        return None
    about: dict[str, Any] = node.creator.inputs.about.get_dict()
    return about
