"""Linear models, on the descriptors of PLIP and on others, keep the contract."""

import numpy as np
import pytest
from ase.build import bulk
from model_contract import ModelContract, TrainerContract
from planted import SETTINGS, SPECIES, structure

from alworkflows.models import Ensemble, LinearModel
from alworkflows.models.contract import Job, TrainingData
from alworkflows.models.linear.baseline import Baseline
from alworkflows.models.linear.committee import FoldedCommittee, LinearCommittee
from alworkflows.models.linear.plip import PlipCommittee
from alworkflows.models.linear.trainer import LinearTrainer
from alworkflows.settings import FitSettings, LinearSettings
from alworkflows.settings.descriptors import ChebyshevSettings
from alworkflows.settings.model import BaselineSettings

CHEBYSHEV = LinearSettings(
    descriptors=ChebyshevSettings(cutoff=5.0, degree=8),
    baseline=BaselineSettings(inner=0.6, outer=1.1),
    fit=FitSettings(method="least-squares", quantities=("energy", "forces")),
    members=2,
    folds=5,
)
PLIP = LinearSettings(descriptors=SETTINGS, fit=FitSettings(terms=15, rows_per_term=3.0), members=2, folds=5)


def fitted(settings, frames):
    return LinearTrainer(settings, SPECIES, 1).fit(TrainingData(frames), Job(cache=None)).models_


@pytest.fixture(scope="module")
def models(labelled, bonded):
    core = PLIP.model_copy(update={"baseline": BaselineSettings(inner=0.7, outer=1.2)})
    return {
        "plip": fitted(PLIP, labelled(14, noise=0.1))[0],
        "plip with a baseline": fitted(core, bonded(14))[0],
        "chebyshev": fitted(CHEBYSHEV, bonded(14))[0],
    }


class TestLinearPlip(ModelContract):
    slope = 2e-5

    @pytest.fixture
    def model(self, models):
        return models["plip"]

    def test_its_committee_has_what_plip_can(self, model):
        assert type(model.as_committee) is PlipCommittee

    def test_predictions_are_the_design_rows_times_the_weights(self, model):
        atoms = structure(34)
        forces = model.predict([atoms])[0].forces
        design = model.descriptors.design(atoms)
        np.testing.assert_allclose(forces, (design.forces @ model.weights).reshape(-1, 3), atol=1e-7)


class TestLinearPlipWithABaseline(ModelContract):
    slope = 2e-5

    @pytest.fixture
    def model(self, models):
        return models["plip with a baseline"]


class TestLinearChebyshev(ModelContract):
    @pytest.fixture
    def model(self, models):
        return models["chebyshev"]

    def test_nothing_is_folded(self, model):
        assert type(model.as_committee) is LinearCommittee


class TestLinearTrainerOnPlip(TrainerContract):
    def trainer(self):
        return LinearTrainer(PLIP, SPECIES, 1)


class TestLinearTrainerOnChebyshev(TrainerContract):
    learnt = 0.05

    @pytest.fixture
    def label(self, bonded):
        return bonded

    def trainer(self):
        return LinearTrainer(CHEBYSHEV, SPECIES, 1)


def test_a_set_that_folds_but_knows_no_baseline_adds_it_apart():
    """What a third set would be: folded like PLIP, the repulsion by its own sums."""
    rng, energies = np.random.default_rng(0), np.array([-1.0, -2.0])
    repulsion = BaselineSettings(inner=1.2, outer=2.4)
    whole = LinearModel(
        SETTINGS,
        SPECIES,
        rng.normal(size=LinearModel(SETTINGS, SPECIES, energies, energies).descriptors.size),
        energies,
        repulsion,
    )
    plip = whole.as_committee
    apart = FoldedCommittee(plip.descriptors, plip.weights, plip.reference_energies, Baseline(repulsion, plip.descriptors))
    atoms = bulk("ZnO", "zincblende", a=4.0)
    atoms.rattle(0.1, seed=1)
    for evaluation, expected in (
        (apart.evaluate(atoms), plip.evaluate(atoms)),
        (apart.evaluator().mean(atoms), plip.evaluate(atoms)),
    ):
        np.testing.assert_allclose(evaluation.forces, expected.forces, atol=1e-5 * np.abs(expected.forces).max())
        np.testing.assert_allclose(evaluation.virial, expected.virial, atol=1e-5 * np.abs(expected.virial).max())
        assert evaluation.energy[0] == pytest.approx(expected.energy[0], rel=1e-6)


def test_members_that_share_descriptors_are_one_evaluation(labelled):
    models = fitted(PLIP, labelled(10, noise=0.1))
    ensemble = Ensemble(models)
    (group,) = ensemble.groups
    assert group.places == (0, 1)
    expected = [model.predict([structure(35)])[0] for model in models]
    prediction = ensemble.predict([structure(35)])[0]
    np.testing.assert_allclose(prediction.members, [p.forces for p in expected], atol=1e-6)
    np.testing.assert_allclose(prediction.member_energies, [p.energy for p in expected], atol=1e-6)
