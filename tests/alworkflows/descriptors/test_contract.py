"""The sets of the registry, each against the whole contract."""

from typing import ClassVar

from descriptor_contract import DescriptorContract

from alworkflows.descriptors import DESCRIPTORS


class TestPlip(DescriptorContract):
    settings: ClassVar = {
        "name": "plip",
        "cutoff": 4.5,
        "functions": [{"family": "gaussian", "centres": [1.0, 2.0, 3.5], "widths": [0.5, 1.5]}],
        "m": [2, 4],
    }


class TestPlipWithPairFunctions(DescriptorContract):
    """Functions that serve all terms beside others that serve two-body terms alone; no name means PLIP."""

    settings: ClassVar = {
        "cutoff": 4.5,
        "core": 1.0,
        "functions": [
            {"family": "gaussian", "centres": [1.5, 3.0], "widths": [1.0]},
            {"family": "slater", "powers": [-1, 1], "decays": [2.0]},
            {"family": "lennard-jones", "sigmas": [1.5, 2.0]},
        ],
        "l": [0, 1, 3],
        "m": [2],
    }


class TestChebyshev(DescriptorContract):
    settings: ClassVar = {"name": "chebyshev", "cutoff": 4.5, "degree": 7}


def test_every_set_is_tested():
    tested = {each.settings.get("name") for each in DescriptorContract.__subclasses__()} - {None}
    assert tested == set(DESCRIPTORS)
