"""The ensemble: mean and deviation, its file, its calculator in dynamics. A contract that further models can inherit."""

import json

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from planted import SETTINGS, SPECIES, structure

from alworkflows.errors import InputError
from alworkflows.models import Ensemble, LinearModel, force_errors, train
from alworkflows.settings import FitSettings, LinearSettings


class ModelContract:
    """What every ensemble does, whatever its models: subclasses give the fixture ``ensemble``."""

    def test_deviation_is_the_vector_standard_deviation(self, ensemble):
        prediction = ensemble.predict([structure(30)])[0]
        assert prediction.members.shape == (len(ensemble.members), len(structure(30)), 3)
        np.testing.assert_allclose(prediction.forces, prediction.members.mean(axis=0), atol=1e-12)
        spread = prediction.members - prediction.members.mean(axis=0)
        np.testing.assert_allclose(prediction.deviation, np.sqrt((spread**2).sum(axis=2).mean(axis=0)), atol=1e-14)

    def test_the_calculator_is_the_mean(self, ensemble):
        atoms = structure(31)
        prediction = ensemble.predict([atoms])[0]
        calculator = ensemble.calculator()
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(prediction.energy, rel=1e-10)
        assert calculator.results["energies"].sum() == pytest.approx(prediction.energy, rel=1e-10)
        np.testing.assert_allclose(atoms.get_forces(), prediction.forces, atol=1e-9)
        np.testing.assert_allclose(atoms.get_stress(), prediction.stress, atol=1e-10)
        np.testing.assert_allclose(calculator.disagreement(atoms), prediction.deviation, atol=1e-9)

    def test_the_members_give_mean_and_disagreement_at_once(self, ensemble):
        atoms, alone, both = structure(31), ensemble.calculator(), ensemble.calculator()
        alone.calculate(atoms, ["forces"])
        both.calculate(atoms, ["forces", "disagreement"])
        assert "disagreement" not in alone.results
        np.testing.assert_array_equal(both.results["disagreement"], both.disagreement(atoms))
        for name in ("energy", "energies", "forces", "stress"):
            np.testing.assert_allclose(both.results[name], alone.results[name], atol=1e-9)

    def test_a_list_with_a_skin_serves_moves_and_new_cells(self, ensemble):
        atoms = structure(32)
        calculator = ensemble.calculator()
        rng = np.random.default_rng(0)
        for step in range(12):
            atoms.positions += rng.normal(scale=0.08, size=atoms.positions.shape)
            if step == 6:
                atoms.set_cell(atoms.cell[:] * 1.02, scale_atoms=True)
            atoms.calc = calculator
            np.testing.assert_allclose(atoms.get_forces(), ensemble.predict([atoms])[0].forces, atol=1e-9)

    def test_energy_is_conserved(self, ensemble):
        atoms = bulk("ZnO", "zincblende", a=4.6, cubic=False).repeat((2, 2, 1))
        masses = atoms.get_masses()[:, None]
        atoms.calc = ensemble.calculator()
        rng = np.random.default_rng(1)
        velocities = rng.normal(size=(len(atoms), 3)) * np.sqrt(units.kB * 200 / masses)
        totals, forces, step = [], atoms.get_forces(), 0.5 * units.fs
        for _ in range(400):
            velocities += 0.5 * step * forces / masses
            atoms.positions += step * velocities
            forces = atoms.get_forces()
            velocities += 0.5 * step * forces / masses
            totals.append(atoms.get_potential_energy() + 0.5 * (masses * velocities**2).sum())
        kinetic = 0.5 * (masses * velocities**2).sum()
        assert np.ptp(totals) < 0.02 * kinetic + 1e-6

    def test_a_file_keeps_every_bit(self, ensemble, tmp_path):
        ensemble.save(tmp_path / "model.npz")
        again = Ensemble.load(tmp_path / "model.npz")
        ours, theirs = ensemble.predict([structure(33)])[0], again.predict([structure(33)])[0]
        assert ours.energy == theirs.energy
        assert (ours.members == theirs.members).all()
        assert again.summary() == ensemble.summary()
        assert again.reference_disagreement == ensemble.reference_disagreement

    def test_the_file_is_data(self, ensemble, tmp_path):
        ensemble.save(tmp_path / "model.npz")
        with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
            assert all(stored[name].dtype != object for name in stored.files)
            header = json.loads(stored["header"].tobytes())
        assert header["version"] == 2

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda path: path.write_bytes(b"not a model"), "not a model file"),
            (lambda path: path.write_bytes(path.read_bytes()[:200]), "not a model file"),
            (lambda path: np.savez(path, a=np.ones(3)), "not a model file"),
            (lambda path: path.unlink(), "no such file"),
            (lambda path: rewrite(path, version=99), "version 99, but this program knows version 2"),
            (lambda path: rewrite(path, format="alworkflows-frames"), "not a model file"),
        ],
    )
    def test_corrupt_and_foreign_files(self, ensemble, tmp_path, damage, message):
        path = tmp_path / "model.npz"
        ensemble.save(path)
        damage(path)
        with pytest.raises(InputError, match=message):
            Ensemble.load(path)

    def test_species_it_was_not_made_for(self, ensemble):
        with pytest.raises(InputError, match="expected atoms of the species Zn, O, got Cu"):
            ensemble.predict([bulk("Cu")])

    def test_errors_without_forces(self, ensemble):
        with pytest.raises(InputError, match="frames have no forces"):
            force_errors(ensemble, [structure(1)])


def rewrite(path, **changes):
    with np.load(path) as stored:
        arrays = dict(stored)
    header = json.loads(arrays["header"].tobytes()) | changes
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **arrays)


class TestLinear(ModelContract):
    @pytest.fixture
    def ensemble(self, labelled):
        settings = LinearSettings(descriptors=SETTINGS, fit=FitSettings(terms=15, rows_per_term=3.0), members=3, folds=5)
        return train(labelled(14, noise=0.1), settings, SPECIES, 1)[0]

    def test_weights_that_are_not_finite(self, ensemble, tmp_path):
        path = tmp_path / "model.npz"
        ensemble.save(path)
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["weights"][0, 0] = np.nan
        np.savez(path, **arrays)
        with pytest.raises(InputError, match="expected finite weights"):
            Ensemble.load(path)

    def test_weights_of_another_shape(self, ensemble, tmp_path):
        path = tmp_path / "model.npz"
        ensemble.save(path)
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["weights"] = arrays["weights"][:, :-1]
        np.savez(path, **arrays)
        with pytest.raises(InputError, match="expected weights of shape"):
            Ensemble.load(path)

    def test_predictions_are_the_design_rows_times_the_weights(self, ensemble):
        atoms = structure(34)
        member = ensemble.members[0]
        design = member.descriptors.design(atoms)
        found = ensemble.predict([atoms])[0].members[0]
        np.testing.assert_allclose(found, (design.forces @ member.weights).reshape(-1, 3), atol=1e-7)

    def test_a_committee_of_one_cannot_disagree(self, ensemble):
        with pytest.raises(InputError, match="at least two members"):
            Ensemble(ensemble.members[:1])

    def test_members_of_other_descriptors_do_not_mix(self, ensemble):
        first = ensemble.members[0]
        other = LinearModel(first.settings.model_copy(update={"cutoff": 4.0}), first.species, first.weights, first.levels)
        with pytest.raises(InputError, match="share descriptors"):
            Ensemble([first, other])

    def test_errors_are_those_of_the_labels(self, ensemble, labelled):
        frames = labelled(3, first=60)
        found = force_errors(ensemble, frames)
        error = found["predicted_forces"] - found["reference_forces"]
        assert found["summary"]["force_rmse"] == pytest.approx(np.sqrt((error**2).mean()))
        sizes = np.cumsum([len(frame) for frame in frames])[:-1]
        largest = [np.linalg.norm(part, axis=1).max() for part in np.split(error, sizes)]
        np.testing.assert_allclose(found["largest_error"], largest)
