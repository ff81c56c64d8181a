import numpy as np
import pytest

from alworkflows.selection.duplicates import DUPLICATE, distances, distinct, standardise


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_repeats_are_found_wherever_they_stand(rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 4))
    points[[7, 30, 49]] = points[3] + 0.3 * DUPLICATE / 2
    points[20] = points[19] + 3 * DUPLICATE
    assert distinct(points).tolist() == [index for index in range(50) if index not in (7, 30, 49)]
    assert distinct(np.ones((5, 3))).tolist() == [0]
    assert distinct(np.zeros((0, 3))).tolist() == []


def test_repeats_as_by_brute_force(rng: np.random.Generator) -> None:
    points = 2 * DUPLICATE * rng.integers(0, 3, size=(80, 2)) + 0.2 * DUPLICATE * rng.uniform(size=(80, 2))
    kept: list[int] = []
    for index, point in enumerate(points):
        if all(np.linalg.norm(point - points[other]) > DUPLICATE for other in kept):
            kept.append(index)
    assert distinct(points).tolist() == kept


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
