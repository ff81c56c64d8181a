"""CHGNet as a model keeps the contract, in single precision."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from model_contract import ModelContract
from planted import SPECIES, structure

from alworkflows.errors import InputError, MissingExtraError
from alworkflows.models import Ensemble
from alworkflows.models.capabilities import LammpsFiles, LatentFeatures, require
from alworkflows.models.contract import Job, TrainingData
from alworkflows.models.universal import chgnet
from alworkflows.models.universal.model import UniversalModel, boxed
from alworkflows.models.universal.trainer import Pretrained
from alworkflows.settings import UniversalSettings

pytest.importorskip("chgnet")


class TestUniversal(ModelContract):
    step, slope, rounding, steps = 0.01, 1e-2, 2e-4, 20

    @pytest.fixture
    def model(self):
        return UniversalModel(SPECIES)


def test_it_is_chgnet_as_ase_has_it():
    from alworkflows.calculators import create
    from alworkflows.settings import CalculatorSettings

    atoms = structure(50)
    prediction = UniversalModel(SPECIES).predict([atoms])[0]
    atoms.calc = create(CalculatorSettings(name="chgnet"))
    assert prediction.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-5)
    np.testing.assert_allclose(prediction.forces, atoms.get_forces(), atol=2e-4)
    np.testing.assert_allclose(prediction.stress, atoms.get_stress(), atol=1e-5)


def test_free_directions_get_a_box_out_of_reach():
    slab = bulk("ZnO", "wurtzite", a=3.25, c=5.2).repeat((2, 2, 1))
    slab.center(vacuum=2.0, axis=2)
    slab.pbc = (True, True, False)
    wide = slab.copy()
    wide.center(vacuum=20.0, axis=2)
    wide.pbc = True
    model = UniversalModel(SPECIES)
    one, other = model.predict([slab, wide])
    assert one.energy == pytest.approx(other.energy, rel=1e-5)
    np.testing.assert_allclose(one.forces, other.forces, atol=2e-3)
    assert boxed(wide, 6.0) is wide


def test_an_atom_that_leaves_the_others_is_let_go():
    pair = Atoms("Zn2O", positions=[[0, 0, 0], [2.0, 0, 0], [0, 0, 8.0]])
    prediction = UniversalModel(SPECIES).predict([pair])[0]
    assert not prediction.forces[2].any()


def test_atoms_that_are_all_alone_have_the_energies_that_they_tend_to():
    """Reference atoms in boxes stand in many data sets."""
    model = UniversalModel(SPECIES)
    near, far = (Atoms("ZnO", positions=[[0, 0, 0], [0, 0, distance]]) for distance in (5.9999, 6.0001))
    last, alone = model.predict([near, far])
    np.testing.assert_allclose(alone.energies, last.energies, atol=1e-5)
    assert not alone.forces.any()
    (box,) = model.predict([Atoms("Zn", cell=[20, 20, 20], pbc=True)])
    assert box.energy == pytest.approx(alone.energies[0], abs=1e-6)
    assert not box.stress.any()


def test_the_stress_of_a_left_handed_cell_is_that_of_the_crystal():
    """The network divides by a volume with a sign, here and where it labels."""
    from alworkflows.calculators import create
    from alworkflows.settings import CalculatorSettings

    atoms = structure(52)
    mirrored = atoms.copy()
    mirrored.set_cell(atoms.cell.array[[1, 0, 2]])
    assert mirrored.cell.handedness == -atoms.cell.handedness
    right, left = UniversalModel(SPECIES).predict([atoms, mirrored])
    np.testing.assert_allclose(left.stress, right.stress, atol=1e-5)
    mirrored.calc = create(CalculatorSettings(name="chgnet"))
    np.testing.assert_allclose(mirrored.get_stress(), right.stress, atol=1e-5)


@pytest.mark.parametrize(("species", "lacking"), [(("Am", "O"), "Am"), (("Po", "Xx"), "Po, Xx")])
def test_species_that_it_was_not_trained_on(species, lacking):
    with pytest.raises(InputError, match=f"CHGNet 0.3.0 was not trained on {lacking}$"):
        UniversalModel(species)


def test_latent_features_are_those_of_atoms():
    (features,) = require(UniversalModel(SPECIES), LatentFeatures, "map").features([structure(51)])
    assert features.shape == (len(structure(51)), 64)


def test_how_many_parameters_there_are():
    for weights, count in chgnet.PARAMETERS.items():
        assert chgnet.load(weights).n_params == count


def test_it_has_no_files_for_lammps():
    ensemble = Ensemble([UniversalModel(SPECIES), UniversalModel(SPECIES, "0.2.0")])
    with pytest.raises(InputError, match=r"^export: expected .*, got one of class universal \(chgnet 0.3.0\), which has none$"):
        require(ensemble.groups[0].committee, LammpsFiles, "export")


def test_unknown_weights():
    with pytest.raises(InputError, match=r"unknown weights of CHGNet '0.3' \(did you mean '0.3.0'\?\)"):
        UniversalModel(SPECIES, "0.3")


def test_there_is_nothing_to_fit(labelled):
    trainer = Pretrained(UniversalSettings(weights="0.2.0"), SPECIES, 1).fit(TrainingData(labelled(2)), Job())
    assert [model.weights for model in trainer.models_] == ["0.2.0"]
    assert not trainer.is_trained


def test_without_the_package_the_error_names_the_command(monkeypatch, tmp_path):
    ensemble = Ensemble([UniversalModel(SPECIES), UniversalModel(SPECIES, "0.2.0")])
    ensemble.save(tmp_path / "model.npz")
    monkeypatch.setattr(chgnet, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'alworkflows\[universal\]'"):
        Ensemble.load(tmp_path / "model.npz")
    assert Ensemble.load(tmp_path / "model.npz", to_run=False).summary()["parameters"] == [412_525, 400_438]
    with pytest.raises(MissingExtraError):
        Pretrained(UniversalSettings(), SPECIES, 1).fit(TrainingData([]), Job())
