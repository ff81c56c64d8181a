"""What a labelling step hands over: one batch, and what failed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict
from ase import Atoms

from alworkflows.frames import require_one_engine
from workchains.data.frames import FramesData

__all__ = ["gather_labels", "tell_failures"]


@calcfunction
def gather_labels(frames: FramesData, **parts: FramesData) -> FramesData:
    """Return the labelled frames of all parts in the order of ``frames``, whatever the order in which they came."""
    engine = require_one_engine({key: parts[key].engine for key in sorted(parts)}, vouched=False)
    labelled: dict[str, Atoms] = {}
    for key in sorted(parts):
        labelled.update(zip(parts[key].ids, parts[key].get_frames(), strict=True))
    return FramesData.from_frames([labelled[identity] for identity in frames.ids if identity in labelled], {"engine": engine})


@calcfunction
def tell_failures(frames: FramesData, log: Dict, **parts: FramesData) -> Dict:
    """Return the frames without a label, each with its last failure and all attempts; and how many labels were taken over.

    ``log``: ``attempts``, each with ``index``, ``id``, ``kind``, ``reason``, ``job`` (key of the process) and ``remedy``.
    """
    ids = frames.ids
    labelled = {identity for node in parts.values() for identity in node.ids}
    attempts: dict[int, list[dict[str, Any]]] = {}
    for item in log["attempts"]:
        attempts.setdefault(item["index"], []).append(item)
    failures = []
    for index, tries in sorted(attempts.items()):
        if ids[index] in labelled:
            continue
        last = tries[-1]
        told = [{name: item[name] for name in ("job", "remedy", "kind", "reason")} for item in tries]
        failures.append({"id": ids[index], "index": index, "kind": last["kind"], "reason": last["reason"], "attempts": told})
    return Dict(
        {
            "total": len(frames),
            "failed": len(failures),
            "reused": sum(len(node) for key, node in parts.items() if key.startswith("reuse")),
            "recovered": sum(ids[index] in labelled for index in attempts),
            "kinds": dict(Counter(item["kind"] for item in failures)),
            "failures": failures,
        }
    )
