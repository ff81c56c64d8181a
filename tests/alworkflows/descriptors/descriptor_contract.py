"""What every descriptor set keeps; a set inherits :class:`DescriptorContract` in :mod:`test_contract`."""

import tracemalloc

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from alworkflows.descriptors import Foldable, build
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.errors import InputError
from alworkflows.settings import DescriptorSettings, parse

SPECIES = ("Zn", "O", "Cu")


def crystal(seed=1):
    """A skewed, rattled cell of two species, smaller than the cutoff in one direction."""
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=False).repeat((2, 1, 1))
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + 0.05 * np.random.default_rng(seed).normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.15, seed=seed)
    return atoms


def cluster(seed=2):
    """A molecule of three species."""
    positions = np.random.default_rng(seed).uniform(0, 4, size=(6, 3))
    positions[:, 0] += 1.7 * np.arange(6)
    return Atoms("ZnOZn2OCu", positions=positions)


def slab(seed=3):
    """Two species, periodic in two directions, and no lattice vector along the third."""
    atoms = fcc111("Cu", (2, 1, 2), a=4.1)
    atoms.symbols[[1, 2]] = "O"
    atoms.rattle(0.15, seed=seed)
    return atoms


FRAMES = {"crystal": crystal, "cluster": cluster, "slab": slab}


def strained(atoms, strain):
    """The frame x -> (1 + e) x, with engineering shears."""
    xx, yy, zz, yz, xz, xy = strain
    matrix = np.eye(3) + np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    moved = atoms.copy()
    moved.set_cell(atoms.cell[:] @ matrix, scale_atoms=True)
    return moved


def displaced(atoms, moves):
    moved = atoms.copy()
    moved.positions += moves
    return moved


def slope(function, h):
    """The derivative of a function of a number at 0, to fourth order in h."""
    return (function(-2 * h) - 8 * function(-h) + 8 * function(h) - function(2 * h)) / (12 * h)


class DescriptorContract:
    """A subclass says ``settings``, a mapping as a campaign file would have it, with a cutoff between 4 and 5 A."""

    settings: dict

    @pytest.fixture(scope="class")
    @classmethod
    def descriptors(cls):
        return build(parse(DescriptorSettings, cls.settings), SPECIES)

    @pytest.fixture(params=sorted(FRAMES))
    def atoms(self, request):
        return FRAMES[request.param]()

    @pytest.fixture(scope="class")
    @classmethod
    def weights(cls, descriptors):
        """Weights that make every descriptor count alike."""
        scale = np.abs(np.concatenate([descriptors.values(make()) for make in FRAMES.values()])).max(axis=0)
        return np.random.default_rng(3).normal(size=descriptors.size) / np.where(scale > 1e-6, scale, 1.0)

    @pytest.fixture
    def apart(self, atoms, weights):
        """Other weights of each atom and of each of three members, (3, N, P)."""
        return np.random.default_rng(5).normal(size=(3, len(atoms), 1)) * np.roll(weights, 1) + 0.5 * weights

    @pytest.fixture
    def motion(self, atoms):
        """Displacements (3, N, 3) and strains (3, 6) of three members."""
        rng = np.random.default_rng(7)
        return rng.normal(size=(3, len(atoms), 3)), rng.normal(size=(3, 6)) * bool(atoms.pbc.all())

    # -------------------------------------------------------------------------------------------- what they are

    def test_names_sizes_and_cutoff(self, descriptors, atoms):
        assert len(descriptors.names) == len(set(descriptors.names)) == descriptors.size
        assert {name[0] for name in descriptors.names} <= set("23456N")
        assert descriptors.values(atoms).shape == (len(atoms), descriptors.size)
        assert descriptors.species == SPECIES
        assert descriptors.cutoff == parse(DescriptorSettings, self.settings).cutoff

    def test_values_sum_to_the_energy_row(self, descriptors, atoms):
        np.testing.assert_allclose(
            descriptors.values(atoms).sum(axis=0), descriptors.design(atoms).energy, rtol=1e-12, atol=1e-12
        )

    @pytest.mark.parametrize("species", [(), ("Zn", "Zn")])
    def test_bad_species(self, species):
        with pytest.raises(InputError, match="expected each species once"):
            build(parse(DescriptorSettings, self.settings), species)

    # -------------------------------------------------------------------------------------------- derivatives

    def test_force_rows_are_minus_the_gradient(self, descriptors, atoms):
        rows = descriptors.design(atoms).forces
        scale = np.abs(rows).max(axis=0).clip(1e-3)
        for atom, axis in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
            move = np.zeros((len(atoms), 3))
            move[atom, axis] = 1.0
            gradient = slope(lambda h, move=move: descriptors.design(displaced(atoms, h * move)).energy, 1e-3)
            np.testing.assert_allclose(rows[3 * atom + axis] / scale, -gradient / scale, atol=2e-6)

    @pytest.mark.parametrize("component", range(6))
    def test_stress_rows_are_the_strain_derivative(self, descriptors, component):
        atoms = crystal()
        rows = descriptors.design(atoms).stress
        scale = np.abs(rows).max(axis=0).clip(1e-5)
        unit = np.eye(6)[component]
        expected = slope(lambda h: descriptors.design(strained(atoms, h * unit)).energy, 1e-3) / atoms.get_volume()
        np.testing.assert_allclose(rows[component] / scale, expected / scale, atol=2e-6)

    def test_no_net_force(self, descriptors, atoms, weights):
        forces = (descriptors.design(atoms).forces @ weights).reshape(-1, 3)
        np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10 * np.abs(forces).max())

    def test_stress_only_of_what_is_periodic(self, descriptors):
        assert descriptors.design(crystal(), stress=False).stress is None
        for atoms in (cluster(), slab()):
            assert descriptors.design(atoms).stress is None
            assert not descriptors.vjp(atoms, np.ones((len(atoms), descriptors.size)))[1].any()

    def test_vjp_with_equal_weights_is_the_design_times_them(self, descriptors, atoms, weights):
        design = descriptors.design(atoms)
        forces, stress = descriptors.vjp(atoms, np.tile(weights, (len(atoms), 1)))
        expected = (design.forces @ weights).reshape(-1, 3)
        np.testing.assert_allclose(forces, expected, atol=1e-9 * np.abs(expected).max())
        if design.stress is not None:
            np.testing.assert_allclose(stress, design.stress @ weights, atol=1e-9 * np.abs(stress).max())

    def test_vjp_with_weights_of_each_atom_is_the_gradient(self, descriptors, atoms, apart):
        forces, stress = descriptors.vjp(atoms, apart[0])
        for atom, axis in ((1, 0), (0, 2), (len(atoms) - 1, 1)):
            move = np.zeros((len(atoms), 3))
            move[atom, axis] = 1.0
            gradient = slope(lambda h, move=move: (descriptors.values(displaced(atoms, h * move)) * apart[0]).sum(), 1e-3)
            assert -gradient == pytest.approx(forces[atom, axis], abs=2e-6 * np.abs(forces).max())
        for component in range(6) if atoms.pbc.all() else ():
            unit = np.eye(6)[component]
            change = slope(lambda h, unit=unit: (descriptors.values(strained(atoms, h * unit)) * apart[0]).sum(), 1e-3)
            assert change / atoms.get_volume() == pytest.approx(stress[component], abs=2e-6 * np.abs(stress).max())

    def test_jvp_is_the_directional_derivative(self, descriptors, atoms, motion):
        moves, strain = motion[0][0], motion[1][0]
        changes = descriptors.jvp(atoms, moves, strain)
        expected = slope(lambda h: descriptors.values(displaced(strained(atoms, h * strain), h * moves)), 2e-4)
        scale = np.abs(changes).max(axis=0).clip(1e-3)
        np.testing.assert_allclose(changes / scale, expected / scale, atol=2e-6)

    def test_jvp_is_the_transpose_of_vjp(self, descriptors, atoms, apart, motion):
        moves, strain = motion
        forward = (apart * descriptors.jvp(atoms, moves, strain)).sum(axis=(1, 2))
        forces, stress = descriptors.vjp(atoms, apart)
        volume = atoms.get_volume() if atoms.pbc.all() else 0.0
        backward = -(forces * moves).sum(axis=(1, 2)) + volume * (stress * strain).sum(axis=1)
        np.testing.assert_allclose(forward, backward, atol=1e-11 * np.abs(apart).max() * np.abs(forces).max())

    def test_members_together_are_each_alone(self, descriptors, atoms, apart, motion):
        forces, stress = descriptors.vjp(atoms, apart)
        changes = descriptors.jvp(atoms, *motion)
        assert forces.shape == (3, len(atoms), 3)
        assert stress.shape == (3, 6)
        assert changes.shape == (3, len(atoms), descriptors.size)
        for member in range(3):
            alone = descriptors.vjp(atoms, apart[member])
            np.testing.assert_allclose(forces[member], alone[0], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(stress[member], alone[1], rtol=1e-12, atol=1e-13)
            pushed = descriptors.jvp(atoms, motion[0][member], motion[1][member])
            np.testing.assert_allclose(changes[member], pushed, rtol=1e-12, atol=1e-13)

    def test_jvp_without_a_strain(self, descriptors, atoms, motion):
        np.testing.assert_array_equal(
            descriptors.jvp(atoms, motion[0]), descriptors.jvp(atoms, motion[0], np.zeros((len(motion[0]), 6)))
        )

    def test_moving_all_atoms_alike_changes_nothing(self, descriptors, atoms):
        changes = descriptors.jvp(atoms, np.tile([1.0, -2.0, 0.5], (len(atoms), 1)))
        assert np.abs(changes).max() <= 1e-12 * np.abs(descriptors.design(atoms).forces).max()

    def test_products_need_no_jacobian(self, descriptors):
        atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True).repeat(3)
        count, jacobian = len(atoms), 8 * 3 * len(atoms) ** 2 * descriptors.size
        weights, moves = np.ones((count, descriptors.size)), np.ones((count, 3))
        for call in (lambda: descriptors.vjp(atoms, weights), lambda: descriptors.jvp(atoms, moves)):
            call()  # tables are made once
            tracemalloc.start()
            call()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 0.1 * jacobian

    # -------------------------------------------------------------------------------------------- invariances

    def assert_same(self, actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-10)

    def test_rotation(self, descriptors, atoms):
        turned = atoms.copy()
        turned.rotate(73, (1, 2, 3), rotate_cell=True)
        self.assert_same(descriptors.values(turned), descriptors.values(atoms))

    def test_reflection(self, descriptors):
        atoms = cluster()
        mirrored = atoms.copy()
        mirrored.positions[:, 0] *= -1
        self.assert_same(descriptors.values(mirrored), descriptors.values(atoms))

    def test_translation_and_wrapping(self, descriptors, atoms):
        moved = displaced(atoms, [0.7, -11.3, 5.1])
        self.assert_same(descriptors.values(moved), descriptors.values(atoms))
        moved.wrap()
        self.assert_same(descriptors.values(moved), descriptors.values(atoms))

    def test_lattice_vectors(self, descriptors, atoms):
        steps = np.random.default_rng(8).integers(-2, 3, size=(len(atoms), 3)) * atoms.pbc
        self.assert_same(descriptors.values(displaced(atoms, steps @ atoms.cell[:])), descriptors.values(atoms))

    def test_permutation(self, descriptors, atoms):
        order = np.random.default_rng(0).permutation(len(atoms))
        self.assert_same(descriptors.values(atoms[order]), descriptors.values(atoms)[order])

    def test_a_supercell_has_the_same_environments(self, descriptors):
        atoms = crystal()
        large = atoms.repeat((1, 2, 1))
        one, many = descriptors.design(atoms), descriptors.design(large)
        self.assert_same(descriptors.values(large), np.tile(descriptors.values(atoms), (2, 1)))
        scale = np.abs(one.forces).max()
        np.testing.assert_allclose(many.forces, np.tile(one.forces, (2, 1)), rtol=1e-8, atol=1e-10 * scale)
        np.testing.assert_allclose(many.stress, one.stress, rtol=1e-8, atol=1e-10 * scale)

    # -------------------------------------------------------------------------------------------- reach

    def test_an_atom_beyond_the_cutoff_does_not_count(self, descriptors):
        near = cluster()
        far = near + Atoms("Cu", [near.positions[0] - [descriptors.cutoff + 40.0, 0, 0]])
        one, more = descriptors.design(near), descriptors.design(far)
        np.testing.assert_allclose(more.energy, one.energy, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(more.forces[: 3 * len(near)], one.forces, rtol=1e-11, atol=1e-12)
        assert not more.forces[3 * len(near) :].any()

    def test_products_reach_as_far_as_the_cutoff(self, descriptors):
        chain = Atoms("ZnOCuZnO", np.outer(np.arange(5) * 0.75 * descriptors.cutoff, [0.6, 0.0, 0.8]))
        chain.rattle(0.05, seed=1)
        one = np.zeros((5, descriptors.size))
        one[0] = 1.0
        forces = descriptors.vjp(chain, one)[0]
        moves = np.zeros((5, 3))
        moves[0] = [0.6, 0.0, 0.8]
        for product in (forces, descriptors.jvp(chain, moves)):
            assert product[:2].any(axis=1).all()
            assert not product[2:].any()

    def test_nothing_happens_at_the_cutoff(self, descriptors, weights):
        pair = Atoms("ZnO", positions=[[0, 0, 0], [0, 0, descriptors.cutoff - 1e-6]])
        assert np.abs(descriptors.design(pair).forces @ weights).max() < 1e-4
        assert np.abs(descriptors.values(pair) @ weights).max() < 1e-9
        pair.positions[1, 2] += 2e-6
        assert not descriptors.design(pair).forces.any()
        assert not descriptors.values(pair).any()

    # -------------------------------------------------------------------------------------------- shapes of frames

    def test_an_atom_alone(self, descriptors):
        atom = Atoms("Zn", positions=[[0, 0, 0]])
        assert not descriptors.design(atom).forces.any()
        assert np.isfinite(descriptors.values(atom)).all()
        assert not descriptors.jvp(atom, np.ones((1, 3))).any()

    def test_a_cell_of_one_atom(self, descriptors):
        atoms = bulk("Cu", "fcc", a=3.6)
        one, many = descriptors.design(atoms), descriptors.design(atoms.repeat(3))
        assert np.abs(one.energy).max() > 0.1
        np.testing.assert_allclose(one.energy, many.energy / 27, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(one.stress, many.stress, rtol=1e-8, atol=1e-10)
        assert np.abs(one.stress).max() > 1e-4
        for none in (one.forces, descriptors.vjp(atoms, np.ones((1, descriptors.size)))[0]):
            np.testing.assert_allclose(none, 0.0, atol=1e-9 * np.abs(one.energy).max())  # its images go with it
        assert np.abs(descriptors.jvp(atoms, np.zeros((1, 3)), np.array([0.1, 0, 0, 0, 0, 0]))).max() > 1e-3

    def test_a_cell_thinner_than_the_cutoff(self, descriptors):
        thin = Atoms("ZnO", [[0.1, 0.2, 0.3], [0.9, 1.6, 2.9]], cell=[[1.9, 0, 0], [0.3, 3.2, 0], [0, 0.4, 5.8]], pbc=True)
        assert min(thin.cell.lengths()) < 0.5 * descriptors.cutoff
        one, many = descriptors.design(thin), descriptors.design(thin.repeat((5, 3, 2)))
        scale = np.abs(one.forces).max()
        assert scale > 0.1
        np.testing.assert_allclose(many.energy, 30 * one.energy, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(many.forces, np.tile(one.forces, (30, 1)), rtol=1e-8, atol=1e-8 * scale)
        np.testing.assert_allclose(many.stress, one.stress, rtol=1e-8, atol=1e-9 * np.abs(one.stress).max())

    def test_a_slab_is_its_cell_with_vacuum(self, descriptors):
        atoms = slab()
        boxed = atoms.copy()
        boxed.center(vacuum=descriptors.cutoff, axis=2)
        boxed.pbc = True
        self.assert_same(descriptors.values(atoms), descriptors.values(boxed))

    def test_a_molecule_is_its_box(self, descriptors):
        atoms = cluster()
        boxed = atoms.copy()
        boxed.center(vacuum=descriptors.cutoff)
        boxed.pbc = True
        self.assert_same(descriptors.values(atoms), descriptors.values(boxed))

    def test_equal_frames_have_equal_rows(self, descriptors, atoms):
        first, second = descriptors.design(atoms), descriptors.design(atoms.copy())
        np.testing.assert_array_equal(first.forces, second.forces)
        np.testing.assert_array_equal(first.energy, second.energy)

    # -------------------------------------------------------------------------------------------- bad input

    def assert_refused(self, descriptors, atoms, message):
        for call in (
            lambda: descriptors.values(atoms),
            lambda: descriptors.design(atoms),
            lambda: descriptors.vjp(atoms, np.zeros((len(atoms), descriptors.size))),
            lambda: descriptors.jvp(atoms, np.zeros((2, len(atoms), 3))),
        ):
            with pytest.raises(InputError, match=message) as caught:
                call()
            assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda a: a.symbols.__setitem__(0, "Au"), "expected atoms of the species Zn, O, Cu, got Au"),
            (lambda a: a.positions.__setitem__((0, 0), np.nan), "expected finite positions and cell, got NaN or infinity"),
            (lambda a: a.positions.__setitem__((1, 2), np.inf), "expected finite positions and cell, got NaN or infinity"),
            (lambda a: a.set_cell(np.zeros((3, 3))), "expected a cell with volume for a periodic frame"),
            (lambda a: a.positions.__setitem__(1, a.positions[2]), "atoms 1 and 2 at the same one"),
            (lambda a: a.positions.__setitem__(1, a.positions[2] - a.cell[0] + a.cell[2]), "atoms 1 and 2 at the same one"),
            (lambda a: a.__delitem__(range(len(a))), "expected a frame with atoms, got one without"),
        ],
        ids=["foreign species", "NaN", "infinity", "no cell", "same place", "same place through the boundary", "no atoms"],
    )
    def test_bad_frames(self, descriptors, change, message):
        atoms = crystal()
        atoms.positions -= atoms.positions[2]  # whole lattice vectors are exact there
        change(atoms)
        self.assert_refused(descriptors, atoms, message)

    def test_bad_shapes(self, descriptors):
        atoms = crystal()
        count, size = len(atoms), descriptors.size
        for shape in ((size,), (count, size - 1), (count + 1, size), (0, count, size), (1, 1, count, size)):
            with pytest.raises(InputError, match=r"dE_dB: expected shape \(4, \d+\), or \(members, 4, \d+\), got"):
                descriptors.vjp(atoms, np.zeros(shape))
        for shape in ((3,), (count, 2), (count - 1, 3), (0, count, 3)):
            with pytest.raises(InputError, match=r"v: expected shape \(4, 3\), or \(members, 4, 3\), got"):
                descriptors.jvp(atoms, np.zeros(shape))
        for shape, strain in (((count, 3), (3, 3)), ((2, count, 3), (6,)), ((2, count, 3), (3, 6))):
            with pytest.raises(InputError, match=r"strain: expected shape \(.*6.*\) beside v"):
                descriptors.jvp(atoms, np.zeros(shape), np.zeros(strain))

    @pytest.mark.parametrize("make", [slab, cluster])
    def test_a_strain_of_what_is_not_periodic(self, descriptors, make):
        with pytest.raises(InputError, match="strain: expected none, as the frame is not periodic"):
            descriptors.jvp(make(), np.zeros((len(make()), 3)), np.array([0.0, 0, 0, 0, 0, 1.0]))

    # -------------------------------------------------------------------------------------------- what some can

    def test_a_folded_model_is_its_weights_times_the_values(self, descriptors, atoms, weights):
        if not isinstance(descriptors, Foldable):
            assert not hasattr(descriptors, "fold")
            return
        both = np.array([weights, np.roll(weights, 1)])
        positions = np.ascontiguousarray(atoms.positions)
        pairs = descriptors.neighbours(atoms).without(positions)
        energies, forces, _ = descriptors.fold(both).evaluate(kinds_of(atoms, SPECIES), positions, pairs, np.eye(3))
        expected = both @ descriptors.values(atoms).T
        np.testing.assert_allclose(energies, expected, atol=1e-5 * np.abs(expected).max())
        pulled = descriptors.vjp(atoms, np.repeat(both[:, None], len(atoms), axis=1))[0]
        np.testing.assert_allclose(forces, pulled, atol=1e-5 * np.abs(pulled).max())
