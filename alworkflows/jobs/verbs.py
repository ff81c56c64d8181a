"""The verbs that a compute node knows: what each takes, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alworkflows.errors import InputError
from alworkflows.jobs import results, specs
from alworkflows.schema import parse

__all__ = ["VERBS", "Verb", "read_result"]


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes
    ----------
    title
        What it does.
    spec
        What its input holds.
    result
        What its output holds.
    unfinished
        The same where there is work left, for want of time.
    """

    title: str
    spec: type[specs.JobSpec]
    result: type[results.JobResult]
    unfinished: type[results.JobResult]


VERBS = {
    "sample": Verb(
        "make candidate frames from one structure", specs.SampleSpec, results.SampleResult, unfinished=results.SampleResult
    ),
    "describe": Verb(
        "disagreement, geometry and fingerprint of candidate frames",
        specs.DescribeSpec,
        results.DescribeResult,
        unfinished=results.DescribeResult,
    ),
    "label": Verb(
        "energy, forces and stress of frames with an ASE calculator",
        specs.LabelSpec,
        results.LabelResult,
        unfinished=results.LabelResult,
    ),
    "fit": Verb("fit an ensemble to labelled batches", specs.FitSpec, results.FitResult, unfinished=results.UnfinishedFit),
    "evaluate": Verb(
        "errors of ensembles on labelled frames", specs.EvaluateSpec, results.EvaluateResult, unfinished=results.EvaluateResult
    ),
}


def read_result(verb: str, data: Any, where: str = "output.json") -> results.JobResult | results.Refusal:
    """Return what a job of a verb handed back, from what its ``output.json`` holds.

    Raises
    ------
    InputError
        If that is no result of the verb; the message names the key.
    """
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a mapping of keys, got {type(data).__name__}")
    if data.get("verb") != verb:
        raise InputError(f"{where}: verb: expected '{verb}', got {data.get('verb')!r}")
    if "error" in data:
        return parse(results.Refusal, data, where)
    parse(results.Usage, {key: value for key, value in data.items() if key in results.Usage.model_fields}, where)
    rest = {key: value for key, value in data.items() if key not in results.Usage.model_fields}
    is_unfinished = bool(rest.get("out_of_time") or rest.get("terminated"))
    return parse(VERBS[verb].unfinished if is_unfinished else VERBS[verb].result, rest, where)
