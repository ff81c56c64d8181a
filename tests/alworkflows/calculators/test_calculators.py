"""Calculators by name, and labelling: one frame's failure is one frame's loss."""

import importlib.util

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from alworkflows.calculators import CALCULATORS, available, create, describe, permit
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames import frame_id, labels
from alworkflows.labelling import label
from alworkflows.settings import CalculatorSettings, LabelSettings
from alworkflows.structures import crystal

EMT_LABELS = LabelSettings(calculator=CalculatorSettings(name="emt"))


def copper(count=4):
    frames = []
    for seed in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.info["origin"] = {"structure": "copper", "seed": seed}
        frames.append(atoms)
    return frames


class Broken(Calculator):
    """Labels with EMT; the second frame raises, the third gives NaN, the fourth absurd forces."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.calls = 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("SCF did not converge")
        reference = atoms.copy()
        reference.calc = EMT()
        forces = reference.get_forces() * (1e4 if self.calls == 4 else 1.0)
        if self.calls == 3:
            forces[0, 0] = np.nan
        self.results = {"energy": reference.get_potential_energy(), "forces": forces, "stress": reference.get_stress()}


def test_labels_are_those_of_the_calculator_and_the_origin_stays():
    frames, kept = copper(), []
    assert label(frames, EMT_LABELS, kept.append, None) == []
    for frame, labelled in zip(frames, kept, strict=True):
        reference = frame.copy()
        reference.calc = EMT()
        np.testing.assert_allclose(labels(labelled).forces, reference.get_forces())
        assert labels(labelled).energy == pytest.approx(reference.get_potential_energy())
        np.testing.assert_allclose(labels(labelled).stress, reference.get_stress())
        origin = dict(labelled.info["origin"])
        how = origin.pop("label")
        assert origin == frame.info["origin"]
        assert how["remedy"] is None
        assert how["cores"] == 1
        assert how["seconds"] >= 0
        assert frame_id(labelled) == frame_id(frame)


def test_a_frame_that_fails_never_blocks_the_rest():
    frames, kept = copper(6), []
    failures = label(frames, EMT_LABELS, kept.append, None, calculator=Broken())
    assert [item["id"] for item in failures] == [frame_id(frame) for frame in frames[1:4]]
    reasons = [item["reason"] for item in failures]
    assert [item["kind"] for item in failures] == ["unconverged", "force", "force"]
    assert [item["index"] for item in failures] == [1, 2, 3]
    assert "SCF did not converge" in reasons[0]
    assert "forces: expected finite numbers" in reasons[1]
    assert "is above 100 eV/A" in reasons[2]
    assert [frame_id(frame) for frame in kept] == [frame_id(frames[index]) for index in (0, 4, 5)]


def test_no_frames():
    with pytest.raises(InputError, match="at least one frame"):
        label([], EMT_LABELS, print, None)


@pytest.mark.parametrize("name", CALCULATORS)
def test_every_calculator_tells_what_defines_its_labels_or_what_to_install(name, tmp_path):
    needed = {
        "ase": {"class": "ase.calculators.emt:EMT", "package": "ase", "energy": "potential"},
        "ensemble": {"file": str(tmp_path / "w")},
        "mace": {"checkpoint": str(tmp_path / "w")},
    }.get(name, {})
    (tmp_path / "w").write_bytes(b"weights")
    settings = permit(CalculatorSettings(name=name, parameters=needed))
    if not CALCULATORS[name].found():
        with pytest.raises((MissingExtraError, InputError), match=r"pip install|apt-get install"):
            create(settings)
        return
    definition = describe(settings)
    assert definition["calculator"] == name
    assert all(isinstance(version, str) for version in definition["packages"].values())
    assert available()[name][1]


def test_labels_of_other_parameters_are_other_labels():
    one = describe(CalculatorSettings(name="lennard-jones", parameters={"sigma": 2.0}))
    two = describe(CalculatorSettings(name="lennard-jones", parameters={"sigma": 2.1}))
    assert one != two
    assert describe(CalculatorSettings(name="chgnet", parameters={"threads": 1})) == describe(CalculatorSettings(name="chgnet"))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("chgnt", {}, r"unknown calculator 'chgnt' \(did you mean 'chgnet'\?\)"),
        ("lennard-jones", {"sigm": 2.0}, "did you mean 'sigma'"),
        ("lennard-jones", {"sigma": -1}, "sigma"),
        ("mace", {"checkpoint": "nowhere.pt"}, "no such file"),
        ("chgnet", {"model": "9.9"}, "0.3.0"),
    ],
)
def test_what_cannot_be_made(name, parameters, message):
    with pytest.raises(InputError, match=message):
        create(CalculatorSettings(name=name, parameters=parameters))


@pytest.mark.skipif(importlib.util.find_spec("chgnet") is None, reason="the extra 'universal' is not installed")
def test_chgnet_gives_forces_that_are_its_gradient():
    atoms = crystal("zno-wurtzite")
    atoms.rattle(0.05, seed=1)
    atoms.calc = create(CalculatorSettings())
    forces, step = atoms.get_forces(), 1e-2
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[0, 0] += sign * step
        moved.calc = atoms.calc
        energies.append(moved.get_potential_energy())
    assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(forces[0, 0], abs=0.02)
