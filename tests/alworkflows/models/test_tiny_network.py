"""A class of models that lives in the tests: all that the package must be told is a line in the registry."""

import numpy as np
import pytest
from model_contract import ModelContract, TrainerContract
from planted import SETTINGS, SPECIES, structure
from tiny_network import TinySettings, TinyTrainer

from alworkflows.errors import InputError
from alworkflows.models import MODELS, Ensemble, train
from alworkflows.models.capabilities import LatentFeatures, require
from alworkflows.models.contract import Job, TrainingData
from alworkflows.models.registry import ModelClass
from alworkflows.settings import FitSettings, LinearSettings
from alworkflows.settings.descriptors import ChebyshevSettings

ON = {"plip": SETTINGS, "chebyshev": ChebyshevSettings(cutoff=5.0, degree=6)}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", ModelClass("tiny_network", "TinyNetwork", "TinyTrainer"))


@pytest.fixture(scope="module")
def models(labelled):
    settings = {name: TinySettings(descriptors=one, epochs=10) for name, one in ON.items()}
    data = TrainingData(labelled(12))
    return {name: TinyTrainer(own, SPECIES, 1).fit(data, Job()).models_[0] for name, own in settings.items()}


class TestTinyNetwork(ModelContract):
    steps = 60

    @pytest.fixture(params=["chebyshev", "plip"])
    def model(self, request, models):
        return models[request.param]


class TestTinyTrainer(TrainerContract):
    def trainer(self):
        return TinyTrainer(TinySettings(descriptors=SETTINGS, epochs=30), SPECIES, 1)


def test_it_joins_an_ensemble_is_trained_with_it_and_read_from_its_file(labelled, tmp_path):
    groups = [
        LinearSettings(descriptors=SETTINGS, fit=FitSettings(terms=8, rows_per_term=3.0), members=2, folds=5),
        TinySettings(descriptors=SETTINGS, epochs=5),
    ]
    ensemble, report = train(labelled(10), groups, SPECIES, 1, cache=None, checkpoint=tmp_path / "checkpoint")
    assert ensemble.names == ["linear (plip) 1", "linear (plip) 2", "tiny (plip) 1", "tiny (plip) 2"]
    assert [group["class"] for group in report["groups"]] == ["linear", "tiny"]
    assert report["groups"][1]["epochs"] == 5
    assert (tmp_path / "checkpoint" / "group_1" / "member_1.npz").exists()
    ensemble.save(tmp_path / "model.npz")
    again = Ensemble.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict([structure(3)])[0].members, ensemble.predict([structure(3)])[0].members)
    assert require(ensemble.members[2], LatentFeatures, "map").features([structure(3)])[0].shape[1] == 8
    with pytest.raises(InputError, match=r"latent features, got one of class linear \(plip\), which has none"):
        require(ensemble.members[0], LatentFeatures, "map")


def test_several_fits_need_frames_that_can_be_gone_through_again(labelled):
    groups = [TinySettings(descriptors=SETTINGS), TinySettings(descriptors=SETTINGS)]
    with pytest.raises(InputError, match="several groups are fitted"):
        train(iter(labelled(3)), groups, SPECIES, 1)
