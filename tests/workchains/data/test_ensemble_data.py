"""What an ensemble's node says of its members, whatever their classes."""

import numpy as np
import pytest

from alworkflows.models import Ensemble, LinearModel
from alworkflows.models.universal import UniversalModel, chgnet
from alworkflows.settings.descriptors import ChebyshevSettings

SPECIES = ("Zn", "O")


def members(count):
    return [LinearModel(ChebyshevSettings(degree=4), SPECIES, np.full(15, 0.1 * k), np.zeros(2)) for k in range(1, count + 1)]


@pytest.mark.usefixtures("aiida_profile")
def test_its_attributes_are_those_of_each_member_and_need_nothing_installed(tmp_path, monkeypatch):
    from workchains.data.ensemble import EnsembleData

    monkeypatch.setattr(chgnet, "find_spec", lambda name: None)
    Ensemble([*members(2), UniversalModel(SPECIES)], {"reference_disagreement": 0.2}).save(tmp_path / "model.npz")
    node = EnsembleData.from_file(tmp_path / "model.npz")
    attributes = node.base.attributes.all
    assert (attributes["format"], attributes["members"], attributes["species"]) == (3, 3, ["Zn", "O"])
    assert attributes["classes"] == ["linear", "linear", "universal"]
    assert attributes["names"] == ["linear (chebyshev) 1", "linear (chebyshev) 2", "universal (chgnet 0.3.0)"]
    assert attributes["parameters"] == [17, 17, 412_525]
    assert attributes["terms"] == [15, 15]
    assert len(attributes["microseconds_per_atom"]) == 3
    assert node.reference_disagreement == 0.2


@pytest.mark.usefixtures("aiida_profile")
def test_there_are_no_terms_where_no_member_has_any(tmp_path):
    from workchains.data.ensemble import EnsembleData

    Ensemble([UniversalModel(SPECIES), UniversalModel(SPECIES, "0.2.0")]).save(tmp_path / "model.npz")
    assert "terms" not in EnsembleData.from_file(tmp_path / "model.npz").base.attributes.all
