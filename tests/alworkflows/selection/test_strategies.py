"""The contract every strategy keeps; a new one is tested by being registered."""

from dataclasses import replace

import numpy as np
import pytest

from alworkflows.selection import STRATEGIES, Pool, farthest_points


def make_pool(count: int = 60, known: int = 8, seed: int = 3) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        fingerprints=rng.normal(size=(count, 6)),
        known=rng.normal(size=(known, 6)),
        disagreement=rng.uniform(0.2, 2.0, size=count),
        window=(0.2, 2.0),
        widen=3.0,
    )


@pytest.mark.parametrize("name", sorted(STRATEGIES))
class TestContract:
    @pytest.mark.parametrize("budget", [1, 7, 60, 200])
    def test_picks_are_distinct_and_within_budget_and_pool(self, name: str, budget: int) -> None:
        picks = STRATEGIES[name](make_pool(), budget)
        indices = [pick.index for pick in picks]
        assert len(set(indices)) == len(indices) == min(budget, 60)
        assert all(0 <= index < 60 for index in indices)

    def test_each_pick_says_why(self, name: str) -> None:
        picks = STRATEGIES[name](make_pool(), 5)
        assert all(f"farthest point {rank} of 5" in pick.reason for rank, pick in enumerate(picks, 1))

    def test_is_deterministic_and_leaves_its_pool_alone(self, name: str) -> None:
        pool = make_pool()
        before = [pool.fingerprints.copy(), pool.known.copy(), pool.disagreement.copy()]  # type: ignore[union-attr]
        assert STRATEGIES[name](pool, 9) == STRATEGIES[name](make_pool(), 9)
        for array, old in zip([pool.fingerprints, pool.known, pool.disagreement], before, strict=True):
            np.testing.assert_array_equal(array, old)

    def test_duplicates_of_the_known_and_of_picks_are_left(self, name: str) -> None:
        pool = make_pool(count=6)
        doubled = replace(
            pool,
            fingerprints=np.concatenate([pool.fingerprints, pool.fingerprints, pool.known]),
            disagreement=np.full(20, 1.0),
        )
        picks = STRATEGIES[name](doubled, 20)
        assert len(picks) == 6
        assert {pick.index % 6 for pick in picks} == set(range(6))
        assert all(pick.index < 12 for pick in picks)

    def test_an_empty_pool_gives_nothing(self, name: str) -> None:
        empty = Pool(np.zeros((0, 6)), np.zeros((3, 6)), np.zeros(0), (0.2, 2.0))
        assert STRATEGIES[name](empty, 4) == []


def test_uncertain_is_farthest_points_of_the_most_disagreeing() -> None:
    pool = make_pool()
    picks = [pick.index for pick in STRATEGIES["diverse-among-uncertain"](pool, 8)]
    assert pool.disagreement is not None
    most = sorted(np.argsort(pool.disagreement)[-24:])
    assert picks == [most[i] for i in farthest_points(pool.fingerprints[most], pool.known, 8)]


def test_uncertain_gives_its_numbers() -> None:
    pool = Pool(np.array([[0.0], [1.0]]), np.zeros((0, 1)), np.array([0.83, 0.3]), (0.2, 2.4), 1.0)
    (pick,) = STRATEGIES["diverse-among-uncertain"](pool, 1)
    assert pick.index == 0
    assert pick.reason == "disagreement 0.83 eV/A within [0.2, 2.4], farthest point 1 of 1 among the 1 most uncertain"


def test_uncertain_without_an_ensemble_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs an ensemble"):
        STRATEGIES["diverse-among-uncertain"](Pool(np.zeros((2, 1)), np.zeros((0, 1))), 1)
