"""What every model and every trainer keeps: suites that a class inherits in one line, with fixtures of its own."""

import json

import numpy as np
import pytest
from after import After
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from planted import structure

from alworkflows.deadline import TimeIsUp
from alworkflows.errors import InputError
from alworkflows.frames import frame_id, labels
from alworkflows.models import model_files
from alworkflows.models.contract import Job, TrainingData


class ModelContract:
    """Fixture ``model``, for zinc and oxygen; tolerances for models in less than double precision are attributes."""

    #: A; of finite differences
    step = 1e-4
    #: of forces and stresses against finite differences, relative to the largest
    slope = 1e-5
    #: of what two ways of one model to the same number may differ by, relative to the largest
    rounding = 1e-9

    def close(self, actual, expected, tolerance=None):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=(tolerance or self.rounding) * max(scale, 1e-3))

    def round_trip(self, model, path):
        model_files.save(path, [model], {})
        return model_files.load(path)[0][0]

    def energy(self, model, atoms):
        return model.predict([atoms])[0].energy

    def slope_of(self, model, change):
        """Derivative of the energy of ``change(x)``, by a five-point stencil."""
        h = self.step
        below2, below, above, above2 = (self.energy(model, change(x)) for x in (-2 * h, -h, h, 2 * h))
        return (below2 - 8 * below + 8 * above - above2) / (12 * h)

    # -------------------------------------------------------------------------------------------- physics

    def test_forces_are_minus_the_gradient(self, model):
        for atoms in (structure(41), cluster()):
            forces = model.predict([atoms])[0].forces
            for atom, axis in ((0, 0), (1, 2), (len(atoms) - 1, 1)):

                def moved(x, atoms=atoms, atom=atom, axis=axis):
                    copy = atoms.copy()
                    copy.positions[atom, axis] += x
                    return copy

                assert abs(-self.slope_of(model, moved) - forces[atom, axis]) < self.slope * np.abs(forces).max()

    @pytest.mark.parametrize(("row", "pair"), list(enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])))
    def test_stress_is_the_strain_derivative(self, model, row, pair):
        atoms = structure(42)
        stress = model.predict([atoms])[0].stress

        def strained(x):
            strain = np.zeros((3, 3))
            strain[pair] += 0.5 * x
            strain[pair[::-1]] += 0.5 * x
            copy = atoms.copy()
            copy.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
            return copy

        slope = self.slope_of(model, strained) / atoms.get_volume()
        assert abs(slope - stress[row]) < 10 * self.slope * np.abs(stress).max()

    def test_the_atoms_energies_add_up(self, model):
        prediction = model.predict([structure(43)])[0]
        if prediction.energies is not None:
            assert prediction.energies.shape == (len(structure(43)),)
            assert prediction.energies.sum() == pytest.approx(prediction.energy, rel=1e-12)

    def test_rotation_translation_and_permutation(self, model):
        atoms = structure(44)
        before = model.predict([atoms])[0]
        turned, shifted = atoms.copy(), atoms.copy()
        turned.rotate(70, (1, 2, 3), rotate_cell=True)
        rotation = np.linalg.solve(atoms.cell[:], turned.cell[:])
        shifted.positions += [0.7, -3.1, 5.2]
        order = np.random.default_rng(0).permutation(len(atoms))
        for frame, forces in (
            (turned, before.forces @ rotation),
            (shifted, before.forces),
            (atoms[order], before.forces[order]),
        ):
            after = model.predict([frame])[0]
            assert after.energy == pytest.approx(before.energy, rel=self.rounding, abs=self.rounding)
            self.close(after.forces, forces)

    def test_a_cluster_has_no_stress(self, model):
        prediction = model.predict([cluster()])[0]
        assert prediction.forces.shape == (6, 3)
        assert not prediction.stress.any()

    def test_energy_is_conserved(self, model):
        atoms = bulk("ZnO", "zincblende", a=4.6, cubic=False).repeat((2, 2, 1))
        masses = atoms.get_masses()[:, None]
        atoms.calc = model.calculator()
        velocities = np.random.default_rng(1).normal(size=(len(atoms), 3)) * np.sqrt(units.kB * 200 / masses)
        totals, forces, step = [], atoms.get_forces(), self.timestep * units.fs
        for _ in range(self.steps):
            velocities += 0.5 * step * forces / masses
            atoms.positions += step * velocities
            forces = atoms.get_forces()
            velocities += 0.5 * step * forces / masses
            totals.append(atoms.get_potential_energy() + 0.5 * (masses * velocities**2).sum())
        kinetic = 0.5 * (masses * velocities**2).sum()
        assert np.ptp(totals) < 0.02 * kinetic + 1e-5

    #: of dynamics at constant energy; fs
    steps, timestep = 200, 0.5

    # -------------------------------------------------------------------------------------------- dynamics

    def test_the_evaluator_says_what_the_model_predicts_wherever_atoms_go(self, model):
        atoms, rng = structure(45), np.random.default_rng(2)
        evaluator = model.evaluator()
        for number in range(8):
            if number == 4:  # another cell
                atoms.set_cell(atoms.cell[:] * 1.02, scale_atoms=True)
            elif number == 6:  # beyond any skin
                atoms.positions[0] += 1.0
            elif number:  # within the skin
                atoms.positions += rng.normal(scale=0.03, size=atoms.positions.shape)
            expected, evaluation = model.predict([atoms])[0], evaluator.mean(atoms)
            assert evaluation.energy[0] == pytest.approx(expected.energy, rel=self.rounding, abs=self.rounding)
            self.close(evaluation.forces[0], expected.forces)
            self.close(evaluation.virial[0] / atoms.get_volume(), expected.stress)
            self.close(evaluator.evaluate(atoms).forces.mean(axis=0), expected.forces)

    def test_a_run_that_goes_on_from_a_state_gives_the_same_bits(self, model):
        atoms, rng = structure(46), np.random.default_rng(3)
        first = model.evaluator()
        first.mean(atoms)
        atoms.positions += rng.normal(scale=0.04, size=atoms.positions.shape)
        first.mean(atoms)
        state = {name: array.copy() for name, array in first.state().items()}
        second = model.evaluator()
        second.restore(state)
        for _ in range(3):
            atoms.positions += rng.normal(scale=0.04, size=atoms.positions.shape)
            one, other = first.mean(atoms), second.mean(atoms)
            for name in ("energy", "forces", "virial"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            np.testing.assert_array_equal(first.evaluate(atoms).forces, second.evaluate(atoms).forces)

    def test_the_calculator_agrees(self, model):
        atoms = structure(47)
        expected = model.predict([atoms])[0]
        atoms.calc = model.calculator()
        assert atoms.get_potential_energy() == pytest.approx(expected.energy, rel=self.rounding)
        self.close(atoms.get_forces(), expected.forces)
        self.close(atoms.get_stress(), expected.stress)
        if expected.energies is not None:
            self.close(atoms.get_potential_energies(), expected.energies)
            assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
        assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
        assert dict(atoms.get_properties(["energy", "stress"]))["energy"] == atoms.get_potential_energy()

    def test_the_calculator_has_the_slope_of_its_own_energy(self, model):
        atoms, h = structure(47), self.step
        atoms.calc = model.calculator()
        forces, energies = atoms.get_forces(), []
        for x in (-2 * h, -h, h, 2 * h):
            atoms.positions[1, 1] += x
            energies.append(atoms.get_potential_energy())
            atoms.positions[1, 1] -= x
        slope = np.dot(energies, [1, -8, 8, -1]) / (12 * h)
        assert abs(slope + forces[1, 1]) < self.slope * np.abs(forces).max()

    @pytest.mark.parametrize("pbc", [(True, True, False), (False, False, False)])
    def test_only_a_frame_periodic_along_all_directions_has_a_stress(self, model, pbc):
        atoms = structure(47)
        atoms.pbc = pbc
        atoms.calc = model.calculator()
        assert np.isfinite(atoms.get_potential_energy())
        assert "stress" not in atoms.calc.results
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_stress()

    # -------------------------------------------------------------------------------------------- as data

    def test_a_file_keeps_every_bit(self, model, tmp_path):
        again = self.round_trip(model, tmp_path / "model.npz")
        ours, theirs = model.predict([structure(48)])[0], again.predict([structure(48)])[0]
        assert ours.energy == theirs.energy
        np.testing.assert_array_equal(ours.forces, theirs.forces)
        np.testing.assert_array_equal(ours.stress, theirs.stress)
        assert again.summary() == model.summary()

    def test_the_file_is_data(self, model, tmp_path):
        self.round_trip(model, tmp_path / "model.npz")
        with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
            assert all(stored[name].dtype != object for name in stored.files)
            header = json.loads(stored["header"].tobytes())
        assert header["version"] == model_files.VERSION

    def test_the_summary_is_plain(self, model):
        assert json.loads(json.dumps(model.summary())) == model.summary()

    # -------------------------------------------------------------------------------------------- what it refuses

    def test_species_it_was_not_made_for(self, model):
        with pytest.raises(InputError, match="expected atoms of the species Zn, O, got Cu"):
            model.predict([bulk("Cu")])

    def test_frames_without_atoms(self, model):
        with pytest.raises(InputError, match="expected a frame with atoms, got one without"):
            model.predict([Atoms(cell=np.eye(3), pbc=True)])

    def test_positions_that_are_no_numbers(self, model):
        atoms = structure(49)
        atoms.positions[0, 0] = np.nan
        with pytest.raises(InputError, match="finite"):
            model.predict([atoms])


def cluster():
    positions = np.random.default_rng(2).uniform(0, 3, size=(6, 3))
    positions[:, 0] += 1.7 * np.arange(6)
    return Atoms("ZnOZn2O2", positions=positions)


class TrainerContract:
    """Method ``trainer``, which makes one for zinc and oxygen with settings of at least two members."""

    def trainer(self):
        raise NotImplementedError

    def fitted(self, batches, checkpoint=None, deadline=None, cache=None):
        job = Job(cache=cache, checkpoint=checkpoint, **({"deadline": deadline} if deadline else {}))
        return self.trainer().fit(TrainingData(batches), job)

    @pytest.fixture
    def label(self, labelled):
        """What makes frames: number, and first seed."""
        return labelled

    @pytest.fixture
    def batches(self, label):
        return [label(8), label(6, first=20), label(6, first=40)]

    @pytest.fixture
    def whole(self, batches):
        """The fit without interruptions, made once for all tests of a class."""
        if "_whole" not in vars(type(self)):
            type(self)._whole = self.fitted(batches)
        return self._whole

    def test_it_gives_models_and_says_how_good_they_are(self, whole, batches):
        trainer = self.trainer()
        assert trainer.is_trained
        assert len(whole.models_) == trainer.settings.members
        assert whole.report_["frames"] == sum(map(len, batches))
        assert whole.report_["held_out_rmse"] > 0
        assert json.loads(json.dumps([whole.report_, whole.course_]))
        known = {frame_id(frame) for batch in batches for frame in batch}
        assert {frame_id(frame) for frame in whole.left_out_} <= known
        assert 0 < len(whole.left_out_) <= whole.report_["held_out_frames"]

    def test_it_says_which_models_did_not_see_a_frame(self, whole, batches):
        left_out = {frame_id(frame) for frame in whole.left_out_}
        for frame in (frame for batch in batches for frame in batch):
            unseen = whole.unseen_by(frame)
            assert set(unseen) <= set(range(len(whole.models_)))
            assert bool(unseen) == (frame_id(frame) in left_out)

    def test_it_learns(self, whole, label):
        frames = label(4, first=90)
        forces = np.concatenate([labels(frame).forces for frame in frames])
        for model in whole.models_:
            predicted = np.concatenate([prediction.forces for prediction in model.predict(frames)])
            assert np.sqrt(((predicted - forces) ** 2).mean()) < self.learnt * forces.std()

    #: force error over the spread of forces that a fit comes below
    learnt = 0.6

    @pytest.mark.parametrize("looks", [1, 4])
    def test_interrupted_and_gone_on_with_it_comes_to_the_same_bits(self, whole, batches, looks, tmp_path):
        trainer, stops = None, 0
        while trainer is None:
            try:
                trainer = self.fitted(batches, tmp_path, After(looks + stops))
            except TimeIsUp:
                stops += 1
            assert stops < 40
        assert stops
        self.same(trainer, whole)

    def test_more_data_are_fitted_as_if_nothing_had_been_before(self, whole, batches, tmp_path):
        from alworkflows.models.linear.cache import Cache

        cache = Cache(tmp_path)
        first = self.fitted(batches[:2], cache=cache)
        more = self.fitted(batches, cache=cache)
        assert more.report_["frames"] > first.report_["frames"]
        self.same(more, whole)

    def same(self, actual, expected):
        assert actual.report_ == expected.report_
        for ours, theirs in zip(actual.models_, expected.models_, strict=True):
            (header, arrays), (other, others) = ours.pack(), theirs.pack()
            assert header == other
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, others[name])
