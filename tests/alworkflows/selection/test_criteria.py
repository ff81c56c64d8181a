"""The contract every criterion keeps; a new one is tested by being registered."""

import numpy as np
import pytest

from alworkflows.selection import CRITERIA, Known, Scores
from alworkflows.settings import Criterion

F = 30


def known(count: int = F, seed: int = 1, data: int = 4) -> Known:
    rng = np.random.default_rng(seed)
    scores = Scores(rng.uniform(size=count), rng.uniform(size=(count, 2)), rng.uniform(0, 5, size=count))
    return Known(scores, rng.normal(size=(count, 3)), rng.normal(size=(data, 3)))


def test_every_name_has_a_criterion() -> None:
    assert set(CRITERIA) == set(Criterion)


@pytest.mark.parametrize("name", sorted(CRITERIA))
class TestContract:
    @pytest.mark.parametrize(("count", "data"), [(F, 4), (F, 0), (0, 4)])
    def test_one_finite_score_each(self, name: Criterion, count: int, data: int) -> None:
        scores = CRITERIA[name].score(known(count, data=data))
        assert scores.shape == (count,)
        assert np.isfinite(scores).all()

    def test_is_deterministic_and_does_not_see_the_order(self, name: Criterion) -> None:
        candidates, order = known(), np.random.default_rng(2).permutation(F)
        assert candidates.scores is not None
        turned = Known(candidates.scores.of(order), candidates.points[order], candidates.known)
        np.testing.assert_allclose(CRITERIA[name].score(turned), CRITERIA[name].score(candidates)[order])

    def test_says_whether_it_needs_an_ensemble(self, name: Criterion) -> None:
        if not CRITERIA[name].needs_ensemble:
            candidates = known()
            assert len(CRITERIA[name].score(Known(None, candidates.points, candidates.known))) == F

    def test_is_told(self, name: Criterion) -> None:
        phrase = CRITERIA[name].told.format(score=1.23456)
        assert "1.23" in phrase or name is Criterion.RANDOM


def test_each_species_counts_on_its_own_scale() -> None:
    # oxygen disagrees ten times as much in every frame; in the last, zinc is out of the ordinary and oxygen is not
    values = np.array([[0.1, 1.0], [0.1, 1.0], [0.11, 1.2], [0.5, 1.1]])
    scores = CRITERIA[Criterion.ELEMENT_DISAGREEMENT].score(
        Known(Scores(values.max(axis=1), values), np.zeros((4, 1)), np.zeros((0, 1)))
    )
    assert int(np.argmax(scores)) == 3
    assert int(np.argmax(values.max(axis=1))) == 2


def test_a_species_that_is_absent_does_not_count() -> None:
    values = np.array([[0.1, np.nan], [0.3, np.nan], [0.1, 0.5], [0.1, 0.5]])
    scores = CRITERIA[Criterion.ELEMENT_DISAGREEMENT].score(
        Known(Scores(np.nanmax(values, axis=1), values), np.zeros((4, 1)), np.zeros((0, 1)))
    )
    np.testing.assert_allclose(scores, [1, 3, 1, 1])


def test_distance_is_to_the_nearest_of_the_data_set() -> None:
    candidates = Known(None, np.array([[0.0], [5.0]]), np.array([[1.0], [9.0]]))
    np.testing.assert_allclose(CRITERIA[Criterion.DISTANCE].score(candidates), [1.0, 4.0])
