"""Tables of radial functions against the functions."""

import numpy as np
import pytest

from alworkflows.descriptors import build
from alworkflows.descriptors.plip.radial import tabulate
from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings


def test_values_and_slopes_of_the_gaussians():
    descriptors = build(PlipSettings(), ("Zn", "O"))
    settings = descriptors.settings.functions[0]
    r = np.random.default_rng(0).uniform(0.0, 6.0, size=500)
    b, a = np.tile(settings.centres, 3), np.repeat(settings.widths, 12)
    x, angle = r[:, None] - b, (np.pi * r / 6.0)[:, None]
    gaussian, cut = np.exp(-a * x**2), 0.5 * (1 + np.cos(angle))
    slope = -2 * a * x * gaussian * cut - gaussian * 0.5 * np.pi / 6.0 * np.sin(angle)
    np.testing.assert_allclose(descriptors.table(r), gaussian * cut, atol=1e-12)
    np.testing.assert_allclose(descriptors.table(r, derivative=1), slope, atol=1e-10)


def test_sharper_functions_take_more_bins():
    def bump(width):
        return lambda r: np.exp(-(((r - 2.0) / width) ** 2))[:, None]

    assert tabulate(bump(0.05), 5.0, 1.0, 1.1).bins > tabulate(bump(0.5), 5.0, 1.0, 1.1).bins
    with pytest.raises(InputError, match="sharper"):
        tabulate(lambda r: (r > 2.0).astype(float)[:, None], 5.0, 1.0, 1.1)


def test_combined_functions():
    table = build(PlipSettings(), ("Zn",)).table
    matrix = np.random.default_rng(1).normal(size=(table.size, 4))
    r = np.linspace(0.1, 5.9, 50)
    np.testing.assert_allclose(table.combined(matrix)(r), table(r) @ matrix, atol=1e-12)
