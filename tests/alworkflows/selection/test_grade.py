"""The extrapolation grade against its definition by determinants, against a search of all subsets, and its invariances."""

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.selection import ActiveSet
from alworkflows.selection.grade import GAIN, inverse_of, maxvol
from alworkflows.settings import PlipSettings
from alworkflows.structures import crystal

SMALL = PlipSettings.gaussians((1.5, 2.5, 3.5), cutoff=5.0, l=(1, 2), m=())


def determinant(rows: np.ndarray) -> float:
    return abs(float(np.linalg.det(rows)))


@pytest.mark.parametrize("seed", range(5))
def test_no_exchange_makes_the_determinant_larger(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(40, 6))
    active = maxvol(rows)
    best = determinant(rows[active])
    for column in range(6):
        for row in range(40):
            other = active.copy()
            other[column] = row
            assert determinant(rows[other]) <= (1 + 2 * GAIN) * best


@pytest.mark.parametrize("seed", range(5))
def test_is_near_the_largest_determinant_of_all(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(14, 3))
    largest = max(determinant(rows[list(subset)]) for subset in combinations(range(14), 3))
    assert determinant(rows[maxvol(rows)]) > 0.7 * largest


def test_grade_is_a_ratio_of_determinants() -> None:
    rng = np.random.default_rng(3)
    rows, other = rng.normal(size=(50, 4)), 2 * rng.normal(size=(5, 4))
    inverse = inverse_of(rows)
    # the active rows are those of grade one that reproduce unit vectors; found again from the definition
    shares = np.abs(rows @ inverse)
    active = [int(np.argmax(shares[:, column])) for column in range(4)]
    for row, share in zip(other, np.abs(other @ inverse), strict=True):
        for column in range(4):
            exchanged = rows[active].copy()
            exchanged[column] = row
            assert share[column] == pytest.approx(determinant(exchanged) / determinant(rows[active]), rel=2 * GAIN)


def test_does_not_depend_on_the_scale_or_mixture_of_the_columns() -> None:
    rng = np.random.default_rng(4)
    rows, other = rng.normal(size=(200, 5)), 3 * rng.normal(size=(20, 5))
    plain = np.abs(other @ inverse_of(rows)).max(axis=1)
    scales = 10.0 ** rng.uniform(-7, 7, size=5)
    np.testing.assert_allclose(np.abs((other * scales) @ inverse_of(rows * scales)).max(axis=1), plain, rtol=1e-6)
    mixed = rng.normal(size=(5, 5))
    grades = np.abs((other @ mixed) @ inverse_of(rows @ mixed)).max(axis=1)
    np.testing.assert_allclose(grades, plain, rtol=1e-6)


def test_columns_that_are_zero_or_copies_are_left_out() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(60, 3))
    doubled = np.hstack([rows, np.zeros((60, 1)), rows @ rng.normal(size=(3, 2))])
    inverse = inverse_of(doubled)
    assert inverse.shape == (6, 3)
    assert np.abs(doubled @ inverse).max() <= 1 + 2 * GAIN


def test_fewer_rows_than_columns_is_an_error() -> None:
    with pytest.raises(InputError, match="at least as many rows as columns"):
        maxvol(np.ones((2, 3)))


def shaken(amplitude: float, seed: int, name: str = "zno-wurtzite") -> Atoms:
    atoms = crystal(name).repeat((2, 2, 2))
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


@pytest.fixture(scope="module")
def active() -> ActiveSet:
    return ActiveSet.of_frames(build(SMALL, ("Zn", "O")), TRAINED, np.arange(40))


TRAINED = [shaken(0.1, seed) for seed in range(30)]


def test_trained_atoms_interpolate_and_others_extrapolate_the_more_the_farther(active: ActiveSet) -> None:
    assert active.grades(TRAINED).max() <= 1 + 2 * GAIN
    same, hotter, hot = (np.mean(active.grades([shaken(size, seed) for seed in range(100, 110)])) for size in (0.1, 0.2, 0.3))
    assert 1.0 < same < hotter < hot


def test_one_atom_out_of_place_is_seen_where_it_is(active: ActiveSet) -> None:
    frame = shaken(0.1, 3)
    assert active.atoms(frame).max() <= 1 + 2 * GAIN
    frame.positions[7] += [0.5, 0.3, 0.0]
    grades = active.atoms(frame)
    near = frame.get_distances(7, range(len(frame)), mic=True) < 3.0
    assert grades.max() > 3
    assert near[int(np.argmax(grades))]


def test_does_not_see_how_a_frame_is_written_down(active: ActiveSet) -> None:
    rng = np.random.default_rng(0)
    frame = shaken(0.2, 50)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = frame.copy()
    turned.set_cell(np.asarray(frame.cell) @ turn, scale_atoms=False)
    turned.positions = frame.positions @ turn + 1.7
    order = rng.permutation(len(frame))
    np.testing.assert_allclose(active.atoms(turned[order]), active.atoms(frame)[order], rtol=1e-6)
    assert active.grades([frame.repeat((1, 1, 2))])[0] == pytest.approx(active.grades([frame])[0], rel=1e-8)


def test_a_species_that_was_never_trained_on_is_infinitely_far() -> None:
    zinc = [frame[frame.numbers == 30] for frame in TRAINED]
    active = ActiveSet.of_frames(build(SMALL, ("Zn", "O")), zinc, np.arange(40))
    grades = active.atoms(TRAINED[0])
    assert np.isinf(grades[TRAINED[0].numbers == 8]).all()
    assert np.isfinite(grades[TRAINED[0].numbers == 30]).all()


@pytest.mark.parametrize(
    ("frames", "columns", "message"), [([], 3, "frames that were trained on, got none"), (TRAINED, 0, "term")]
)
def test_an_active_set_of_nothing_is_an_error(frames: list[Atoms], columns: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ActiveSet.of_frames(build(SMALL, ("Zn", "O")), frames, np.arange(columns))
