"""Families of functions on real data: held-out errors along the path, alone and mixed, with and without a baseline.

    python benchmarks/families.py FRAMES            any file of labelled frames that ASE reads; species are taken from it

Frames whose forces are zero by symmetry, such as scans of the volume of a crystal, are held out and reported apart. Forces and
energies are fitted. The last line compares the best Gaussian model with the best of all.
"""

import time

import numpy as np
from common import arguments, last_line

from alworkflows.frames import labels, read
from alworkflows.models import Fit, force_errors
from alworkflows.settings import LinearSettings, TermsRule, parse

FAMILIES = {
    "gaussian, 36": [{"family": "gaussian"}],
    "gaussian": [{"family": "gaussian", "centres": [1, 2, 3, 4, 5, 6], "widths": [0.5, 1.0, 1.5]}],
    "lorentzian": [{"family": "lorentzian"}],
    "log-normal": [{"family": "log-normal"}],
    "slater": [{"family": "slater"}],
    "gaussian-orbital": [{"family": "gaussian-orbital"}],
}
FAMILIES["mixed"] = [*FAMILIES["gaussian"], *FAMILIES["slater"], *FAMILIES["lorentzian"]]
FAMILIES["gaussian + pairs"] = [*FAMILIES["gaussian, 36"], {"family": "buckingham"}, {"family": "yukawa"}, {"family": "morse"}]


def small_set():
    """Return a few labelled frames of copper: rattled cells, and a scan of the volume, whose forces are zero by symmetry."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    from alworkflows.frames import attach_labels

    labelled = []
    for number in range(30):
        atoms = bulk("Cu", cubic=True)
        if number % 5:
            atoms.rattle(0.2, seed=number)
        else:
            atoms.set_cell(atoms.cell * (0.95 + 0.003 * number), scale_atoms=True)
        atoms.calc = EMT()
        labelled.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    return labelled


def energy_error(ensemble, frames):
    """Return the RMS error of energies, meV an atom."""
    errors = [
        (prediction.energy - labels(frame).energy) / len(frame)
        for prediction, frame in zip(ensemble.predict(frames), frames, strict=True)
    ]
    return 1e3 * float(np.sqrt(np.mean(np.square(errors))))


def main():
    parser = arguments(__doc__)
    parser.add_argument("frames", nargs="?", help="not needed with --smoke, which makes a few")
    parser.add_argument("--terms", type=int, default=400, help="where paths end")
    options = parser.parse_args()
    if options.frames is None and not options.smoke:
        parser.error("expected a file of labelled frames")
    begin = time.perf_counter()
    frames = read(options.frames) if options.frames else small_set()
    most, few_terms = (10, 5) if options.smoke else (options.terms, 100)
    random = np.random.default_rng(0)
    forced = np.array([np.abs(labels(frame).forces).max() > 0.05 for frame in frames])
    test = random.random(len(frames)) < 0.2
    training = [frame for frame, out in zip(frames, test, strict=True) if not out]
    hot = [frame for frame, out, real in zip(frames, test, forced, strict=True) if out and real]
    still = [frame for frame, out, real in zip(frames, test, forced, strict=True) if out and not real]
    spread = np.concatenate([labels(frame).forces.ravel() for frame in hot]).std()
    print(
        f"{len(training)} frames to train on; held out {len(hot)} with forces (spread {spread:.3f} eV/A), {len(still)} without\n"
    )
    print(
        f"{'families':18}{'baseline':>9}{'descriptors':>12}{'terms':>6}{'forces':>9}{'energies':>10}{'scans':>8}{'100 terms':>11}"
    )
    print(f"{'':18}{'':9}{'':12}{'':6}{'eV/A':>9}{'meV/atom':>10}{'':8}{'eV/A':>11}")
    best = {}
    tried = list(FAMILIES)[:: 6 if options.smoke else 1]
    for name in tried:
        families = FAMILIES[name]
        for baseline in (None, {"inner": 0.8, "outer": 1.3}):
            settings = parse(
                LinearSettings,
                {
                    "descriptors": {"functions": families},
                    "baseline": baseline,
                    "fit": {"quantities": ["forces", "energy"], "max_terms": most, "rows_per_term": 1},
                },
            )
            fit = Fit(training, settings, cache=None)
            ensemble = fit.ensemble(rule=TermsRule.BEST)
            error = force_errors(ensemble, hot)["summary"]["force_rmse"]
            few = force_errors(fit.ensemble(terms=few_terms), hot)["summary"]["force_rmse"]
            size, terms = ensemble.members[0].descriptors.size, np.mean(ensemble.summary()["terms"])
            print(
                f"{name:18}{'zbl' if baseline else '-':>9}{size:12}{terms:6.0f}{error:9.4f}{energy_error(ensemble, hot):10.1f}"
                f"{energy_error(ensemble, still) if still else float('nan'):8.1f}{few:11.4f}",
                flush=True,
            )
            best[name, bool(baseline)] = error
    print(f"\n{time.perf_counter() - begin:.0f} s")
    last_line("families", best["gaussian, 36", False] / min(best.values()), 2)


if __name__ == "__main__":
    main()
