"""The Lasso path: the conditions of its minimum at every knot, scikit-learn's path, and columns that are no news."""

import numpy as np
import pytest
from planted import SETTINGS, SPECIES
from sklearn.linear_model import lars_path_gram

from alworkflows.descriptors import build
from alworkflows.frames import labels
from alworkflows.models.linear.factor import Factor
from alworkflows.models.linear.path import lasso_path


@pytest.fixture(scope="module")
def descriptors_problem(labelled):
    """A design matrix of descriptors and targets with noise."""
    descriptors = build(SETTINGS, SPECIES)
    frames = labelled(12, noise=0.1)
    x = np.concatenate([descriptors.design(frame).forces for frame in frames])
    return x, np.concatenate([labels(frame).forces.ravel() for frame in frames])


def random_problem(seed=0, rows=600, size=150):
    """Correlated columns, of which some matter."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, size)) @ (np.eye(size) + 0.3 * rng.normal(size=(size, size)))
    return x, x[:, :20] @ rng.normal(size=20) + rng.normal(size=rows)


def gaussian_problem(seed=0, rows=500):
    """Overlapping Gaussians of several widths: numerically, far fewer dimensions than columns."""
    rng = np.random.default_rng(seed)
    r, centres = rng.uniform(0, 10, rows)[:, None], np.linspace(0, 10, 30)
    x = np.hstack([np.exp(-a * (r - centres) ** 2) for a in (0.5, 1.0, 1.5, 3.0)])
    return x, np.sin(r[:, 0]) + 0.1 * r[:, 0] ** 2 + 0.05 * rng.normal(size=rows)


def largest_violation(x, y, path):
    """Return how far the conditions of Karush, Kuhn and Tucker are missed at any knot, relative to the first penalty.

    One correlation on the active columns, of the sign of their coefficient, and none larger elsewhere.
    """
    scale = np.linalg.norm(x, axis=0)
    usable = scale > 1e-12 * scale.max()
    worst = 0.0
    for knot, penalty in enumerate(path.penalties):
        weights = path.weights(knot)
        correlation = np.where(usable, x.T @ (y - x @ weights) / np.where(usable, scale, 1.0), 0.0)
        active = path.supports[knot]
        apart = np.abs(correlation[active] - penalty * np.sign(weights[active])).max(initial=0.0)
        worst = max(worst, apart, np.abs(correlation).max() - penalty)
    return worst / path.penalties[0]


@pytest.fixture(params=["descriptors", "random", "gaussians"])
def problem(request, descriptors_problem):
    """Return each of the problems, and how exact its path can be."""
    return {
        "descriptors": (*descriptors_problem, 1e-9),
        "random": (*random_problem(), 1e-12),
        "gaussians": (*gaussian_problem(), 2e-6),  # a column this close to a combination of others is left out
    }[request.param]


def test_every_knot_solves_the_lasso(problem):
    x, y, tolerance = problem
    path = lasso_path(x.T @ x, x.T @ y, 60)
    sizes = np.array([len(support) for support in path.supports])
    assert (np.diff(sizes) < 0).any(), "a path on which nothing leaves tests half of the algorithm"
    assert (np.diff(path.penalties) <= 0).all()
    assert largest_violation(x, y, path) < tolerance


def test_between_knots_the_path_solves_the_lasso_too(descriptors_problem):
    x, y = descriptors_problem
    path = lasso_path(x.T @ x, x.T @ y, 40)
    penalty = 0.5 * (path.penalties[20] + path.penalties[21])
    weights = path.coefficients(penalty)
    scale = np.linalg.norm(x, axis=0)
    usable = scale > 0
    correlation = np.where(usable, x.T @ (y - x @ weights) / np.where(usable, scale, 1), 0.0)
    active = np.flatnonzero(weights)
    np.testing.assert_allclose(correlation[active], penalty * np.sign(weights[active]), rtol=1e-9)
    assert np.abs(correlation).max() <= penalty * (1 + 1e-9)


def test_beyond_its_ends_the_path_is_constant(descriptors_problem):
    x, y = descriptors_problem
    path = lasso_path(x.T @ x, x.T @ y, 10)
    assert not path.coefficients(2 * path.penalties[0]).any()
    np.testing.assert_array_equal(path.coefficients(0.5 * path.penalties[-1]), path.weights(len(path.penalties) - 1))


@pytest.mark.parametrize("name", ["descriptors", "random"])
def test_coefficients_at_a_fixed_penalty_are_those_of_scikit_learn(name, descriptors_problem):
    x, y = descriptors_problem if name == "descriptors" else random_problem()
    scale = np.linalg.norm(x, axis=0)
    scale[scale == 0] = 1.0
    unit = x / scale
    alphas, _, coefficients = lars_path_gram(unit.T @ y, unit.T @ unit, n_samples=len(y), method="lasso", max_iter=60)
    path = lasso_path(x.T @ x, x.T @ y, 60)
    reached = alphas * len(y) >= path.penalties[-1]
    assert reached.sum() > 40
    for alpha, expected in zip(alphas[reached], coefficients.T[reached], strict=True):
        ours = path.coefficients(alpha * len(y)) * scale
        np.testing.assert_allclose(ours, expected, atol=1e-8 * np.abs(coefficients).max())


@pytest.mark.parametrize("terms", [1, 5, 20])
def test_the_path_ends_with_as_many_terms_as_asked_for(descriptors_problem, terms):
    x, y = descriptors_problem
    path = lasso_path(x.T @ x, x.T @ y, terms)
    assert len(path.supports[-1]) == terms == np.count_nonzero(path.weights(len(path.penalties) - 1))
    assert len(path.support(terms)) == terms
    assert len(path.support(terms - 1)) <= terms - 1


def test_a_copied_column_is_left_out(descriptors_problem):
    x, y = descriptors_problem
    doubled = np.hstack([x, x])
    path = lasso_path(doubled.T @ doubled, doubled.T @ y, 30)
    assert largest_violation(doubled, y, path) < 1e-9
    support = path.supports[-1]
    assert len({column % x.shape[1] for column in support}) == len(support)


def test_more_terms_than_columns_end_at_least_squares():
    x, y = random_problem(rows=300, size=30)
    path = lasso_path(x.T @ x, x.T @ y, 100)
    np.testing.assert_allclose(path.weights(len(path.penalties) - 1), np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-8)


def test_nothing_to_explain_has_one_knot():
    path = lasso_path(np.eye(3), np.zeros(3), 2)
    assert [len(support) for support in path.supports] == [0]


def test_a_factor_grows_and_shrinks_anywhere():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(40, 25))
    gram = root.T @ root
    factor, held = Factor(25), []
    for step in range(120):
        if held and (len(held) == 25 or rng.random() < 0.4):
            position = int(rng.integers(len(held)))
            held.pop(position)
            factor.remove(position)
        else:
            column = int(rng.choice([index for index in range(25) if index not in held]))
            assert factor.append(gram[column, held], gram[column, column], 1e-12), step
            held.append(column)
        side = rng.normal(size=len(held))
        solution = factor.solve(side)
        np.testing.assert_allclose(gram[np.ix_(held, held)] @ solution, side, atol=1e-9)
    assert not factor.append(gram[held[0], held], gram[held[0], held[0]], 1e-12), "a copy adds nothing"
