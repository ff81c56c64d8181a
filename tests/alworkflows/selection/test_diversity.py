import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.selection.diversity import DUPLICATE, distances, farthest_points, standardise


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def brute_force(points: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """Farthest points with no state kept between steps."""
    picked: list[int] = []
    for _ in range(count):
        others = [*known, *points[picked]]
        gaps = [min((float(np.linalg.norm(p - o)) for o in others), default=np.inf) for p in points]
        picked.append(max(range(len(points)), key=lambda i: (gaps[i], -i)))
    return picked


@pytest.mark.parametrize("known_count", [0, 1, 7])
def test_agrees_with_brute_force(rng: np.random.Generator, known_count: int) -> None:
    points, known = rng.normal(size=(40, 5)), rng.normal(size=(known_count, 5))
    assert farthest_points(points, known, 15) == brute_force(points, known, 15)


def test_starts_away_from_the_known() -> None:
    points = np.array([[0.0], [1.0], [5.0]])
    assert farthest_points(points, np.array([[4.9]]), 2) == [0, 1]


def test_covers_every_cluster_before_it_revisits_one(rng: np.random.Generator) -> None:
    centres = 100 * rng.normal(size=(6, 4))
    cluster = np.repeat(np.arange(6), 20)
    points = centres[cluster] + rng.normal(size=(120, 4))
    assert sorted(cluster[farthest_points(points, np.zeros((0, 4)), 6)]) == list(range(6))


def test_duplicates_are_never_picked() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, -0.1 * DUPLICATE], [3.0, 0.0]])
    assert farthest_points(points, np.array([[3.0, 0.0]]), 4) in ([0, 1], [0, 2])
    assert farthest_points(points, points, 4) == []


def test_equals_are_taken_in_order() -> None:
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    # all four are as far from the known centre as from their nearest neighbour or nearer
    assert farthest_points(square, np.zeros((1, 2)), 4) == [0, 1, 2, 3]


def test_a_negative_count_is_an_error() -> None:
    with pytest.raises(InputError, match="got -1"):
        farthest_points(np.zeros((2, 2)), np.zeros((0, 2)), -1)


def test_standardised_distance_does_not_depend_on_units_or_copies_of_columns(rng: np.random.Generator) -> None:
    points, known = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))
    scaled, scaled_known = standardise(points, known)
    both = np.concatenate([scaled, scaled_known]) * np.sqrt(4)
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(both.std(axis=0), 1)
    units = np.array([1e-6, 1.0, 1e9, -3.0])
    other, other_known = (np.hstack([a * units + 5, a * units]) for a in (points, known))
    other, other_known = standardise(other, other_known)
    np.testing.assert_allclose(distances(other, other_known), distances(scaled, scaled_known), rtol=1e-6)


def test_a_constant_column_does_not_count(rng: np.random.Generator) -> None:
    points = rng.normal(size=(10, 3))
    # round-off on a constant must not be blown up to unit variance
    noisy = np.hstack([points, 7.0 + 1e-15 * rng.normal(size=(10, 1)), np.zeros((10, 1))])
    plain, _ = standardise(points, np.zeros((0, 3)))
    padded, _ = standardise(noisy, np.zeros((0, 5)))
    np.testing.assert_allclose(padded[:, :3], plain)
    np.testing.assert_array_equal(padded[:, 3:], 0)


def test_nothing_known_is_infinitely_far() -> None:
    assert np.isinf(distances(np.zeros((3, 2)), np.zeros((0, 2)))).all()
