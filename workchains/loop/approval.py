"""The approval point: a campaign that asks before it pays, and what is known of the price.

The question and its answer are extras of the iteration's node: a person's word, not data that a result is made of.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from aiida.orm import InstalledCode, ProcessNode, QueryBuilder, WorkChainNode, load_node

from alworkflows.errors import InputError
from alworkflows.settings import LabelSettings
from workchains.data.frames import FramesData, engine_key
from workchains.labelling.bought import bought

__all__ = ["answer", "estimate", "give_answer", "open_question", "put_question", "was_approved"]

QUESTION, ANSWER = "alworkflows_question", "alworkflows_answer"
#: nodes of earlier labels that are looked at for the price of one
LOOKED_AT = 20


def estimate(frames: FramesData, settings: LabelSettings, code: InstalledCode) -> dict[str, Any]:
    """Return what labels of these frames would cost, from what earlier ones of the same settings took.

    Keys: ``labels``, ``atoms``, ``core_hours`` (None if no such label is there yet) and ``text``.
    """
    from workchains.labelling import label_program

    labels, atoms = len(frames), frames.base.attributes.get("n_atoms")
    description = label_program(settings.engine)(settings).describe(code)
    per_atom = _core_seconds_per_atom(engine_key(description)) if description is not None else None
    hours = None if per_atom is None else per_atom * atoms / 3600.0
    known = "cost unknown, none of these settings is there yet" if hours is None else f"about {hours:.3g} core-hours"
    return {"labels": labels, "atoms": atoms, "core_hours": hours, "text": f"{labels} labels, {atoms} atoms in all, {known}"}


def _core_seconds_per_atom(key: str) -> float | None:
    seconds = atoms = 0.0
    for pk in reversed(list(bought(key, "n_frames"))[-LOOKED_AT:]):
        node: Any = load_node(pk)
        for frame in node.get_frames():
            label = frame.info.get("origin", {}).get("label", {})
            if "seconds" in label and "reused_from" not in label:
                seconds += label["seconds"] * label.get("cores", 1)
                atoms += len(frame)
    return seconds / atoms if atoms else None


def put_question(node: ProcessNode, question: dict[str, Any]) -> None:
    """Write down what an iteration asks."""
    node.base.extras.set(QUESTION, question)


def answer(node: ProcessNode) -> bool | None:
    """Return what an iteration was answered; None: nothing yet."""
    said = node.base.extras.get(ANSWER, None)
    return None if said is None else bool(said["approved"])


def was_approved(campaign: ProcessNode) -> bool:
    """Return whether labels of any iteration of a campaign were approved so far."""
    return any(answer(iteration) for iteration in _iterations(campaign))


def open_question(campaign: ProcessNode) -> dict[str, Any] | None:
    """Return what a campaign waits for, or None: ``iteration`` (number), ``process`` (PK of it), ``labels``, ``text``, ..."""
    asking = _asking(campaign)
    return None if asking is None else {**asking.base.extras.get(QUESTION), "process": asking.pk}


def give_answer(campaign: ProcessNode, approved: bool, by: str) -> dict[str, Any]:
    """Answer a campaign's question, and return the question; the iteration that asks goes on when it is played.

    Raises
    ------
    InputError
        If it asks nothing.
    """
    question, asking = open_question(campaign), _asking(campaign)
    if question is None or asking is None:
        raise InputError(f"campaign {campaign.pk} waits for no approval")
    said = {"approved": approved, "by": by, "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
    asking.base.extras.set(ANSWER, said)
    return question


def _asking(campaign: ProcessNode) -> ProcessNode | None:
    """Return the iteration of a campaign that asks and has no answer."""
    for iteration in _iterations(campaign):
        asks = not iteration.is_terminated and iteration.base.extras.get(QUESTION, None) is not None
        if asks and answer(iteration) is None:
            return iteration
    return None


def _iterations(campaign: ProcessNode) -> list[ProcessNode]:
    """Return those iterations of a campaign that have asked."""
    query = QueryBuilder().append(WorkChainNode, filters={"id": campaign.pk}, tag="campaign")
    asked = {"extras": {"has_key": QUESTION}}
    return query.append(WorkChainNode, with_incoming="campaign", filters=asked).all(flat=True)
