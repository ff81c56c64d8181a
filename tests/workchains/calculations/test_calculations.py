"""Parsers: what each end of a job becomes, without running the job."""

import json
import re
from importlib import import_module
from typing import get_args, get_type_hints

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.orm import CalcJobNode, Dict, FolderData
from aiida.plugins import CalculationFactory, ParserFactory
from ase.build import bulk
from pieces import tiny_model

from alworkflows import frames as frames_io
from alworkflows import jobs
from alworkflows.calculators import describe
from alworkflows.settings import CalculatorSettings
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus

VERBS = ("sample", "describe", "label", "fit", "evaluate")
USAGE = {"seconds": 1.0, "cpu_seconds": 0.9, "peak_memory_mb": 80.0}
RUN = {"structure": "copper", "sampler": "melt", "frames": 3, "steps": 7, "steps_planned": 9, "message": "", "restarts": 0}
FIT = {"fit": {}, "test": None, "test_points": {}, "training_frames": 3, "test_frames": 0, "restarts": 0}
LABELS = {"labelled": 3, "failures": [], "unreached": [], "interrupted": None, "seconds_per_frame": {}, "energy": "potential"}
#: what each verb says of an end in order
ENDS = {
    "sample": {**RUN, "stopped": None},
    "describe": {"frames": 2, "refused": [None, "fused"]},
    "label": {**LABELS, "remedy": None, "cores": 1},
    "fit": FIT,
    "evaluate": {"groups": ["melt"], "errors": []},
}
UNFINISHED = {**ENDS, "fit": {"message": "member 2 of 5", "restarts": 0}}
SLURM_LIMIT = "slurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n"


def written(verb, ends=ENDS, without=(), **changes):
    """Return the text of an ``output.json``: of an end in order, with some keys changed or left out."""
    values = {"verb": verb, **USAGE, **ends[verb], **changes}
    return json.dumps({key: value for key, value in values.items() if key not in without})


def failure(index, frame, **changes):
    one = {
        "id": frames_io.frame_id(frame),
        "index": index,
        "kind": "unconverged",
        "reason": "SCF did not converge",
        "seconds": 2.0,
    }
    return {**one, **changes}


def refused(verb, message, kind="InputError"):
    return json.dumps({"verb": verb, "error": message, "kind": kind})


@pytest.fixture
def parse(aiida_profile_clean, aiida_localhost, tmp_path):
    """Return a function that parses what a job left: files of the retrieved folder, and files retrieved for the parser alone."""

    def _parse(verb, retrieved=None, temporary=None, exit_status=None, inputs=None, **options):
        node = CalcJobNode(computer=aiida_localhost, process_type=f"aiida.calculations:alworkflows.{verb}")
        node.set_options({"scheduler_stdout": "_scheduler-stdout.txt", "scheduler_stderr": "_scheduler-stderr.txt", **options})
        node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        if exit_status:
            node.set_exit_status(exit_status)
            node.set_exit_message("what the scheduler saw")
        for label, value in {**asked(verb), **(inputs or {})}.items():
            node.base.links.add_incoming(value.store(), link_type=LinkType.INPUT_CALC, link_label=label)
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


EMT = {"engine": describe(CalculatorSettings(name="emt"))}


def copper(count=3, with_labels=False):
    frames = []
    for index in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        if with_labels:
            atoms = frames_io.attach_labels(atoms, -1.0, np.zeros((4, 3)), np.zeros(6))
        frames.append(atoms)
    return frames


def crystals(path, count=3, header=None):
    frames_io.save(path, copper(count, header is not None), header)


def labelled(path, change=None, header=EMT):
    """Write what a job that labelled three crystals left; ``change`` gets the arrays of the file and may change them."""
    frames_io.save(path, copper(with_labels=True), header)
    if change is not None:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        change(arrays)
        np.savez(path, **arrays)


def asked(verb):
    """Return the inputs of a job that the parser compares its results with."""
    of_verb = {
        "sample": {"structures": FramesData.from_frames(copper(1))},
        "describe": {"candidates": FramesData.from_frames(copper(2))},
        "label": {
            "frames": FramesData.from_frames(copper()),
            "settings": Dict({"calculator": {"name": "emt"}}),
            "run": Dict({"indices": [0, 1, 2], "remedy": None}),
        },
        "fit": {"settings": Dict({"species": ["Cu"]}), "batches__one": FramesData.from_frames(copper(3, True), EMT)},
        "evaluate": {
            "ensembles__one": tiny_ensemble(),
            "tests__test_one": FramesData.from_frames(copper(2, True), EMT),
            "groups": Dict({"test_one": "melt"}),
        },
    }
    return of_verb[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_no_output_is_reported_with_the_last_words(parse, verb):
    _, code = parse(verb, {"errors.txt": "Traceback\nMemoryError: 3 GiB\n"})
    assert code.status == 310
    assert "MemoryError: 3 GiB" in code.message


@pytest.mark.parametrize("verb", VERBS)
def test_refused_input_carries_the_message(parse, verb):
    _, code = parse(verb, {"output.json": refused(verb, "unknown sampler 'mlt'")})
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
    assert {210, 310, 311, 312, 400} <= {code.status for code in ours}
    assert all(code.invalidates_cache for code in ours)


@pytest.mark.parametrize(
    ("verb", "output", "file", "write"),
    [("sample", "candidates", "candidates.npz", crystals), ("label", "labelled", "labelled.npz", labelled)],
)
def test_a_dead_job_hands_over_its_frames(parse, verb, output, file, write):
    outputs, code = parse(verb, {"errors.txt": "Killed"}, {file: write})
    assert code.status == 310
    assert len(outputs[output]) == 3


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [110, 140])
def test_a_status_of_the_scheduler_is_kept(parse, verb, status):
    _, code = parse(verb, {"_scheduler-stderr.txt": SLURM_LIMIT}, exit_status=status)
    assert code.status == status
    assert code.message == "what the scheduler saw"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_stopped_in_time_is_out_of_walltime(parse, verb):
    files = {"output.json": written(verb, UNFINISHED, out_of_time=True)}
    outputs, code = parse(verb, files, max_wallclock_seconds=3600)
    assert code.status == 400
    assert "the walltime of 3600 s was reached" in code.message
    assert outputs["report"]["out_of_time"]


def test_frames_of_a_job_out_of_walltime_are_kept(parse):
    outputs, code = parse("sample", {"output.json": written("sample", out_of_time=True)}, {"candidates.npz": crystals})
    assert code.status == 400
    assert "walltime of unknown s" in code.message
    assert len(outputs["candidates"]) == 3


@pytest.mark.parametrize(
    "words",
    [
        "starting\nslurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n",
        "=>> PBS: job killed: walltime 3641 exceeded limit 3600\n",
        "job 12.1 exceeded hard wallclock time - initiate terminate method\n",
        "TERM_RUNLIMIT: job killed after reaching LSF run time limit.\n",
    ],
)
@pytest.mark.parametrize("output", [{}, {"output.json": written("sample", terminated=True)}])
def test_a_job_that_the_scheduler_ended_at_its_walltime(parse, words, output):
    files = {"_scheduler-stderr.txt": words, **output}
    outputs, code = parse("sample", files, {"candidates.npz": crystals}, max_wallclock_seconds=3600)
    assert code.status == 400
    assert len(outputs["candidates"]) == 3


def test_a_job_of_which_the_accounting_says_out_of_walltime(parse):
    outputs, code = parse("sample", {}, {"candidates.npz": crystals}, exit_status=120)
    assert code.status == 400
    assert len(outputs["candidates"]) == 3


def test_a_file_cut_off_at_the_walltime_is_no_reason_to_give_up(parse):
    files = {"_scheduler-stderr.txt": SLURM_LIMIT, "output.json": '{"verb": '}
    _, code = parse("sample", files, {"candidates.npz": lambda path: path.write_bytes(b"PK")})
    assert code.status == 400


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"_scheduler-stderr.txt": "slurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n"}, 310),
        ({"_scheduler-stderr.txt": "slurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2026-01-01 DUE TO PREEMPTION ***\n"}, 310),
        ({"errors.txt": SLURM_LIMIT}, 310),
        ({"_scheduler-stderr.txt": "requested walltime 3600\nKilled\n"}, 310),
        ({"output.json": written("sample", terminated=True)}, 312),
        ({"output.json": refused("sample", "no"), "_scheduler-stderr.txt": SLURM_LIMIT}, 210),
    ],
    ids=["cancelled", "preempted", "words of the job's own", "killed", "told to end", "refused"],
)
def test_other_ends_do_not_look_like_walltime(parse, files, status):
    _, code = parse("sample", files, max_wallclock_seconds=3600)
    assert code.status == status


def test_told_to_end_by_a_scheduler_that_says_why(parse):
    _, code = parse("sample", {"output.json": written("sample", terminated=True)}, exit_status=110)
    assert code.status == 110


@pytest.mark.parametrize("status", [None, 120])
def test_a_complete_result_counts_whatever_the_clock_says(parse, status):
    files = {"output.json": written("sample"), "_scheduler-stderr.txt": SLURM_LIMIT}
    outputs, code = parse("sample", files, {"candidates.npz": crystals}, exit_status=status)
    assert code is None or code.status == 0
    assert len(outputs["candidates"]) == 3


def test_frames_that_cannot_be_read_are_unreadable(parse):
    outputs, code = parse("sample", {"output.json": written("sample")}, {"candidates.npz": lambda p: p.write_bytes(b"no")})
    assert code.status == 311
    assert "candidates" not in outputs
    assert "not a frames file" in code.message


def test_a_sampler_without_frames(parse):
    _, code = parse("sample", {"output.json": written("sample", frames=0, message="temperature above 4 x target")})
    assert code.status == 420
    assert "temperature above" in code.message


def test_labels_that_all_failed(parse):
    failures = [failure(index, frame) for index, frame in enumerate(copper())]
    _, code = parse("label", {"output.json": written("label", labelled=0, failures=failures)})
    assert code.status == 421
    assert "none of 3" in code.message
    assert "SCF did not converge" in code.message


def test_labelled_frames_name_their_engine(parse):
    outputs, code = parse("label", {"output.json": written("label")}, {"labelled.npz": labelled})
    assert code is None
    assert outputs["labelled"].engine == EMT["engine"]


def test_deviation_keeps_reasons_beside_the_arrays(parse):
    def write(path):
        of_elements = np.array([[0.1, 0.05], [np.nan, np.nan]])
        disagreement, grade = np.array([0.1, np.nan]), np.full(2, np.nan)
        np.savez(path, disagreement=disagreement, element_disagreement=of_elements, grade=grade, fingerprints=np.ones((2, 3)))

    outputs, code = parse("describe", {"output.json": written("describe")}, {"deviation.npz": write})
    assert code is None
    assert outputs["deviation"].get_array("fingerprints").shape == (2, 3)
    assert outputs["deviation"].get_array("element_disagreement").shape == (2, 2)
    assert outputs["deviation"].get_array("grade").shape == (2,)
    assert outputs["deviation"].base.attributes.get("refused") == [None, "fused"]
    assert "refused" not in outputs["report"].get_dict()


@pytest.mark.parametrize(
    ("verb", "output", "message"),
    [
        *((verb, written(verb, without=[next(iter(ENDS[verb]))]), f"{next(iter(ENDS[verb]))}: missing") for verb in VERBS),
        ("sample", written("sample", without=["seconds"]), "seconds: missing"),
        ("sample", written("sample", stoped=None), "unknown key 'stoped' (did you mean 'stopped'?)"),
        ("sample", written("sample", steps="many"), "steps: expected a valid integer"),
        ("sample", written("describe"), "verb: expected 'sample', got 'describe'"),
        ("sample", "[]", "expected a mapping of keys, got list"),
        ("describe", written("describe", frames=3), "refused: expected an entry for each of 3 frames, got 2"),
        ("fit", written("fit", UNFINISHED), "fit: missing"),
        ("fit", written("fit", test_points={"test": {"id": ["a"]}}), "test_points.test.disagreement: missing"),
    ],
)
def test_a_result_that_is_none_is_not_believed(parse, verb, output, message):
    outputs, code = parse(verb, {"output.json": output}, {"candidates.npz": crystals, "labelled.npz": labelled})
    assert code.status == JobStatus.OUTPUT_UNREADABLE
    assert message in code.message
    assert "report" not in outputs


def no_force(arrays):
    arrays["forces"][4:8] = np.nan


def one_force(arrays):
    arrays["forces"][5, 1] = np.inf


def large_force(arrays):
    arrays["forces"][5, 1] = 1e4


def no_energy(arrays):
    arrays["energies"][1] = np.nan


def moved(arrays):
    arrays["positions"][5, 0] += 0.01


def other_cell(arrays):
    arrays["cells"][1, 0, 0] += 0.01


def substituted(arrays):
    arrays["numbers"][5] = 47


#: what an executable that is not ours to vouch for may leave, and how its job then ends
TAMPERED = [
    (no_force, JobStatus.NOT_FINITE),
    (one_force, JobStatus.NOT_FINITE),
    (no_energy, JobStatus.NOT_FINITE),
    (large_force, JobStatus.FORCE_TOO_LARGE),
    (moved, JobStatus.OTHER_POSITIONS),
    (other_cell, JobStatus.OTHER_POSITIONS),
    (substituted, JobStatus.OTHER_SPECIES),
]


@pytest.mark.parametrize("output", [{"output.json": written("label")}, {}, {"output.json": written("label", out_of_time=True)}])
@pytest.mark.parametrize(("change", "status"), TAMPERED)
def test_labels_that_are_not_what_was_asked(parse, change, status, output):
    outputs, code = parse("label", output, {"labelled.npz": lambda path: labelled(path, change)})
    assert code.status == status
    assert code.invalidates_cache
    assert "is not believed: labelled frame 1" in code.message
    assert "labelled" not in outputs


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (None, "engine: engine: expected 'ase', got None"),
        ({**EMT["engine"], "calculator": "chgnet"}, "calculator: expected 'emt', got 'chgnet'"),
        ({**EMT["engine"], "energy": "free"}, "energy: expected 'potential', got 'free'"),
    ],
)
def test_labels_of_another_engine(parse, engine, message):
    header = {"engine": engine} if engine else {}
    _, code = parse("label", {"output.json": written("label")}, {"labelled.npz": lambda path: labelled(path, header=header)})
    assert code.status == JobStatus.OTHER_ENGINE
    assert message in code.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labelled": 2}, "labelled frames: expected 2, got 3"),
        ({"failures": [failure(0, copper()[0])]}, "with both a label and a failure: expected 0, got 1"),
        ({"failures": [failure(7, copper()[0])]}, "frame 7 .* is none of those the job had to label"),
        ({"failures": [failure(1, copper()[0])]}, "frame 1 .* is none of those the job had to label"),
    ],
)
def test_a_report_that_does_not_add_up(parse, changes, message):
    _, code = parse("label", {"output.json": written("label", **changes)}, {"labelled.npz": labelled})
    assert code.status == JobStatus.OTHER_COUNT
    assert re.search(message, code.message)


def test_a_frame_that_did_not_come_back(parse):
    def write(path):
        frames_io.save(path, copper(2, with_labels=True), EMT)

    outputs, code = parse("label", {"output.json": written("label", labelled=2)}, {"labelled.npz": write})
    assert code.status == JobStatus.OTHER_COUNT
    assert "frames with a label or a failure: expected 3, got 2" in code.message
    assert "labelled" not in outputs


def test_of_a_dead_job_only_what_names_its_frames_is_kept(parse):
    own = {name: value for name, value in failure(1, copper()[1]).items() if name != "seconds"}
    nonsense = [own, {**own, "index": 7}, {**own, "id": "x"}, {"index": 1}, "text", {**own, "kind": None}, {**own, "index": [1]}]
    files = {
        "failures.json": lambda path: path.write_text(json.dumps(nonsense)),
        "current.json": lambda path: path.write_text(json.dumps({"index": 0, "id": "of another"})),
    }
    outputs, code = parse("label", {"errors.txt": "Killed"}, files)
    assert code.status == JobStatus.OUTPUT_MISSING
    assert outputs["progress"].get_dict() == {"failures": [own], "current": None}


def test_candidates_of_other_species_than_the_structure(parse):
    def write(path):
        frames_io.save(path, [bulk("Ag", cubic=True), *copper(2)])

    outputs, code = parse("sample", {"output.json": written("sample")}, {"candidates.npz": write})
    assert code.status == JobStatus.OTHER_SPECIES
    assert "candidates: expected Cu, got also Ag" in code.message
    assert "candidates" not in outputs


def test_more_candidates_than_the_sampler_says(parse):
    _, code = parse("sample", {"output.json": written("sample", frames=2)}, {"candidates.npz": crystals})
    assert code.status == JobStatus.OTHER_COUNT


def test_candidates_that_are_nowhere(parse):
    def write(path):
        labelled(path, lambda arrays: arrays["positions"].__setitem__((0, 0), np.nan), None)

    _, code = parse("sample", {"output.json": written("sample")}, {"candidates.npz": write})
    assert code.status == JobStatus.NOT_FINITE


def deviations(**changes):
    """Return a function that writes what describing two candidates leaves."""

    def write(path):
        arrays = {
            "disagreement": np.array([0.1, np.nan]),
            "element_disagreement": np.array([[0.1], [np.nan]]),
            "grade": np.full(2, np.nan),
            "fingerprints": np.ones((2, 3)),
        }
        np.savez(path, **{**arrays, **changes})

    return write


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"disagreement": np.array([0.1])}, JobStatus.OTHER_COUNT),
        ({"fingerprints": np.ones((3, 3))}, JobStatus.OTHER_COUNT),
        ({"fingerprints": np.full((2, 3), np.nan)}, JobStatus.NOT_FINITE),
        ({"disagreement": np.array([np.nan, np.nan])}, JobStatus.NOT_FINITE),
        ({"grade": np.array([np.inf, 0.0])}, JobStatus.NOT_FINITE),
        ({"grade": np.array(["a", "b"])}, JobStatus.NOT_FINITE),
    ],
)
def test_descriptions_that_are_not_of_the_candidates(parse, changes, status):
    files = {"deviation.npz": deviations(**changes)}
    outputs, code = parse("describe", {"output.json": written("describe")}, files, inputs={"ensemble": tiny_ensemble()})
    assert code.status == status
    assert "deviation" not in outputs


def test_a_description_of_another_number_of_candidates(parse):
    ends = written("describe", frames=1, refused=[None])
    _, code = parse("describe", {"output.json": ends}, {"deviation.npz": deviations()})
    assert code.status == JobStatus.OTHER_COUNT


ERRORS = {"frames": 2, "force_rmse": 0.1, "force_mae": 0.1, "force_q999": 0.1, "force_std": 1.0}


def judgement(**changes):
    """Return a function that writes what judging on two frames of four atoms leaves."""

    def write(path):
        arrays = {name: np.zeros((8, 3)) for name in ("reference_forces", "predicted_forces")}
        arrays |= {name: np.zeros(2) for name in ("largest_error", "disagreement")}
        np.savez(path, **{**arrays, "atoms": np.array([4, 4]), "group": np.zeros(2, dtype=int), **changes})

    return write


@pytest.mark.parametrize(
    ("told", "changes", "status"),
    [
        ({}, {}, None),
        ({}, {"predicted_forces": np.full((8, 3), np.nan)}, JobStatus.NOT_FINITE),
        ({}, {"predicted_forces": np.zeros((7, 3))}, JobStatus.OTHER_COUNT),
        ({"groups": ["quench"]}, {}, JobStatus.OTHER_COUNT),
        ({"errors": []}, {}, JobStatus.OTHER_COUNT),
        ({"errors": [{"melt": ERRORS}]}, {}, JobStatus.OTHER_COUNT),
        ({"errors": [{"melt": {**ERRORS, "frames": 3}, "all": ERRORS}]}, {}, JobStatus.OTHER_COUNT),
    ],
)
def test_a_judgement_is_of_what_was_asked(parse, told, changes, status):
    values = {"errors": [{"melt": ERRORS, "all": ERRORS}], **told}
    outputs, code = parse("evaluate", {"output.json": written("evaluate", **values)}, {"evaluation.npz": judgement(**changes)})
    assert (code.status if code else None) == status
    assert ("evaluation" in outputs) is (status is None)


def fitted(change=None):
    """Return a function that writes an ensemble of copper; ``change`` gets the arrays of the file and may change them."""

    def write(path):
        path.write_bytes(tiny_model())
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if change is not None:
            change(arrays)
        np.savez(path, **arrays)

    return write


def not_a_number(arrays):
    name = next(name for name, values in arrays.items() if np.issubdtype(values.dtype, np.floating) and values.size)
    arrays[name] = np.full_like(arrays[name], np.nan)


@pytest.mark.parametrize(
    ("told", "write", "species", "status"),
    [
        ({}, fitted(), "Cu", None),
        ({}, fitted(not_a_number), "Cu", JobStatus.NOT_FINITE),
        ({}, fitted(), "Ag", JobStatus.OTHER_SPECIES),
        ({"training_frames": 4}, fitted(), "Cu", JobStatus.OTHER_COUNT),
        ({"test_frames": 1}, fitted(), "Cu", JobStatus.OTHER_COUNT),
    ],
)
def test_an_ensemble_is_of_what_was_asked(parse, told, write, species, status):
    inputs = {"settings": Dict({"species": [species]})}
    outputs, code = parse("fit", {"output.json": written("fit", **told)}, {"ensemble.npz": write}, inputs=inputs)
    assert (code.status if code else None) == status
    assert ("ensemble" in outputs) is (status is None)


def test_too_few_members_are_told_from_other_inputs_that_are_refused(parse):
    _, code = parse("fit", {"output.json": refused("fit", "2 of 5 members", "CommitteeError")})
    assert code.status == JobStatus.COMMITTEE_TOO_SMALL


def test_an_ensemble_that_is_not_ours_is_unreadable(parse):
    _, code = parse("fit", {"output.json": written("fit")}, {"ensemble.npz": lambda path: path.write_bytes(b"pickle")})
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


@pytest.fixture
def prepared(alworkflows_code, make_frames, tmp_path):
    """Return a function that prepares a sampling job and returns its input and what AiiDA is told to do with files."""
    from aiida.common.folders import Folder
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    def _prepared(options=None, **inputs):
        process = instantiate_process(
            get_manager().get_runner(),
            CalculationFactory("alworkflows.sample"),
            code=alworkflows_code,
            **{
                "structures": FramesData.from_frames(make_frames(1)),
                "sampler": Dict({"name": "melt"}),
                "run": Dict({"structure": "copper", "seed": 1}),
                "metadata": {"options": options or {}},
                **inputs,
            },
        )
        info = process.prepare_for_submission(Folder(tmp_path))
        return json.loads((tmp_path / "input.json").read_text()), info

    return _prepared


def tiny_ensemble():
    """Return a node with an ensemble of two models for copper."""
    from workchains.data.ensemble import EnsembleData

    node = EnsembleData()
    node.base.repository.put_object_from_bytes(tiny_model(), EnsembleData.FILENAME)
    return node


def test_a_job_knows_its_walltime(prepared):
    assert prepared({"max_wallclock_seconds": 600})[0]["max_seconds"] == 600
    assert prepared()[0]["max_seconds"] is None


def test_a_job_goes_on_from_the_checkpoint_of_another(prepared, aiida_localhost):
    from aiida.orm import RemoteData

    parent = RemoteData(remote_path="/scratch/ab/cd", computer=aiida_localhost).store()
    _, info = prepared(parent_folder=parent)
    assert info.remote_copy_list == [(aiida_localhost.uuid, "/scratch/ab/cd/checkpoint", "checkpoint")]
    assert not prepared()[1].remote_copy_list


def test_a_folder_that_was_removed_is_refused(prepared, aiida_localhost):
    from aiida.orm import RemoteData

    parent = RemoteData(remote_path="/scratch/ab/cd", computer=aiida_localhost).store()
    parent.base.extras.set(RemoteData.KEY_EXTRA_CLEANED, True)
    with pytest.raises(ValueError, match="expected the folder of a job, got one that was removed"):
        prepared(parent_folder=parent)


@pytest.mark.parametrize("verb", VERBS)
def test_both_sides_mean_the_same_class(verb):
    job, parser = CalculationFactory(f"alworkflows.{verb}"), ParserFactory(f"alworkflows.{verb}")
    assert job.VERB == parser.VERB == verb
    running = import_module(f"alworkflows.jobs.run_{verb}")
    taken, returned = get_type_hints(running.run)["spec"], get_type_hints(running.run)["return"]
    assert jobs.VERBS[verb].spec is taken
    collected = get_type_hints(parser.collect)["result"]
    for annotation, expected in ((returned, jobs.VERBS[verb].unfinished), (returned, jobs.VERBS[verb].result)):
        assert expected in (get_args(annotation) or (annotation,))
    assert jobs.VERBS[verb].result in get_args(collected)


@pytest.mark.parametrize(
    ("run", "sampler", "message"),
    [
        ({"structure": "copper"}, {"name": "melt"}, "the verb 'sample' expects the key 'seed'"),
        ({"structure": "copper", "seed": 1, "uper": 2.0}, {"name": "melt"}, r"unknown key 'uper' \(did you mean 'upper'\?\)"),
        ({"structure": "copper", "seed": 1}, {"name": "mlt"}, "unknown name 'mlt'"),
        ({"structure": "copper", "seed": 1, "ensemble": "x.npz"}, {"name": "melt"}, "ensemble: the job says that itself"),
    ],
)
def test_inputs_that_make_no_job_are_refused_before_it_is_submitted(prepared, run, sampler, message):
    with pytest.raises(ValueError, match=message):
        prepared(run=Dict(run), sampler=Dict(sampler))


def test_a_group_of_no_test_frames_is_refused(alworkflows_code, make_frames):
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    inputs = {
        "code": alworkflows_code,
        "ensembles": {"one": tiny_ensemble()},
        "tests": {"melt": FramesData.from_frames(make_frames(1))},
        "groups": Dict({"melt": "melt", "quench": "quench"}),
    }
    with pytest.raises(ValueError, match=r"tests\.quench\.0: expected one of ensemble_one\.npz, melt\.npz, got quench\.npz"):
        instantiate_process(get_manager().get_runner(), CalculationFactory("alworkflows.evaluate"), **inputs)


def test_the_grade_of_candidates_is_asked_of_what_was_trained_on(alworkflows_code, make_frames, tmp_path):
    from aiida.common.folders import Folder
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    job = CalculationFactory("alworkflows.describe")
    inputs = {
        "code": alworkflows_code,
        "ensemble": tiny_ensemble(),
        "candidates": FramesData.from_frames(make_frames(2)),
        "settings": Dict({"species": ["Cu"], "geometry": {}, "grade": True}),
        "batches": {"batch_b": FramesData.from_frames(make_frames(1)), "batch_a": FramesData.from_frames(make_frames(3))},
    }
    instantiate_process(get_manager().get_runner(), job, **inputs).prepare_for_submission(Folder(tmp_path))
    given = json.loads((tmp_path / "input.json").read_text())
    assert given["grade"] is True
    assert given["batches"] == ["batch_a.npz", "batch_b.npz"]
    assert given["candidates"] == ["candidates.npz"]
