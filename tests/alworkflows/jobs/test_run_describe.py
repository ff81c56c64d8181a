"""The verb that describes candidates: numbers of an ensemble against those it predicts, and what is not there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows import jobs
from alworkflows.errors import InputError
from alworkflows.models import Ensemble, Fit
from alworkflows.models.linear.model import LinearModel
from alworkflows.potentials import resolve
from alworkflows.selection import ActiveSet
from alworkflows.settings import LinearSettings, PlipSettings
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import crystal

SETTINGS = LinearSettings(descriptors=PlipSettings.gaussians((1.5, 2.5, 3.5), cutoff=5.0, l=(1,), m=()), members=3)


def labelled(seed: int, amplitude: float = 0.15) -> Atoms:
    atoms = crystal("zno-wurtzite").repeat((2, 2, 2))
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    calculator = LammpsCalculator(resolve("zno-binks-grimes"))
    calculator.calculate(atoms)
    return frames_io.attach_labels(atoms, calculator.results["energy"], calculator.results["forces"])


@pytest.fixture(scope="module")
def training() -> list[Atoms]:
    return [labelled(seed) for seed in range(24)]


@pytest.fixture(scope="module")
def ensemble(training: list[Atoms]) -> Ensemble:
    return Fit(training, SETTINGS, ("Zn", "O"), 1, cache=None).ensemble(terms=8)


@pytest.fixture
def candidates() -> list[Atoms]:
    frames = [labelled(seed, 0.2) for seed in range(100, 104)]
    frames[1].positions[0] = frames[1].positions[1] + 0.1  # fused
    return frames


def describe(folder: Path, candidates: list[Atoms], **spec: Any) -> dict[str, Any]:
    """Run the verb; return its report and arrays."""
    frames_io.save(folder / "candidates.npz", candidates)
    (folder / "input.json").write_text(
        json.dumps({"candidates": ["candidates.npz"], "species": ["Zn", "O"], "geometry": {}, **spec})
    )
    report = jobs.run("describe", folder / "input.json")
    with np.load(folder / "deviation.npz", allow_pickle=False) as arrays:
        return {**report, **arrays}


def test_without_an_ensemble_there_are_fingerprints_alone(tmp_path: Path, candidates: list[Atoms]) -> None:
    columns = describe(tmp_path, candidates)
    assert [bool(reason) for reason in columns["refused"]] == [False, True, False, False]
    assert np.isnan(columns["disagreement"]).all()
    assert np.isnan(columns["grade"]).all()
    assert columns["element_disagreement"].shape == (4, 2)
    assert np.isnan(columns["element_disagreement"]).all()
    assert np.isfinite(columns["fingerprints"]).all()


def test_the_ensemble_is_asked_of_each_sound_frame(
    tmp_path: Path, candidates: list[Atoms], training: list[Atoms], ensemble: Ensemble
) -> None:
    ensemble.save(tmp_path / "ensemble.npz")
    frames_io.save(tmp_path / "one.npz", training[:10])
    frames_io.save(tmp_path / "two.npz", training[10:])
    columns = describe(tmp_path, candidates, ensemble="ensemble.npz", grade=True, batches=["one.npz", "two.npz"])
    sound = [0, 2, 3]
    for name in ("disagreement", "element_disagreement", "grade"):
        assert np.isnan(columns[name][1]).all()
        assert np.isfinite(columns[name][sound]).all()
    np.testing.assert_allclose(columns["element_disagreement"][sound].max(axis=1), columns["disagreement"][sound])
    oxygen = candidates[2].numbers == 8
    (prediction,) = ensemble.predict([candidates[2]])
    assert columns["element_disagreement"][2] == pytest.approx(
        [prediction.deviation[~oxygen].max(), prediction.deviation[oxygen].max()]
    )
    np.testing.assert_allclose(
        columns["grade"][sound], ActiveSet.of_ensemble(ensemble, training).grades([candidates[index] for index in sound])
    )
    assert columns["grade"][sound].min() > 1  # shaken more than what was trained on


def test_the_grade_is_not_asked_for_by_default(tmp_path: Path, candidates: list[Atoms], ensemble: Ensemble) -> None:
    ensemble.save(tmp_path / "ensemble.npz")
    assert np.isnan(describe(tmp_path, candidates, ensemble="ensemble.npz")["grade"]).all()


def test_a_species_that_a_frame_lacks_has_no_disagreement(tmp_path: Path, candidates: list[Atoms], ensemble: Ensemble) -> None:
    ensemble.save(tmp_path / "ensemble.npz")
    zinc = candidates[0][candidates[0].numbers == 30]
    columns = describe(tmp_path, [zinc], ensemble="ensemble.npz")
    assert np.isfinite(columns["element_disagreement"][0, 0])
    assert np.isnan(columns["element_disagreement"][0, 1])


def test_terms_of_any_member_count(ensemble: Ensemble, training: list[Atoms]) -> None:
    weights = np.zeros((2, ensemble.members[0].descriptors.size))
    weights[0, 3], weights[1, [3, 9]] = 1.0, 2.0
    members = [LinearModel(ensemble.members[0].settings, ensemble.species, row, np.zeros(2)) for row in weights]
    assert ActiveSet.of_ensemble(Ensemble(members), training).columns.tolist() == [3, 9]


@pytest.mark.parametrize(
    ("spec", "message"),
    [({"grade": True}, "the ensemble it is of, got none"), ({"grade": True, "ensemble": "ensemble.npz"}, "batches .* got none")],
)
def test_a_grade_of_nothing_is_refused(
    tmp_path: Path, candidates: list[Atoms], ensemble: Ensemble, spec: dict[str, Any], message: str
) -> None:
    ensemble.save(tmp_path / "ensemble.npz")
    with pytest.raises(InputError, match=message):
        describe(tmp_path, candidates, **spec)
