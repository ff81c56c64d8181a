"""The map's axes."""

import numpy as np
import pytest

from workchains.report.projection import project


def test_the_first_axis_is_the_direction_that_varies_most():
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=200)
    columns = np.outer(hidden, [1.0, -2.0, 3.0, 0.5]) + 0.05 * rng.normal(size=(200, 4))
    points, explained = project(columns)
    assert abs(np.corrcoef(points[:, 0], hidden)[0, 1]) > 0.99
    assert explained[0] > 0.95
    assert explained[0] + explained[1] <= 1 + 1e-12


def test_shares_agree_with_the_eigenvalues_of_the_correlation_matrix():
    data = np.random.default_rng(4).normal(size=(50, 6)) @ np.random.default_rng(5).normal(size=(6, 6))
    values = np.linalg.eigvalsh(np.corrcoef(data.T))[::-1]
    _, explained = project(data)
    assert explained == pytest.approx(tuple(values[:2] / values.sum()))


def test_scale_and_constant_columns_do_not_matter_and_axes_do_not_flip():
    data = np.random.default_rng(6).normal(size=(30, 5))
    points, _ = project(data)
    scaled, _ = project(np.column_stack([data * 7 + 3, np.full(30, 2.0)]))
    np.testing.assert_allclose(scaled, points, atol=1e-10)


def test_one_varying_column_gives_one_axis():
    points, explained = project(np.column_stack([np.arange(5.0), np.ones(5)]))
    assert explained == pytest.approx((1.0, 0.0))
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-12)
