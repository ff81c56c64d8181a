"""A binary Lennard-Jones liquid whose coefficients are known: which regression finds them (Benoit et al., appendix A)."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


@pytest.fixture(scope="module")
def case():
    """The benchmark's module, its frames and the true coefficients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        module = importlib.import_module("lennard_jones")
        yield module, module.liquid(50), module.true_weights()


def test_the_path_recovers_the_true_coefficients_and_zeros_the_rest(case):
    module, frames, truth = case
    weights, _ = module.fitted(frames, "lasso-lars", 3e-8)
    assert np.abs(weights - truth).max() < 1e-3 * truth.max()
    assert np.count_nonzero(weights) <= 6, "a pair's functions span two dimensions: one more carries the shrinkage"
    smaller, error = module.fitted(frames, "lasso-lars", 3e-11)
    assert np.abs(smaller - truth).max() < 1e-5 * truth.max()
    assert error < 1e-7


def test_ridge_and_coordinate_descent_do_not(case):
    module, frames, truth = case
    ridge, error = module.fitted(frames, "ridge", 1e-5)
    assert error < 1e-6, "the forces are met"
    assert np.abs(ridge - truth).max() > 0.5 * truth.max()
    assert np.count_nonzero(ridge) == len(truth)
    lasso, error = module.fitted(frames, "lasso", 3e-11)
    assert error < 1e-6
    assert np.abs(lasso - truth).max() > 5e-4 * truth.max()
    assert np.count_nonzero(lasso) > 12


def test_the_rank_says_how_many_dimensions_the_functions_have(case):
    module, frames, _ = case
    settings = module.FitSettings(method="least-squares", rank_cutoff=1e-10, rows_per_term=1.0)
    model = module.LinearSettings(descriptors=module.DESCRIPTORS, fit=settings, members=2, folds=5)
    assert module.Fit(frames, model, module.SPECIES, 1, cache=None).report["rank"] == [6, 6]
