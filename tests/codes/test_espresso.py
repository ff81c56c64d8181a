"""Quantum ESPRESSO through aiida-quantumespresso, run for real: magnesium oxide, a few seconds a label."""

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.orm import CalcJobNode, Dict, QueryBuilder
from ase.build import bulk
from ase.stress import voigt_6_to_full_3x3_stress
from pseudos import CUTOFFS, install_pw, make_family, missing

from alworkflows.frames import frame_id, labels
from alworkflows.settings import LabelSettings, parse
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain, label_program
from workchains.labelling.contract import Task
from workchains.labelling.single_point import last_job

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

OPTIONS = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 3000}
#: so wide that the entropy tells: the free energy and the energy have different derivatives
SMEARED = {"occupations": "smearing", "smearing": "gaussian", "degauss": 0.2}
#: eV/A; what the real-space grid, which does not move with the atoms, and the step of the difference leave
FORCE_TOLERANCE = 3e-3
#: eV/A; same configuration, other order of sums
SAME = 2e-4


def magnesia(seed=0):
    atoms = bulk("MgO", "rocksalt", a=4.2, cubic=True)
    atoms.rattle(0.1, seed=seed)
    atoms.info["origin"] = {"structure": "magnesia", "sampler": "rattle", "seed": seed}
    return atoms


def settings(system=None, electrons=None, control=None, espresso=None, **changes):
    namelists = {"SYSTEM": {**CUTOFFS, **(system or {})}, "ELECTRONS": electrons or {}, "CONTROL": control or {}}
    given = {"parameters": namelists, "pseudo_family": "debian", "species": ["Mg", "O"], **(espresso or {})}
    return parse(LabelSettings, {"engine": "quantum-espresso", "espresso": given, **changes})


@pytest.fixture(scope="module")
def code(aiida_profile, tmp_path_factory):
    """A code of pw.x in a profile with pseudopotentials."""
    aiida_profile.reset_storage()
    make_family("debian")
    make_family("oxygen", ("O",))
    return install_pw(tmp_path_factory.mktemp("pw"))


def call(key, function, label="", **inputs):
    return function.run_get_node(**inputs, metadata={"call_link_label": key, "label": label})[1]


@pytest.fixture(scope="module")
def run(code):
    """Return a function that runs one task of one frame, and returns the process and what became of the frame."""

    def _run(frame, given, task=None):
        tool, task = label_program("quantum-espresso")(given), task or Task((0,))
        frames = FramesData.from_frames([frame]).store()
        tool.check([frame], code)
        process, inputs = tool.process(frames, task, Dict({}), code, dict(OPTIONS), call)
        node = run_get_node(process, **inputs)[1]
        return node, tool.outcome(node, frames, task, call)

    return _run


@pytest.fixture(scope="module")
def label(run):
    """Return a function that labels a frame in one go."""

    def _label(frame, given=None):
        found = run(frame, given or settings())[1]
        assert not found.failures
        return labels(found.labelled.get_frames()[0])

    return _label


@pytest.fixture(scope="module")
def plain(run):
    """Process and outcome of a frame that makes no trouble."""
    return run(magnesia(), settings())


# ---------------------------------------------------------------------------------------------------------------- physics


def test_one_label(code, plain):
    node, found = plain
    (frame,) = found.labelled.get_frames()
    assert found.labelled.ids == [frame_id(magnesia())]
    assert frame.info["origin"]["seed"] == 0
    kept = frame.info["origin"]["label"]
    assert (kept["process"], kept["remedies"], kept["restarts"], kept["bands"]) == (node.uuid, [], 0, 16)
    assert np.abs(labels(frame).forces.sum(axis=0)).max() < 1e-3
    assert found.labelled.engine == label_program("quantum-espresso")(settings()).describe(code)
    assert found.labelled.engine["version"][0].isdigit()


def difference(label, frames, given, step):
    """Return the central difference of the energy between two frames."""
    lower, upper = (label(frame, given).energy for frame in frames)
    return (upper - lower) / (2.0 * step)


def test_forces_are_the_derivative_of_the_energy(label, plain):
    forces = labels(plain[1].labelled.get_frames()[0]).forces
    for atom, axis in ((0, 0), (1, 2)):
        frames = [moved(magnesia(), atom, axis, sign * 0.02) for sign in (-1, 1)]
        assert -difference(label, frames, settings(), 0.02) == pytest.approx(forces[atom, axis], abs=FORCE_TOLERANCE)


def moved(frame, atom, axis, distance):
    frame.positions[atom, axis] += distance
    return frame


def test_with_smearing_the_energy_is_the_free_energy(run):
    given = settings(SMEARED)
    ends = [run(moved(magnesia(), 1, 2, sign * 0.02), given) for sign in (-1, 1)]
    force = labels(run(magnesia(), given)[1].labelled.get_frames()[0]).forces[1, 2]
    free = [labels(found.labelled.get_frames()[0]).energy for _, found in ends]
    entropy = [node.outputs.output_parameters["energy_smearing"] for node, _ in ends]
    assert -(free[1] - free[0]) / 0.04 == pytest.approx(force, abs=FORCE_TOLERANCE)
    assert abs((entropy[1] - entropy[0]) / 0.04) > 10 * FORCE_TOLERANCE


def test_stress_is_the_derivative_of_the_energy(label):
    # the plane waves change with the cell, so that the two agree only at a large cutoff
    given, step = settings({"ecutwfc": 50.0}), 0.005
    direction = np.array([[1.0, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    frames = []
    for sign in (-1, 1):
        frame = magnesia()
        frame.set_cell(frame.cell.array @ (np.eye(3) + sign * step * direction), scale_atoms=True)
        frames.append(frame)
    stress = voigt_6_to_full_3x3_stress(label(magnesia(), given).stress)
    expected = difference(label, frames, given, step) / magnesia().get_volume()
    assert (stress * direction).sum() == pytest.approx(expected, rel=0.05)


def test_order_of_atoms_and_images(label, plain):
    forces = labels(plain[1].labelled.get_frames()[0]).forces
    order = np.random.default_rng(0).permutation(8)
    frame = magnesia()[order]
    frame.positions += np.random.default_rng(1).integers(-2, 3, (8, 3)) @ frame.cell.array
    np.testing.assert_allclose(label(frame).forces, forces[order], atol=SAME)


def test_left_handed_cell(label, plain):
    frame = magnesia()
    frame.set_cell(frame.cell.array[[1, 0, 2]])
    found = label(frame)
    expected = labels(plain[1].labelled.get_frames()[0])
    np.testing.assert_allclose(found.forces, expected.forces, atol=SAME)
    np.testing.assert_allclose(found.stress, expected.stress, atol=1e-4)


# --------------------------------------------------------------------------------------------------------------- failures


def test_going_on_after_the_walltime(run):
    mesh = {"espresso": {"kpoints_spacing": 0.8}}
    whole = labels(run(magnesia(), settings(**mesh))[1].labelled.get_frames()[0])
    # pw.x looks at the clock before its first step already
    stopped, found = run(magnesia(), settings(control={"max_seconds": 0.5}, **mesh))
    assert found.interrupted == 0
    assert found.labelled is None
    node, found = run(magnesia(), settings(**mesh), Task((0,), (), 1, stopped.pk))
    output = last_job(node).outputs.retrieved.base.repository.get_object_content("aiida.out")
    assert "The initial density is read from file" in output
    (frame,) = found.labelled.get_frames()
    assert frame.info["origin"]["label"]["restarts"] == 1
    np.testing.assert_allclose(labels(frame).forces, whole.forces, atol=SAME)
    assert labels(frame).energy == pytest.approx(whole.energy, abs=1e-5)


def test_the_state_of_another_frame_is_no_label(run):
    stopped, _ = run(magnesia(), settings(control={"max_seconds": 0.5}))
    # pw.x takes the atoms from there, and says nothing
    found = run(magnesia(1), settings(), Task((0,), (), 1, stopped.pk))[1]
    (failure,) = found.failures
    assert failure["kind"] == "species"
    assert "another structure" in failure["reason"]


def test_a_tag_that_pw_does_not_know(run):
    (failure,) = run(magnesia(), settings({"ecutwcf": 3.0}))[1].failures
    assert failure["kind"] == "refused"
    assert "pw.x gave up in read_namelists" in failure["reason"]
    assert "ecutwcf" in failure["reason"]


def test_spin(run):
    moments = {"O": 0.5}
    given = settings({**SMEARED, "degauss": 0.01}, moments=moments)
    (frame,) = run(magnesia(), given)[1].labelled.get_frames()
    assert frame.info["origin"]["label"]["bands"] == 20
    (failure,) = run(magnesia(), given.model_copy(update={"largest_moment_change": 0.1}))[1].failures
    assert failure["kind"] == "spin"
    assert "the total moment went from 2.00 to" in failure["reason"]


def test_too_few_bands_are_seen(run):
    given = settings({**SMEARED, "nbnd": 17})
    node, found = run(magnesia(), given)
    assert len([job for job in node.called if isinstance(job, CalcJobNode)]) > 1
    (frame,) = found.labelled.get_frames()
    assert frame.info["origin"]["label"]["bands"] > 17
    assert "nbnd" not in found.labelled.engine["parameters"]["SYSTEM"]


# -------------------------------------------------------------------------------------------------- the labelling work chain


def chain(code, frames, given):
    inputs = {
        "code": code,
        "frames": FramesData.from_frames(frames),
        "settings": Dict(given.model_dump(mode="json")),
        "options": Dict(OPTIONS),
    }
    return run_get_node(LabelWorkChain, **inputs)[1]


def jobs():
    return QueryBuilder().append(CalcJobNode).count()


def test_a_batch(code):
    given = settings(espresso={"kpoints_spacing": 2.0})
    frames = [magnesia(10), magnesia(11)]
    node = chain(code, frames, given)
    assert node.exit_status == 0
    assert node.outputs.batch.ids == [frame_id(frame) for frame in frames]
    assert node.outputs.batch.engine == label_program("quantum-espresso")(given).describe(code)
    bought = jobs()
    again = chain(code, frames, given)
    assert jobs() == bought
    assert again.outputs.failures["reused"] == 2
    np.testing.assert_array_equal(
        labels(again.outputs.batch.get_frames()[0]).forces, labels(node.outputs.batch.get_frames()[0]).forces
    )


def test_remedies_one_at_a_time(code):
    node = chain(code, [magnesia(20)], settings(electrons={"electron_maxstep": 4}))
    assert node.exit_status == 0
    (frame,) = node.outputs.batch.get_frames()
    assert frame.info["origin"]["label"]["remedies"] == ["mixing", "local-TF", "cg", "more-steps"]
    assert node.outputs.failures["recovered"] == 1


def test_when_no_remedy_helps(code):
    node = chain(code, [magnesia(21)], settings(electrons={"electron_maxstep": 1}))
    assert node.exit_status == 402
    (failure,) = node.outputs.failures["failures"]
    assert failure["kind"] == "unconverged"
    assert [attempt["remedy"] for attempt in failure["attempts"]] == [None, "mixing", "local-TF", "cg", "more-steps"]
    assert "[410] The electronic minimization cycle did not reach self-consistency" in failure["reason"]


def test_a_missing_pseudopotential_costs_nothing(code):
    bought = jobs()
    node = chain(code, [magnesia(22)], settings(espresso={"pseudo_family": "oxygen"}))
    assert node.exit_status == 202
    assert "'oxygen' has no pseudopotential for Mg; it has O" in node.exit_message
    assert jobs() == bought
