"""VASP through aiida-vasp, with a stand-in at VASP's file interface that computes what it answers."""

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict, load_node
from ase import Atoms
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from vasp import VERSION, Pairs, install, spin_energy, upload_potcars, write_modes

from alworkflows.frames import frame_id, labels
from alworkflows.settings import LabelSettings, parse
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain, label_program

MOMENTS = {"Fe": 2.5, "O": 0.5}
SETTINGS = {
    "engine": "vasp",
    "vasp": {
        "protocol": "spin-polarised",
        "incar": {"ENCUT": 400, "NELM": 100},
        "kpoints_spacing": 0.8,
        "potential_family": "standin",
        "potential_mapping": {"Fe": "Fe_pv", "O": "O"},
        "stop_margin": 0.5,
    },
    "moments": MOMENTS,
    "largest_moment_change": 0.2,
    "restarts": 4,
    "success_share": 0.0,
}
OPTIONS = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 20}

#: mode of the stand-in -> what becomes of the frame: the remedies that were tried, or the kind of failure after those
HELPED = {"normal": [], "mixing": ["mixing"], "spin-jump": ["spin-mixing"]}
LOST = {
    "never": ("unconverged", ["mixing", "algorithm", "steps"]),
    "force": ("force", []),
    "nan": ("force", []),
    "overflow": ("force", []),
    "other-structure": ("species", []),
    "truncated": ("truncated", []),
    "cut-outcar": ("truncated", []),
    "crash": ("crash", []),
    "silent": ("crash", []),
    "refuses": ("refused", []),
    "memory": ("memory", []),
    "killed": ("walltime", []),
}


def make_frame(seed: int) -> Atoms:
    """Return a rattled, sheared cell of iron oxide with its atoms shuffled; every other one is left-handed."""
    rng = np.random.default_rng(seed)
    fractional = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5), (0.5, 0.5, 0.5)]
    cell = 4.3 * (np.eye(3) + rng.normal(scale=0.03, size=(3, 3)))
    atoms = Atoms("Fe4O4", scaled_positions=fractional, cell=cell, pbc=True)
    atoms.rattle(0.1, rng=rng)
    atoms = atoms[rng.permutation(len(atoms))]
    if seed % 2:
        atoms.set_cell(np.array(atoms.cell)[[1, 0, 2]])
    atoms.info["origin"] = {"structure": "oxide", "sampler": "rattle", "seed": seed}
    return atoms


@pytest.fixture(scope="module")
def profile(aiida_profile):
    """A profile with potentials."""
    aiida_profile.reset_storage()
    upload_potcars(["Fe", "Fe_pv", "O", "O_s"])
    return aiida_profile


@pytest.fixture(scope="module")
def make_code(profile, tmp_path_factory):
    """Return a function that makes a code of the stand-in, with modes by frame and one for all others."""
    from aiida.orm import Computer, InstalledCode

    folder = tmp_path_factory.mktemp("vasp")
    computer = Computer("here", "localhost", "", "core.local", "core.direct", str(folder / "scratch")).store()
    computer.set_minimum_job_poll_interval(0.0)
    computer.configure(safe_interval=0.0, use_login_shell=False)
    numbers = iter(range(100))

    def _make_code(modes=None, mode="normal"):
        label = f"vasp-{next(numbers)}"
        (folder / label).mkdir()
        path = write_modes(folder / label / "modes.json", modes or {})
        program = install(folder / label, path, mode)
        return InstalledCode(computer=computer, filepath_executable=str(program), label=label, with_mpi=False).store()

    return _make_code


def run_chain(code, frames, **changes):
    inputs = {
        "code": code,
        "frames": FramesData.from_frames(frames),
        "settings": Dict(parse(LabelSettings, {**SETTINGS, **changes}).model_dump(mode="json")),
        "options": Dict(OPTIONS),
    }
    return run_get_node(LabelWorkChain, **inputs)[1]


@pytest.fixture(scope="module")
def batch(make_code):
    """A batch whose frames all but one fail at first, each in its own way: the chain, the frames by mode, the code."""
    frames = {mode: make_frame(seed) for seed, mode in enumerate([*HELPED, *LOST, "slow"])}
    code = make_code({mode: [frame] for mode, frame in frames.items()})
    return run_chain(code, list(frames.values())), frames, code


@pytest.fixture
def found(batch):
    """The labelled frames by mode, and the records of those that have no label."""
    chain, frames, _ = batch
    modes = {frame_id(frame): mode for mode, frame in frames.items()}
    made = {modes[frame_id(frame)]: frame for frame in chain.outputs.batch.get_frames()}
    failures = {modes[item["id"]]: item for item in chain.outputs.failures["failures"]}
    return made, failures


def test_the_stand_in_computes_forces_and_stress():
    atoms = make_frame(3)
    atoms.calc = Pairs()
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, 1e-4), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, 1e-5), atol=1e-6)


def test_each_frame_has_a_label_or_a_reason(batch, found):
    made, failures = found
    assert set(made) == {*HELPED, "slow"}
    assert set(failures) == set(LOST)
    assert batch[0].is_finished_ok


@pytest.mark.parametrize("mode", [*HELPED, "slow"])
def test_labels_are_those_of_the_program_in_the_frames_own_order(batch, found, mode):
    frame, made = batch[1][mode].copy(), found[0][mode]
    frame.calc = Pairs()
    moments = [MOMENTS[symbol] for symbol in frame.get_chemical_symbols()]
    label = labels(made)
    np.testing.assert_allclose(label.forces, frame.get_forces(), atol=1e-6)
    np.testing.assert_allclose(label.stress, frame.get_stress(), atol=1e-8)
    # the free energy; that for no smearing lies 0.05 sigma an atom above it
    assert label.energy == pytest.approx(frame.get_potential_energy() + spin_energy(moments), abs=1e-6)


@pytest.mark.parametrize("mode", HELPED)
def test_remedies_are_tried_one_at_a_time_and_recorded(found, mode):
    told = found[0][mode].info["origin"]["label"]
    assert told["remedies"] == HELPED[mode]
    assert told["remedy"] == (HELPED[mode][-1] if HELPED[mode] else None)
    assert found[0][mode].info["origin"]["sampler"] == "rattle"


@pytest.mark.parametrize("mode", LOST)
def test_a_failure_has_its_kind_and_what_was_tried(found, mode):
    kind, remedies = LOST[mode]
    told = found[1][mode]
    assert told["kind"] == kind, told["reason"]
    assert [item["remedy"] for item in told["attempts"]] == [None, *remedies]
    assert {item["kind"] for item in told["attempts"]} == {kind}


def test_a_job_stopped_before_its_walltime_goes_on_from_its_wave_functions(batch, found):
    told = found[0]["slow"].info["origin"]["label"]
    assert told["restarts"] >= 1
    (job,) = load_node(told["process"]).called
    assert "restart_folder" in job.inputs
    steps = job.outputs.misc["run_status"]["last_iteration_index"][1]
    assert steps < 12  # as many as a job of its own takes


def test_a_work_chain_of_vasp_runs_one_job(batch, found):
    chains = [called for called in batch[0].called if called.process_label == "VaspWorkChain"]
    restarts = found[0]["slow"].info["origin"]["label"]["restarts"]
    remedies = [name for tried in (*HELPED.values(), *(tried for _, tried in LOST.values())) for name in tried]
    assert len(chains) == len(batch[1]) + len(remedies) + restarts
    assert {len(chain.called) for chain in chains} == {1}


def test_the_labels_say_what_defines_them_and_the_engine_says_the_same(batch):
    chain, _, code = batch
    header = chain.outputs.batch.engine
    assert (header["engine"], header["energy"], header["version"]) == ("vasp", "free", VERSION)
    assert header["moments"] == MOMENTS
    assert header["incar"]["ENCUT"] == 400
    assert "NELM" not in header["incar"]
    assert header["potentials"]["Fe"].startswith("PAW_PBE Fe_pv 01Jan2000 (")
    assert label_program("vasp")(parse(LabelSettings, SETTINGS)).describe(code) == header


def test_labels_are_not_bought_twice(batch):
    _, frames, code = batch
    again = [frames[mode][::-1] for mode in HELPED]
    chain = run_chain(code, again)
    assert chain.outputs.failures["reused"] == len(again)
    assert not [called for called in chain.called if called.process_label == "VaspWorkChain"]
    (made, *_) = chain.outputs.batch.get_frames()
    again[0].calc = Pairs()
    np.testing.assert_allclose(labels(made).forces, again[0].get_forces(), atol=1e-6)
