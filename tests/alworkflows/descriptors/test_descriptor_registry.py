"""Descriptor sets by name: the registry, the union of their settings, and what is imported when."""

import subprocess
import sys
from types import SimpleNamespace
from typing import get_args

import pytest

from alworkflows.descriptors import DESCRIPTORS, Descriptors, Foldable, build
from alworkflows.errors import InputError
from alworkflows.settings import DescriptorSettings, LinearSettings, PlipSettings, parse
from alworkflows.settings.descriptors import ChebyshevSettings


def test_registry_and_settings_hold_the_same_sets():
    tags = {model.model_fields["name"].default for model in get_args(get_args(DescriptorSettings)[0])}
    assert tags == set(DESCRIPTORS)


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
def test_every_set_is_built_from_its_defaults(name):
    settings = parse(DescriptorSettings, {"name": name})
    descriptors = build(settings, ("Cu",))
    assert isinstance(descriptors, Descriptors)
    assert parse(DescriptorSettings, settings.model_dump(mode="json")) == settings


def test_folding_is_what_only_some_can():
    assert isinstance(build(PlipSettings(), ("Cu",)), Foldable)
    assert not isinstance(build(ChebyshevSettings(), ("Cu",)), Foldable)


def test_without_a_name_it_is_plip():
    assert parse(DescriptorSettings, {"cutoff": 5.0}) == PlipSettings(cutoff=5.0)
    assert parse(LinearSettings, {"descriptors": {"l": []}}).descriptors == PlipSettings(l=())
    assert LinearSettings().descriptors == PlipSettings()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "chebishev"}, r"unknown name 'chebishev' \(did you mean 'chebyshev'\?\); known: plip, chebyshev"),
        ({"name": "chebyshev", "degre": 4}, r"unknown key 'chebyshev.degre' \(did you mean 'degree'\?\)"),
        ({"name": "chebyshev", "l": [0]}, r"unknown key 'chebyshev.l'; known: cutoff, degree, name"),
        ({"cutof": 4}, r"unknown key 'cutof' \(did you mean 'cutoff'\?\)"),
        ({"name": "chebyshev", "degree": 0}, "degree: expected greater than or equal to 1, got 0"),
        ({"name": "chebyshev", "degree": 65}, "degree: expected less than or equal to 64, got 65"),
        ({"name": "chebyshev", "degree": 10**12}, "degree: expected less than or equal to 64, got 1000000000000"),
        *(
            ({"name": name, "cutoff": cutoff}, f"cutoff: expected {expected}")
            for name in DESCRIPTORS
            for cutoff, expected in (
                (1e12, "less than or equal to 20, got 1000000000000.0"),
                (20.1, "less than or equal to 20"),
                (0.4, "greater than or equal to 0.5"),
                (1e-300, "greater than or equal to 0.5"),
                (float("nan"), "a finite number"),
                (float("inf"), "a finite number"),
            )
        ),
        ("plip", "expected a mapping of keys, got 'plip'"),
    ],
)
def test_bad_settings(data, message):
    with pytest.raises(InputError, match=f"^settings: .*{message}"):
        parse(DescriptorSettings, data)


def test_a_name_that_is_not_registered():
    with pytest.raises(InputError, match=r"unknown descriptor set 'plib' \(did you mean 'plip'\?\); known: chebyshev, plip"):
        build(SimpleNamespace(name="plib"), ("Cu",))


def test_a_set_is_imported_when_it_is_built():
    script = """
import sys
from alworkflows.descriptors import DESCRIPTORS, build
from alworkflows.settings.descriptors import ChebyshevSettings
loaded = lambda: {name for name, where in DESCRIPTORS.items() if where.partition(":")[0] in sys.modules}
assert not loaded(), loaded()
build(ChebyshevSettings(), ("Cu",))
assert loaded() == {"chebyshev"}, loaded()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
