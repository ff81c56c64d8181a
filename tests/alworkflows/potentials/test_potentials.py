"""Classical potentials: names, checks, and the commands they become."""

import pytest

from alworkflows.errors import InputError
from alworkflows.potentials import PUBLISHED, resolve


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_one_is_complete_and_says_where_it_is_from(name):
    potential = resolve(name)
    assert any(year in potential.source for year in ("19", "20"))
    assert potential.species()
    assert potential.commands(potential.species())[0].startswith("pair_style")


def test_binks_and_grimes_with_a_core():
    assert resolve("zno-binks-grimes").commands(["O", "Zn"]) == [
        "pair_style hybrid/overlay buck/coul/long 10.0 zbl 0.8 1.3",
        "pair_coeff 1 1 buck/coul/long 9547.96 0.21916 32.0",
        "pair_coeff 1 1 zbl 8 8",
        "pair_coeff 1 2 buck/coul/long 529.7 0.3581 0.0",
        "pair_coeff 1 2 zbl 8 30",
        "pair_coeff 2 2 buck/coul/long 0.0 1.0 0.0",
        "pair_coeff 2 2 zbl 30 30",
        "kspace_style ewald 1e-05",
    ]


def test_pairs_may_be_named_in_either_order_and_types_too():
    alloy = {"Cu-Au": (0.1, 2.5), "Cu-Cu": (0.2, 2.3), "Au-Au": (0.3, 2.6)}
    potential = resolve(
        {"style": "lennard-jones", "cutoff": 7, "pairs": {k: {"epsilon": e, "sigma": s} for k, (e, s) in alloy.items()}}
    )
    assert potential.species() == ("Au", "Cu")
    assert potential.commands(["Cu", "Au"])[1:4] == ["pair_coeff 1 1 0.2 2.3", "pair_coeff 1 2 0.1 2.5", "pair_coeff 2 2 0.3 2.6"]


MORSE = {"d": 0.3, "alpha": 1.3, "r0": 2.8}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("zno-bink-grimes", r"unknown potential .*did you mean 'zno-binks-grimes'"),
        ({"pairs": {}}, "expected 'style'"),
        ({"style": "mors", "pairs": {}}, r"unknown potential style 'mors' \(did you mean 'morse'\?\)"),
        ({"style": "morse", "pairs": {"Cu-Cu": MORSE}, "cutof": 6}, r"unknown key 'cutof' \(did you mean 'cutoff'\?\)"),
        ({"style": "morse", "pairs": {"Cu-Cu": MORSE | {"alpha": -1}}}, r"pairs\.Cu-Cu\.alpha: .*greater than 0, got -1"),
        ({"style": "morse", "pairs": {"Cu-Zz": MORSE}}, "unknown species 'Zz' in pair 'Cu-Zz'"),
        ({"style": "morse", "pairs": {"Cu": MORSE}}, "expected a pair of species such as 'Zn-O', got 'Cu'"),
        ({"style": "morse", "pairs": {"Cu-Ni": MORSE, "Ni-Cu": MORSE}}, "'Ni-Cu' is given twice"),
        ({"style": "morse", "pairs": {"Cu-Ni": MORSE}}, "no parameters for 'Cu-Cu'"),
        ({"style": "morse", "pairs": {"Cu-Cu": MORSE}, "core": (1.3, 0.8)}, "expected inner < outer < cutoff"),
        (
            {"style": "buckingham-coulomb", "charges": {"Zn": 2}, "pairs": {"Zn-O": {"a": 1, "rho": 1}}},
            "'O', which has no charge",
        ),
        ({"style": "buckingham-coulomb", "charges": {"Zm": 2}, "pairs": {"Zn-O": {"a": 1, "rho": 1}}}, "unknown species 'Zm'"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        resolve(given)


def test_a_structure_it_does_not_describe():
    potential = resolve("zno-binks-grimes")
    with pytest.raises(InputError, match="crystal: the classical potential has no parameters for species 'Mg'; known: O, Zn"):
        potential.check(["Mg", "O"], "crystal")
    with pytest.raises(InputError, match=r"crystal: expected a neutral cell under the potential's charges, got -2 e"):
        potential.check(["Zn", "O", "O"], "crystal")
