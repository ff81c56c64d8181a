"""A campaign that begins with labelled frames: from a file, from an earlier campaign, from an AiiDA archive."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode, ToContext, calcfunction
from aiida.orm import ArrayData, Dict, Int

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.settings import Campaign, GivenData
from workchains.calculations.describe_job import DescribeJob
from workchains.data.frames import FramesData
from workchains.loop.late import OverlapWorkChain
from workchains.loop.state import GIVEN
from workchains.processes.keyed import derive_seed, ending, numbered
from workchains.processes.queueing import load_process

__all__ = ["GivenDataWorkChain", "divide_given", "find_given"]


@calcfunction
def divide_given(frames: FramesData, deviation: ArrayData, settings: Dict, seed: Int) -> dict[str, Any] | ExitCode:
    """Tell what of given frames is trained on and what is tested on, and mark them all as known.

    ``settings``: ``use`` (``train``, ``test`` or ``divide``) and ``test_share`` (of frames to be divided). Outputs:
    ``fingerprints`` of the frames to train on, with the ids of all; of frames to be divided also ``batch`` and ``test``.
    """
    use, share = settings["use"], settings["test_share"]
    ids, total = frames.ids, len(frames)
    prints = deviation.get_array("fingerprints")
    if len(prints) != total:
        return ExitCode(210, f"expected fingerprints of {total} frames, got {len(prints)}")
    order = np.random.default_rng(seed.value).permutation(np.argsort(np.array(ids)))
    size = {"train": 0, "test": total}.get(use, round(share * total) if total > 1 else 0)
    tests, training = np.sort(order[:size]), np.sort(order[size:])
    marks = ArrayData()
    marks.set_array("fingerprints", prints[training])
    marks.base.attributes.set("ids", ids)
    result: dict[str, Any] = {"fingerprints": marks}
    if use == "divide":
        atoms, header = frames.get_frames(), frames.get_header()
        for name, indices in (("batch", training), ("test", tests)):
            if len(indices):
                result[name] = FramesData.from_frames([atoms[index] for index in indices], {"engine": header["engine"]})
    return result


class GivenDataWorkChain(OverlapWorkChain):
    """What a campaign does with labelled frames that it begins with; each source is a batch of its own."""

    def has_given(self) -> bool:
        """There are labelled frames to begin with, and no earlier campaign that has taken them up."""
        taken_up = any(key.startswith(GIVEN) for key in self.ctx.fingerprints)
        return self.ctx.failure is None and bool(self.inputs.get("given")) and not taken_up

    def given_keys(self) -> list[str]:
        """Return the keys of the sources, in the order of the campaign file."""
        return sorted(self.inputs.given)

    def should_describe_given(self) -> bool:
        """The fingerprint of a source is not there yet."""
        return any(self.ended(f"{key}_deviate") is None for key in self.given_keys())

    def run_describe_given(self) -> ToContext:
        """Describe each source, so that its frames are known and not chosen again."""
        children = {key: self.child(f"{key}_deviate") for key in self.given_keys()}
        running = {f"{key}_deviate": int(node.pk or 0) for key, node in children.items() if node is not None}
        waiting = [f"{key}_deviate" for key, node in children.items() if node is None]
        ended = [key for key, pk in running.items() if load_process(pk).is_terminated]
        return self.submit_some(
            self.computer, waiting, self.make_describe_given, {key: pk for key, pk in running.items() if key not in ended}
        )

    def make_describe_given(self, key: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that describes a source."""
        frames = self.inputs.given[key.removesuffix("_deviate")]
        campaign = self.campaign
        limits = campaign.selection.geometry.model_dump(mode="json")
        inputs = {
            "label": f"describe {len(frames)} given frames",
            "code": self.inputs.code,
            "candidates": frames,
            "settings": Dict({"species": list(campaign.species), "geometry": limits, "grade": False}),
            "metadata": {"options": self.job_options("describe")},
        }
        return DescribeJob, inputs, {}

    def inspect_describe_given(self) -> None:
        """Add each source to the data set or to the test frames."""
        campaign = self.campaign
        for number, key in enumerate(self.given_keys()):
            node, frames = self.ended(f"{key}_deviate"), self.inputs.given[key]
            assert node is not None
            if not node.is_finished_ok:
                self.end_with("ERROR_GIVEN_DATA_REFUSED", source=key, message=ending(node))
                return
            self.tidy(node)
            use = key.rpartition("_")[2]
            divided = self.call_once(
                f"{key}_divide",
                divide_given,
                label=f"given frames: {use}",
                frames=frames,
                deviation=node.outputs.deviation,
                settings=Dict({"use": use, "test_share": campaign.start[int(key.split("_")[1])].test_share}),
                seed=Int(derive_seed(campaign.seed, GIVEN, number)),
            )
            if not divided.is_finished_ok:
                self.end_with("ERROR_GIVEN_DATA_REFUSED", source=key, message=ending(divided))
                return
            outputs = divided.outputs
            self.keep("fingerprints", outputs.fingerprints, key)
            batch = frames if use == "train" else outputs.batch if "batch" in outputs else None
            test = frames if use == "test" else outputs.test if "test" in outputs else None
            if batch is not None:
                self.keep("batches", batch, key)
            if test is not None:
                self.keep("tests", test, key)
                self.ctx.groups = {**self.ctx.groups, key: GIVEN}
        total = {name: sum(self.frames_made(name).values()) for name in ("batches", "tests")}
        self.report(f"begins with {total['batches']} given frames to train on and {total['tests']} to test on")

    def should_train_given(self) -> bool:
        """There is something to train on before the first iteration."""
        return self.ctx.failure is None and bool(self.ctx.batches)


# ------------------------------------------------------------------------------------------------ before the launch


def find_given(campaign: Campaign, base: Path) -> dict[str, FramesData]:
    """Return the labelled frames that a campaign begins with, by a key that says their place in the list and their use.

    An archive is imported into the profile.

    Parameters
    ----------
    base
        Folder that relative paths start from.

    Raises
    ------
    InputError
        If a source is missing, holds no labels or other species, or its labels are those of another engine than another's.
    """
    found: dict[str, FramesData] = {}
    for number, source in enumerate(campaign.start):
        where = f"start.{number}"
        for use, node in _read(source, base, where):
            key = numbered(GIVEN, number)
            same = [name for name in found if name.startswith(key) and name.endswith(f"_{use}")]
            found[f"{key}_{len(same):02d}_{use}"] = node
            _check(node, campaign, where)
    seen: dict[str, str] = {}
    for key, node in found.items():
        for identity in node.ids:
            if identity in seen:
                raise InputError(f"start: frame {identity} is in {seen[identity]} and again in {key}; give each frame once")
            seen[identity] = key
    frames_io.require_one_engine({key: node.engine for key, node in found.items()}, "start")
    return found


def _read(source: GivenData, base: Path, where: str) -> list[tuple[str, FramesData]]:
    if source.file is not None:
        return [("divide", _read_file(base / source.file, where))]
    if source.archive is not None:
        _import(base / source.archive, where)
    from workchains.provenance import is_campaign, load_node

    node = load_node(str(source.node))
    if isinstance(node, FramesData):
        return [("divide", node)]
    if is_campaign(node):
        outputs = {name: dict(node.outputs[name]) for name in ("batches", "tests") if name in node.outputs}
        batches, tests = outputs.get("batches", {}), outputs.get("tests", {})
        if not batches:
            raise InputError(f"{where}.node: the campaign {node.pk} has no labelled frames")
        return [("train", batches[key]) for key in sorted(batches)] + [("test", tests[key]) for key in sorted(tests)]
    raise InputError(f"{where}.node: expected a campaign or labelled frames (FramesData), got {type(node).__name__} <{node.pk}>")


def _read_file(path: Path, where: str) -> FramesData:
    try:
        if path.suffix == ".npz":
            frames, header = frames_io.load(path)
        else:
            frames, header = frames_io.read(path), {}
        frames_io.check_labelled(frames, ("energy", "forces"), str(path))
    except InputError as error:
        raise InputError(f"{where}.file: {error}") from error
    for number, frame in enumerate(frames):
        origin = {"structure": path.stem, "sampler": "given", "index": number}
        frame.info["origin"] = {**origin, **frame.info.get("origin", {})}
    if not header.get("engine"):
        header = {"engine": {frames_io.GIVEN: path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()[:16]}}
    node = FramesData.from_frames(frames, header)
    node.label = f"given: {path.name}"
    return node


def _import(path: Path, where: str) -> None:
    """Bring an archive into the profile."""
    from aiida.common.exceptions import CorruptStorage, IncompatibleStorageSchema, UnreachableStorage
    from aiida.tools.archive import import_archive
    from aiida.tools.archive.exceptions import ExportImportException

    if not path.is_file():
        raise InputError(f"{where}.archive: {path}: no such file")
    try:
        import_archive(path, create_group=False)
    except (CorruptStorage, IncompatibleStorageSchema, UnreachableStorage, ExportImportException) as error:
        raise InputError(f"{where}.archive: {path}: cannot be imported: {error}") from error


def _check(node: FramesData, campaign: Campaign, where: str) -> None:
    if node.engine is None:
        raise InputError(f"{where}: expected labelled frames, got {len(node)} frames without labels")
    strangers = sorted(set(node.base.attributes.get("species")) - set(campaign.species))
    if strangers:
        raise InputError(f"{where}: expected the species {', '.join(campaign.species)}, got also {', '.join(strangers)}")
