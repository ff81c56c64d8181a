"""Errors against what numpy says of the labels and predictions one by one."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from planted import LEVELS, SETTINGS, SPECIES

from alworkflows.frames import attach_labels, labels
from alworkflows.models import Ensemble, LinearModel, compare, force_errors
from alworkflows.models.predictions import PART, in_parts


@pytest.fixture(scope="module")
def ensemble(planted):
    """The planted model, and one that is a tenth off."""
    return Ensemble([LinearModel(SETTINGS, SPECIES, scale * planted, LEVELS) for scale in (1.0, 1.1)])


@pytest.fixture(scope="module")
def frames(labelled):
    """Frames of changing composition and size, with noise on their forces."""
    return labelled(9, noise=0.1)


@pytest.fixture(scope="module")
def comparison(ensemble, frames):
    return compare(ensemble, frames)


def relabelled(frames, **changes):
    """Return copies with other labels: functions of a frame by the name of the label, None for none."""
    copies = []
    for frame in frames:
        stored = labels(frame)
        values = {name: getattr(stored, name) for name in ("energy", "forces", "stress")}
        copies.append(attach_labels(frame, **{**values, **{name: change(frame) for name, change in changes.items()}}))
    return copies


def test_all_errors_are_those_of_single_predictions(ensemble, frames, comparison):
    predictions = ensemble.predict(frames)
    error = np.concatenate([p.forces - labels(f).forces for p, f in zip(predictions, frames, strict=True)])
    energy = np.array([(p.energy - labels(f).energy) / len(f) for p, f in zip(predictions, frames, strict=True)])
    stress = np.array([p.stress - labels(f).stress for p, f in zip(predictions, frames, strict=True)])
    found = comparison.summary()
    assert (found["frames"], found["atoms"]) == (9, sum(map(len, frames)))
    for name, values in (("force", error), ("energy", energy), ("stress", stress)):
        assert found[f"{name}_rmse"] == pytest.approx(np.sqrt((values**2).mean()))
        assert found[f"{name}_mae"] == pytest.approx(np.abs(values).mean())
    assert found["largest_error"] == pytest.approx(np.linalg.norm(error, axis=1).max())
    assert found["disagreement"] == pytest.approx(np.median([p.deviation.max() for p in predictions]))


def test_errors_of_some_frames_are_those_of_these_frames_alone(ensemble, frames, comparison):
    some, alone = comparison.summary(np.array([1, 4, 8])), compare(ensemble, [frames[i] for i in (1, 4, 8)]).summary()
    for name, value in some.items():
        if "shifted" not in name:  # the zero is that of all frames
            assert value == pytest.approx(alone[name]), name


def test_each_frame_is_predicted_once(ensemble, frames, monkeypatch):
    seen = []
    once = ensemble.groups[0].committee.evaluate_each
    monkeypatch.setattr(ensemble.groups[0].committee, "evaluate_each", lambda part: seen.extend(map(id, part)) or once(part))
    said = []
    comparison = compare(ensemble, frames, said.append)
    comparison.summary(np.arange(3))
    comparison.by_element()
    comparison.errors()
    assert seen == list(map(id, frames))
    assert said[-1] == len(frames)


# ------------------------------------------------------------------------------------------------ energies


def test_a_constant_offset_of_the_labels_is_taken_off(ensemble, frames):
    same = [frame for frame in frames if len(set(np.unique(frame.numbers, return_counts=True)[1])) == 1]
    moved = relabelled(same, energy=lambda frame: labels(frame).energy - 0.25 * len(frame))
    before, after = compare(ensemble, same), compare(ensemble, moved)
    assert after.shift.constant == pytest.approx(before.shift.constant + 0.25)
    assert after.shift.species is None
    assert after.summary()["energy_mae"] > 0.2
    assert after.summary()["energy_rmse_shifted"] == pytest.approx(before.summary()["energy_rmse_shifted"])
    assert "energy_rmse_species_shifted" not in after.summary()


def test_where_compositions_vary_each_species_has_an_offset(ensemble, frames):
    zeros = {"Zn": 0.4, "O": -1.1}
    moved = relabelled(frames, energy=lambda frame: labels(frame).energy - sum(map(zeros.get, frame.get_chemical_symbols())))
    before, after = compare(ensemble, frames), compare(ensemble, moved)
    for symbol, zero in zeros.items():
        assert after.shift.species[symbol] == pytest.approx(before.shift.species[symbol] + zero)
    found = after.summary()
    assert found["energy_rmse_species_shifted"] == pytest.approx(before.summary()["energy_rmse_species_shifted"], rel=1e-6)
    assert found["energy_rmse_species_shifted"] < found["energy_rmse_shifted"] < found["energy_rmse"]


def test_as_few_frames_as_offsets_say_nothing_of_the_rest(ensemble, frames):
    assert compare(ensemble, frames[:1]).shift is None
    two = compare(ensemble, [frames[0], frames[1]])  # of two compositions
    assert two.shift.species is None
    assert "energy_rmse_species_shifted" not in two.summary()


def test_frames_without_energies_or_stresses_count_for_forces_alone(ensemble, frames):
    bare = relabelled(frames[:4], energy=lambda frame: None, stress=lambda frame: None)
    none = compare(ensemble, bare)
    assert not [name for name in none.summary() if name.startswith(("energy", "stress"))]
    assert none.shift is None
    mixed, known = compare(ensemble, [*bare, *frames[4:]]).summary(), compare(ensemble, frames[4:]).summary()
    for name in ("energy_rmse", "energy_mae_shifted", "stress_mae"):
        assert mixed[name] == pytest.approx(known[name])


# ------------------------------------------------------------------------------------------------ stresses, elements


def test_the_stress_of_a_slab_is_not_compared_with_none(ensemble, frames):
    slabs = [frame.copy() for frame in frames[:3]]
    for slab in slabs:
        slab.pbc = (True, True, False)
    stressed = [attach_labels(slab, 0.0, np.zeros((len(slab), 3)), np.full(6, 0.3)) for slab in slabs]
    assert "stress_rmse" not in compare(ensemble, stressed).summary()
    mixed = compare(ensemble, [*stressed, *frames[3:]])
    assert mixed.summary()["stress_rmse"] == pytest.approx(compare(ensemble, frames[3:]).summary()["stress_rmse"])
    assert np.isnan(mixed.predicted.stress[:3]).all()
    assert not np.isnan(mixed.predicted.stress[3:]).any()


def test_errors_by_element(ensemble, frames, comparison):
    metal = [frame[frame.numbers == 30] for frame in frames[:1]]
    found = compare(ensemble, [*frames, attach_labels(metal[0], None, np.ones((len(metal[0]), 3)))]).by_element()
    assert list(found) == ["O", "Zn"]
    assert (found["Zn"]["frames"], found["O"]["frames"]) == (10, 9)
    symbols = np.concatenate([frame.get_chemical_symbols() for frame in frames])
    of_oxygen = comparison.force_error[symbols == "O"]
    assert found["O"]["atoms"] == len(of_oxygen)
    assert found["O"]["force_rmse"] == pytest.approx(np.sqrt((of_oxygen**2).mean()))
    assert found["O"]["force_mae"] == pytest.approx(np.abs(of_oxygen).mean())
    assert found["O"]["largest_error"] == pytest.approx(np.linalg.norm(of_oxygen, axis=1).max())
    apart = [p.deviation[f.numbers == 8].max() for p, f in zip(ensemble.predict(frames), frames, strict=True)]
    assert found["O"]["disagreement"] == pytest.approx(np.median(apart))


def test_members_err_each_on_its_own(ensemble, frames):
    found = force_errors(ensemble, frames)["member_rmse"]
    for name, member in zip(ensemble.names, ensemble.members, strict=True):
        errors = [p.forces - labels(f).forces for p, f in zip(member.predict(frames), frames, strict=True)]
        assert found[name] == pytest.approx(np.sqrt((np.concatenate(errors) ** 2).mean()))


def test_forces_of_atoms_held_still_are_no_labels(ensemble, frames):
    held = []
    for frame in frames[:3]:
        forces = labels(frame).forces.copy()
        forces[:2] = 0.0
        held.append(attach_labels(frame, None, forces))
        held[-1].set_constraint(FixAtoms([0, 1]))
    found = compare(ensemble, held)
    errors = [p.forces[2:] - labels(f).forces[2:] for p, f in zip(ensemble.predict(frames[:3]), frames, strict=False)]
    every = np.concatenate(errors)
    assert found.summary()["force_rmse"] == pytest.approx(np.sqrt((every**2).mean()))
    assert found.summary()["force_mae"] == pytest.approx(np.abs(every).mean())
    assert found.summary()["largest_error"] == pytest.approx(np.linalg.norm(every, axis=1).max())
    np.testing.assert_allclose(found.errors()["rms_error"], [np.sqrt((error**2).mean()) for error in errors])
    pairs = [member.predict(frames[:3]) for member in ensemble.members]
    for (_, rmse), predictions in zip(found.member_rmse().items(), pairs, strict=True):
        own = np.concatenate([p.forces[2:] - labels(f).forces[2:] for p, f in zip(predictions, frames, strict=False)])
        assert rmse == pytest.approx(np.sqrt((own**2).mean()))


# ------------------------------------------------------------------------------------------------ parts


def test_parts_hold_all_frames_in_order():
    frames = [Atoms(f"H{size}") for size in (1, PART - 1, 1, 3 * PART, 2, 2)]
    parts = list(in_parts(frames))
    assert [[len(frame) for frame in part] for part in parts] == [[1, PART - 1], [1], [3 * PART], [2, 2]]
    assert list(in_parts([])) == []


def test_a_prediction_does_not_depend_on_what_is_predicted_with_it(ensemble, frames):
    together = ensemble.predict(frames)
    for frame, prediction in zip(frames, together, strict=True):
        alone = ensemble.predict([frame])[0]
        assert alone.energy == prediction.energy
        for name in ("energies", "forces", "stress", "deviation", "members", "member_energies"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(prediction, name))
