"""The approval point: a campaign that asks before it pays, and what is known of the price.

The question and the answers are extras of the campaign's node: a person's word, not data that a result is made of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from aiida.orm import InstalledCode, ProcessNode, QueryBuilder

from alworkflows.errors import InputError
from alworkflows.settings import LabelSettings
from workchains.data.frames import FramesData, engine_key

__all__ = ["answer", "estimate", "give_answer", "open_question", "put_question"]

QUESTION, ANSWERS = "alworkflows_question", "alworkflows_answers"
#: nodes of earlier labels that are looked at for the price of one
LOOKED_AT = 20


def estimate(sets: Sequence[FramesData], settings: LabelSettings, code: InstalledCode) -> dict[str, Any]:
    """Return what labels of these frames would cost, from what earlier ones of the same settings took.

    Keys: ``labels``, ``atoms``, ``core_hours`` (None if no such label is there yet) and ``text``.
    """
    from workchains.labelling import engine

    labels, atoms = sum(len(node) for node in sets), sum(node.base.attributes.get("n_atoms") for node in sets)
    description = engine(settings.engine)(settings).describe(code)
    per_atom = _core_seconds_per_atom(engine_key(description)) if description is not None else None
    hours = None if per_atom is None else per_atom * atoms / 3600.0
    known = "cost unknown, none of these settings is there yet" if hours is None else f"about {hours:.3g} core-hours"
    return {"labels": labels, "atoms": atoms, "core_hours": hours, "text": f"{labels} labels, {atoms} atoms in all, {known}"}


def _core_seconds_per_atom(key: str) -> float | None:
    query = QueryBuilder()
    query.append(FramesData, filters={"attributes.engine_key": key}, tag="frames").order_by({"frames": {"id": "desc"}})
    seconds = atoms = 0.0
    for node in query.limit(LOOKED_AT).all(flat=True):
        for frame in node.get_frames():
            told = frame.info.get("origin", {}).get("label", {})
            if "seconds" in told and "reused_from" not in told:
                seconds += told["seconds"] * told.get("cores", 1)
                atoms += len(frame)
    return seconds / atoms if atoms else None


def put_question(node: ProcessNode, key: str, question: dict[str, Any]) -> None:
    """Write down what a campaign asks; ``key`` names the iteration."""
    node.base.extras.set(QUESTION, {"key": key, **question})


def open_question(node: ProcessNode) -> dict[str, Any] | None:
    """Return what a campaign waits for, or None."""
    question: dict[str, Any] | None = node.base.extras.get(QUESTION, None)
    if question is None or node.is_terminated or answer(node, question["key"]) is not None:
        return None
    return question


def give_answer(node: ProcessNode, approved: bool, by: str) -> dict[str, Any]:
    """Answer a campaign's question, and return the question; the campaign goes on when it is played.

    Raises
    ------
    InputError
        If it asks nothing.
    """
    question = open_question(node)
    if question is None:
        raise InputError(f"campaign {node.pk} waits for no approval")
    said = {"approved": approved, "by": by, "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
    node.base.extras.set(ANSWERS, {**node.base.extras.get(ANSWERS, {}), question["key"]: said})
    return question


def answer(node: ProcessNode, key: str | None = None) -> bool | None:
    """Return what was answered for an iteration (None: nothing yet); without a key, whether anything was approved so far."""
    answers = node.base.extras.get(ANSWERS, {})
    if key is None:
        return any(said["approved"] for said in answers.values())
    return answers[key]["approved"] if key in answers else None
