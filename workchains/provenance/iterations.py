"""What each iteration of a campaign did, or does: read from its process and its children, so it holds while the campaign runs."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiida import orm

from workchains.processes.naming import in_order, numbered
from workchains.provenance.facts import facts_of
from workchains.provenance.labels import LabelTally, label_tallies, together
from workchains.provenance.places import CHOICE, LABEL, LABEL_EARLY, Place, Places, is_labelling
from workchains.provenance.record import IterationRecord
from workchains.provenance.tree import Step, earlier_campaign, input_of, outputs_in, outputs_of, pk_of, settings_of, steps_below

__all__ = ["evaluation", "iterations"]

#: the steps of an iteration, and what a person calls them while they run
STEPS = {
    "trust_levels": "sampling",
    "sample": "sampling",
    "describe": "describing",
    "select": "selecting",
    LABEL: "labelling",
    "train": "training",
    "decide": "training",
}


def iterations(node: orm.ProcessNode, steps: list[Step] | None = None) -> list[IterationRecord]:
    """Return what each iteration of a campaign did, oldest first; those of earlier campaigns that it went on from, too.

    Parameters
    ----------
    node
        The campaign.
    steps
        What :func:`~workchains.provenance.steps_below` returned, if it was called already.
    """
    steps = steps_below(node) if steps is None else steps
    places = Places(node, steps)
    before, begun = _before(node)
    chains = [step for place in places.iterations for step in place.children.values() if is_labelling(step)]
    outputs = outputs_of([place.step.pk for place in places.iterations])
    nodes = {place.number: dict(outputs[place.step.pk]) for place in places.iterations}
    if begun is not None and begun.number in nodes:
        # its frames were chosen in the earlier campaign, and are labelled in this one
        given = {name: begun.nodes[name] for name in CHOICE if name in begun.nodes}
        nodes[begun.number] = {**given, **nodes[begun.number]}
    facts = facts_of(pk for named in nodes.values() for pk in named.values())
    tallies = label_tallies(chains, steps)
    jobs: dict[int, list[Step]] = {place.number: [] for place in places.iterations}
    for step in steps:
        if step.kind == "job" and (place := places.of(step.pk)) is not None:
            jobs[place.number].append(step)
    samplers = {item["name"]: item["sampler"]["name"] for item in settings_of(node)["stages"]} if places.iterations else {}
    records = list(before)
    for place in places.iterations:
        named = nodes[place.number]
        known = {name: facts.get(pk, {}) for name, pk in named.items()}
        own = [tallies[step.pk] for step in place.children.values() if step.pk in tallies]
        record = _record(place, samplers.get(place.stage, "none"), named, known, jobs[place.number], node)
        records.append(replace(record, labelling=_together(own)))
    final = _final_errors(node)
    return [replace(record, final_error=final[record.key]) if record.key in final else record for record in records]


def _before(node: orm.ProcessNode) -> tuple[list[IterationRecord], IterationRecord | None]:
    """Return the finished iterations of the campaigns that one went on from, and the one whose choice it took over."""
    earlier = earlier_campaign(node)
    if earlier is None:
        return [], None
    last, records = input_of(node, "resumed")["iteration"], iterations(earlier)
    taken = input_of(node, "unfinished__selection") is not None
    begun = next((record for record in records if record.number == last + 1), None) if taken else None
    return [record for record in records if record.number <= last], begun


def _together(tallies: list[LabelTally]) -> LabelTally | None:
    return together(tallies) if tallies else None


def _record(
    place: Place,
    sampler: str,
    nodes: dict[str, int],
    facts: Mapping[str, Mapping[str, Any]],
    jobs: list[Step],
    node: orm.ProcessNode,
) -> IterationRecord:
    """Return the record of an iteration; ``facts``: what is known of its ``nodes``, by their names."""

    def of(name: str, fact: str) -> Any:
        return facts.get(name, {}).get(fact)

    values: dict[str, Any] = {
        "stage": place.stage,
        "stage_iteration": place.stage_iteration,
        "sampler": sampler,
        "candidates": of("candidates", "n_frames"),
        "labels": of("batch", "n_frames") or 0,
        "test_labels": of("test_batch", "n_frames") or of("transfer_batch", "n_frames") or 0,
        "jobs": len(jobs),
        "jobs_done": sum(job.ended for job in jobs),
        "seconds": _seconds(place),
        "campaign": pk_of(node),
        "steps": {name: step.pk for name, step in place.children.items()},
        "nodes": nodes,
    }
    if "selection" in nodes:
        values.update({name: of("selection", name) for name in ("counts", "strategy", "accurate_share", "chosen", "test")})
        window = of("selection", "window")
        values["window"] = tuple(window) if window else None
    failures = of("failures", "failures") or []
    reasons = Counter(_without_numbers(item["reason"]) for item in failures)
    values.update(failed_labels=len(failures), failures=dict(reasons.most_common()))
    if "report" in nodes:
        terms = of("ensemble", "terms") or []
        values.update(training_frames=of("report", "training_frames"), terms=sum(terms) / len(terms) if terms else None)
        values.update(held_out_error=of("report", "held_out_rmse"), test_error=of("report", "test_rmse"))
    return IterationRecord(key=numbered("iteration", place.number), number=place.number, state=_state(place), **values)


def _without_numbers(reason: str) -> str:
    """Return a reason with its decimal numbers masked, so that those which differ in a figure are counted together."""
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", "…", reason.strip().splitlines()[0] if reason.strip() else "no reason given")


def _seconds(place: Place) -> float:
    """Return how long an iteration took, until now if it runs, with what was sampled before its turn, without late labels."""
    start = min([place.step.created, *(step.created for step in place.children.values())])
    late = LABEL if LABEL_EARLY in place.children else None
    end = max([place.step.modified, *(step.modified for key, step in place.children.items() if key != late)])
    return ((end if place.step.ended else dt.datetime.now(tz=start.tzinfo)) - start).total_seconds()


def _state(place: Place) -> str:
    """Return what an iteration does, or ``done``, or ``stopped`` if it did not come to its end."""
    if place.step.ended:
        return "done" if place.step.ok else "stopped"
    for name, word in STEPS.items():
        if name in place.children and not place.children[name].ended:
            return word
    begun = [name for name in STEPS if name in place.children]
    return STEPS[begun[-1]] if begun else "sampling"


def evaluation(node: orm.ProcessNode) -> dict[str, Any] | None:
    """Return the campaign's final judgement: ``groups``, ``errors`` (one an ensemble, oldest first); None before its end."""
    pk = outputs_of([pk_of(node)])[pk_of(node)].get("evaluation")
    stored = orm.load_node(pk) if pk is not None else None
    return stored.get_dict() if isinstance(stored, orm.Dict) else None


def _final_errors(node: orm.ProcessNode) -> dict[str, float]:
    """Return the error of each iteration's ensemble on the final test set, by its key."""
    judged = evaluation(node)
    if judged is None:
        return {}
    keys = in_order(outputs_in(pk_of(node), "ensembles"))
    return {key: errors["all"]["force_rmse"] for key, errors in zip(keys, judged["errors"], strict=True)}
