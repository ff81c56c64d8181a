"""Parsers: what each end of a job becomes, without running the job."""

import json

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.orm import CalcJobNode, FolderData
from aiida.plugins import CalculationFactory, ParserFactory
from ase.build import bulk

from alworkflows import frames as frames_io
from workchains.data.frames import FramesData

VERBS = ("sample", "deviate", "label", "fit", "evaluate")


@pytest.fixture
def parse(aiida_profile_clean, aiida_localhost, tmp_path):
    """Return a function that parses what a job left: files of the retrieved folder, and files retrieved for the parser alone."""

    def _parse(verb, retrieved=None, temporary=None, exit_status=None):
        node = CalcJobNode(computer=aiida_localhost, process_type=f"aiida.calculations:alworkflows.{verb}")
        node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        if exit_status:
            node.set_exit_status(exit_status)
            node.set_exit_message("walltime exceeded")
        node.store()
        folder = FolderData()
        for name, content in (retrieved or {}).items():
            folder.base.repository.put_object_from_bytes(content.encode(), name)
        folder.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label="retrieved")
        folder.store()
        for name, write in (temporary or {}).items():
            write(tmp_path / name)
        parser = ParserFactory(f"alworkflows.{verb}")(node)
        exit_code = parser.parse(retrieved_temporary_folder=str(tmp_path))
        return parser.outputs, exit_code

    return _parse


def crystals(path, count=3, header=None):
    frames = []
    for index in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        if header:
            atoms = frames_io.attach_labels(atoms, -1.0, np.zeros((4, 3)), np.zeros(6))
        frames.append(atoms)
    frames_io.save(path, frames, header)


@pytest.mark.parametrize("verb", VERBS)
def test_no_output_is_reported_with_the_last_words(parse, verb):
    _, code = parse(verb, {"errors.txt": "Traceback\nMemoryError: 3 GiB\n"})
    assert code.status == 310
    assert "MemoryError: 3 GiB" in code.message


@pytest.mark.parametrize("verb", VERBS)
def test_refused_input_carries_the_message(parse, verb):
    _, code = parse(verb, {"output.json": json.dumps({"error": "unknown sampler 'mlt'"})})
    assert code.status == 210
    assert "unknown sampler 'mlt'" in code.message


@pytest.mark.parametrize("verb", VERBS)
def test_broken_json_is_unreadable(parse, verb):
    _, code = parse(verb, {"output.json": '{"verb": '})
    assert code.status == 311


@pytest.mark.parametrize("verb", VERBS)
def test_no_failure_of_a_job_is_reused_from_the_cache(verb, aiida_profile):
    codes = CalculationFactory(f"alworkflows.{verb}").exit_codes
    ours = [code for label, code in codes.items() if label.startswith("ERROR_") and 200 <= code.status < 500]
    assert {210, 310, 311} <= {code.status for code in ours}
    assert all(code.invalidates_cache for code in ours)


@pytest.mark.parametrize(
    ("verb", "output", "file"), [("sample", "candidates", "candidates.npz"), ("label", "labelled", "labelled.npz")]
)
def test_a_dead_job_hands_over_its_frames(parse, verb, output, file):
    outputs, code = parse(verb, {"errors.txt": "Killed"}, {file: crystals})
    assert code.status == 310
    assert len(outputs[output]) == 3


def test_a_status_of_the_scheduler_is_kept(parse):
    outputs, code = parse("sample", {}, {"candidates.npz": crystals}, exit_status=120)
    assert code.status == 120
    assert "walltime" in code.message
    assert len(outputs["candidates"]) == 3


def test_frames_that_cannot_be_read_are_unreadable(parse):
    outputs, code = parse(
        "sample", {"output.json": json.dumps({"stopped": None})}, {"candidates.npz": lambda p: p.write_bytes(b"no")}
    )
    assert code.status == 311
    assert "candidates" not in outputs
    assert "not a frames file" in code.message


def test_a_sampler_without_frames(parse):
    _, code = parse("sample", {"output.json": json.dumps({"message": "temperature above 4 x target"})})
    assert code.status == 420
    assert "temperature above" in code.message


def test_labels_that_all_failed(parse):
    failures = [{"id": "a", "reason": "SCF did not converge"}, {"id": "b", "reason": "x"}]
    _, code = parse("label", {"output.json": json.dumps({"labelled": 0, "failures": failures})})
    assert code.status == 421
    assert "none of 2" in code.message
    assert "SCF did not converge" in code.message


def test_labelled_frames_name_their_engine(parse):
    engine = {"name": "emt", "versions": {"ase": "1"}}
    outputs, code = parse(
        "label",
        {"output.json": json.dumps({"labelled": 3, "failures": []})},
        {"labelled.npz": lambda path: crystals(path, header={"engine": engine})},
    )
    assert code is None
    assert outputs["labelled"].engine == engine


def test_deviation_keeps_reasons_beside_the_arrays(parse):
    def write(path):
        np.savez(path, disagreement=np.array([0.1, np.nan]), fingerprints=np.ones((2, 3)))

    outputs, code = parse("deviate", {"output.json": json.dumps({"refused": [None, "fused"]})}, {"deviation.npz": write})
    assert code is None
    assert outputs["deviation"].get_array("fingerprints").shape == (2, 3)
    assert outputs["deviation"].base.attributes.get("refused") == [None, "fused"]


def test_an_ensemble_that_is_not_ours_is_unreadable(parse):
    _, code = parse("fit", {"output.json": json.dumps({"fit": {}})}, {"ensemble.npz": lambda path: path.write_bytes(b"pickle")})
    assert code.status == 311


def test_frames_data_keeps_every_bit_and_finds_frames_by_id(aiida_profile_clean):
    frames = [bulk("Cu", cubic=True), bulk("Ag", cubic=True)]
    frames[0].positions += 1 / 3
    frames[0].info["origin"] = {"sampler": "melt", "structure": "copper", "seed": 3}
    node = FramesData.from_frames(frames).store()
    again = node.get_frames()
    assert [frames_io.frame_id(frame) for frame in again] == node.ids == [frames_io.frame_id(frame) for frame in frames]
    assert again[0].info["origin"] == frames[0].info["origin"]
    assert node.base.attributes.get("origins") == {"melt/copper": 1, "given/unnamed": 1}


def test_frames_data_refuses_a_repeated_frame(aiida_profile_clean):
    from alworkflows.errors import InputError

    with pytest.raises(InputError, match="expected each frame once, got 1 repeated"):
        FramesData.from_frames([bulk("Cu"), bulk("Cu")])
