"""A fit of five members with their paths to frames of 64 atoms of ZnO, 1980 descriptors; then again with 50 frames more.

By default 100 and 200 frames; ``--full`` takes 700 and 1375 frames (88 000 environments, 264 000 force rows). For each of the two
sizes there is a first fit, which reads all frames, and a refit, which takes the sums of the first from the cache and adds one
batch; its time should not depend on what came before. Frames are those of a classical melt, rattled anew, with forces of the
classical potential. All in temporary folders, on as many threads as ``OMP_NUM_THREADS`` says, else as there are processors.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from common import arguments, last_line

from alworkflows.frames import attach_labels
from alworkflows.models import Fit
from alworkflows.models.linear.cache import Cache
from alworkflows.potentials import resolve
from alworkflows.sampling import sample
from alworkflows.settings import FitSettings, LinearSettings, MeltSettings
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import crystal

BATCH = 50


def batches(count, each):
    """Lists of so many frames each with energies (eV) and forces (eV/A)."""
    melt, calculator = [], LammpsCalculator(resolve("zno-binks-grimes"))
    settings = MeltSettings(duration=10_000.0, snapshots=100, temperature=(300.0, 3000.0))
    sample(settings, crystal("zno-zincblende").repeat(2), "zno-zincblende", 1, melt.append, None, None, None)
    rng, frames = np.random.default_rng(1), []
    for number in range(count):
        atoms = melt[number % len(melt)].copy()
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        calculator.calculate(atoms)
        frames.append(attach_labels(atoms, calculator.results["energy"], calculator.results["forces"]))
    return [frames[start : start + each] for start in range(0, count, each)]


def fitted(data, cache, settings):
    """Return the seconds of a fit and of the model that the rule chooses, and what was found."""
    start = time.perf_counter()
    fit = Fit(data, settings, ("Zn", "O"), 1, cache=cache)
    ensemble = fit.ensemble()
    return time.perf_counter() - start, fit, ensemble


def main():
    options = arguments(__doc__, full="88 000 environments: some minutes").parse_args()
    sizes, each = ((6, 12), 6) if options.smoke else ((700, 1375) if options.full else (100, 200), BATCH)
    settings = LinearSettings(fit=FitSettings(max_terms=20), members=2, folds=2) if options.smoke else LinearSettings()
    data = batches(max(sizes) + each, each)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            cache = Cache(Path(folder))
            full = [batch[: max(0, size - each * number)] for number, batch in enumerate(data) if number * each < size]
            seconds, fit, ensemble = fitted(full, cache, settings)
            report = fit.report
            print(
                f"{report['frames']} frames, {report['rows']} rows x {report['descriptors']}: {seconds:.1f} s, of which sums "
                f"{report['seconds_accumulate']:.1f} s and paths of {report['steps']} steps with their errors "
                f"{report['seconds_path']:.1f} s; {max(ensemble.report['terms'])} terms, held-out error "
                f"{ensemble.report['held_out_rmse']:.4f} eV/A"
            )
            again[size], fit, _ = fitted([*full, data[-1]], cache, settings)
            print(
                f"and {each} frames more: {again[size]:.1f} s, of which sums {fit.report['seconds_accumulate']:.1f} s; "
                f"cached {sum(file.stat().st_size for file in cache.folder.iterdir()) / 2**20:.0f} MiB"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB, of which {before:.0f} MiB before the first fit")
    print(f"a refit after {sizes[1]} frames takes {again[sizes[1]] / again[sizes[0]]:.2f} times one after {sizes[0]}")
    last_line("refit", seconds / again[sizes[1]])


if __name__ == "__main__":
    main()
