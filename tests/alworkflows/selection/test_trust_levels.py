import numpy as np

from alworkflows.selection import Level, classify, count


def test_the_window_includes_its_ends_and_infinity_has_failed() -> None:
    disagreement = np.array([0.0, 0.19, 0.2, 1.0, 2.0, 2.1, np.inf])
    levels = classify(disagreement, np.zeros(7, dtype=bool), (0.2, 2.0))
    assert levels == [Level.ACCURATE] * 2 + [Level.CANDIDATE] * 3 + [Level.FAILED] * 2


def test_geometry_comes_before_disagreement() -> None:
    assert classify(np.array([np.nan, 0.5]), np.array([True, False]), (0.2, 2.0)) == [Level.REFUSED, Level.CANDIDATE]


def test_without_an_ensemble_every_valid_frame_is_a_candidate() -> None:
    levels = classify(None, np.array([True, False, False]), None)
    assert count(levels) == {"accurate": 0, "candidate": 2, "failed": 0, "refused": 1}
