"""The file of models: what it refuses, and files of earlier versions, as their own programs wrote them."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols
from planted import SETTINGS, SPECIES

from alworkflows.errors import InputError
from alworkflows.models import Ensemble, LinearModel
from alworkflows.models.model_files import VERSION
from alworkflows.models.universal.model import UniversalModel
from alworkflows.settings import parse
from alworkflows.settings.model import BaselineSettings

ARCHIVE = Path(__file__).parent / "archive"


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    size = LinearModel(SETTINGS, SPECIES, np.zeros(1), np.zeros(2)).descriptors.size
    members = [LinearModel(SETTINGS, SPECIES, rng.normal(size=size), np.array([-1.0, -2.0])) for _ in range(2)]
    Ensemble([*members, UniversalModel(SPECIES)], {"frames": 3}).save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def rewrite(path, arrays=None, group=None, **changes):
    with np.load(path) as stored:
        contents = dict(stored)
    header = json.loads(contents["header"].tobytes()) | changes
    if group:
        header["groups"][0] |= group
    contents["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **{**contents, **(arrays or {})})


def changed(path, name, change):
    with np.load(path) as stored:
        return {name: change(stored[name].copy())}


def described(path, **changes):
    """Change the settings of the descriptors."""
    with np.load(path) as stored:
        model = json.loads(stored["header"].tobytes())["groups"][0]["model"]
    rewrite(path, group={"model": {**model, "descriptors": {**model["descriptors"], **changes}}})


def poison(array):
    array[0, 0] = np.nan
    return array


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"not a model"), "not a model file"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "not a model file"),
        (lambda path: np.savez(path, a=np.ones(3)), "not a model file"),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: rewrite(path, format="alworkflows-frames"), "not a model file"),
        (lambda path: rewrite(path, version="three"), "not a model file"),
        (lambda path: rewrite(path, groups=[{"class": "linear"}]), "not a sound model file: groups.0.members: missing"),
        (lambda path: rewrite(path, group={"model": {}}), "not a sound model file: its header lacks.*'descriptors'"),
        (lambda path: rewrite(path, report="x"), "not a sound model file: report: "),
        (lambda path: rewrite(path, version=True), "not a model file"),
        (lambda path: rewrite(path, report={"groups": 7}), "not a sound model file: report: groups: "),
        (lambda path: rewrite(path, report={"groups": ["a"]}), "not a sound model file: report: groups.0: "),
        (lambda path: rewrite(path, report={"reference_disagreement": "x"}), "report: reference_disagreement: "),
        (lambda path: rewrite(path, report={"reference_disagreement": np.nan}), "report: reference_disagreement: .*finite"),
        (lambda path: rewrite(path, {"header": np.frombuffer(b"[" * 10**5, dtype=np.uint8)}), "not a model file"),
        (lambda path: rewrite(path, {"header": np.frombuffer(b"[]", dtype=np.uint8)}), "not a model file"),
        (lambda path: rewrite(path, {"header": np.array([{}], dtype=object)}), "not a model file"),
        (lambda path: rewrite(path, changed(path, "0/weights", lambda a: a.astype("U3"))), "to be numbers of each member"),
        (lambda path: (path.unlink(), path.mkdir()), "expected a file, got a folder"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "expected a file, got a device or a pipe"),
        (lambda path: np.savez_compressed(path, header=np.zeros(2**28 + 1, dtype=np.uint8)), "times its size: not read"),
        (lambda path: rewrite(path, species=["Zn", 8]), "not a sound model file: species.1: "),
        (lambda path: rewrite(path, species=["Zn", "Zn"]), "species: expected each once, got Zn, Zn"),
        (lambda path: rewrite(path, group={"members": 0}), "not a sound model file: groups.0.members: "),
        (lambda path: rewrite(path, changed(path, "0/weights", lambda a: a.astype(complex))), "to be numbers of each member"),
        (lambda path: rewrite(path, version=2), "not a sound model file of version 2: it lacks 'class'"),
        (lambda path: rewrite(path, version=99), "version 99, but this program knows versions 2 to 3; it was written by a newer"),
        (lambda path: rewrite(path, version=1), "version 1, but this program knows versions 2 to 3$"),
        (
            lambda path: rewrite(path, group={"class": "liner"}),
            r"unknown class of models 'liner' \(did you mean 'linear'\?\); known: linear, universal",
        ),
        (lambda path: rewrite(path, group={"members": 3}), "expected weights of 3 members, got 2"),
        (lambda path: rewrite(path, changed(path, "0/weights", poison)), "expected finite weights, got NaN or infinity"),
        (
            lambda path: rewrite(path, changed(path, "0/reference_energies", poison)),
            "expected finite reference energies, got NaN",
        ),
        (lambda path: rewrite(path, changed(path, "0/weights", lambda a: a[:, :-1])), r"expected weights of shape \(\d+,\)"),
        (lambda path: rewrite(path, species=["Zn"]), "expected weights of shape"),
        (lambda path: rewrite(path, species=["Zn", "Zz"]), r"model.npz: expected chemical symbols, got 'Zz'"),
        (lambda path: rewrite(path, species=chemical_symbols[1:18]), "model.npz: expected at most 16 species, got 17"),
        (lambda path: described(path, cutoff=1e12), "cutoff: expected less than or equal to 20, got 1000000000000.0"),
        (lambda path: described(path, cutoff=1e-300), "cutoff: expected greater than or equal to 0.5, got 1e-300"),
        (lambda path: described(path, cutoff=float("nan")), "cutoff: expected a finite number, got nan"),
        (
            lambda path: described(path, name="chebyshev", functions=None, degree=10**9),
            "degree: expected less than or equal to 64",
        ),
        (lambda path: described(path, l=[10**9]), "expected distinct l between 0 and 8"),
        (lambda path: described(path, m=[10**9]), "expected distinct m between 2 and 9"),
        (lambda path: described(path, switch=1e300), "switch: expected less than or equal to 100"),
        (
            lambda path: described(path, functions=[{"family": "gaussian", "centres": [0.01 * k for k in range(1, 10_000)]}]),
            "centres: expected at most 500 entries",
        ),
    ],
)
def test_files_that_cannot_be_read_say_why(path, damage, message):
    damage(path)
    with pytest.raises(InputError, match=message):
        Ensemble.load(path)


def test_a_disk_that_fills_up_leaves_the_old_model(path, monkeypatch):
    before = path.read_bytes()
    ensemble = Ensemble.load(path)

    def full(handle, **_):
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        ensemble.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_members_of_a_make_share_a_header(path):
    with np.load(path) as stored:
        header, arrays = json.loads(stored["header"].tobytes()), {name: stored[name].shape for name in stored.files}
    assert header["version"] == VERSION
    assert [(group["class"], group["members"]) for group in header["groups"]] == [("linear", 2), ("universal", 1)]
    assert arrays["0/weights"][0] == 2
    assert not any(name.startswith("1/") for name in arrays)


@pytest.mark.parametrize("name", ["plain", "zbl"])
def test_a_file_of_version_2_predicts_as_its_own_program_did(name):
    """Stored figures are those of the machine that made them, to the last bit; kernels of another width round otherwise."""
    ensemble = Ensemble.load(ARCHIVE / f"version_2_{name}.npz")
    expected = np.load(ARCHIVE / f"version_2_{name}_predictions.npz")
    for k in (0, 1):
        atoms = Atoms(
            numbers=expected[f"{k}_numbers"], positions=expected[f"{k}_positions"], cell=expected[f"{k}_cell"], pbc=True
        )
        prediction, calculator = ensemble.predict([atoms])[0], ensemble.calculator()
        calculator.calculate(atoms, ["forces", "disagreement"])
        results = {**calculator.results, **{name: getattr(prediction, name) for name in ("deviation", "members")}}
        for key in ("energy", "forces", "stress"):
            np.testing.assert_allclose(getattr(prediction, key), expected[f"{k}_{key}"], rtol=1e-9, atol=1e-9)
        for key in ("energy", "energies", "forces", "stress", "disagreement"):
            np.testing.assert_allclose(results[key], expected[f"{k}_calc_{key}"], rtol=1e-9, atol=1e-9)
        for key in ("deviation", "members"):
            np.testing.assert_allclose(results[key], expected[f"{k}_{key}"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["plain", "zbl"])
def test_upgraded_numbers_are_those_of_the_file(name):
    with np.load(ARCHIVE / f"version_2_{name}.npz") as stored:
        arrays = dict(stored)
    header = json.loads(arrays["header"].tobytes())
    ensemble = Ensemble.load(ARCHIVE / f"version_2_{name}.npz")
    baseline = header["baseline"] and parse(BaselineSettings, header["baseline"])
    same = Ensemble(
        [
            LinearModel(SETTINGS, SPECIES, weights, energies, baseline)
            for weights, energies in zip(arrays["weights"], arrays["levels"], strict=True)
        ]
    )
    frame = Atoms("ZnO", positions=[[0, 0, 0], [1.0, 0.2, 0.1]], cell=4 * np.eye(3), pbc=True)
    ours, theirs = ensemble.predict([frame])[0], same.predict([frame])[0]
    for key in ("energy", "forces", "stress", "members"):
        np.testing.assert_array_equal(getattr(ours, key), getattr(theirs, key))
    assert ensemble.summary()["terms"] == header["report"]["terms"]
    assert ensemble.reference_disagreement == header["report"]["reference_disagreement"]
    (group,) = ensemble.report["groups"]
    assert group["path"] == header["report"]["path"]
    assert (group["class"], group["members"]) == ("linear", 3)


def test_an_upgraded_file_is_written_as_the_newest(tmp_path):
    ensemble = Ensemble.load(ARCHIVE / "version_2_zbl.npz")
    ensemble.save(tmp_path / "model.npz")
    again = Ensemble.load(tmp_path / "model.npz")
    assert again.summary() == ensemble.summary()
    assert again.report == ensemble.report
    assert again.summary()["format"] == VERSION
