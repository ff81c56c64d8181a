"""Charge and moments of atoms: another state is another frame, and reaches what labels or is refused."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows import frames as fr
from alworkflows.calculators.factory import bare
from alworkflows.errors import InputError
from alworkflows.frames.leaks import FrameSet, require_consistent
from alworkflows.frames.near import groups
from alworkflows.frames.state import moments_of, require_neutral, require_state
from alworkflows.frames.twins import coarse_key, coarse_keys, pair_up


def nickel(moments=None, charge=None):
    atoms = bulk("Ni", cubic=True).repeat((2, 1, 1))
    del atoms.arrays["initial_magmoms"]  # ASE gives it some
    if moments is not None:
        atoms.set_initial_magnetic_moments(moments)
    if charge is not None:
        atoms.info["charge"] = charge
    return atoms


UP = np.ones(8)
ANTI = np.array([1.0, -1.0] * 4)
STATES = {"plain": nickel(), "ferro": nickel(UP), "antiferro": nickel(ANTI), "charged": nickel(charge=1.0)}


def test_each_state_is_a_frame_of_its_own():
    assert len({fr.frame_id(atoms) for atoms in STATES.values()}) == 4
    assert len({coarse_key(atoms) for atoms in STATES.values()}) == 4
    assert len(set(groups(list(STATES.values()), 0.01).tolist())) == 4
    assert pair_up(STATES["ferro"], STATES["antiferro"]) is None
    assert pair_up(STATES["plain"], STATES["charged"]) is None
    # no moments, and moments of zero, are one state; and it has the id that it always had
    assert fr.frame_id(nickel(np.zeros(8))) == fr.frame_id(nickel())


def test_twins_keep_their_moments_in_any_order():
    order = np.random.default_rng(1).permutation(8)
    twin = STATES["antiferro"][order]
    assert coarse_key(twin) in coarse_keys(STATES["antiferro"])
    assert pair_up(twin, STATES["antiferro"]).tolist() == order.tolist()
    other = twin.copy()
    other.set_initial_magnetic_moments(-other.get_initial_magnetic_moments())
    assert coarse_key(other) in coarse_keys(twin)  # as many up as down
    assert pair_up(other, twin) is None


@pytest.mark.parametrize("name", ["f.npz", "f.xyz"])
def test_states_go_through_files(tmp_path, name):
    fr.write(tmp_path / name, list(STATES.values()))
    back = fr.read(tmp_path / name)
    assert [fr.frame_id(atoms) for atoms in back] == [fr.frame_id(atoms) for atoms in STATES.values()]


def test_labels_of_two_states_do_not_contradict_each_other():
    labelled = [fr.attach_labels(atoms, float(number), np.zeros((8, 3))) for number, atoms in enumerate(STATES.values())]
    assert require_consistent(FrameSet(labelled, list(STATES))) == []


def test_moments_of_atoms_come_before_those_of_species():
    np.testing.assert_array_equal(bare(STATES["antiferro"], {"Ni": 2.0}).get_initial_magnetic_moments(), ANTI)
    np.testing.assert_array_equal(bare(STATES["plain"], {"Ni": 2.0}).get_initial_magnetic_moments(), np.full(8, 2.0))
    assert moments_of(bare(STATES["plain"])) is None


def test_a_state_that_a_program_cannot_give_is_refused():
    frames = [STATES["plain"], STATES["antiferro"], STATES["ferro"]]
    require_state(frames, "x", moments=True)
    with pytest.raises(
        InputError, match=r"frame 1: has initial magnetic moments .*up to 1 mu_B.*x takes none: of species.*2 of 3 frames"
    ):
        require_state(frames, "x", moments=False, why="of species alone")
    require_neutral(frames, "x")  # which knows of no moments
    with pytest.raises(InputError, match="frame 0: has the charge 1 e, and x labels neutral frames"):
        require_state([STATES["charged"]], "x", moments=True)
    with pytest.raises(InputError, match="frame 0: has the charge 1 e"):
        require_neutral([STATES["charged"]], "x")
    vectors = nickel(np.ones((8, 3)))
    with pytest.raises(InputError, match="moments that are vectors"):
        require_state([vectors], "x", moments=True)
