"""What came back from a job that labelled, compared with what it was asked."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.calculators import describe
from alworkflows.frames import attach_labels, labels
from alworkflows.labelling.returned import Doubt, ReturnedError, check_engine, check_labels
from alworkflows.settings import LabelSettings

EMT = LabelSettings(calculator={"name": "emt"})


def asked(count=3):
    frames = []
    for seed in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=seed)
        frames.append(atoms)
    return frames


def labelled(frames):
    return [attach_labels(frame, -1.0, np.full((len(frame), 3), 0.1), np.zeros(6)) for frame in frames]


def changed(**values):
    """Return a function that lays other labels on the second frame."""

    def change(frames):
        stored = labels(frames[1])
        frames[1] = attach_labels(
            frames[1], **{"energy": stored.energy, "forces": stored.forces, "stress": stored.stress, **values}
        )

    return change


def moved(frames):
    frames[1] = frames[1].copy()
    frames[1].positions[0, 0] += 0.01
    frames[1:2] = labelled(frames[1:2])


def strained(frames):
    frames[1] = frames[1].copy()
    frames[1].cell[0, 0] += 0.01
    frames[1:2] = labelled(frames[1:2])


def substituted(frames):
    frames[1] = frames[1].copy()
    frames[1].symbols[0] = "Ag"
    frames[1:2] = labelled(frames[1:2])


def one_more(frames):
    frames += labelled(asked(4)[3:])


@pytest.mark.parametrize(
    ("change", "doubt", "message"),
    [
        (changed(forces=np.full((4, 3), np.nan)), Doubt.NOT_FINITE, "labelled frame 1 .* forces"),
        (changed(forces=None), Doubt.NOT_FINITE, "forces: expected finite numbers, got .* or none"),
        (changed(energy=float("inf")), Doubt.NOT_FINITE, "energy"),
        (changed(stress=np.array([0, 0, np.nan, 0, 0, 0])), Doubt.NOT_FINITE, "stress"),
        (changed(forces=np.full((4, 3), 60.0)), Doubt.FORCE_TOO_LARGE, "largest force 104 eV/A is above 100 eV/A"),
        (moved, Doubt.OTHER_POSITIONS, "by 0.01 A"),
        (strained, Doubt.OTHER_POSITIONS, "by 0.01 A"),
        (substituted, Doubt.OTHER_SPECIES, "expected Cu4, got AgCu3"),
        (one_more, Doubt.OTHER_COUNT, "expected at most 3 labelled frames, got 4"),
    ],
)
def test_what_is_not_what_was_asked(change, doubt, message):
    frames = labelled(asked())
    change(frames)
    with pytest.raises(ReturnedError, match=message) as caught:
        check_labels(asked(), frames, 100.0)
    assert caught.value.doubt is doubt


def test_labels_in_any_order_and_fewer_than_asked_are_believed():
    check_labels(asked(), labelled(asked())[::-1], 100.0)
    check_labels(asked(), labelled(asked())[:1], 100.0)
    check_labels(asked(), [], 100.0)


def test_the_engine_is_the_one_asked():
    engine = describe(EMT.calculator)
    check_engine({**engine, "packages": {"ase": "another version"}}, EMT)
    moments = LabelSettings(calculator=EMT.calculator, moments={"Fe": 2.0, "Cu": 0.0})
    for other in (
        None,
        {},
        {**engine, "engine": "vasp"},
        {**engine, "calculator": "chgnet"},
        {**engine, "energy": "free"},
        {**engine, "parameters": None},
        {**engine, "moments": {"Cu": 1.0}},
    ):
        with pytest.raises(ReturnedError, match="engine: ") as caught:
            check_engine(other, EMT)
        assert caught.value.doubt is Doubt.OTHER_ENGINE
    check_engine({**engine, "moments": {"Cu": 0.0, "Fe": 2.0}}, moments)


def test_parameters_are_those_asked():
    settings = LabelSettings(calculator={"name": "lennard-jones", "parameters": {"sigma": 2.0}})
    engine = describe(settings.calculator)
    check_engine(engine, settings)
    with pytest.raises(ReturnedError, match=r"engine: parameters.sigma: expected 2.0, got 2.1"):
        check_engine({**engine, "parameters": {**engine["parameters"], "sigma": 2.1}}, settings)
