"""Sparse path of a ZnO force design matrix, 1980 descriptors: ours from normal equations against ``lars_path`` of scikit-learn.

20 000 rows and 1000 steps, one thread; both make as many steps on the same rows. The ratio at the end is of the path alone, from
normal equations that a fit makes once while it reads its frames; with them made anew, and for five members, it stands above.
Coefficients are compared at the penalties of scikit-learn's knots; the conditions of the Lasso's minimum are checked for both on
the rows themselves, so that where they differ one can see which is right.
"""

import time

import numpy as np
from common import arguments, last_line
from scipy.linalg.blas import dsyrk
from sklearn.linear_model import lars_path
from threadpoolctl import threadpool_limits

from alworkflows.descriptors import build
from alworkflows.models.linear.path import lasso_path
from alworkflows.potentials import resolve
from alworkflows.sampling import sample
from alworkflows.settings import MeltSettings, PlipSettings
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import crystal

ROWS, STEPS = 20_000, 1000


def problem(rows):
    """Force rows (rows, 1980) of frames of a classical melt, and its forces, eV/A."""
    descriptors = build(PlipSettings(), ("Zn", "O"))
    frames, calculator = [], LammpsCalculator(resolve("zno-binks-grimes"))
    count = -(-rows // 192)
    settings = MeltSettings(duration=20.0 * count, snapshots=count, temperature=(300.0, 3000.0))
    sample(settings, crystal("zno-zincblende").repeat(2), "zno-zincblende", 1, frames.append, None, None, None)
    x = np.concatenate([descriptors.design(frame, stress=False).forces for frame in frames])
    y = np.concatenate([calculator.get_forces(frame).ravel() for frame in frames])
    return x[:rows], y[:rows]


def ours(x, y, steps):
    """Path from the rows, normal equations included."""
    start = time.perf_counter()
    upper, xy = dsyrk(1.0, x.T), x.T @ y
    xx = upper + np.triu(upper, 1).T
    middle = time.perf_counter()
    path = lasso_path(xx, xy, steps, steps)
    end = time.perf_counter()
    return path, middle - start, end - middle


def violation(x, y, weights, level):
    """Miss of the Lasso's conditions on columns of unit norm, relative to the level."""
    correlation = x.T @ (y - x @ weights)
    active = weights != 0
    apart = np.abs(correlation[active] - level * np.sign(weights[active])).max(initial=0.0)
    return max(apart, np.abs(correlation).max() - level) / level


def main():
    count, steps = (400, 20) if arguments(__doc__).parse_args().smoke else (ROWS, STEPS)
    with threadpool_limits(1):
        x, y = problem(count)
        scale = np.linalg.norm(x, axis=0)
        scale[scale == 0] = 1.0
        unit = x / scale
        path, sums, knots = min((ours(x, y, steps) for _ in range(3)), key=lambda run: run[1] + run[2])
        start = time.perf_counter()
        alphas, _, coefficients = lars_path(unit, y, method="lasso", max_iter=steps)
        theirs = time.perf_counter() - start
        sizes = np.array([len(support) for support in path.supports])
        print(f"{count} rows x {x.shape[1]}, {steps} steps, one thread")
        left = (np.diff(sizes) < 0).sum()
        print(f"ours: normal equations {sums:.2f} s, {len(sizes) - 1} steps {knots:.3f} s, {sizes[-1]} terms, {left} left")
        print(f"lars_path on the matrix: {theirs:.1f} s, {len(alphas) - 1} steps, {np.count_nonzero(coefficients[:, -1])} terms")
        print("at the penalty of knot: largest difference of a coefficient; miss of the Lasso's conditions, ours and theirs")
        for knot in np.linspace(1, len(alphas) - 1, 8).astype(int):
            penalty = max(alphas[knot] * count, path.penalties[-1])
            mine = path.coefficients(penalty) * scale
            apart = np.abs(mine - coefficients[:, knot]).max() / np.abs(coefficients[:, knot]).max()
            both = [violation(unit, y, weights, penalty) for weights in (mine, coefficients[:, knot])]
            print(f"{knot:5d}: {apart:.0e}; {both[0]:.0e} {both[1]:.0e}")
    print(f"with the normal equations made anew: {theirs / (sums + knots):.1f} times as fast")
    print(f"five members, each with its path: {5 * theirs / (sums + 5 * knots):.1f} times as fast")
    last_line("sparse_path", theirs / knots)


if __name__ == "__main__":
    main()
