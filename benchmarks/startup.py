"""CPU time of the executable for each compute verb that needs no torch, on inputs so small that starting is all it does."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import arguments, last_line

from alworkflows import frames as frames_io
from alworkflows.descriptors import build
from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings import GeometryLimits, PlipSettings
from alworkflows.structures import crystal

EXECUTABLE = Path(sys.executable).with_name("alworkflows")


def inputs(folder):
    """Write the files, and return the input of each verb."""
    atoms = crystal("zno-wurtzite")
    atoms.info["origin"] = {"structure": "wurtzite"}
    frames_io.save(folder / "structures.npz", [atoms])
    labelled = frames_io.attach_labels(atoms, -1.0, np.zeros((len(atoms), 3)), np.zeros(6))
    frames_io.save(folder / "test.npz", [labelled], {"engine": {"name": "none"}})
    settings = PlipSettings()
    size = build(settings, ("Zn", "O")).size
    members = [LinearModel(settings, ("Zn", "O"), np.full(size, 1e-9 * k), np.zeros(2)) for k in (1, 2)]
    Ensemble(members).save(folder / "ensemble.npz")
    melt = {"name": "melt", "duration": 10, "snapshots": 1}
    return {
        "sample": {"sampler": melt, "structures": "structures.npz", "structure": "wurtzite", "seed": 1},
        "describe": {
            "candidates": ["structures.npz"],
            "species": ["Zn", "O"],
            "geometry": GeometryLimits().model_dump(),
            "ensemble": "ensemble.npz",
        },
        "evaluate": {"ensembles": ["ensemble.npz"], "tests": {"melt": ["test.npz"]}},
    }


def cpu_seconds(verb, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [EXECUTABLE, "run", verb, "input.json"],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    slowest, repeats = 0.0, 1 if arguments(__doc__).parse_args().smoke else 4
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for verb, spec in inputs(folder).items():
            (folder / "input.json").write_text(json.dumps(spec))
            seconds = min(cpu_seconds(verb, folder) for _ in range(repeats))
            slowest = max(slowest, seconds)
            print(f"{verb:10s} {seconds:.2f} s of CPU")
    last_line("startup", 1.0 / slowest)


if __name__ == "__main__":
    main()
