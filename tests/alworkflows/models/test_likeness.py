"""Which frames are like which."""

import numpy as np
import pytest

from alworkflows.models.likeness import ALIKE, Likeness


def test_neighbours_are_the_nearest_others():
    points = np.random.default_rng(0).normal(size=(60, 3))
    likeness = Likeness.of(points)
    assert likeness.neighbours.shape == (60, ALIKE)
    assert not (likeness.neighbours == np.arange(60)[:, None]).any()
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    np.testing.assert_array_equal(np.sort(likeness.neighbours[7]), np.sort(np.argsort(distances[7])[1 : ALIKE + 1]))


def test_copies_of_a_frame_are_its_neighbours_and_not_itself():
    points = np.repeat(np.random.default_rng(0).normal(size=(4, 2)), 20, axis=0)
    likeness = Likeness.of(points)
    assert not (likeness.neighbours == np.arange(80)[:, None]).any()
    assert np.isfinite(likeness.alone).all()


def test_frames_that_are_all_alike_are_not_alone():
    likeness = Likeness.of(np.ones((12, 5)))
    assert (likeness.alone < 2).all()


def test_few_frames_that_are_far_from_all_are_alone():
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(size=(80, 3)), 30 + rng.normal(size=(3, 3))])
    alone = Likeness.of(points).alone
    assert (alone[80:] > 5).all()
    assert np.median(alone[:80]) == pytest.approx(1.0, abs=0.2)


def test_the_median_is_of_those_that_have_a_say_if_any_has():
    likeness = Likeness(np.array([[1, 2], [0, 2], [0, 1]]), np.ones((3, 2)))
    values = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(likeness.typical(values), [3.0, 2.5, 1.5])
    np.testing.assert_allclose(likeness.typical(values, np.array([True, False, False])), [3.0, 1.0, 1.0])
    assert np.isnan(likeness.typical(np.array([1.0, np.nan, np.nan]))[0])
