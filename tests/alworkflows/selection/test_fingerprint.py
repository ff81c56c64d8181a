import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.selection import Shortlist, fingerprints
from alworkflows.selection.diversity import farthest_points
from alworkflows.selection.duplicates import DUPLICATE, distances, standardise
from alworkflows.structures import crystal

ZNO = ("Zn", "O")


def shaken(name: str, repeat: tuple[int, int, int], amplitude: float, seed: int) -> Atoms:
    atoms = crystal(name).repeat(repeat)
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


@pytest.fixture
def frame() -> Atoms:
    return shaken("zno-wurtzite", (2, 2, 2), 0.2, 1)


def moved(frame: Atoms, how: str) -> Atoms:
    rng = np.random.default_rng(9)
    other = frame.copy()
    if how == "rotated":
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        other.set_cell(np.asarray(frame.cell) @ turn, scale_atoms=False)
        other.positions = frame.positions @ turn
    elif how == "translated":
        other.positions += [1.3, -7.1, 0.4]
    elif how == "wrapped":
        other.positions += [1.3, -7.1, 0.4]
        other.wrap()
    elif how == "permuted":
        other = other[rng.permutation(len(other))]
    else:
        other = other.repeat((1, 2, 1))
    return other


@pytest.mark.parametrize("how", ["rotated", "translated", "wrapped", "permuted", "repeated"])
def test_does_not_see_how_a_frame_is_written_down(frame: Atoms, how: str) -> None:
    pair = fingerprints([frame, moved(frame, how)], ZNO)
    np.testing.assert_allclose(pair[1], pair[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("how", ["rotated", "translated", "permuted", "repeated"])
def test_the_same_frame_written_otherwise_is_a_duplicate_and_a_step_of_dynamics_is_not(frame: Atoms, how: str) -> None:
    others = [shaken("zno-wurtzite", (2, 2, 2), 0.2, seed) for seed in range(2, 8)]
    step = frame.copy()
    step.positions += 0.002 * np.random.default_rng(0).normal(size=step.positions.shape)  # 1 fs at 300 K
    marks = fingerprints([moved(frame, how), step, *others], ZNO)
    known = fingerprints([frame], ZNO)
    points, known = standardise(marks, known)
    gaps = distances(points, known)
    assert gaps[0] < 0.1 * DUPLICATE
    assert gaps[1] > 10 * DUPLICATE


def test_tells_phases_and_a_defect_in_a_large_cell_apart() -> None:
    frames = [shaken(name, (2, 2, 2), 0.02, seed) for name in ("zno-wurtzite", "zno-hbn", "zno-cubane") for seed in range(6)]
    defect = shaken("zno-wurtzite", (3, 3, 2), 0.02, 7)
    defect.positions[10] += [0.9, 0.0, 0.0]
    marks = fingerprints([*frames, defect], ZNO)
    points, none = standardise(marks, np.zeros((0, marks.shape[1])))
    picked = farthest_points(Shortlist(points, none), 4)
    assert {index // 6 for index in picked} == {0, 1, 2, 3}, "one of each phase, and the defect"


def test_shape_and_a_species_that_is_not_there(frame: Atoms) -> None:
    both = fingerprints([frame, frame[frame.numbers == 30]], ZNO)
    assert both.shape[0] == 2
    assert both.shape[1] % 4 == 0
    half = both.shape[1] // 2
    assert (both[1, half:] == 0).all()
    assert (both[1, :half] != 0).any()
    assert fingerprints([], ZNO).shape[0] == 0


def test_a_stranger_is_refused(frame: Atoms) -> None:
    with pytest.raises(InputError, match="frame 1: expected the species Zn, O, got also Cu"):
        fingerprints([frame, Atoms("Cu", cell=[3, 3, 3], pbc=True)], ZNO)


def test_choosing_needs_no_descriptors() -> None:
    """The calcfunction that selects runs in the daemon's worker, where a slow import blocks everything else."""
    program = "import sys, alworkflows.selection; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "sklearn", "scipy", "numba", "ase", "alworkflows.descriptors"}
