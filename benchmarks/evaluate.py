"""Errors of a committee on many small frames: all at once, against a loop of ASE's calculator over them.

Frames are rattled copper of 8 atoms, labelled with EMT, to some of which a committee of five is fitted. Three ways to its errors:
`compare`, which also has the deviation, energies, stresses and the error of each member; `for atoms in frames:
atoms.get_forces()`, the mean's forces alone; and the same loop that asks for the deviation, energies and stress too. Beside them
stands what reading the frames from a file takes. Memory is by how much the most that the process ever had grew.

With --full: 50 000 frames.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from common import arguments, last_line
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from alworkflows import frames as frames_io
from alworkflows.frames import attach_labels, labels
from alworkflows.models import compare, train
from alworkflows.settings import FitSettings, LinearSettings, PlipSettings

MEMBERS, TRAINING = 5, 30


def labelled(count):
    """Return rattled and strained cells of copper with the energies, forces and stresses of EMT."""
    rng, frames = np.random.default_rng(1), []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
        atoms.set_cell(atoms.cell[:] * (1 + 0.02 * rng.normal()), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        atoms.calc = EMT()
        frames.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return frames


def fitted(frames):
    """Return a committee."""
    settings = LinearSettings(descriptors=PlipSettings(), fit=FitSettings(terms=12), members=MEMBERS)
    return train(frames, settings, ("Cu",), seed=0)[0]


def looped(ensemble, frames, wanted):
    """Return the root mean square force error, by ASE's calculator, asked for one property after another."""
    calculator, total, count = ensemble.calculator(), 0.0, 0
    for frame in frames:
        atoms = frame.copy()
        atoms.calc = calculator
        for name in wanted:
            calculator.get_property(name, atoms)
        error = calculator.get_property("forces", atoms) - labels(frame).forces
        total, count = total + (error**2).sum(), count + error.size
    return float(np.sqrt(total / count))


def measured(function):
    """Return what a function returns, its CPU time (s), and by how much the most memory the process ever had grew (MB)."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    value = function()
    seconds = time.process_time() - start
    return value, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main():
    options = arguments(__doc__, full="50 000 frames (some minutes)").parse_args()
    count = 40 if options.smoke else 50_000 if options.full else 5000
    console = Console(width=100)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.xyz"
        ensemble = fitted(labelled(TRAINING))
        ensemble.predict(labelled(1))  # what is made once, such as the tables of the models
        frames_io.write(path, labelled(count))
        frames, reading, memory = measured(lambda: frames_io.read(path))
        rows = {"read the file": (reading, memory)}
        comparison, ours, memory = measured(lambda: compare(ensemble, frames))
        rows["compare"] = (ours, memory)
        summary, seconds, memory = measured(comparison.summary)
        rows["sum up"] = (seconds, memory)
        error, seconds, memory = measured(lambda: looped(ensemble, frames, ()))
        rows["loop: forces"] = (seconds, memory)
        _, loop, memory = measured(lambda: looped(ensemble, frames, ("forces_std", "energies", "stress")))
        rows["loop: forces, deviation, energies, stress"] = (loop, memory)
    np.testing.assert_allclose(error, summary["force_rmse"], rtol=1e-6)
    table = Table(f"{count} frames of 8 atoms, {MEMBERS} members", "CPU s", "us a frame", "MB more")
    for name, (seconds, megabytes) in rows.items():
        table.add_row(name, f"{seconds:.2f}", f"{1e6 * seconds / count:.0f}", f"{megabytes:.0f}")
    console.print(table)
    last_line("evaluate", loop / ours)


if __name__ == "__main__":
    main()
