"""The trust window: errors in eV/A, turned into disagreements by the test frames."""

import json

import numpy as np
import pytest
from judged import frame_errors

from alworkflows.errors import InputError
from alworkflows.selection.window import KNOWN, OWN, SHARE, TestBatch, find_window
from alworkflows.settings import TrustLevels


def batch(count, stage="melt", seed=0, factor=10.0, rms=2.0, largest=8.0):
    """Return test frames whose errors are ``factor`` times the disagreement, give or take."""
    rng = np.random.default_rng(seed)
    d = np.exp(rng.normal(-3.0, 0.5, count))
    e = factor * d * np.exp(rng.normal(0.0, 0.2, count))
    return TestBatch(stage, frame_errors(d, e, force_rms=rms, largest_force=largest, atoms=50))


def test_stated_errors_become_disagreements():
    window = find_window(TrustLevels(lower=0.3, upper=6.0), 0.05, [batch(40)], "melt")
    assert window.kind == "calibrated"
    assert (window.lower_error, window.upper_error) == (pytest.approx(0.3), pytest.approx(6.0))
    assert 0.015 < window.lower < 0.03 < 0.6 < window.upper < 6.0
    assert "as stated" in window.sentence
    assert f"{window.lower:.3g} eV/A" in window.sentence
    assert json.loads(json.dumps(window.as_dict(), allow_nan=False))["lower"] == window.lower


def test_levels_follow_from_the_forces_of_the_stage():
    batches = [batch(20, "melt"), batch(OWN, "surface", 1, rms=0.8, largest=3.0)]
    melt, surface = (find_window(TrustLevels(), 0.05, batches, stage) for stage in ("melt", "surface"))
    assert (melt.lower_error, melt.upper_error) == (pytest.approx(SHARE * 2.0), pytest.approx(8.0))
    assert (surface.lower_error, surface.upper_error) == (pytest.approx(SHARE * 0.8), pytest.approx(3.0))
    assert surface.calibration["scope"] == melt.calibration["scope"] == "stage"
    points = surface.calibration["points"]
    assert {name: len(column) for name, column in points.items()} == dict.fromkeys(points, 20 + OWN)
    assert points["stage"] == ["melt"] * 20 + ["surface"] * OWN


def test_a_new_stage_is_careful_below_and_patient_above():
    batches = [
        batch(20, "melt"),
        batch(10, "glass", 1, rms=0.5, largest=2.0),
        batch(KNOWN - 1, "surface", 2, rms=0.1, largest=0.3),
    ]
    window = find_window(TrustLevels(), 0.05, batches, "surface")
    assert window.calibration["scope"] == "all"
    assert (window.lower, window.lower_error) == (0.0, 0.0)
    assert window.upper_error == pytest.approx(8.0)
    assert "no frame counts as accurate before this stage has 2 test frames" in window.sentence
    known = [*batches[:2], batch(KNOWN, "surface", 2, rms=0.1, largest=0.3)]
    assert find_window(TrustLevels(), 0.05, known, "surface").lower_error == pytest.approx(SHARE * 0.1)


def test_a_stage_of_few_frames_knows_its_forces_but_learns_from_all():
    window = find_window(TrustLevels(), 0.05, [batch(20), batch(KNOWN, "surface", 1, rms=0.8, largest=3.0)], "surface")
    assert (window.calibration["scope"], window.calibration["n"]) == ("all", 20 + KNOWN)
    assert (window.lower_error, window.upper_error) == (pytest.approx(SHARE * 0.8), pytest.approx(3.0))


def test_the_curve_spans_frames_and_levels():
    window = find_window(TrustLevels(), 0.05, [batch(30)], "melt")
    curve = {name: np.array(column) for name, column in window.calibration["curve"].items()}
    assert curve["disagreement"][0] < min(window.lower, *window.calibration["points"]["disagreement"])
    assert curve["disagreement"][-1] > window.upper
    assert all((np.diff(column) >= 0).all() for column in curve.values())
    assert (curve["bound"] >= curve["expected"]).all()


def test_the_newest_batch_judges_what_those_before_said():
    batches = [batch(40, seed=1), batch(20, seed=2)]
    calibration = find_window(TrustLevels(), 0.05, batches, "melt").calibration
    assert (calibration["checked_on"], calibration["coverage_n"], calibration["n"]) == ("newest", 20, 60)
    worse = find_window(TrustLevels(), 0.05, [batches[0], batch(20, seed=2, factor=40.0)], "melt").calibration
    assert worse["coverage"] < 0.3 < 0.6 < calibration["coverage"]
    assert "of 20 frames of the newest batch" in worse["sentence"]
    alone = find_window(TrustLevels(), 0.05, batches[:1], "melt").calibration
    assert (alone["checked_on"], alone["coverage_n"]) == ("cross-validation", 40)


def test_few_frames_say_so():
    assert "too few for a shape" in find_window(TrustLevels(), 0.05, [batch(4)], "melt").calibration["sentence"]


NOTHING = [TestBatch("melt", frame_errors([], []))]
UNKNOWN = [TestBatch("melt", frame_errors([np.nan] * 2, np.nan, force_rms=np.nan, largest_force=np.nan))]


@pytest.mark.parametrize("batches", [[], NOTHING, UNKNOWN])
def test_without_test_frames_levels_are_relative_and_say_so(batches):
    window = find_window(TrustLevels(lower=0.2), 0.05, batches, "melt")
    assert (window.kind, window.lower, window.upper) == ("relative", pytest.approx(0.025), pytest.approx(10.0))
    assert (window.lower_error, window.upper_error) == (None, None)
    assert "no test frame" in window.sentence
    assert "although errors were stated" in window.sentence
    assert (window.calibration["scope"], window.calibration["points"]["error"]) == ("none", [])
    assert window.calibration["curve"] == {"disagreement": [], "expected": [], "bound": []}
    with pytest.raises(InputError, match=r"no test frame to calibrate on.*got None.*absolute"):
        find_window(TrustLevels(), None, batches, "melt")


def test_forces_that_vanish_give_no_default():
    moving = batch(12).errors
    still = TestBatch("melt", moving.model_copy(update={"force_rms": (0.0,) * 12, "largest_force": (0.0,) * 12}))
    assert find_window(TrustLevels(), 0.05, [still], "melt").kind == "relative"
    assert find_window(TrustLevels(lower=0.2, upper=9.0), 0.05, [still], "melt").kind == "calibrated"


def test_levels_the_wrong_way_round_once_calibrated():
    with pytest.raises(
        InputError, match=r"wrong way round: the lower, an error of 30 eV/A \(as stated\).*of 8 eV/A.*lower 'lower'"
    ):
        find_window(TrustLevels(lower=30.0), 0.05, [batch(40)], "melt")
    with pytest.raises(InputError, match=r"wrong way round.*upper, an expected error of 0\.3 eV/A \(as stated\)"):
        find_window(TrustLevels(upper=0.3), 0.05, [batch(40)], "melt")


def test_other_kinds_are_told_what_errors_they_stand_for():
    relative = find_window(TrustLevels(kind="relative", lower=0.5, upper=20.0), 0.04, [batch(40)], "melt")
    assert (relative.kind, relative.lower, relative.upper) == ("relative", pytest.approx(0.02), pytest.approx(0.8))
    assert 0.2 < relative.lower_error < 0.4
    absolute = find_window(TrustLevels(kind="absolute", lower=0.1, upper=0.9), None, [batch(40)], "melt")
    assert (absolute.kind, absolute.lower, absolute.upper) == ("absolute", 0.1, 0.9)
    assert 2.0 < absolute.upper_error < 5.0  # slower than in proportion, above all frames
    assert find_window(TrustLevels(kind="absolute"), None, [], "melt").lower == 0.05
    with pytest.raises(InputError, match=r"relative trust levels need.*got 0\.0"):
        find_window(TrustLevels(kind="relative"), 0.0, [batch(9)], "melt")
