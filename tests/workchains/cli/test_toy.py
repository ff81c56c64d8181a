"""What a dry run makes of the model of a campaign."""

from alworkflows.settings import LinearSettings, ModelSettings, UniversalSettings
from alworkflows.settings.descriptors import ChebyshevSettings
from workchains.cli.toy import toy_model


def test_fitted_groups_become_one_small_one():
    toy = toy_model(ModelSettings.of(LinearSettings(), LinearSettings(descriptors=ChebyshevSettings())))
    assert (toy.members, len(toy.groups)) == (2, 1)
    assert toy.groups[0].fit.terms == 6


def test_pretrained_members_are_tried_as_they_are():
    toy = toy_model(ModelSettings.of(LinearSettings(), UniversalSettings()))
    assert [group.class_ for group in toy.groups] == ["linear", "universal"]
    alone = ModelSettings.of(UniversalSettings(), UniversalSettings(weights="0.2.0"))
    assert toy_model(alone) is alone
