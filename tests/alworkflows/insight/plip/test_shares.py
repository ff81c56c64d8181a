import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.insight import force_shares
from alworkflows.insight.plip.shares import ALL
from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings.model import BaselineSettings


def by(shares, interaction, kind):
    return {share.group: share for share in shares if (share.interaction, share.kind) == (interaction, kind)}


def test_shares_of_every_partition_add_up_to_one(ensemble, frames):
    shares = force_shares(ensemble, frames)
    for interaction in (ALL, "Zn-Zn", "Zn-O", "O-O"):
        for kind in ("body order", "family"):
            assert sum(share.share for share in by(shares, interaction, kind).values()) == pytest.approx(1.0)
    assert list(by(shares, ALL, "interaction")) == ["Zn-Zn", "Zn-O", "O-O"]
    assert list(by(shares, ALL, "body order")) == ["2B", "3B", "NB"]


def test_shares_follow_the_equation_on_each_component(ensemble, frames):
    """Against forces of models in which only one body order is left, one frame at a time."""
    descriptors = ensemble.groups[0].committee.descriptors
    weights = ensemble.groups[0].committee.weights.mean(axis=0)
    orders = np.array([name.split()[0] for name in descriptors.names])
    sizes = []
    for atoms in frames:
        forces = descriptors.design(atoms).forces
        sizes.append([np.abs(forces @ np.where(orders == order, weights, 0.0)) for order in ("2B", "3B", "NB")])
    sizes = np.concatenate(sizes, axis=1)
    expected = (sizes / sizes.sum(axis=0)).mean(axis=1)
    shares = by(force_shares(ensemble, frames), ALL, "body order")
    np.testing.assert_allclose([shares[order].share for order in ("2B", "3B", "NB")], expected, rtol=1e-10)
    np.testing.assert_allclose([shares[order].force for order in ("2B", "3B", "NB")], sizes.mean(axis=1), rtol=1e-10)


def test_an_interaction_holds_the_terms_that_join_its_species(ensemble, frames):
    descriptors = ensemble.groups[0].committee.descriptors
    weights = ensemble.groups[0].committee.weights.mean(axis=0)
    shares = by(force_shares(ensemble, frames), ALL, "interaction")
    assert sum(share.terms for share in shares.values()) == np.count_nonzero(weights)
    like = [name for name, w in zip(descriptors.names, weights, strict=True) if w and "O" not in name]
    assert shares["Zn-Zn"].terms == len(like)


def test_a_crystal_at_rest_has_no_shares(ensemble):
    from ase.build import bulk

    shares = force_shares(ensemble, [bulk("ZnO", "zincblende", a=4.6)])
    assert all(share.share == 0.0 for share in shares)


def test_no_frames_and_foreign_species_are_refused(ensemble):
    from ase.build import bulk

    with pytest.raises(InputError, match="at least one frame, got none"):
        force_shares(ensemble, [])
    with pytest.raises(InputError, match="Cu"):
        force_shares(ensemble, [bulk("Cu")])


def test_a_baseline_is_a_group_of_its_own_with_the_forces_it_makes(ensemble, frames):
    settings = BaselineSettings(inner=1.4, outer=2.4)
    members = [
        LinearModel(member.settings, member.species, member.weights, member.reference_energies, settings)
        for member in ensemble.members
    ]
    with_baseline = Ensemble(members)
    shares = force_shares(with_baseline, frames)
    expected = np.concatenate(
        [np.abs(with_baseline.groups[0].committee.baseline.evaluate(atoms).forces[0]).ravel() for atoms in frames]
    ).mean()
    for kind in ("body order", "family"):
        groups = by(shares, ALL, kind)
        assert groups["baseline"].force == pytest.approx(expected, rel=1e-6)
        assert 0 < groups["baseline"].share < 1
        assert sum(share.share for share in groups.values()) == pytest.approx(1.0)
    assert by(shares, "Zn-Zn", "body order")["baseline"].share == 0.0  # none are that near
    without = by(force_shares(ensemble, frames), ALL, "body order")
    assert by(shares, ALL, "body order")["2B"].force == pytest.approx(without["2B"].force)
