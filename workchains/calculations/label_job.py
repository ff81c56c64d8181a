"""``LabelJob``: labels from an ASE calculator, many frames in one job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.frames import load
from alworkflows.jobs.results import LabelResult
from alworkflows.jobs.specs import JobSpec
from alworkflows.labelling.returned import ReturnedError, check_engine, check_labels
from alworkflows.settings import LabelSettings, parse
from workchains.calculations.job import ComputeJob, ComputeParser, Files, Inputs, UnbelievedError, require_count
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus, declare

__all__ = ["LabelJob", "LabelParser", "check_told"]

FRAMES = "frames.npz"
LABELLED, FAILURES, CURRENT = "labelled.npz", "failures.json", "current.json"


class LabelJob(ComputeJob):
    """Label some of a set of frames."""

    VERB = "label"
    RETRIEVE = (LABELLED, FAILURES, CURRENT)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("frames", valid_type=FramesData, help="frames to label")
        spec.input("settings", valid_type=Dict, help="label settings: calculator, largest_force, ...")
        spec.input(
            "run", valid_type=Dict, help="this job's share: indices of the frames; remedy: name of the one in force, or null"
        )
        spec.output(
            "labelled", valid_type=FramesData, required=False, help="frames with energy (eV), forces (eV/A), stress (eV/A^3)"
        )
        spec.output("progress", valid_type=Dict, required=False, help="of a job that died: failures so far, current frame")
        declare(spec, JobStatus.ALL_LABELS_FAILED, "none of {total} labels succeeded; first: {message}")

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        spec = cls.checked(inputs["run"], frames=FRAMES, label=inputs["settings"].get_dict())
        return spec, {FRAMES: inputs["frames"]}


class LabelParser(ComputeParser[LabelResult]):
    """Keep the labels, also those of a job that died."""

    VERB = "label"

    def collect(self, folder: Path, result: LabelResult | None) -> ExitCode | None:
        """Attach the labelled frames."""
        path = folder / LABELLED
        node: FramesData | None = None
        settings = parse(LabelSettings, self.node.inputs.settings.get_dict(), "label settings")
        ids = self.node.inputs.frames.ids
        wanted = self.node.inputs.run.get_dict().get("indices")
        indices = list(range(len(ids))) if wanted is None else wanted
        if path.exists():
            asked = self.node.inputs.frames.get_frames()
            # what is wrong with a frame has a status of its own, so that it is not for reading to refuse it
            came, header = load(path, screened=False)
            try:
                check_labels([asked[index] for index in indices], came, settings.largest_force)
                check_engine(header.get("engine"), settings)
            except ReturnedError as error:
                raise UnbelievedError(JobStatus[error.doubt.name], str(error)) from error
            node = FramesData.from_file(path)
        if result is not None:
            check_told(result, [] if node is None else node.ids, ids, indices)
        if node is not None:
            self.out("labelled", node)
        if result is None:
            told = _read(folder / FAILURES)
            failures = [item for item in (told if isinstance(told, list) else []) if _is_failure(item, ids, indices)]
            current = _read(folder / CURRENT)
            self.out("progress", Dict({"failures": failures, "current": current if _is_of(current, ids, indices) else None}))
        elif not path.exists() and result.failures and not result.unreached:
            first, total = result.failures[0], len(result.failures)
            return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=total, message=first.reason)
        return None


def check_told(result: LabelResult, labelled: Sequence[str], ids: Sequence[str], indices: Sequence[int]) -> None:
    """Raise if what a finished job says of its frames does not account for each of them once.

    Parameters
    ----------
    result
        What it says.
    labelled
        Ids of the labelled frames that came.
    ids
        Of all frames.
    indices
        Which of them the job had to label.

    Raises
    ------
    UnbelievedError
        Naming what does not add up.
    """
    require_count("labelled frames", len(labelled), result.labelled)
    for failure in result.failures:
        if not _is_of({"index": failure.index, "id": failure.id}, ids, indices):
            raise UnbelievedError(
                JobStatus.OTHER_COUNT, f"failures: frame {failure.index} ({failure.id}) is none of those the job had to label"
            )
    failed = {ids[failure.index] for failure in result.failures}
    require_count("frames with a label or a failure", len(failed | set(labelled)), len(indices))
    require_count("frames with both a label and a failure", len(failed & set(labelled)), 0)


def _is_of(item: Any, ids: Sequence[str], indices: Sequence[int]) -> bool:
    """Whether something is a record that names, by place and id, a frame that the job had to label."""
    return isinstance(item, dict) and item.get("index") in indices and item.get("id") == ids[item["index"]]


def _is_failure(item: Any, ids: Sequence[str], indices: Sequence[int]) -> bool:
    """Whether it also says which failure that frame had."""
    return _is_of(item, ids, indices) and all(isinstance(item.get(name), str) for name in ("kind", "reason"))


def _read(path: Path) -> Any:
    """Return what a file of a dead job holds, or None: it may have been cut off while it was written."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
