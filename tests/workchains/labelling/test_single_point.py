"""What engines share that label one frame in one process."""

import numpy as np
import pytest
from aiida.orm import CalcJobNode
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.calculators.kpoints import mesh as kpoints_mesh
from alworkflows.calculators.kpoints import open_directions
from alworkflows.errors import InputError
from alworkflows.frames import labels
from alworkflows.labelling.acceptance import SinglePoint, accept
from workchains.labelling.single_point import (
    STATUS,
    cores,
    refusal,
    require_box,
    require_mesh,
    told_by_queue,
)


def slab():
    made = fcc111("Cu", (2, 2, 4), vacuum=6.0)
    made.pbc = True
    return made


def water():
    made = molecule("H2O", vacuum=5.0)
    made.pbc = True
    return made


def frame():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


FORCES = np.random.default_rng(0).normal(size=(8, 3))
STRESS = np.array([[1.0, 0.6, 0.5], [0.6, 2.0, 0.4], [0.5, 0.4, 3.0]])


def result(atoms=None, forces=FORCES, **changes):
    atoms = frame() if atoms is None else atoms
    values = {"energy": -3.0, "forces": forces, "stress": STRESS, "converged": True, **changes}
    return SinglePoint(symbols=atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell.array, **values)


@pytest.mark.parametrize("length", [3.0, 4.2, 5.6])
@pytest.mark.parametrize("spacing", [0.15, 0.3, 0.7, 5.0])
def test_points_are_no_further_apart_than_the_spacing(length, spacing):
    counts = np.array(kpoints_mesh(bulk("Cu", "sc", a=length), spacing))
    distances = 2.0 * np.pi / length / counts
    assert (distances <= spacing * (1 + 1e-5)).all()
    assert ((counts == 1) | (2.0 * np.pi / length / (counts - 1) > spacing)).all()


def test_a_spacing_that_divides_a_length_gains_no_point():
    for count in range(1, 12):
        assert kpoints_mesh(bulk("Cu", "sc", a=3.1), 2.0 * np.pi / 3.1 / count) == (count,) * 3


def test_one_point_along_vacuum():
    assert kpoints_mesh(frame(), None) == (1, 1, 1)
    assert kpoints_mesh(slab(), 0.2)[2] == 1
    assert min(kpoints_mesh(slab(), 0.2)[:2]) > 1
    assert kpoints_mesh(water(), 0.1) == (1, 1, 1)


def test_open_directions():
    assert open_directions(slab()).tolist() == [False, False, True]
    assert open_directions(water()).all()
    assert not open_directions(frame()).any()
    atoms = frame()
    atoms.pbc = [True, False, True]
    assert open_directions(atoms).tolist() == [False, True, False]


def test_what_is_refused_before_spending():
    require_box([frame(), slab(), water()], "the program")
    with pytest.raises(InputError, match="frame 1: the program expects three lattice vectors"):
        require_box([frame(), Atoms("H")], "the program")
    require_mesh([slab()], [2, 2, 1], "kpoints")
    require_mesh([slab()], None, "kpoints")
    with pytest.raises(InputError, match="kpoints: expected 1 along c, where frame 1 has vacuum, got 2"):
        require_mesh([frame(), slab()], [2, 2, 2], "kpoints")


def test_a_label_in_the_order_of_the_frame():
    order = np.random.default_rng(5).permutation(8)
    reordered = frame()[order]
    reordered.positions[2] -= 3 * reordered.cell[0]
    label = labels(accept(frame(), result(reordered, FORCES[order])))
    np.testing.assert_array_equal(label.forces, FORCES)
    np.testing.assert_array_equal(label.stress, [1.0, 2.0, 3.0, 0.4, 0.5, 0.6])
    assert label.energy == -3.0


def test_no_stress_is_no_reason():
    assert labels(accept(frame(), result(stress=None))).stress is None


def nudged(distance):
    atoms = frame()
    atoms.positions[0, 0] += distance
    return atoms


def test_what_a_file_rounds_off_is_the_same_place():
    assert accept(frame(), result(nudged(5e-5))) is not None


@pytest.mark.parametrize(
    ("point", "limits", "kind", "words"),
    [
        (result(converged=False), {}, FailureKind.UNCONVERGED, "did not converge"),
        (result(nudged(1e-3)), {}, FailureKind.SPECIES, "another structure"),
        (result(frame()[:6], FORCES[:6]), {}, FailureKind.SPECIES, "has 6 atoms, expected 8"),
        (result(forces=FORCES[:7]), {}, FailureKind.TRUNCATED, "expected forces on 8 atoms"),
        (result(energy=np.nan), {}, FailureKind.FORCE, "energy: expected finite"),
        (result(stress=STRESS * np.inf), {}, FailureKind.FORCE, "stress: expected finite"),
        (result(), {"largest_force": 0.1}, FailureKind.FORCE, "is above 0.1 eV/A"),
        (result(), {"moments": {"Na": 1.0}, "largest_moment_change": 0.1}, FailureKind.SPIN, "no magnetic moment"),
        (result(moment=0.1), {"moments": {"Na": 1.0}, "largest_moment_change": 0.1}, FailureKind.SPIN, "from 4.00 to 0.10"),
    ],
)
def test_a_result_that_is_not_believed(point, limits, kind, words):
    with pytest.raises(LabelError, match=words) as raised:
        accept(frame(), point, **limits)
    assert raised.value.kind == kind
    assert refusal(raised.value).status == STATUS[kind]


def test_the_sign_of_the_moment_is_free():
    assert accept(frame(), result(moment=-4.0), moments={"Na": 1.0}, largest_moment_change=0.1) is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("slurmstepd: error: *** JOB 5 CANCELLED AT 2025-01-01T00:00:00 DUE TO TIME LIMIT ***", FailureKind.WALLTIME),
        ("=>> PBS: job killed: walltime 3600 exceeded limit 3500", FailureKind.WALLTIME),
        ("slurmstepd: error: Detected 1 oom-kill event(s)", FailureKind.MEMORY),
        ("rank 0 with PID 1 exited on signal 9 (Killed).", FailureKind.MEMORY),
    ],
)
def test_what_queues_say(text, kind):
    end = told_by_queue(f"module loaded\n{text}\n")
    assert end is not None
    assert end[0] == kind
    assert told_by_queue("STOP 2") is None


@pytest.mark.parametrize(
    ("resources", "number"),
    [
        ({"num_machines": 2, "num_mpiprocs_per_machine": 16}, 32),
        ({"num_machines": 1, "num_mpiprocs_per_machine": 8, "num_cores_per_mpiproc": 2}, 16),
        ({"parallel_env": "mpi", "tot_num_mpiprocs": 24}, 24),
        ({"num_machines": 1}, 1),
    ],
)
def test_cores_that_a_job_asked_for(aiida_profile, resources, number):
    job = CalcJobNode()
    job.base.attributes.set("resources", resources)
    assert cores(job) == number
