"""Which labels are believed: the same rule for a calculator of ASE and for what a program's files say."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.frames import labels
from alworkflows.labelling.acceptance import SinglePoint, accept, label_frame

FORCES = np.random.default_rng(0).normal(size=(4, 3))


def frame():
    atoms = bulk("CuAu", "rocksalt", a=4.0, cubic=True)[[0, 1, 2, 3]]
    atoms.rattle(0.1, seed=3)
    return atoms


class Told(Calculator):
    """A calculator that says what it is told to."""

    implemented_properties = ("energy", "free_energy", "forces", "stress", "magmom")

    def __init__(self, seen=None, **results):
        super().__init__()
        self.seen, self.given = seen, {"energy": -3.0, "forces": FORCES, "stress": np.arange(6.0), **results}

    def calculate(self, atoms=None, properties=(), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results = dict(self.given)

    def get_property(self, name, atoms=None, allow_calculation=True):
        value = super().get_property(name, atoms, allow_calculation)
        self.atoms = self.atoms if self.seen is None else self.seen
        return value


class Unconverged:
    def converged(self, _):
        return False


def by_calculator(parameters=None, limits=None, seen=None, **results):
    return label_frame(frame(), Told(seen, **results), parameters=parameters, **(limits or {}))


def by_program(parameters=None, limits=None, seen=None, energy=-3.0, forces=FORCES, stress=None, magmom=None):
    atoms = frame() if seen is None else seen
    point = SinglePoint(
        energy=energy,
        forces=forces,
        stress=np.zeros((3, 3)) if stress is None else stress,
        converged=parameters is None,
        symbols=atoms.get_chemical_symbols(),
        positions=atoms.positions,
        cell=np.array(atoms.cell),
        moment=magmom,
    )
    return accept(frame(), point, **(limits or {}))


MOMENTS = {"moments": {"Cu": 2.0}, "largest_moment_change": 0.1}


@pytest.mark.parametrize("source", [by_calculator, by_program])
@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"parameters": Unconverged()}, FailureKind.UNCONVERGED, "the self-consistent field did not converge"),
        ({"energy": np.nan}, FailureKind.FORCE, "energy: expected finite numbers, got NaN or infinity"),
        ({"forces": np.full((4, 3), np.inf)}, FailureKind.FORCE, "forces: expected finite numbers"),
        ({"stress": np.full((3, 3), np.nan)}, FailureKind.FORCE, "stress: expected finite numbers"),
        ({"limits": {"largest_force": 0.1}}, FailureKind.FORCE, "largest force .* eV/A is above 0.1 eV/A"),
        ({"limits": MOMENTS}, FailureKind.SPIN, "the result has no magnetic moment to compare"),
        ({"limits": MOMENTS, "magmom": 1.0}, FailureKind.SPIN, r"went from 4.00 to 1.00 mu_B: 0.75 mu_B per atom, above 0.1"),
        ({"forces": FORCES[:3]}, FailureKind.TRUNCATED, r"expected forces on 4 atoms, got an array of shape \(3, 3\)"),
        ({"seen": bulk("Cu", cubic=True)}, FailureKind.SPECIES, "expected"),
        ({"seen": frame()[:2], "forces": FORCES[:2]}, FailureKind.SPECIES, "expected"),
    ],
)
def test_what_is_not_believed_is_refused_alike(source, given, kind, words):
    with pytest.raises(LabelError, match=words) as raised:
        source(**given)
    assert raised.value.kind is kind


@pytest.mark.parametrize("source", [by_calculator, by_program])
def test_what_is_believed(source):
    believed = labels(source(limits=MOMENTS, magmom=-4.0))
    np.testing.assert_array_equal(believed.forces, FORCES)
    assert believed.energy == -3.0


def test_only_a_program_that_says_where_atoms_are_may_put_them_in_another_order():
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(labels(by_program(seen=frame()[order], forces=FORCES[order])).forces, FORCES)
    with pytest.raises(LabelError, match=r"other atoms or another order: expected CuAuCuAu, got .*"):
        by_calculator(seen=frame()[order])


def test_labels_of_a_calculator_are_its_own():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    believed = labels(label_frame(atoms, EMT()))
    atoms.calc = EMT()
    np.testing.assert_array_equal(believed.forces, atoms.get_forces())
    np.testing.assert_allclose(believed.stress, atoms.get_stress())
    assert believed.energy == atoms.get_potential_energy()
    atoms.pbc = False
    assert labels(label_frame(atoms, EMT())).stress is None
