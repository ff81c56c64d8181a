"""The kernels for lesser processors give the numbers of the best one."""

import os
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.descriptors.library import VARIANTS, library
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.settings import PlipSettings

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from test_variants import results
np.savez(sys.argv[1], *results())
"""


def results():
    """Everything the kernels compute, for one frame."""
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3).repeat((2, 1, 1))
    atoms.rattle(0.2, seed=1)
    descriptors = build(PlipSettings(), ("Zn", "O"))
    design = descriptors.design(atoms)
    weights = np.random.default_rng(0).normal(size=(2, descriptors.size)) / np.abs(design.forces).max(axis=0).clip(1e-6)
    positions = np.ascontiguousarray(atoms.positions)
    pairs = descriptors.neighbours(atoms).without(positions)
    folded = descriptors.fold(weights).evaluate(kinds_of(atoms, descriptors.species), positions, pairs, np.eye(3))
    pulled = descriptors.vjp(atoms, np.repeat(weights[:, None], len(atoms), axis=1))
    rng = np.random.default_rng(1)
    pushed = descriptors.jvp(atoms, rng.normal(size=(2, len(atoms), 3)), rng.normal(size=(2, 6)))
    return [design.energy, design.forces, design.stress, *pulled, pushed, *folded]


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_variants_agree(variant, tmp_path):
    if list(VARIANTS).index(variant) > library.alw_variant():
        pytest.skip(f"this processor does not run {variant}")
    environment = {**os.environ, "ALWORKFLOWS_KERNELS": variant}
    command = [sys.executable, "-c", SCRIPT.format(folder=os.path.dirname(__file__)), str(tmp_path / "results.npz")]
    subprocess.run(command, env=environment, check=True)
    stored = list(np.load(tmp_path / "results.npz").values())
    for index, (ours, theirs) in enumerate(zip(results(), stored, strict=True)):
        tolerance = 1e-12 if index < 6 else 1e-6  # folded models keep as many functions as fill a register
        np.testing.assert_allclose(theirs, ours, atol=tolerance * np.abs(ours).max(), rtol=0)


def test_an_unknown_variant():
    environment = {**os.environ, "ALWORKFLOWS_KERNELS": "v5"}
    process = subprocess.run(
        [sys.executable, "-c", "import alworkflows.descriptors"], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode != 0
    assert "unknown variant of the kernels" in process.stderr
