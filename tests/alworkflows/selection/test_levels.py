import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.selection import Level, classify, count, resolve
from alworkflows.settings import LevelKind, TrustLevels


def test_relative_levels_multiply_the_reference() -> None:
    assert resolve(TrustLevels(lower=1.5, upper=10), 0.2) == pytest.approx((0.3, 2.0))


def test_absolute_levels_ignore_the_reference() -> None:
    levels = TrustLevels(kind=LevelKind.ABSOLUTE, lower=0.1, upper=0.9)
    assert resolve(levels, None) == resolve(levels, 7.0) == (0.1, 0.9)


@pytest.mark.parametrize("reference", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_relative_levels_without_a_reference_are_an_error(reference: float | None) -> None:
    with pytest.raises(InputError, match=f"reference disagreement.*got {reference}.*absolute"):
        resolve(TrustLevels(), reference)


def test_the_window_includes_its_ends_and_infinity_has_failed() -> None:
    disagreement = np.array([0.0, 0.19, 0.2, 1.0, 2.0, 2.1, np.inf])
    found = classify(disagreement, np.zeros(7, dtype=bool), (0.2, 2.0))
    assert found == [Level.ACCURATE] * 2 + [Level.CANDIDATE] * 3 + [Level.FAILED] * 2


def test_geometry_comes_before_disagreement() -> None:
    assert classify(np.array([np.nan, 0.5]), np.array([True, False]), (0.2, 2.0)) == [Level.REFUSED, Level.CANDIDATE]


def test_without_an_ensemble_every_valid_frame_is_a_candidate() -> None:
    found = classify(None, np.array([True, False, False]), None)
    assert count(found) == {"accurate": 0, "candidate": 2, "failed": 0, "refused": 1}
