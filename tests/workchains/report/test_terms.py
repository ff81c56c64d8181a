"""The terms of an ensemble, and their weights."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings import PlipSettings
from alworkflows.settings.descriptors import ChebyshevSettings
from workchains.report.terms import describe_terms, force_shares, look

SETTINGS = PlipSettings.gaussians((2.0, 3.0), (1.0,), cutoff=5.0, l=(1, 2), m=(4,))


@pytest.fixture(scope="module")
def frames():
    rattled = []
    for seed in range(3):
        atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True)
        atoms.rattle(0.1, seed=seed)
        rattled.append(atoms)
    return rattled


def ensemble(*weights):
    size = LinearModel(SETTINGS, ("Zn", "O"), np.zeros(1), np.zeros(2)).descriptors.size
    members = []
    for chosen in weights:
        values = np.zeros(size)
        for index, value in chosen.items():
            values[index] = value
        members.append(LinearModel(SETTINGS, ("Zn", "O"), values, np.zeros(2)))
    return Ensemble(members)


def test_shares_agree_with_the_forces_of_each_term_alone(frames):
    both = {0: 0.7, 9: -0.2}
    model = ensemble(both, both)
    sizes = []
    for index, weight in both.items():
        alone = ensemble({index: weight}, {index: weight})
        sizes.append(sum(np.abs(prediction.forces).sum() for prediction in alone.predict(frames)))
    shares = force_shares(model.groups[0].committee, frames)
    np.testing.assert_allclose(shares[0][[0, 9]], np.array(sizes) / sum(sizes), rtol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_terms_are_counted_by_body_and_by_member(frames):
    size = ensemble({0: 1.0}, {0: 1.0}).members[0].descriptors.size
    terms = describe_terms(ensemble({0: 0.5, 8: 0.1, size - 1: 1e-3}, {0: 0.5}), frames)
    assert terms.per_member == ({"2": 1, "3": 1, "N": 1}, {"2": 1, "3": 0, "N": 0})
    assert sum(terms.available.values()) == size
    assert {term.name: term.members for term in terms.chosen}["Zn-Zn gaussian b=2 a=1"] == 2
    assert terms.shared == pytest.approx(1 / 3)
    weights = [term.weight for term in terms.chosen]
    assert weights == sorted(weights, reverse=True)


def test_terms_without_frames_have_no_weight():
    terms = describe_terms(ensemble({0: 1.0}, {1: 1.0}), [])
    assert [term.weight for term in terms.chosen] == [None, None]
    assert terms.shared == 0


def test_what_has_no_terms_is_a_sentence(frames):
    from alworkflows.models.universal.model import UniversalModel

    universal = Ensemble([UniversalModel(("Zn", "O")), UniversalModel(("Zn", "O"), "0.2.0")])
    terms, insight, missing = look(universal, frames)
    assert (terms, insight) == (None, None)
    assert missing == {
        "terms": "Nothing to show: expected a model with terms that are linear in descriptors, got one of class universal "
        "(chgnet 0.3.0), which has none.",
        "insight": "Nothing to show: expected a model with curves and force shares, got one of class universal (chgnet 0.3.0), "
        "which has none.",
    }


def test_two_body_terms_alone_have_a_table_and_no_curves(frames):
    settings = ChebyshevSettings(cutoff=5.0, degree=4)
    model = Ensemble([LinearModel(settings, ("Zn", "O"), np.full(15, weight), np.zeros(2)) for weight in (0.1, 0.2)])
    terms, insight, missing = look(model, frames)
    assert (dict(terms.available), len(terms.chosen)) == ({"2": 15}, 15)
    assert insight is None
    assert "class linear (chebyshev)" in missing["insight"]


def test_of_a_mixed_ensemble_the_linear_members_are_shown(frames):
    from alworkflows.models.universal.model import UniversalModel

    linear = ensemble({0: 0.5}, {0: 0.4})
    mixed = Ensemble([*linear.members, UniversalModel(("Zn", "O"))])
    assert describe_terms(mixed, frames) == describe_terms(linear, frames)
    assert look(mixed, frames)[2] == {}
