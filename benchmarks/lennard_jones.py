"""Coefficients that four regressions find for a binary Lennard-Jones liquid, whose true ones are known.

Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with
linearized potentials", appendix A: 50 configurations of 64 atoms, 17 Lennard-Jones functions for each pair of species, among them
those that made the forces; penalty 1e-5, here in units of the liquid's own forces epsilon / sigma, and a smaller one.
``lennard_jones.py FILE.png`` draws the coefficients. All functions of a pair are mixtures of r^-12 and r^-6, so many sets of
coefficients give the same forces: least squares and ridge spread them over all. The Lasso's minimum is the true set but for a
shrinkage of the order of the penalty, which it puts on one more function of each pair; the path is at that minimum, coordinate
descent comes only near it, as the columns are almost parallel.
"""

import numpy as np
from ase.build import bulk
from common import arguments, last_line

from alworkflows.descriptors import build
from alworkflows.frames import attach_labels
from alworkflows.models import Fit
from alworkflows.sampling import sample
from alworkflows.settings import FitSettings, LinearSettings, MeltSettings, PlipSettings
from alworkflows.settings.descriptors.plip import LennardJonesFunctions

SPECIES = ("Ar", "Kr")
SIGMAS = tuple(round(2.6 + 0.1 * k, 1) for k in range(17))
#: epsilon (eV) and sigma (A) of each pair
TRUE = {"Ar-Ar": (0.0104, 3.4), "Ar-Kr": (0.0122, 3.5), "Kr-Kr": (0.0144, 3.6)}
DESCRIPTORS = PlipSettings(functions=(LennardJonesFunctions(sigmas=SIGMAS),), l=(), m=(), cutoff=8.0, core=1.0)
METHODS = ("ridge", "least-squares", "lasso", "lasso-lars")


def liquid(count):
    """Frames of the liquid, 64 atoms each, with the forces of the functions in ``TRUE`` (eV/A)."""
    atoms = bulk("Ar", "fcc", a=5.6).repeat(4)
    atoms.numbers[np.random.default_rng(3).permutation(64)[:32]] = 36
    pairs = {pair: {"epsilon": epsilon, "sigma": sigma} for pair, (epsilon, sigma) in TRUE.items()}
    settings = MeltSettings(
        potential={"style": "lennard-jones", "pairs": pairs},
        temperature=(300.0, 300.0),
        duration=count * 1000.0,
        timestep=2.0,
        snapshots=count,
    )
    snapshots, descriptors, weights = [], build(DESCRIPTORS, SPECIES), true_weights()
    sample(settings, atoms, "liquid", 1, snapshots.append, None, None, None)
    return [attach_labels(frame, forces=descriptors.design(frame, stress=False).forces @ weights) for frame in snapshots]


def true_weights():
    """Coefficients (51,), eV: 4 epsilon of each pair's own function."""
    names = build(DESCRIPTORS, SPECIES).names
    weights = np.zeros(len(names))
    for pair, (epsilon, sigma) in TRUE.items():
        (index,) = [k for k, name in enumerate(names) if f" {pair} " in f" {name} " and name.endswith(f"={sigma:g}")]
        weights[index] = 4.0 * epsilon
    return weights


def fitted(frames, method, alpha):
    """Coefficients (51,) of a member and its error on the frames it left out, eV/A; nothing is refitted."""
    settings = FitSettings(method=method, alpha=None if method == "least-squares" else alpha, refit=False, rows_per_term=1.0)
    fit = Fit(frames, LinearSettings(descriptors=DESCRIPTORS, fit=settings, members=2, folds=5), SPECIES, 1, cache=None)
    ensemble = fit.ensemble()
    return ensemble.members[0].weights, ensemble.report["held_out_rmse"]


def draw(coefficients, truth, path):
    """Coefficients of each method by sigma, the true ones ringed."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(coefficients), figsize=(3.2 * len(coefficients), 3.2), sharex=True, layout="constrained")
    for axis, (method, weights) in zip(axes, coefficients.items(), strict=True):
        for row, pair in enumerate(TRUE):
            part = slice(row * len(SIGMAS), (row + 1) * len(SIGMAS))
            axis.plot(SIGMAS, weights[part], marker="o^s"[row], ms=4, lw=0.8, label=pair)
            kept = truth[part] != 0
            axis.plot(np.array(SIGMAS)[kept], truth[part][kept], "o", ms=10, mfc="none", mec="#c0392b")
        axis.set_title(method)
        axis.set_xlabel("sigma (A)")
    axes[0].set_ylabel("coefficient (eV)")
    axes[0].legend()
    figure.savefig(path, dpi=150)


def main():
    parser = arguments(__doc__)
    parser.add_argument("plot", nargs="?", metavar="FILE.png", help="of the coefficients")
    options = parser.parse_args()
    frames, truth = liquid(10 if options.smoke else 50), true_weights()
    spread = np.sqrt(np.mean([(frame.get_forces() ** 2).mean() for frame in frames]))
    print(f"{len(frames)} frames of {len(frames[0])} atoms, {len(truth)} candidate functions, {np.count_nonzero(truth)} true")
    unit = TRUE["Ar-Kr"][0] / TRUE["Ar-Kr"][1]
    for penalty in (1e-5, 1e-8):
        print(f"penalty {penalty:g} epsilon / sigma")
        coefficients = {}
        for method in METHODS:
            coefficients[method], error = fitted(frames, method, penalty * (1.0 if method == "ridge" else unit))
            others = np.abs(coefficients[method][truth == 0]).max() / truth.max()
            apart = np.abs(coefficients[method] - truth)[truth != 0].max() / truth.max()
            print(
                f"{method:>14}: {np.count_nonzero(coefficients[method]):2d} terms, true ones missed by {100 * apart:.2g} % "
                f"of the largest, others up to {100 * others:.2g} %, force error {error / spread:.1e} of the forces"
            )
        if penalty == 1e-5 and options.plot:
            draw(coefficients, truth, options.plot)
    miss = {method: np.abs(weights - truth).max() for method, weights in coefficients.items()}
    last_line("lennard_jones", min(miss["ridge"], miss["lasso"]) / miss["lasso-lars"])


if __name__ == "__main__":
    main()
