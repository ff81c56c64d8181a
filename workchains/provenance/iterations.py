"""What each iteration of a campaign did, or does: read from its children, so it holds while the campaign runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm

from workchains.provenance.facts import facts_of
from workchains.provenance.labels import is_labelling, label_tallies, together
from workchains.provenance.record import IterationRecord
from workchains.provenance.stages import stages_of
from workchains.provenance.tree import Step, earlier_campaign, input_of, outputs_of, pk_of, settings_of, steps_below

__all__ = ["by_iteration", "evaluation", "iterations", "stages_by_iteration"]

_KEY = re.compile(r"(iteration_(\d+))_(levels|sample|deviate|select|label|label_test|train|judge)")

#: key of a sampling step that began before its turn
_AHEAD = re.compile(r"ahead_\w+_sample")

#: the steps of an iteration, and what a person calls them while they run
STEPS = {
    "levels": "sampling",
    "sample": "sampling",
    "deviate": "describing",
    "select": "selecting",
    "label": "labelling",
    "label_test": "labelling",
    "train": "training",
    "judge": "training",
}
#: what an iteration has by the time its frames are chosen
CHOICE = ("levels", "candidates", "deviation", "selection", "selected", "test")


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
    children = by_iteration(node, steps)
    before, begun = _before(node)
    outputs = outputs_of([step.pk for group in children.values() for step in group.values()])
    nodes = {key: _nodes(group, outputs) for key, group in children.items()}
    if begun is not None and begun.key in nodes:
        # its frames were chosen in the earlier campaign, and are labelled in this one
        given = {name: begun.nodes[name] for name in CHOICE if name in begun.nodes}
        nodes[begun.key] = {**given, **nodes[begun.key]}
    facts = facts_of(pk for made in nodes.values() for pk in made.values())
    decided = {key: facts.get(made.get("decision", 0), {}).get("stage") for key, made in nodes.items()}
    stages = stages_of(node, children, decided, before[-1].stage if before else None, begun)
    chains = [step for group in children.values() for step in group.values() if is_labelling(step)]
    tallies = label_tallies(chains, steps)
    jobs: dict[str, list[Step]] = {key: [] for key in children}
    keys = {step.path: key for key, group in children.items() for step in group.values()}
    for step in steps:
        key = keys.get(step.path.partition("/")[0])
        if step.kind == "job" and key is not None:
            jobs[key].append(step)
    records = list(before)
    samplers = {item["name"]: item["sampler"]["name"] for item in settings_of(node)["stages"]} if children else {}
    for key, group in children.items():
        made = {name: facts.get(pk, {}) for name, pk in nodes[key].items()}
        record = _record(key, (stages[key], samplers.get(stages[key], "?")), group, nodes[key], made, jobs[key], node)
        own = [tallies[step.pk] for step in group.values() if step.pk in tallies]
        records.append(_with(record, labelling=together(own)) if own else record)
    final = _final_errors(node)
    return [_with(record, final_error=final[record.key]) if record.key in final else record for record in records]


def _before(node: orm.ProcessNode) -> tuple[list[IterationRecord], IterationRecord | None]:
    """Return the finished iterations of the campaigns that one went on from, and the one whose choice it took over."""
    earlier = earlier_campaign(node)
    if earlier is None:
        return [], None
    last, records = input_of(node, "resumed")["iteration"], iterations(earlier)
    taken = input_of(node, "unfinished__selections") is not None
    begun = next((record for record in records if record.number == last + 1), None) if taken else None
    return [record for record in records if record.number <= last], begun


def stages_by_iteration(node: orm.ProcessNode, steps: list[Step]) -> dict[str, str]:
    """Return the name of the stage of each iteration that ran in a campaign; nothing of any other process."""
    children = by_iteration(node, steps)
    if not children:
        return {}
    judged = {key: group["judge"].pk for key, group in children.items() if "judge" in group}
    made = outputs_of(list(judged.values()))
    facts = facts_of(links.get("result", 0) for links in made.values())
    decided = {key: facts.get(made[pk].get("result", 0), {}).get("stage") for key, pk in judged.items()}
    before, begun = _before(node)
    return stages_of(node, children, decided, before[-1].stage if before else None, begun)


def by_iteration(node: orm.ProcessNode, steps: Sequence[Step]) -> dict[str, dict[str, Step]]:
    """Return the campaign's children by iteration and step; of several with one key, the last that did not crash counts.

    What was sampled before its turn belongs to the iteration that used it, and until then to none.
    """
    groups: dict[str, dict[str, Step]] = {}
    for step in steps:
        match = _KEY.fullmatch(step.path)
        if match is None or step.parent != node.pk:
            continue
        group = groups.setdefault(match.group(1), {})
        if match.group(3) not in group or step.state != "excepted":
            group[match.group(3)] = step
    ahead = {step.pk: step for step in steps if step.parent == node.pk and _AHEAD.fullmatch(step.path)}
    if ahead:
        used = {pk: label.partition("__")[2] for label, pk in outputs_of([pk_of(node)])[pk_of(node)].items()
                if label.startswith("candidates__")}  # fmt: skip
        for pk, made in outputs_of(list(ahead)).items():
            if made.get("candidates") in used:
                groups.setdefault(used[made["candidates"]], {})["sample"] = ahead[pk]
    # in the order of their numbers, also where those have become longer
    return dict(sorted(groups.items(), key=lambda item: (len(item[0]), item[0])))


def _record(
    key: str,
    stage: tuple[str, str],
    group: dict[str, Step],
    nodes: dict[str, int],
    made: Mapping[str, Mapping[str, Any]],
    jobs: list[Step],
    node: orm.ProcessNode,
) -> IterationRecord:
    """Return the record of an iteration; ``stage``: and its sampler; ``made``: what is known of its ``nodes``, by their names."""

    def of(name: str, fact: str) -> Any:
        return made.get(name, {}).get(fact)

    values: dict[str, Any] = {
        "stage": stage[0],
        "sampler": stage[1],
        "candidates": of("candidates", "n_frames"),
        "labels": of("batch", "n_frames") or 0,
        "test_labels": of("tests", "n_frames") or 0,
        "jobs": len(jobs),
        "jobs_done": sum(job.ended for job in jobs),
        "seconds": _seconds(group),
        "campaign": pk_of(node),
        "steps": {name: step.pk for name, step in group.items()},
        "nodes": nodes,
    }
    if "selection" in nodes:
        values.update({name: of("selection", name) for name in ("counts", "strategy", "accurate_share", "chosen", "test")})
        window = of("selection", "window")
        values["window"] = tuple(window) if window else None
    told = [item for name in ("failures", "test_failures") for item in of(name, "failures") or ()]
    reasons = Counter(_without_numbers(item["reason"]) for item in told)
    values.update(failed_labels=len(told), failures=dict(reasons.most_common()))
    if "report" in nodes:
        terms = of("ensemble", "terms") or []
        values.update(training_frames=of("report", "training_frames"), terms=sum(terms) / len(terms) if terms else None)
        values.update(held_out_error=of("report", "held_out_rmse"), test_error=of("report", "test_rmse"))
    return IterationRecord(key=key, number=int(key.rsplit("_", 1)[1]), state=_state(group, node), **values)


def _nodes(group: dict[str, Step], outputs: dict[int, dict[str, int]]) -> dict[str, int]:
    wanted = {
        ("levels", "result"): "levels",
        ("sample", "candidates"): "candidates",
        ("deviate", "deviation"): "deviation",
        ("select", "selected"): "selected",
        ("select", "test"): "test",
        ("select", "selection"): "selection",
        ("label", "batch"): "batch",
        ("label_test", "batch"): "tests",
        ("train", "ensemble"): "ensemble",
        ("train", "report"): "report",
        ("judge", "result"): "decision",
        ("label", "failures"): "failures",
        ("label_test", "failures"): "test_failures",
    }
    found = {}
    for (step, link), name in wanted.items():
        if step in group and link in outputs[group[step].pk]:
            found[name] = outputs[group[step].pk][link]
    return found


def _without_numbers(reason: str) -> str:
    """Return a reason with its decimal numbers masked, so that those which differ in a figure are counted together."""
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", "…", reason.strip().splitlines()[0] if reason.strip() else "no reason given")


def _seconds(group: dict[str, Step]) -> float:
    import datetime as dt

    start = min(step.created for step in group.values())
    running = any(not step.ended for step in group.values())
    end = dt.datetime.now(tz=start.tzinfo) if running else max(step.modified for step in group.values())
    return (end - start).total_seconds()


def _state(group: dict[str, Step], node: orm.ProcessNode) -> str:
    for name, word in STEPS.items():
        if name in group and not group[name].ended:
            return word
    if any(not step.ok for name, step in group.items() if name != "label_test") or (node.is_terminated and "train" not in group):
        # an iteration that found nothing to learn is done without training
        empty = "select" in group and group["select"].ok and "label" not in group
        return "done" if empty else "stopped"
    last = next(name for name in reversed(STEPS) if name in group)
    return "done" if last in ("train", "judge") or node.is_terminated else STEPS[last]


def evaluation(node: orm.ProcessNode) -> dict[str, Any] | None:
    """Return the campaign's final judgement: ``groups``, ``errors`` (one an ensemble, oldest first); None before its end."""
    made = outputs_of([pk_of(node)])[pk_of(node)].get("evaluation")
    found = orm.load_node(made) if made is not None else None
    return found.get_dict() if isinstance(found, orm.Dict) else None


def _final_errors(node: orm.ProcessNode) -> dict[str, float]:
    """Return the error of each iteration's ensemble on the final test set."""
    judged = evaluation(node)
    if judged is None:
        return {}
    outputs = outputs_of([pk_of(node)])[pk_of(node)]
    keys = sorted(label.partition("__")[2] for label in outputs if label.startswith("ensembles__"))
    return {key: errors["all"]["force_rmse"] for key, errors in zip(keys, judged["errors"], strict=True)}


def _with(record: IterationRecord, **values: Any) -> IterationRecord:
    from dataclasses import replace

    return replace(record, **values)
