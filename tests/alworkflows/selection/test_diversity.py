"""The contract every rule of diversity keeps; a new one is tested by being registered."""

import numpy as np
import pytest

from alworkflows.selection import DIVERSITY, Shortlist
from alworkflows.selection.diversity import cur, farthest_points, leverage, unknown_part
from alworkflows.selection.duplicates import DUPLICATE
from alworkflows.settings import Diversity


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def shortlist(count: int = 60, known: int = 8, seed: int = 3) -> Shortlist:
    rng = np.random.default_rng(seed)
    return Shortlist(rng.normal(size=(count, 6)), rng.normal(size=(known, 6)))


def test_every_name_has_a_rule() -> None:
    assert set(DIVERSITY) == set(Diversity)


@pytest.mark.parametrize("name", sorted(DIVERSITY))
class TestContract:
    @pytest.mark.parametrize("budget", [0, 1, 7, 60, 200])
    @pytest.mark.parametrize("known", [0, 8])
    def test_picks_are_distinct_and_as_many_as_the_budget(self, name: Diversity, budget: int, known: int) -> None:
        picked = DIVERSITY[name].pick(shortlist(known=known), budget)
        assert len(set(picked)) == len(picked) == min(budget, 60)
        assert all(0 <= index < 60 for index in picked)

    def test_is_deterministic_and_leaves_its_frames_alone(self, name: Diversity) -> None:
        candidates = shortlist()
        before = candidates.points.copy(), candidates.known.copy()
        assert DIVERSITY[name].pick(candidates, 9) == DIVERSITY[name].pick(shortlist(), 9)
        for array, old in zip((candidates.points, candidates.known), before, strict=True):
            np.testing.assert_array_equal(array, old)

    def test_nothing_gives_nothing(self, name: Diversity) -> None:
        assert DIVERSITY[name].pick(Shortlist(np.zeros((0, 6)), np.zeros((3, 6))), 4) == []

    def test_frames_that_do_not_vary_are_taken_in_order(self, name: Diversity) -> None:
        picked = DIVERSITY[name].pick(Shortlist(np.zeros((4, 3)), np.zeros((0, 3))), 2)
        assert picked in ([0, 1], [0])  # by distance the second is the same frame

    def test_place_and_total_are_told(self, name: Diversity) -> None:
        assert "3 of 9" in DIVERSITY[name].told.format(place=3, total=9)


def brute_force(points: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """Farthest points with no state kept between steps."""
    picked: list[int] = []
    for _ in range(count):
        others = [*known, *points[picked]]
        gaps = [min((float(np.linalg.norm(p - o)) for o in others), default=np.inf) for p in points]
        picked.append(max(range(len(points)), key=lambda i: (gaps[i], -i)))
    return picked


@pytest.mark.parametrize("known", [0, 1, 7])
def test_farthest_points_agree_with_brute_force(known: int) -> None:
    candidates = shortlist(40, known)
    assert farthest_points(candidates, 15) == brute_force(candidates.points, candidates.known, 15)


def test_farthest_points_start_away_from_the_known() -> None:
    assert farthest_points(Shortlist(np.array([[0.0], [1.0], [5.0]]), np.array([[4.9]])), 2) == [0, 1]


@pytest.mark.parametrize("name", [Diversity.FARTHEST_POINT, Diversity.CUR])
def test_every_cluster_is_covered_before_one_is_revisited(rng: np.random.Generator, name: Diversity) -> None:
    centres = 100 * np.linalg.qr(rng.normal(size=(8, 8)))[0][:6]
    cluster = np.repeat(np.arange(6), 20)
    points = centres[cluster] + rng.normal(size=(120, 8))
    assert sorted(cluster[DIVERSITY[name].pick(Shortlist(points, np.zeros((0, 8))), 6)]) == list(range(6))


def test_farthest_points_never_pick_duplicates() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, -0.1 * DUPLICATE], [3.0, 0.0]])
    assert farthest_points(Shortlist(points, np.array([[3.0, 0.0]])), 4) in ([0, 1], [0, 2])
    assert farthest_points(Shortlist(points, points), 4) == []


def test_equals_are_taken_in_order() -> None:
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    # all four are as far from the known centre as from their nearest neighbour or nearer
    assert farthest_points(Shortlist(square, np.zeros((1, 2))), 4) == [0, 1, 2, 3]


def test_leverage_is_that_of_the_leading_directions(rng: np.random.Generator) -> None:
    points = rng.normal(size=(30, 5)) * [9.0, 7.0, 5.0, 0.1, 0.01]
    left = np.linalg.svd(points, full_matrices=False)[0][:, :3]
    expected = np.argsort(-np.diag(left @ left.T))[:3].tolist()
    assert leverage(Shortlist(points, np.zeros((0, 5))), 3) == expected


def test_cur_spans_more_than_the_largest_rows_do(rng: np.random.Generator) -> None:
    # the largest rows are near-copies of one another
    points = np.concatenate([[10.0, 0.0, 0.0, 0.0] + 0.01 * rng.normal(size=(20, 4)), np.eye(4)])
    picked = cur(Shortlist(points, np.zeros((0, 4))), 4)
    assert np.linalg.matrix_rank(points[picked], tol=0.5) == 4


def test_what_the_data_set_holds_counts_little() -> None:
    known = np.repeat([[1.0, 0.0]], 99, axis=0)
    candidates = Shortlist(np.array([[2.0, 0.0], [0.0, 1.0]]), known)
    np.testing.assert_allclose(unknown_part(candidates), [[0.2, 0.0], [0.0, 1.0]], atol=1e-12)
    assert cur(candidates, 1) == leverage(candidates, 1) == [1]
