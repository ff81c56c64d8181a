"""A campaign that begins with given frames, through the real daemon: its report, and what others find of its labels."""

import re

import numpy as np
import pytest
import yaml
from ase.build import bulk

from alworkflows import frames as frames_io
from alworkflows.calculators import create, describe
from alworkflows.settings import CalculatorSettings

EMT = CalculatorSettings(name="emt")
#: eV; what the header claims to be a label of the effective medium theory
ABSURD = 1e5

CAMPAIGN = {
    "name": "given",
    "species": ["Cu"],
    "structures": {
        "bulk": {"crystal": {"lattice": "fcc", "species": ["Cu"], "a": 3.61}, "supercell": [2, 2, 2]},
        "small-bulk": {"file": "bulk.xyz"},
        "small.bulk": {"file": "other.xyz", "supercell": [2, 2, 2]},
    },
    "stages": [
        {"name": "melt", "structures": ["bulk"], "budget": 6,
         "sampler": {"name": "melt", "potential": "cu-morse", "temperature": [300, 2000], "duration": "1 ps", "snapshots": 8}},
        {"name": "rattled", "structures": ["small-bulk", "small.bulk"], "budget": 2, "train": False,
         "sampler": {"name": "rattle", "snapshots": 2}},
    ],
    "label": {"calculator": {"name": "emt"}},
    "model": {"descriptors": {"functions": [{"family": "gaussian", "centres": [2.0, 3.0, 4.0], "widths": [1.0]}]},
              "fit": {"max_terms": 20}},
    "start": [{"file": "claimed.npz", "test_share": 0.25}],
}  # fmt: skip


def claimed(count):
    """Labelled frames whose energies are of no calculator; their forces are the right ones."""
    frames = []
    for seed in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = create(EMT)
        frames.append(frames_io.attach_labels(atoms, ABSURD, atoms.get_forces()))
    return frames


@pytest.fixture(scope="module")
def campaign(shell):
    """The PK of a finished campaign."""
    frames_io.save(shell.folder / "claimed.npz", claimed(24), {"engine": describe(EMT)})
    frames_io.write(shell.folder / "bare.xyz", [frame.copy() for frame in claimed(2)])
    (bulk("Cu", cubic=True, a=3.65) * (2, 2, 2)).write(shell.folder / "bulk.xyz")
    bulk("Cu", cubic=True, a=3.7).write(shell.folder / "other.xyz")
    (shell.folder / "given.yaml").write_text(yaml.safe_dump(CAMPAIGN))
    return int(re.search(r"PK (\d+)", shell("launch", "given.yaml", "--wait")).group(1))


def test_given_test_frames_are_a_group_of_the_report(shell, campaign):
    shell("report", campaign, "-o", "given-report")
    assert "given" in (shell.folder / "given-report" / "index.html").read_text()
    assert "given" in shell.json("report", campaign)["errors"]["groups"]


def test_status_tells_of_stages_alone(shell, campaign):
    assert "late" not in shell("status", campaign)
    assert {item["stage"] for item in shell.json("status", campaign)["iterations"]} == {"melt", "rattled"}


def test_labels_that_only_claim_an_engine_are_not_taken_over(shell, campaign):
    shell("label", "bare.xyz", "--calculator", "emt", "-o", "bare.npz")
    energies = [frames_io.labels(frame).energy for frame in frames_io.load(shell.folder / "bare.npz")[0]]
    assert np.abs(energies).max() < 0.01 * ABSURD


def test_structures_of_like_names_are_built_of_their_own_files(shell, campaign):
    found = shell.python(
        f"from aiida.orm import load_node\n"
        f"frames = load_node({campaign}).outputs.structures.get_frames()\n"
        "print(json.dumps({frame.info['origin']['structure']: frame.cell[0, 0] for frame in frames}))"
    )
    assert found["small-bulk"] == pytest.approx(7.30, abs=1e-6)
    assert found["small.bulk"] == pytest.approx(7.40, abs=1e-6)
