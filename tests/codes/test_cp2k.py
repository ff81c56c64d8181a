"""CP2K, run for real on two atoms of silicon: its labels are what they say, and what it says of itself is heard."""

import shutil

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.calculators import describe, remedies
from alworkflows.errors import InputError
from alworkflows.frames import labels
from alworkflows.labelling import label, run_labels
from alworkflows.settings import CalculatorSettings, LabelSettings

if shutil.which("cp2k_shell") is None:
    pytest.skip("the program cp2k_shell is not in the PATH: apt-get install cp2k cp2k-data", allow_module_level=True)

#: As cheap as it gets: what is tested is the way, not silicon.
CHEAP = {"basis": "SZV-MOLOPT-SR-GTH", "cutoff": 2000, "relative_cutoff": 500, "bands": 4, "kpoints": [2, 2, 2]}


def silicon(seed=1):
    atoms = bulk("Si")
    atoms.rattle(0.05, seed=seed)
    return atoms


def settings(**parameters):
    return LabelSettings(calculator=CalculatorSettings(name="cp2k", parameters={**CHEAP, **parameters}))


def labelled(frame, **parameters):
    kept = []
    assert label([frame], settings(**parameters), kept.append) == []
    return labels(kept[0])


def test_forces_are_the_gradient_of_the_energy():
    frame, step = silicon(), 0.01
    forces = labelled(frame).forces
    energies = []
    for sign in (1, -1):
        moved = frame.copy()
        moved.positions[0, 0] += sign * step
        energies.append(labelled(moved).energy)
    assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(forces[0, 0], abs=5e-3)


def test_an_even_mesh_has_gamma_and_is_a_supercell():
    # one more direction than a primitive cell: along it the mesh of two points is a cell twice as long with one
    frame = silicon()
    small = labelled(frame, kpoints=[2, 1, 1])
    large = labelled(frame * (2, 1, 1), kpoints=[1, 1, 1], bands=8)
    assert large.energy / 2 == pytest.approx(small.energy, abs=1e-4)
    np.testing.assert_allclose(large.forces[:2], small.forces, atol=1e-3)
    np.testing.assert_allclose(large.stress, small.stress, atol=1e-4)


def test_unconverged_is_heard_and_more_steps_help(tmp_path):
    frame, kept = silicon(), []
    short = settings(maxiter=5)
    [failure] = run_labels([frame], short, kept.append, folder=tmp_path).failures
    assert failure["kind"] == "unconverged"
    assert "not converged after 5 steps" in failure["reason"]
    assert remedies(short.calculator, "unconverged")[0] == "more-steps"
    assert run_labels([frame], short, kept.append, remedy="more-steps", folder=tmp_path).failures == []
    assert kept[0].info["origin"]["label"]["remedy"] == "more-steps"


def test_what_it_refuses_is_told_in_its_words():
    [failure] = label([silicon()], settings(xc="NOPE"), print)
    assert failure["kind"] == "refused"
    assert "unknown subsection NOPE" in failure["reason"]


def test_its_version_is_part_of_a_label():
    assert describe(settings().calculator)["programs"]["cp2k"][0].isdigit()
    assert describe(settings().calculator) == describe(settings(maxiter=7, threads=2).calculator)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"basis": "SZV-NONE"}, "no basis set 'SZV-NONE' for Si"),
        ({"potential": "GTH-NONE"}, "no pseudopotential 'GTH-NONE' for Si"),
    ],
)
def test_species_without_basis_or_pseudopotential(parameters, message):
    with pytest.raises(InputError, match=message):
        label([silicon()], settings(**parameters), print)
