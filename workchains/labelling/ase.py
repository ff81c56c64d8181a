"""Labels from any ASE calculator, many frames in one job."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from aiida.orm import Dict, InstalledCode, ProcessNode

from workchains.base import ending
from workchains.calculations.label import LabelJob
from workchains.data.frames import FramesData
from workchains.labelling.engines import LabelEngine

__all__ = ["AseEngine"]


#: fewest frames for which a further job is started
WORTHWHILE = 8


class AseEngine(LabelEngine):
    """One job labels a slice of the frames, so the calculator is loaded once for many."""

    def jobs(
        self, frames: FramesData, settings: dict[str, Any], code: InstalledCode, options: dict[str, Any]
    ) -> dict[str, tuple[type, dict[str, Any]]]:
        """Cut the frames into slices of at most ``chunk``, spread over ``jobs`` jobs or more if that leaves enough in each."""
        total = len(frames)
        # loading a calculator costs seconds: a job of its own is not worth it for a handful of frames
        spread = min(settings["jobs"], max(1, total // WORTHWHILE))
        count = max(-(-total // settings["chunk"]), spread)
        edges = [round(index * total / count) for index in range(count + 1)]
        node = Dict(settings)
        jobs: dict[str, tuple[type, dict[str, Any]]] = {}
        for index, (start, stop) in enumerate(pairwise(edges)):
            jobs[f"label_{index:03d}"] = (
                LabelJob,
                {
                    "code": code,
                    "frames": frames,
                    "settings": node,
                    "run": Dict({"start": start, "stop": stop}),
                    "metadata": {"options": options, "label": f"label frames {start}-{stop - 1}"},
                },
            )
        return jobs

    def labelled(self, node: ProcessNode) -> FramesData | None:
        """Return the labelled frames of a job."""
        return node.outputs.labelled if "labelled" in node.outputs else None

    def failures(self, node: ProcessNode, frames: FramesData) -> Dict:
        """Return the job's report; frames that a dead job did not reach carry the job's reason."""
        if "report" in node.outputs:
            return node.outputs.report
        run = node.inputs.run.get_dict()
        found = self.labelled(node)
        done = set(found.ids) if found else set()
        reason = f"job {node.pk} ended: {ending(node)}"
        lost = [identity for identity in frames.ids[run["start"] : run["stop"]] if identity not in done]
        return Dict({"failures": [{"id": identity, "reason": reason} for identity in lost]})
