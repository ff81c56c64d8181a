"""GPAW, run for real on zinc oxide: its labels are what they say, and a job that ends in the middle loses nothing."""

import importlib.util
import json
import time

import numpy as np
import pytest

from alworkflows import jobs
from alworkflows.calculators import FailureKind, create, describe, parameters, remedies
from alworkflows.errors import InputError
from alworkflows.frames import frame_id, labels, load, save
from alworkflows.labelling import label, run_labels
from alworkflows.settings import CalculatorSettings, LabelSettings
from alworkflows.structures import crystal

if importlib.util.find_spec("gpaw") is None:
    pytest.skip("GPAW is not installed: pip install 'alworkflows[gpaw]'", allow_module_level=True)

TIGHT = {"energy": 1e-7, "density": 1e-7, "eigenstates": 1e-10}
#: Largest difference of forces, eV/A, that two ways to the same self-consistent field may leave at the usual convergence.
SCF = 5e-4


def zinc_oxide(seed=1):
    atoms = crystal("zno-wurtzite")
    atoms.rattle(0.05, seed=seed)
    return atoms


def settings(moments=None, largest_moment_change=None, **parameters):
    given = {"cutoff": 300, **parameters}
    calculator = CalculatorSettings(name="gpaw", parameters=given)
    return LabelSettings(calculator=calculator, moments=moments or {}, largest_moment_change=largest_moment_change)


def labelled(frame, **parameters):
    kept = []
    failures = label([frame], settings(**parameters), kept.append)
    assert failures == []
    return labels(kept[0])


def test_forces_are_the_gradient_of_the_free_energy():
    frame, step = zinc_oxide(), 0.01
    tight = {"convergence": TIGHT, "kpoints": [2, 2, 1], "smearing": {"width": 0.1}}
    forces = labelled(frame, **tight).forces
    energies = []
    for sign in (1, -1):
        moved = frame.copy()
        moved.positions[1, 0] += sign * step
        energies.append(labelled(moved, **tight).energy)
    # 2 meV/A: the grid of the density is not quite free of the atoms' places, and the step is finite
    assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(forces[1, 0], abs=2e-3)


def test_stress_is_the_strain_derivative_once_the_cutoff_no_longer_matters():
    frame, strain = zinc_oxide(), 0.005
    # below 800 eV the basis, which changes with the cell, is felt: at 600 eV by 0.015 eV/A^3
    tight = {"convergence": TIGHT, "cutoff": 800}
    stress = labelled(frame, **tight).stress
    energies = []
    for sign in (1, -1):
        strained = frame.copy()
        strained.set_cell(np.asarray(frame.cell) @ np.diag([1.0, 1.0, 1.0 + sign * strain]), scale_atoms=True)
        energies.append(labelled(strained, **tight).energy)
    derivative = (energies[0] - energies[1]) / (2 * strain) / frame.get_volume()
    assert derivative == pytest.approx(stress[2], abs=5e-4)


def test_atoms_in_another_order_have_the_same_forces():
    frame = zinc_oxide()
    order = [2, 0, 3, 1]
    one, other = labelled(frame), labelled(frame[order])
    assert other.energy == pytest.approx(one.energy, abs=1e-4)
    np.testing.assert_allclose(other.forces, one.forces[order], atol=SCF)


def test_a_frame_does_not_feel_the_one_before_it():
    first, second, kept = zinc_oxide(1), zinc_oxide(2), []
    assert label([first, second], settings(), kept.append) == []
    alone = labelled(second)
    assert labels(kept[1]).energy == alone.energy
    np.testing.assert_array_equal(labels(kept[1]).forces, alone.forces)


def test_too_few_steps_are_unconverged_and_more_steps_help(tmp_path):
    frame, kept = zinc_oxide(), []
    short = settings(maxiter=12)
    [failure] = run_labels([frame], short, kept.append).failures
    assert (failure["kind"], failure["index"], kept) == ("unconverged", 0, [])
    assert remedies(short.calculator, failure["kind"]) == ["more-steps", "mixing", "algorithm"]
    assert run_labels([frame], short, kept.append, remedy="more-steps", folder=tmp_path).failures == []
    assert kept[0].info["origin"]["label"]["remedy"] == "more-steps"
    np.testing.assert_allclose(labels(kept[0]).forces, labelled(frame).forces, atol=1e-9)
    assert (tmp_path / f"{frame_id(frame)}.gpaw.txt").exists()


@pytest.mark.parametrize("remedy", ["mixing", "algorithm"])
def test_a_remedy_changes_the_way_and_not_the_label(remedy):
    frame, kept = zinc_oxide(), []
    assert run_labels([frame], settings(), kept.append, remedy=remedy).failures == []
    reference = labelled(frame)
    np.testing.assert_allclose(labels(kept[0]).forces, reference.forces, atol=SCF)
    assert labels(kept[0]).energy == pytest.approx(reference.energy, abs=1e-4)


def test_a_frame_that_takes_longer_than_a_job_goes_on_in_the_next(tmp_path):
    frame, other = zinc_oxide(1), zinc_oxide(2)
    costly = {"cutoff": 400, "kpoints": [2, 2, 1]}
    took = time.perf_counter()
    whole = labelled(frame, **costly)
    took = time.perf_counter() - took
    spec = {"frames": "frames.npz", "label": settings(**costly).model_dump(mode="json"), "indices": [1]}
    reports = []
    for number, limit in enumerate((0.6 * took, None)):
        folder = tmp_path / f"job{number}"
        folder.mkdir()
        if number:
            (tmp_path / "job0" / "checkpoint").rename(folder / "checkpoint")
        save(folder / "frames.npz", [other, frame])
        (folder / "input.json").write_text(json.dumps({**spec, "max_seconds": limit}))
        reports.append(jobs.run("label", folder / "input.json"))
    first, second = reports
    assert (first["labelled"], first["interrupted"], first["failures"]) == (0, 1, [])
    assert first["out_of_time"]
    assert first["seconds"] < 0.6 * took
    assert (second["labelled"], second["interrupted"]) == (1, None)
    [made], _ = load(folder / "labelled.npz")
    assert made.info["origin"]["label"]["resumed"]
    assert made.info["origin"]["label"]["seconds_before"] > 0
    assert labels(made).energy == pytest.approx(whole.energy, abs=1e-4)
    np.testing.assert_allclose(labels(made).forces, whole.forces, atol=SCF)
    np.testing.assert_allclose(labels(made).stress, whole.stress, atol=SCF)
    assert list((folder / "checkpoint").iterdir()) == []


def test_a_state_of_other_settings_is_not_gone_on_from(tmp_path):
    from alworkflows.labelling import LabelDeadline

    frame = zinc_oxide()

    class Soon(LabelDeadline):
        """Time is up after some steps, whatever the clock of this machine says."""

        looks = 0

        def allows(self, seconds):
            self.looks += 1
            return self.looks < 5

    report = run_labels([frame], settings(), print, deadline=Soon(), folder=tmp_path)
    assert report.interrupted == 0
    assert sorted(path.suffix for path in (tmp_path / "checkpoint").iterdir()) == [".gpw", ".json"]
    kept = []
    run_labels([frame], settings(cutoff=320), kept.append, folder=tmp_path)
    assert "resumed" not in kept[0].info["origin"]["label"]


def test_moments_are_taken_and_a_jump_is_refused():
    frame, kept = zinc_oxide(), []
    # zinc oxide keeps no moment
    [failure] = label([frame], settings({"Zn": 1.0}, 0.2, kpoints=[2, 2, 1]), kept.append)
    assert failure["kind"] == "spin"
    assert "went from 2.00 to" in failure["reason"]
    assert remedies(settings().calculator, FailureKind.SPIN) == ["mixing"]
    assert describe(settings().calculator) != describe(settings().calculator, {"Zn": 1.0})


def test_a_cluster_in_a_box():
    frame = zinc_oxide()[[0, 2]]
    frame.set_cell([9.0, 9.0, 10.0])
    frame.pbc = False
    frame.center()
    made = labelled(frame, kpoints_spacing=0.3)
    assert made.stress is None
    boxed = frame.copy()
    boxed.pbc = True
    np.testing.assert_allclose(made.forces, labelled(boxed, kpoints_spacing=0.3).forces, atol=SCF)
    with pytest.raises(InputError, match="expected 1 point along lattice vector 1"):
        label([frame], settings(kpoints=[2, 1, 1]), print)


def test_it_is_made_by_name():
    frame = zinc_oxide()
    frame.calc = create(CalculatorSettings(name="gpaw", parameters={"cutoff": 300}), frame)
    np.testing.assert_allclose(frame.get_forces(), labelled(frame).forces, atol=1e-9)
    assert parameters(CalculatorSettings(name="gpaw")).converged(frame.calc) is True
