"""Calibration of disagreement against error: its properties, whatever the data."""

import numpy as np
import pytest

from alworkflows.selection.calibration import FEW, calibrate, quality, rank_correlation


def committee(count, seed, factor=8.0, noise=0.3, power=0.8):
    """Return disagreements and errors like those of a committee that is too sure of itself."""
    rng = np.random.default_rng(seed)
    d = np.exp(rng.normal(-3.0, 0.8, count))
    return d, factor * d**power * np.exp(rng.normal(0.0, noise, count))


@pytest.mark.parametrize("count", [1, 2, 5, FEW - 1, FEW, 25, 300])
def test_expected_error_and_bound_do_not_fall(count):
    calibration = calibrate(*committee(count, count), 0.9)
    at = np.geomspace(1e-6, 1e3, 2000)
    for curve in (calibration.expected(at), calibration.bound(at)):
        assert (np.diff(curve) >= -1e-12 * curve[1:]).all()
        assert (curve > 0).all()
    assert calibration.is_factor == (count < FEW)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_the_bound_covers_the_share_it_states(coverage):
    shares = []
    for seed in range(40):
        calibration = calibrate(*committee(60, seed), coverage)
        d, e = committee(400, 1000 + seed)
        shares.append((e <= calibration.bound(d)).mean())
    assert np.mean(shares) == pytest.approx(coverage, abs=0.035)


def test_the_expected_error_is_the_middle_of_the_errors():
    d, e = committee(2000, 3)
    calibration = calibrate(d, e, 0.9)
    assert np.median(e / calibration.expected(d)) == pytest.approx(1.0, abs=0.05)
    assert calibration.expected(0.05) == pytest.approx(8.0 * 0.05**0.8, rel=0.1)


@pytest.mark.parametrize("count", [4, 40])
def test_units_do_not_matter(count):
    d, e = committee(count, 5)
    one, other, meV = calibrate(d, e, 0.9), calibrate(1000.0 * d, 7.0 * e, 0.9), calibrate(1000.0 * d, 1000.0 * e, 0.9)
    at = np.geomspace(1e-3, 10.0, 50)
    np.testing.assert_allclose(other.bound(1000.0 * at), 7.0 * one.bound(at), rtol=1e-9)
    np.testing.assert_allclose(meV.expected(1000.0 * at), 1000.0 * one.expected(at), rtol=1e-9)
    assert other.level(3.5) == pytest.approx(1000.0 * one.level(0.5), rel=1e-9)
    assert meV.level_expected(9000.0) == pytest.approx(1000.0 * one.level_expected(9.0), rel=1e-9)


@pytest.mark.parametrize("count", [7, 41])
def test_the_order_of_the_frames_does_not_matter(count):
    d, e = committee(count, 6)
    d[3] = d[4] = d[5]
    order = np.random.default_rng(0).permutation(count)
    one, other = calibrate(d, e, 0.9), calibrate(d[order], e[order], 0.9)
    np.testing.assert_array_equal(one.knots, other.knots)
    assert one.margin == other.margin


@pytest.mark.parametrize("count", [3, 30])
def test_beyond_the_data_the_bound_goes_on_in_proportion(count):
    d, e = committee(count, 7)
    calibration = calibrate(d, e, 0.9)
    for end, away in ((d.min(), d.min() / 10.0), (d.max(), 10.0 * d.max())):
        assert calibration.bound(away) / calibration.bound(end) == pytest.approx(away / end)
    assert calibration.expected(d.min() / 10.0) == pytest.approx(calibration.expected(d.min()) / 10.0)
    # where members part, disagreement grows faster than the error; the bound does not count on it
    assert calibration.expected(4.0 * d.max()) < 4.0 * calibration.expected(d.max())
    # but members that are so far apart are as far from the truth
    assert calibration.expected(1e4) == pytest.approx(1e4)
    assert calibration.level_expected(1e4) == pytest.approx(1e4)


def test_a_committee_that_doubts_itself_too_much_goes_on_in_proportion():
    d, e = committee(30, 7, factor=0.01)
    calibration = calibrate(d, e, 0.9)
    at = np.geomspace(d.max(), 1e3 * d.max(), 20)
    np.testing.assert_allclose(calibration.expected(at), at / at[0] * calibration.expected(at[0]), rtol=1e-9)
    assert calibration.level_expected(calibration.expected(at[-1]) * 1.0) == pytest.approx(at[-1])
    assert calibration.bound(0.0) == calibration.expected(0.0) == 0.0
    assert calibration.bound(np.inf) == np.inf


@pytest.mark.parametrize("count", [1, 6, 30, 200])
def test_the_level_of_an_error_is_the_largest_disagreement_with_that_bound(count):
    calibration = calibrate(*committee(count, 8), 0.9)
    for error in np.geomspace(1e-4, 1e3, 60):
        for level, curve in (
            (calibration.level(error), calibration.bound),
            (calibration.level_expected(error), calibration.expected),
        ):
            assert curve(level) == pytest.approx(error, rel=1e-9)
            assert curve(1.0001 * level) > error
    assert calibration.level(0.0) == calibration.level_expected(0.0) == 0.0


def test_where_errors_do_not_grow_the_level_is_the_far_end():
    d = np.geomspace(0.01, 1.0, 30)
    calibration = calibrate(d, np.full(30, 0.5), 0.9)
    # the few outermost frames are one knot, in their middle
    assert 0.7 < calibration.level(0.5000001) < 1.0
    assert calibration.level(0.4999) < 0.02


def test_few_frames_give_a_factor():
    calibration = calibrate(np.array([0.1, 0.2, 0.4]), np.array([0.5, 2.0, 8.0]), 0.9)
    assert calibration.expected(0.3) == pytest.approx(3.0)
    assert calibration.bound(1.0) == pytest.approx(20.0)  # the largest ratio seen
    assert calibrate(np.array([0.1]), np.array([0.7]), 0.9).bound(0.2) == pytest.approx(1.4)


def test_frames_without_forces_are_a_floor_and_no_infinity():
    d, e = committee(30, 9)
    d, e = np.concatenate([d, np.zeros(10), [1e-17]]), np.concatenate([e, np.zeros(10), [1e-16]])
    calibration = calibrate(d, e, 0.9)
    assert np.isfinite(calibration.knots).all()
    assert np.isfinite(calibration.margin)
    # what is known of frames that have forces is still there
    assert calibration.expected(0.05) == pytest.approx(8.0 * 0.05**0.8, rel=0.4)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_not_finite_is_left_out(bad):
    d, e = committee(20, 10)
    calibration = calibrate(np.append(d, [bad, 0.1]), np.append(e, [1.0, bad]), 0.9)
    assert (calibration.n, calibration.margin) == (20, calibrate(d, e, 0.9).margin)


@pytest.mark.parametrize(("d", "e"), [([], []), ([np.nan], [1.0]), ([0.0, 0.0], [0.0, 1.0]), ([0.1], [0.0])])
def test_nothing_to_learn_from(d, e):
    assert calibrate(np.array(d), np.array(e), 0.9) is None
    judged = quality((np.array(d), np.array(e)), 0.9)
    assert (judged.rank_correlation, judged.factor) == (None, None)


def test_quality_is_judged_on_the_newest_batch():
    earlier = committee(50, 11)
    d, e = committee(200, 12)
    judged = quality((np.append(earlier[0], d), np.append(earlier[1], e)), 0.9, earlier, (d, e))
    assert (judged.checked_on, judged.coverage_n) == ("newest", 200)
    assert judged.coverage == pytest.approx((e <= calibrate(*earlier, 0.9).bound(d)).mean())
    harder = quality((d, e), 0.9, earlier, (d, 5.0 * e))
    assert harder.coverage < 0.2


def test_quality_of_one_batch_is_cross_validated():
    judged = quality(committee(300, 13), 0.9)
    assert (judged.checked_on, judged.coverage_n) == ("cross-validation", 300)
    assert judged.coverage == pytest.approx(0.9, abs=0.05)
    assert judged.rank_correlation > 0.8
    assert judged.factor == pytest.approx(15, rel=0.2)
    assert quality((np.array([0.1]), np.array([0.5])), 0.9).coverage is None


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 9, 40).astype(float), rng.integers(0, 9, 40).astype(float)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation(one[:2], other[:2]) is None
    assert rank_correlation(np.ones(5), other[:5]) is None
