"""Frames that are nearly the same, found among many: against brute force, at the edges of the tolerance, with few comparisons."""

from itertools import permutations, product

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from alworkflows.frames import near
from alworkflows.frames.near import groups, nearest, paired

CUBE = bulk("Cu", cubic=True).repeat((2, 1, 1))
PERIODIC = [(True, True, True), (True, True, False), (False, True, False), (False, False, False)]


def shaken(rng, by=0.15, base=CUBE):
    frame = base.copy()
    frame.positions += rng.normal(0, by, frame.positions.shape)
    return frame


def moved(frame, rng, by=0.0):
    """Return a frame with its atoms in another order, moved by lattice vectors, and each by ``by`` in some direction."""
    other = frame[rng.permutation(len(frame))]
    step = rng.normal(size=other.positions.shape)
    other.positions += by * step / np.linalg.norm(step, axis=1)[:, None]
    other.positions += (rng.integers(-3, 4, step.shape) * other.pbc) @ np.asarray(other.cell)
    return other


@pytest.fixture
def compared(monkeypatch):
    """Return a list that gets the number of pairs of frames whenever some are compared atom by atom."""
    counts, compare = [], near.compare
    monkeypatch.setattr(
        near, "compare", lambda mine, places, *rest: (counts.append(len(places)), compare(mine, places, *rest))[1]
    )
    return counts


@pytest.mark.parametrize("pbc", PERIODIC)
@pytest.mark.parametrize("by", [0.0, 0.0099])
def test_a_frame_is_found_in_any_order_and_image(pbc, by):
    rng = np.random.default_rng(3)
    base = CUBE.copy()
    base.pbc = pbc
    base.numbers[::3] = 79
    frames = [shaken(rng, base=base) for _ in range(50)]
    others = [moved(frame, rng, by) for frame in frames]
    found = nearest(others, frames, 0.01)
    assert {index: other for index, (other, _) in found.items()} == {index: index for index in range(50)}
    assert [distance for _, distance in found.values()] == pytest.approx([by] * 50, abs=1e-9)


@pytest.mark.parametrize("pbc", PERIODIC)
def test_the_edge_of_the_tolerance_is_sharp(pbc):
    rng = np.random.default_rng(4)
    base = CUBE.copy()
    base.pbc = pbc
    for _ in range(20):
        frame = shaken(rng, base=base)
        assert paired(frame, moved(frame, rng, 0.0099), 0.01)
        assert paired(frame, moved(frame, rng, 0.0101), 0.01) is None
        assert nearest([moved(frame, rng, 0.0099)], [frame], 0.01)
        assert not nearest([moved(frame, rng, 0.0101)], [frame], 0.01)


def test_what_tells_frames_apart():
    frame = shaken(np.random.default_rng(5))
    element, repeats, cell = frame.copy(), frame.copy(), frame.copy()
    element.numbers[0] = 79
    repeats.pbc = (True, True, False)
    cell.set_cell(frame.cell.array + np.diag([0.011, 0, 0]))
    fewer = frame[:-1]
    assert not nearest([element, repeats, cell, fewer], [frame], 0.01)
    cell.set_cell(frame.cell.array + np.diag([0.009, 0, 0]), scale_atoms=True)
    assert nearest([cell], [frame], 0.01)


def test_the_vector_across_a_vacuum_and_the_box_of_a_molecule_mean_nothing():
    slab = shaken(np.random.default_rng(5))
    slab.pbc = (True, True, False)
    wider = slab.copy()
    wider.cell[2] *= 2
    assert nearest([wider], [slab], 1e-4)
    water = molecule("H2O")
    boxed = water.copy()
    boxed.cell = [20, 20, 20]
    assert nearest([boxed[[2, 0, 1]]], [water], 1e-4)
    assert not nearest([Atoms(water.numbers, water.positions + 0.1)], [water], 0.01)  # moved as a whole: not looked for


def brute(frame, other, tolerance):
    """Return whether atoms can be paired: all permutations and images are tried."""
    shifts = np.array(list(product(*[(-1, 0, 1) if repeats else (0,) for repeats in frame.pbc]))) @ np.asarray(frame.cell)
    distances = np.linalg.norm(frame.positions[:, None, None] - other.positions[None, :, None] - shifts, axis=3).min(axis=2)
    if np.abs((frame.cell.array - other.cell.array)[frame.pbc]).max(initial=0.0) > tolerance:
        return False
    distances[frame.numbers[:, None] != other.numbers[None]] = np.inf
    return any(max(distances[range(len(frame)), order]) <= tolerance for order in permutations(range(len(frame))))


@pytest.mark.parametrize("seed", range(40))
def test_as_brute_force_says(seed):
    """Few atoms in skew cells, hardly farther apart than the tolerance, so that about half of the pairs are near."""
    rng = np.random.default_rng(seed)
    pbc, tolerance = PERIODIC[seed % 4], 0.3
    cell = np.diag(rng.uniform(4, 7, 3)) + rng.uniform(-1, 1, (3, 3))
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    frames = []
    for _ in range(24):
        positions = (sites[rng.permutation(4)] + 0.02) @ cell + rng.uniform(-0.2, 0.2, (4, 3))
        frame = Atoms("CuCuAuAu" if rng.random() < 0.7 else "CuAuAuAu", positions, cell=cell, pbc=pbc)
        frame.wrap()
        frames.append(frame)
    mine, theirs = frames[:12], frames[12:]
    near_one = {index for index, frame in enumerate(mine) if any(brute(frame, other, tolerance) for other in theirs)}
    assert set(nearest(mine, theirs, tolerance)) == near_one
    linked = np.array([[_alike(a, b) and brute(a, b, tolerance) for b in frames] for a in frames])
    for _ in range(5):
        linked = linked | (linked.astype(int) @ linked.astype(int) > 0)
    assert groups(frames, tolerance).tolist() == linked.argmax(axis=1).tolist()


def _alike(a, b):
    return sorted(a.numbers) == sorted(b.numbers)


def test_runs_are_groups():
    rng = np.random.default_rng(7)
    frames = []
    for _ in range(3):
        steps = np.cumsum(rng.normal(0, 0.002, (50, *CUBE.positions.shape)), axis=0)
        start = shaken(rng)
        for step in steps:
            frames.append(start.copy())
            frames[-1].positions += step
    order = rng.permutation(150)
    group = groups([frames[index] for index in order], 0.01)
    assert len(set(group)) == 3
    for run in range(3):
        (first,) = set(group[order // 50 == run])
        assert first == np.flatnonzero(order // 50 == run)[0]


@pytest.mark.parametrize("sizes", [(300, 0), (150, 150), (80, 70, 60, 40)])
def test_crowds_are_groups_and_not_compared_pair_by_pair(compared, sizes):
    """Hundreds of frames at one place, as relaxations end: each knows more neighbours than are asked for."""
    rng = np.random.default_rng(8)
    frames, crowds = [], []
    for number, size in enumerate(sizes):
        place = shaken(rng)
        for _ in range(size):
            frames.append(moved(place, rng, rng.uniform(0, 0.004)))
            crowds.append(number)
    group = groups(frames, 0.01)
    assert [crowds[index] for index in group] == crowds
    assert len(set(group)) == len([size for size in sizes if size])
    assert sum(compared) < 40 * len(frames)


def test_comparisons_grow_no_faster_than_the_frames(compared):
    rng = np.random.default_rng(9)
    frames = [shaken(rng) for _ in range(4000)]
    judged = [shaken(rng) for _ in range(400)] + [moved(frames[index], rng, 0.005) for index in range(0, 4000, 100)]
    found = nearest(judged, frames, 0.01)
    assert {index: other for index, (other, _) in found.items()} == {400 + place: 100 * place for place in range(40)}
    assert sum(compared) < 60
    assert groups(frames, 0.01).tolist() == list(range(4000))
    assert sum(compared) < 120


def test_nothing_to_compare():
    assert nearest([], [CUBE], 0.01) == {}
    assert nearest([CUBE], [], 0.01) == {}
    assert groups([], 0.01).tolist() == []
    assert groups([CUBE], 0.01).tolist() == [0]
    assert paired(CUBE, molecule("H2O"), 0.01) is None


def test_the_pairing_is_that_of_the_atoms():
    rng = np.random.default_rng(10)
    frame = shaken(rng)
    frame.numbers[[1, 4]] = 79
    order = rng.permutation(8)
    found, distance = paired(frame, frame[order], 1e-4)
    assert order[found].tolist() == list(range(8))
    assert distance < 1e-9
