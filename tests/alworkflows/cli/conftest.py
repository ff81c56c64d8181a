"""The executable in this process, and small files for it."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.lj import LennardJones

from alworkflows import frames as frames_io
from alworkflows.cli.main import main
from alworkflows.frames import attach_labels

#: few descriptors, so that a fit takes no time
SMALL = """
descriptors: {functions: [{family: gaussian, centres: [1.5, 2.5, 3.5], widths: [1.0]}], l: [1, 2], m: [2], cutoff: 4.5}
fit: {rows_per_term: 3, max_terms: 30}
members: 3
folds: 5
"""


@dataclass
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Return a function that runs ``alworkflows ARGS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def _run(*args):
        monkeypatch.setattr(sys, "argv", ["alworkflows", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return Outcome(stopped.value.code or 0, captured.out, captured.err)

    return _run


def labelled_frames(count, first=0):
    """Labelled frames of a binary liquid-like solid."""
    frames = []
    for seed in range(first, first + count):
        atoms = bulk("ZnO", "zincblende", a=4.6).repeat((2, 2, 1))
        atoms.rattle(0.15, seed=seed)
        atoms.calc = LennardJones(sigma=1.7, epsilon=0.4, rc=4.5, smooth=True)
        frame = attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress())
        frame.info["origin"] = {"structure": "zincblende" if seed % 2 else "blende", "sampler": "rattle"}
        frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Folder with frames.npz (24 labelled), test.xyz (6), bare.npz (no labels), small.yaml, old.svg and model.npz."""
    from alworkflows.models import train
    from alworkflows.settings import LinearSettings, parse, read_yaml

    folder = tmp_path_factory.mktemp("files")
    frames = labelled_frames(24)
    frames_io.save(folder / "frames.npz", frames)
    frames_io.write(folder / "test.xyz", labelled_frames(6, 100))
    bare = [frame.copy() for frame in frames[:3]]
    frames_io.save(folder / "bare.npz", bare)
    copper = bulk("Cu").repeat(2)
    frames_io.save(folder / "copper.npz", [attach_labels(copper, 0.0, np.zeros((8, 3)))])
    (folder / "old.svg").write_text("<svg/>")
    (folder / "small.yaml").write_text(SMALL)
    train(frames, parse(LinearSettings, read_yaml(folder / "small.yaml")), ("Zn", "O"), 1)[0].save(folder / "model.npz")
    return folder
