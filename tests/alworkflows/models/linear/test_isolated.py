"""Reference energies from isolated atoms; weights of kinds of frames."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alworkflows.errors import InputError
from alworkflows.frames import attach_labels
from alworkflows.models import Fit
from alworkflows.models.linear.isolated import is_isolated_atom, isolated_energies, with_isolated_atoms
from alworkflows.settings import LinearSettings, parse


def atom(symbol, energy=None, cell=None, **info):
    atoms = Atoms(symbol, cell=cell, pbc=cell is not None)
    atoms.info.update(info)
    return attach_labels(atoms, energy, np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("frame", "alone"),
    [
        (atom("Cu"), True),
        (atom("Cu", cell=[12.0, 12.0, 12.0]), True),
        (atom("Cu", cell=[3.0, 3.0, 3.0]), False),
        (atom("Cu", cell=[3.0, 3.0, 3.0], config_type="IsolatedAtom"), True),
        (atom("Cu", cell=[3.0, 3.0, 3.0], config_type="isolated_atom"), True),
        (atom("Cu", cell=[3.0, 3.0, 3.0], config_type="bulk"), False),
        (Atoms("Cu2", [[0, 0, 0], [0, 0, 2]]), False),
    ],
)
def test_what_stands_alone(frame, alone):
    assert is_isolated_atom(frame) is alone


def crystals(count=12):
    rng, frames = np.random.default_rng(1), []
    for number in range(count):
        atoms = bulk("CuAu", "rocksalt", a=4.6, cubic=True)
        atoms.positions += 0.1 * rng.normal(size=(8, 3))
        atoms.info["config_type"] = "even" if number % 2 == 0 else "odd"
        frames.append(attach_labels(atoms, -20.0 + rng.normal(), rng.normal(size=(8, 3))))
    return frames


def settings(**fit):
    return parse(
        LinearSettings,
        {
            "descriptors": {"cutoff": 4.0, "functions": [{"family": "gaussian"}]},
            "fit": {"max_terms": 4, "quantities": ["forces", "energy"], "rows_per_term": 1, **fit},
            "members": 2,
            "folds": 2,
        },
    )


ALONE = [atom("Cu", -0.3), atom("Au", -0.2)]


def test_auto_takes_them_if_there_is_one_of_each_species():
    told = []
    ensemble = Fit([*crystals(), *ALONE], settings(), progress=told.append).ensemble()
    assert [prediction.energy for prediction in ensemble.predict(ALONE)] == pytest.approx([-0.3, -0.2], abs=1e-12)
    assert "reference energies are those of isolated atoms: Au -0.2000 eV, Cu -0.3000 eV" in told
    some = []
    Fit([*crystals(), ALONE[0]], settings(), progress=some.append)
    assert "isolated atoms of Cu, none of Au: the reference energies follow from all data" in some


def test_least_squares_and_a_table_do_not():
    frames = [*crystals(), *ALONE]
    for given in ("least-squares", {"Cu": 1.0, "Au": 2.0}):
        asked = settings(reference_energies=given)
        assert with_isolated_atoms(asked, ("Au", "Cu"), frames) == asked
    ensemble = Fit(frames, settings(reference_energies={"Cu": 1.0, "Au": 2.0})).ensemble()
    assert [prediction.energy for prediction in ensemble.predict(ALONE)] == pytest.approx([1.0, 2.0], abs=1e-12)


def test_two_energies_of_one_atom_are_refused():
    assert isolated_energies([*ALONE, atom("Cu", -0.3)]) == {"Cu": -0.3, "Au": -0.2}
    with pytest.raises(InputError, match=r"two of Cu with different energies, -0\.3000 and 0\.5000 eV"):
        isolated_energies([*ALONE, atom("Cu", 0.5)])


def test_a_kind_that_weighs_more_is_as_if_each_frame_did():
    frames = crystals()
    by_kind = Fit(frames, settings(type_weights={"odd": 9.0}), cache=None).ensemble(terms=3)
    for frame in frames:
        frame.info["weight"] = 9.0 if frame.info["config_type"] == "odd" else 1.0
    by_frame = Fit(frames, settings(), cache=None).ensemble(terms=3)
    for one, other in zip(by_kind.members, by_frame.members, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-10)
    plain = Fit(crystals(), settings(), cache=None).ensemble(terms=3)
    assert not np.allclose(plain.members[0].weights, by_kind.members[0].weights, rtol=1e-3)
