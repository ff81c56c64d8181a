"""Training frames looked at after a fit: what is found in spoilt data, and what is made of it."""

import json

import numpy as np
import pytest
from after import After
from planted import SETTINGS, SPECIES
from spoilt import spoil
from tiny_network import TinySettings

from alworkflows.deadline import TimeIsUp
from alworkflows.frames import frame_id
from alworkflows.models import MODELS, Ensemble, force_errors, train
from alworkflows.models.registry import ModelClass
from alworkflows.models.telling import error_without, off_in_words, outlier_sentence

BAD = (4, 17, 30)


@pytest.fixture(scope="module")
def frames(labelled):
    return labelled(60, noise=0.02)


@pytest.fixture(scope="module")
def tests(labelled):
    return labelled(8, first=200)


@pytest.fixture
def fit(settings):
    def _fit(frames, outliers="keep", quantities=("forces", "energy"), **more):
        own = settings(max_terms=12, rows=8, outliers=outliers, quantities=quantities)
        return train(frames, more.pop("model", own), SPECIES, 1, cache=None, **more)

    return _fit


def named(report, kind="frames"):
    return sorted(item["number"] for item in report["outliers"][kind])


def error(ensemble, tests):
    return force_errors(ensemble, tests)["summary"]["force_rmse"]


def test_of_sound_frames_none_is_named_and_nothing_is_fitted_again(fit, frames, tests):
    ensemble, report = fit(frames, tests={"test": tests})
    assert (report["outliers"]["looked_at"], report["outliers"]["tests_looked_at"]) == (60, 8)
    assert named(report) == []
    assert named(report, "tests") == []
    assert report["outliers"]["refits"] == 0
    assert outlier_sentence(report["outliers"]) is None
    assert ensemble.report["outliers"] == report["outliers"]


@pytest.mark.parametrize("kind", ["shuffled", "high", "absurd"])
def test_wrong_labels_are_found_in_a_fit_that_they_spoil(fit, frames, tests, kind, tmp_path):
    ensemble, report = fit(spoil(frames, BAD, kind), tests={"test": tests})
    assert named(report) == list(BAD)
    what = "energy" if kind == "high" else "forces"
    for item in report["outliers"]["frames"]:
        assert what in [off["what"] for off in item["off"]]
        assert item["id"] == frame_id(frames[item["number"]])
        assert "weight" not in item
        assert what in off_in_words(item)
    assert "3 of 60 training frames contradict" in outlier_sentence(report["outliers"])
    assert "3 fitted to (fit.outliers: keep)" in outlier_sentence(report["outliers"])
    json.dumps(report)
    ensemble.save(tmp_path / "model.npz")
    assert named(Ensemble.load(tmp_path / "model.npz").report) == list(BAD)


def test_kept_frames_are_fitted_to_and_what_a_fit_without_them_gives_is_told(fit, frames, tests):
    spoilt = spoil(frames, BAD, "shuffled")
    ensemble, report = fit(spoilt, tests={"test": tests})
    assert report["frames"] == 60
    sound = error(fit(frames)[0], tests)
    assert error(ensemble, tests) > 3 * sound
    assert report["outliers"]["fit_without"] == pytest.approx(sound, rel=0.3)


def test_dropped_frames_are_as_if_they_had_not_been_there(fit, frames, tests):
    ensemble, report = fit(spoil(frames, BAD, "shuffled"), "drop", tests={"test": tests})
    assert [(item["number"], item["weight"]) for item in sorted(report["outliers"]["frames"], key=lambda i: i["number"])] == [
        (number, 0.0) for number in BAD
    ]
    expected, _ = fit([frame for number, frame in enumerate(frames) if number not in BAD])
    assert report["frames"] == expected.report["frames"] == 57
    for ours, theirs in zip(ensemble.members, expected.members, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=0, atol=1e-6 * np.abs(theirs.weights).max())
    assert "3 left out" in outlier_sentence(report["outliers"])


def test_frames_that_count_less_hardly_count(fit, frames, tests):
    ensemble, report = fit(spoil(frames, BAD, "shuffled"), "downweight")
    weights = {item["number"]: item["weight"] for item in report["outliers"]["frames"]}
    assert sorted(weights) == list(BAD)
    assert all(0 < weight < 0.1 for weight in weights.values())
    assert report["frames"] == 60
    assert error(ensemble, tests) < 2 * error(fit(frames)[0], tests)
    assert "3 counted for less" in outlier_sentence(report["outliers"])


def test_a_later_fit_judges_again(fit, frames, labelled):
    """What is left out is decided by each fit: nothing of an earlier one is kept."""
    spoilt = spoil(frames, BAD, "shuffled")
    assert named(fit([spoilt[:30], spoilt[30:]], "drop")[1]) == list(BAD)
    mended = [*spoilt[:4], frames[4], *spoilt[5:]]
    assert named(fit([mended[:30], mended[30:], labelled(10, first=400)], "drop")[1]) == list(BAD[1:])


def test_a_frame_is_told_by_its_batch(fit, frames):
    spoilt = spoil(frames, BAD, "shuffled")
    _, report = fit([spoilt[:20], spoilt[20:]])
    assert sorted((item["batch"], item["index"]) for item in report["outliers"]["frames"]) == [(0, 4), (0, 17), (1, 10)]


def test_what_is_off_in_nothing_that_is_fitted_is_named_and_kept(fit, frames):
    _, report = fit(spoil(frames, BAD, "high"), "drop", quantities=("forces",))
    assert named(report) == list(BAD)
    assert report["frames"] == 60
    assert report["outliers"]["refits"] == 0
    assert not any("weight" in item for item in report["outliers"]["frames"])
    assert "3 off in what is not fitted, and kept" in outlier_sentence(report["outliers"])


def test_more_than_a_tenth_is_not_dropped_but_called_broken(fit, frames):
    many = range(0, 60, 7)
    _, report = fit(spoil(frames, many, "shuffled"), "drop")
    assert set(named(report)) <= set(many)
    assert len(named(report)) > 6
    assert report["outliers"]["broken"]
    assert report["frames"] == 60
    assert "the data are broken; all were fitted to" in outlier_sentence(report["outliers"])


def test_test_frames_are_named_and_the_error_without_them_is_told(fit, frames, tests):
    spoilt = spoil(tests, [3], "shuffled")
    ensemble, report = fit(frames, tests={"a": spoilt[:2], "b": spoilt[2:]})
    (item,) = report["outliers"]["tests"]
    assert item["id"] == frame_id(tests[3])
    assert named(report) == []
    errors = force_errors(ensemble, spoilt)
    good = [frame for number, frame in enumerate(tests) if number != 3]
    assert error_without(errors, spoilt, report["outliers"]) == pytest.approx(error(ensemble, good))
    assert error_without(errors, spoilt, {"tests": []}) is None


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", ModelClass("tiny_network", "TinyNetwork", "TinyTrainer"))


def test_members_of_any_class_are_asked(fit, frames, tiny):
    spoilt = spoil(frames, [17], "shuffled")
    _, report = fit(spoilt, model=TinySettings(descriptors=SETTINGS, epochs=60))
    assert 17 in named(report)
    assert report["outliers"]["refits"] == 0


def test_groups_keep_and_drop_each_as_it_was_told(fit, frames, settings):
    spoilt = spoil(frames, BAD, "shuffled")
    groups = [settings(max_terms=12, rows=8), settings(members=2, max_terms=10, rows=8, outliers="drop")]
    _, report = fit(spoilt, model=groups)
    assert report["outliers"]["rules"] == ["keep", "drop"]
    assert [group["frames"] for group in report["groups"]] == [60, 57]


def test_frames_that_pass_once_or_are_few_are_not_looked_at(fit, frames):
    assert "gone through only once" in fit(iter(frames))[1]["outliers"]["skipped"]
    report = fit(frames[:9])[1]
    assert "fewer than 10" in report["outliers"]["skipped"]
    assert outlier_sentence(report["outliers"]) is None


def test_the_search_ends_with_the_time_and_comes_to_the_same_bits(fit, frames, tmp_path):
    spoilt = spoil(frames, BAD, "shuffled")
    with pytest.raises(TimeIsUp, match="looking for labels that are off, to be gone on with"):
        fit(spoilt, "drop", deadline=After(0))
    expected, _ = fit(spoilt, "drop")
    for looks in range(40):
        try:
            done, _ = fit(spoilt, "drop", checkpoint=tmp_path, deadline=After(looks))
            break
        except TimeIsUp:
            continue
    assert looks > 2
    assert done.report == expected.report
