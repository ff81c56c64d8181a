"""The calcfunction that chooses which candidates are labelled. Arithmetic only, since it runs inside the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from aiida.engine import ExitCode, calcfunction
from aiida.orm import ArrayData, Dict, Int

from alworkflows.errors import InputError
from alworkflows.settings import SelectionSettings, parse
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import FunctionStatus

if TYPE_CHECKING:
    from alworkflows.selection import Scores

__all__ = ["TEST", "TRAIN", "arguments", "ids_by_use", "marks_of", "select_frames"]

#: what a frame is chosen for
TRAIN, TEST = "train", "test"


@calcfunction
def select_frames(
    candidates: FramesData, deviation: ArrayData, settings: Dict, seed: Int, **known: Any
) -> dict[str, Any] | ExitCode:
    """Choose the frames to label and the random test frames.

    ``settings``: the selection's settings, with ``window`` (lower and upper trust level, disagreements in eV/A; null without an
    ensemble) and ``budget_now`` (labels). ``known``: earlier outputs ``fingerprints`` of this function, whose frames are not
    chosen again.

    Returns ``chosen`` (frames, each with a note why it was chosen; attribute ``uses``: what for; absent if there are none),
    ``selection`` (counts, levels, reasons), ``fingerprints`` (of those to train on; attribute ``ids``: of all).
    """
    from alworkflows.selection import select

    values = settings.get_dict()
    earlier = [marks_of(known[key]) for key in sorted(known)]
    try:
        given = arguments(candidates, deviation, values, earlier)
        outcome = select(**given, seed=seed.value)
    except InputError as error:
        return ExitCode(FunctionStatus.INPUT_REFUSED.value, str(error))
    frames, ids, fingerprints, refused = candidates.get_frames(), given["ids"], given["fingerprints"], given["refused"]
    result: dict[str, Any] = {}
    choices = [*outcome.chosen, *outcome.test]
    for choice in choices:
        origin = frames[choice.index].info.get("origin", {})
        frames[choice.index].info["origin"] = {**origin, "chosen": {**choice.as_dict(), "selected_from": candidates.uuid}}
    if choices:
        result["chosen"] = FramesData.from_frames([frames[choice.index] for choice in choices])
        result["chosen"].base.attributes.set("uses", [choice.use for choice in choices])
        result["chosen"].label = f"{len(outcome.chosen)} frames to train on, {len(outcome.test)} to test on"
    marks = ArrayData()
    # diversity starts from what is trained on; test frames must not push it away, but are never chosen again
    marks.set_array("fingerprints", fingerprints[[choice.index for choice in outcome.chosen]])
    marks.base.attributes.set("ids", [ids[choice.index] for choice in choices])
    result["fingerprints"] = marks
    summary = outcome.summary()
    if outcome.window is None:
        summary["accurate_share"] = None  # nobody has been asked yet
    # why each frame was chosen travels with the frame; here are the numbers
    summary["chosen"], summary["test"] = len(outcome.chosen), len(outcome.test)
    result["selection"] = Dict({**summary, "refused": {ids[index]: reason for index, reason in enumerate(refused) if reason}})
    return result


def ids_by_use(chosen: FramesData) -> dict[str, list[str]]:
    """Return the ids of the frames that :func:`select_frames` has chosen by what they are for, ``train`` or ``test``."""
    ids: dict[str, list[str]] = {}
    for identity, use in zip(chosen.ids, chosen.base.attributes.get("uses"), strict=True):
        ids.setdefault(use, []).append(identity)
    return ids


def marks_of(node: ArrayData) -> tuple[np.ndarray, list[str]]:
    """Return what an output ``fingerprints`` holds: those of the frames to train on, and the ids of all that were chosen."""
    return node.get_array("fingerprints"), node.base.attributes.get("ids")


def arguments(
    candidates: FramesData, deviation: ArrayData, settings: dict[str, Any], known: Sequence[tuple[np.ndarray, list[str]]]
) -> dict[str, Any]:
    """Return what :func:`alworkflows.selection.select` takes, but for the seed.

    Parameters
    ----------
    settings
        As :func:`select_frames` gets them.
    known
        Fingerprints and ids of what was chosen before, see :func:`marks_of`.
    """
    values = dict(settings)
    budget, window = values.pop("budget_now"), values.pop("window")
    fingerprints = deviation.get_array("fingerprints")
    return {
        "ids": candidates.ids,
        "scores": _scores(deviation),
        "refused": deviation.base.attributes.get("refused"),
        "fingerprints": fingerprints,
        "known_fingerprints": np.concatenate([np.zeros((0, fingerprints.shape[1])), *(points for points, _ in known)]),
        "known_ids": [identity for _, ids in known for identity in ids],
        "settings": parse(SelectionSettings, values, "selection"),
        "window": None if window is None else (float(window[0]), float(window[1])),
        "budget": budget,
    }


def _scores(deviation: ArrayData) -> Scores | None:
    """Return what the ensemble made of the candidates; None without one."""
    from alworkflows.selection import Scores

    names = deviation.get_arraynames()
    disagreement, *others = (
        deviation.get_array(name) if name in names else None for name in ("disagreement", "element_disagreement", "grade")
    )
    if disagreement is None or np.isnan(disagreement).all():
        return None
    return Scores(disagreement, *others)
