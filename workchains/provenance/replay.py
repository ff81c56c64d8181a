"""What another selection would have chosen, from what a campaign has stored: no simulation, no label, no node.

Each iteration's candidates, with the disagreements, grades and fingerprints that were found of them, go through
:func:`alworkflows.selection.select` again. What the data set knows is what the replay itself chose before. One thing a replay
cannot know: other labels would have made another ensemble, whose disagreements and samples would differ. So it says what a
selection makes of the same candidates, and not how good the potential would have become.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm

from alworkflows.errors import InputError, unknown
from alworkflows.selection import Choice, Selection, select
from alworkflows.settings import Criterion, Diversity, TrustLevels, parse
from workchains.data.frames import FramesData
from workchains.processes.naming import derive_seed
from workchains.provenance import IterationRecord, costs, iterations
from workchains.provenance.tree import pk_of
from workchains.steps.select import TEST, TRAIN, arguments, ids_by_use, marks_of
from workchains.steps.trust_levels import window_of

__all__ = ["CHANGES", "Outcome", "Replayed", "replay"]

#: what may be changed
CHANGES = ("criterion", "diversity", "levels", "budget", "pool", "test_share", "seed")


@dataclass(frozen=True)
class Outcome:
    """What one selection made of an iteration's candidates.

    Attributes
    ----------
    chosen, test
        Indices of the candidates to train on, in the order they were picked, and of those to test on.
    window
        Lower and upper trust level, eV/A; None without an ensemble.
    accurate_share
        Of the candidates with a valid geometry; None without an ensemble.
    mean_disagreement
        Of the chosen frames, eV/A; None without an ensemble, or if none was chosen.
    labels, core_hours
        Labels asked for, and what they cost at the mean of this campaign's labels (None if that is unknown).
    """

    chosen: list[int]
    test: list[int]
    window: tuple[float, float] | None
    accurate_share: float | None
    mean_disagreement: float | None
    labels: int
    core_hours: float | None


@dataclass(frozen=True)
class Replayed:
    """One iteration: what was chosen then, and what is chosen now.

    Attributes
    ----------
    key, number, stage
        ``iteration_01``, 1, and the name of its stage.
    ids
        Of the candidates.
    disagreement
        (F,) of the candidates, eV/A; None without an ensemble.
    fingerprints
        (F, D) of the candidates.
    then, now
        What was chosen, and what the replay chooses.
    reasons
        Why the replay chooses a frame, by its index.
    """

    key: str
    number: int
    stage: str
    ids: list[str]
    disagreement: np.ndarray | None
    fingerprints: np.ndarray
    then: Outcome
    now: Outcome
    reasons: dict[int, str]

    @property
    def common(self) -> int:
        """How many frames to train on both choose."""
        return len(set(self.then.chosen) & set(self.now.chosen))

    def summary(self) -> dict[str, Any]:
        """Return the figures and the ids of the chosen frames as plain JSON types."""
        names = ("window", "accurate_share", "mean_disagreement", "labels", "core_hours")
        figures = {
            name: {
                **{key: getattr(side, key) for key in names},
                "chosen": [self.ids[index] for index in side.chosen],
                "test": [self.ids[index] for index in side.test],
            }
            for name, side in (("then", self.then), ("now", self.now))
        }
        why = {self.ids[index]: reason for index, reason in self.reasons.items()}
        return {
            "key": self.key,
            "stage": self.stage,
            "candidates": len(self.ids),
            "common": self.common,
            **figures,
            "reasons": why,
        }


def replay(node: orm.ProcessNode, changes: Mapping[str, Any] | None = None) -> list[Replayed]:
    """Return what another selection would have chosen in each iteration of a campaign, oldest first.

    Parameters
    ----------
    node
        The campaign, in whatever state; iterations that have not chosen yet are left out.
    changes
        Any of: ``criterion`` and ``diversity`` (names), ``levels`` (keys of the trust levels, laid over the campaign's; with
        ``kind`` they stand for themselves), ``budget`` (frames per iteration), ``pool``, ``test_share``, ``seed`` (of the
        campaign). None: the same selection, which chooses the same frames.

    Raises
    ------
    InputError
        If a change is unknown or no valid setting, a score that the criterion needs was not stored, changed levels meet an
        iteration without the report they rest on, or no iteration has chosen yet.
    """
    changed = _checked(changes or {})
    per_label = costs(node).labels.per_label
    replayed: list[Replayed] = []
    marks: dict[int, tuple[np.ndarray, list[str]]] = {}  # what the replay chose, by the PK of the node of what was chosen
    for record in iterations(node):
        if "selection" not in record.nodes:
            continue
        replayed.append(_one(record, changed, marks, per_label))
    if not replayed:
        raise InputError(f"campaign {node.pk} has not chosen any frames yet: nothing to replay")
    return replayed


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    for name in changes:
        if name not in CHANGES:
            raise unknown("change", name, CHANGES)
    given = {name: value for name, value in changes.items() if value is not None}
    for name, kind in (("criterion", Criterion), ("diversity", Diversity)):
        if name in given and given[name] not in list(kind):
            raise unknown(name, str(given[name]), [str(item) for item in kind])
    return given


def _one(
    record: IterationRecord,
    changes: Mapping[str, Any],
    marks: dict[int, tuple[np.ndarray, list[str]]],
    per_label: float | None,
) -> Replayed:
    chosen = orm.load_node(record.nodes["selection"]).creator
    inputs = chosen.inputs
    candidates, deviation, stored = inputs.candidates, inputs.deviation, inputs.settings.get_dict()
    known = {
        link.link_label: link.node
        for link in chosen.base.links.get_incoming().all()
        if isinstance(link.node, orm.ArrayData) and link.link_label != "deviation"
    }
    before = [marks.get(pk_of(known[key])) or marks_of(known[key]) for key in sorted(known)]
    settings, seed = _settings(record, stored, changes), inputs.seed.value
    if "seed" in changes:
        seed = derive_seed(changes["seed"], record.stage, record.stage_iteration, "select")
    try:
        given = arguments(candidates, deviation, settings, before)
        now = select(**given, seed=seed)
    except InputError as error:
        raise InputError(_why(record, changes, deviation, str(error))) from error
    fingerprints, scores = given["fingerprints"], given["scores"]
    marks[chosen.outputs.fingerprints.pk] = (
        fingerprints[[choice.index for choice in now.chosen]],
        [candidates.ids[choice.index] for choice in (*now.chosen, *now.test)],
    )
    disagreement = None if scores is None else np.asarray(scores.disagreement, dtype=float)
    return Replayed(
        key=record.key,
        number=record.number,
        stage=record.stage,
        ids=candidates.ids,
        disagreement=disagreement,
        fingerprints=fingerprints,
        then=_then(chosen, candidates, disagreement, per_label),
        now=_now(now, disagreement, per_label),
        reasons={choice.index: choice.reason for choice in now.chosen},
    )


def _settings(record: IterationRecord, stored: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an iteration's selection with the changes in them."""
    settings = {**stored, **{name: str(changes[name]) for name in ("criterion", "diversity") if name in changes}}
    settings.update({name: changes[name] for name in ("pool", "test_share") if name in changes})
    if "budget" in changes and stored["budget_now"]:
        settings["budget_now"] = changes["budget"]  # of a transfer set all is drawn at random
    if "levels" in changes and stored["window"] is not None:
        settings["window"] = _window(record, changes["levels"]) or stored["window"]
    return settings


def _window(record: IterationRecord, levels: Mapping[str, Any]) -> list[float] | None:
    """Return the trust window of an iteration with changed levels, from the report that its own rest on; None: not changed."""
    maker = orm.load_node(record.nodes["trust_levels"]).creator if "trust_levels" in record.nodes else None
    if maker is None:
        raise InputError(f"{record.key}: the report that its trust levels rest on is not stored: they cannot be changed")
    settings = maker.inputs.settings.get_dict()
    new = dict(levels) if "kind" in levels else {**settings["levels"], **levels}
    if parse(TrustLevels, new, "levels") == parse(TrustLevels, settings["levels"], "levels"):
        return None
    try:
        window = window_of(maker.inputs.report.get_dict(), {**settings, "levels": new})
    except InputError as error:
        raise InputError(f"{record.key}: {error}") from error
    return [window.lower, window.upper]


def _why(record: IterationRecord, changes: Mapping[str, Any], deviation: orm.ArrayData, reason: str) -> str:
    """Return why an iteration cannot be replayed; a score that was never asked for is told as that."""
    name = {Criterion.GRADE: "grade", Criterion.ELEMENT_DISAGREEMENT: "element_disagreement"}.get(changes.get("criterion"))  # type: ignore[arg-type]
    stored = deviation.get_arraynames()
    if name is not None and (name not in stored or np.isnan(deviation.get_array(name)).all()):
        return (
            f"{record.key}: the criterion '{changes['criterion']}' cannot be replayed: its score was not stored, because the "
            "campaign did not ask for it"
        )
    return f"{record.key}: {reason}"


# ------------------------------------------------------------------------------------------------ both sides


def _then(chosen: orm.ProcessNode, candidates: FramesData, disagreement: np.ndarray | None, per_label: float | None) -> Outcome:
    """Return what was chosen."""
    selection = chosen.outputs.selection.get_dict()
    place = {identity: index for index, identity in enumerate(candidates.ids)}
    uses = ids_by_use(chosen.outputs.chosen) if "chosen" in chosen.outputs else {}
    train, test = ([place[identity] for identity in uses.get(use, ())] for use in (TRAIN, TEST))
    window, counts = tuple(selection["window"]) if selection["window"] else None, selection["counts"]
    # counted anew: the database keeps 14 digits of a number
    share = None if window is None else counts["accurate"] / counts["valid"] if counts["valid"] else 0.0
    return _outcome(train, test, window, share, disagreement, per_label)


def _now(now: Selection, disagreement: np.ndarray | None, per_label: float | None) -> Outcome:
    def indices(choices: list[Choice]) -> list[int]:
        return [choice.index for choice in choices]

    share = None if now.window is None else now.accurate_share
    return _outcome(indices(now.chosen), indices(now.test), now.window, share, disagreement, per_label)


def _outcome(
    chosen: list[int],
    test: list[int],
    window: tuple[float, float] | None,
    share: float | None,
    disagreement: np.ndarray | None,
    per_label: float | None,
) -> Outcome:
    labels = len(chosen) + len(test)
    mean = float(disagreement[chosen].mean()) if disagreement is not None and chosen else None
    return Outcome(chosen, test, window, share, mean, labels, None if per_label is None else labels * per_label)
