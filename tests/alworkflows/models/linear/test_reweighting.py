"""A fit with other weights of some frames: as if they had come so, without summing the others again."""

import numpy as np
import pytest
from planted import SPECIES

from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, labels
from alworkflows.models import Fit
from alworkflows.models.linear import reweighting
from alworkflows.models.linear.cache import Cache

OFF = (2, 7, 11)


@pytest.fixture
def fit(settings):
    def _fit(frames, **more):
        return Fit(frames, settings(members=3, method="ridge", quantities=("forces", "energy")), SPECIES, 1, cache=None, **more)

    return _fit


@pytest.fixture
def frames(labelled):
    return labelled(24, noise=0.05)


def without(frames):
    return [frame for number, frame in enumerate(frames) if number not in OFF]


def with_weight(frames, weight):
    again = []
    for number, frame in enumerate(frames):
        other = frame.copy()
        other.calc = frame.calc
        if number in OFF:
            other.info["weight"] = weight
        again.append(other)
    return again


def same(actual, expected):
    for ours, theirs in zip(actual.group(alpha=1e-6).models, expected.group(alpha=1e-6).models, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=0, atol=1e-7 * np.abs(theirs.weights).max())
        np.testing.assert_allclose(ours.reference_energies, theirs.reference_energies, rtol=1e-7)


def test_weight_zero_is_a_fit_without(fit, frames):
    reweighted, expected = fit(frames).reweighted(frames, dict.fromkeys(OFF, 0.0)), fit(without(frames))
    same(reweighted, expected)
    for name in ("frames", "rows", "energies"):
        assert reweighted.report[name] == expected.report[name]


def test_a_smaller_weight_is_that_in_the_data(fit, frames):
    reweighted = fit(frames).reweighted(frames, dict.fromkeys(OFF, 0.3))
    same(reweighted, fit(with_weight(frames, 0.3)))
    assert reweighted.report["frames"] == len(frames)


def test_weights_multiply_those_of_the_frames(fit, frames):
    same(fit(with_weight(frames, 2.0)).reweighted(with_weight(frames, 2.0), dict.fromkeys(OFF, 0.5)), fit(frames))


def test_the_first_fit_stays_as_it_is(fit, frames):
    first = fit(frames)
    before = [model.weights.copy() for model in first.group(alpha=1e-6).models]
    first.reweighted(frames, dict.fromkeys(OFF, 0.0))
    for model, weights in zip(first.group(alpha=1e-6).models, before, strict=True):
        np.testing.assert_array_equal(model.weights, weights)
    assert first.report["frames"] == 24


def test_labels_in_whose_rounding_all_others_drown_are_summed_without(fit, frames):
    spoilt = []
    for number, frame in enumerate(frames):
        stored = labels(frame)
        spoilt.append(attach_labels(frame.copy(), stored.energy, stored.forces * (1e9 if number in OFF else 1.0), stored.stress))
    same(fit(spoilt).reweighted(spoilt, dict.fromkeys(OFF, 0.0)), fit(without(frames)))


def test_columns_that_only_frames_left_out_have_are_zero_and_not_their_rounding(fit, frames, labelled):
    from alworkflows.models.linear.normal import Normal

    whole, part = Normal.empty(2, 1), Normal.empty(2, 1)
    for normal, square in ((whole, 1e3), (part, 1e3 * (1 + 1e-15))):
        normal.xx[:] = [[square, 1.0], [1.0, 2.0 if normal is part else 5.0]]
        normal.xy[:], normal.frames = [7.0, 1.0], 1
    left = reweighting._less(whole, part)
    np.testing.assert_array_equal(left.xx, [[0, 0], [0, 3.0]])
    np.testing.assert_array_equal(left.xy, [0, 0.0])


def test_nothing_left_is_said(fit, frames):
    with pytest.raises(InputError, match="nothing is left to fit"):
        fit(frames).reweighted(frames, dict.fromkeys(range(24), 0.0))


def test_the_cache_keeps_the_sums_of_the_weights_that_frames_came_with(settings, frames, tmp_path):
    cache = Cache(tmp_path)
    values = settings(members=3, method="ridge", quantities=("forces", "energy"))
    said = []
    first = Fit([frames], values, SPECIES, 1, cache=cache)
    first.reweighted([frames], dict.fromkeys(OFF, 0.0))
    again = Fit([frames], values, SPECIES, 1, cache=cache, progress=said.append)
    assert any("sums of the first 1 of 1 batches are known" in line for line in said)
    for ours, theirs in zip(again.group(alpha=1e-6).models, first.group(alpha=1e-6).models, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
