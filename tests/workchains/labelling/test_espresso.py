"""The engine of Quantum ESPRESSO with processes made by hand; no pw.x runs."""

import subprocess
import sys

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.orm import (
    CalcJobNode,
    Computer,
    Dict,
    FolderData,
    InstalledCode,
    RemoteData,
    TrajectoryData,
    WorkChainNode,
    load_group,
)
from ase.build import bulk, molecule
from ase.units import Bohr, GPa

from alworkflows.errors import InputError
from alworkflows.frames import frame_id, labels
from alworkflows.settings import LabelSettings, parse
from workchains.data.frames import FramesData
from workchains.labelling import label_program
from workchains.labelling.contract import Task

CUTOFFS = {"ecutwfc": 25, "ecutrho": 200}
SMEARED = {"occupations": "smearing", "smearing": "gaussian", "degauss": 0.01}
OPTIONS = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 1000}


def settings(system=None, electrons=None, control=None, espresso=None, **changes):
    namelists = {"SYSTEM": {**CUTOFFS, **(system or {})}, "ELECTRONS": electrons or {}, "CONTROL": control or {}}
    given = {"parameters": namelists, "pseudo_family": "invented", "species": ["Mg", "O"], **(espresso or {})}
    return parse(LabelSettings, {"engine": "quantum-espresso", "espresso": given, **changes})


def tool(*args, **kwargs):
    return label_program("quantum-espresso")(settings(*args, **kwargs))


def magnesia(seed=0):
    atoms = bulk("MgO", "rocksalt", a=4.2, cubic=True)
    atoms.rattle(0.1, seed=seed)
    atoms.info["origin"] = {"structure": "magnesia", "seed": seed}
    return atoms


def upf(symbol, valence):
    return f'<UPF version="2.0.1">\n<PP_HEADER\n element="{symbol}"\n z_valence="{valence:.2f}"\n/>\n</UPF>\n'


@pytest.fixture(scope="module")
def code(aiida_profile, tmp_path_factory):
    """A code that runs nothing, in a profile with invented pseudopotentials."""
    aiida_profile.reset_storage()
    folder = tmp_path_factory.mktemp("pseudos")
    make_family(folder / "invented", {"Mg": 2, "O": 6})
    make_family(folder / "recommends", {"Mg": 2, "O": 6}, cutoffs=True)
    computer = Computer("here", "localhost", "", "core.local", "core.direct", str(folder)).store()
    return InstalledCode(computer, "/bin/true", label="pw", default_calc_job_plugin="quantumespresso.pw").store()


def make_family(folder, valence, cutoffs=False):
    from aiida_pseudo.data.pseudo import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    folder.mkdir()
    for symbol, number in valence.items():
        (folder / f"{symbol}.upf").write_text(upf(symbol, number))
    family = CutoffsPseudoPotentialFamily.create_from_folder(folder, folder.name, pseudo_type=UpfData)
    if cutoffs:
        values = {symbol: {"cutoff_wfc": 20.0 + number, "cutoff_rho": 100.0} for symbol, number in valence.items()}
        family.set_cutoffs(values, "normal", unit="Ry")


# ------------------------------------------------------------------------------------------------------ without the extra


def test_the_extra_is_named_if_it_is_missing():
    script = """
import sys
sys.modules["aiida_quantumespresso"] = None
import workchains.labelling
from workchains.labelling import label_program
label_program("quantum-espresso")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "MissingExtraError" in done.stderr
    assert "pip install 'alworkflows[espresso]'" in done.stderr


# --------------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"SYTEM": {}}, r"unknown namelist 'SYTEM' \(did you mean 'SYSTEM'\?\)"),
        ({"IONS": {}}, "unknown namelist 'IONS'"),
        ({"CONTROL": {"calculation": "md"}}, "CONTROL.calculation: cannot be set, a label is one scf"),
        ({"CONTROL": {"tprnfor": False}}, "CONTROL.tprnfor: cannot be set, forces are always asked for"),
        ({"CONTROL": {"restart_mode": "restart"}}, "CONTROL.restart_mode: cannot be set"),
        ({"CONTROL": {"disk_io": "none"}}, "CONTROL.disk_io: expected low, medium or high"),
        ({"SYSTEM": {"celldm(1)": 3.0}}, "SYSTEM.celldm: cannot be set, it comes from the frame"),
        ({"SYSTEM": {"nspin": 2}}, "SYSTEM.nspin: cannot be set, it follows from label.moments"),
        ({"SYSTEM": {"hubbard_u(1)": 3.0}}, r"by species: hubbard_u: \{species: value\}"),
        ({"ELECTRONS": {"scf_must_converge": False}}, "scf_must_converge: cannot be set, what is not converged is no label"),
        ({"ELECTRONS": {"electron_maxstep": 0}}, "electron_maxstep: expected a whole number of at least 1, got 0"),
        ({"ELECTRONS": {"startingwfc": "file"}}, "startingwfc: cannot be 'file'"),
        ({"SYSTEM": 25}, "SYSTEM: expected a mapping of tags, got 25"),
    ],
)
def test_parameters_that_break_a_single_point(parameters, message):
    with pytest.raises(InputError, match=message):
        settings(espresso={"parameters": parameters})


def test_names_of_namelists_and_tags_are_made_uniform():
    given = settings(espresso={"parameters": {"system": {"EcutWfc": 25}}})
    assert given.espresso.parameters == {"SYSTEM": {"ecutwfc": 25}}


@pytest.mark.parametrize(
    ("espresso", "message"),
    [
        ({"kpoints": [2, 2, 2], "kpoints_spacing": 0.3}, "expected a mesh or kpoints_spacing, got both"),
        ({"species": ["Mg", "Ox"]}, "expected chemical symbols, got 'Ox'"),
        ({"species": []}, "species: expected at least 1 entry"),
    ],
)
def test_settings_that_contradict_each_other(espresso, message):
    with pytest.raises(InputError, match=message):
        settings(espresso=espresso)


@pytest.mark.parametrize(
    ("system", "changes", "message"),
    [
        ({"degauss": 0.01}, {}, "SYSTEM.degauss: expected with occupations 'smearing', got occupations 'fixed'"),
        ({"occupations": "smearing"}, {}, "SYSTEM.degauss: expected a width above 0 Ry"),
        ({"ecutrho": 20}, {}, r"ecutrho: expected at least ecutwfc \(25\), got 20"),
        ({}, {"moments": {"Mg": 1.0}}, "label.moments expects occupations 'smearing', or 'fixed' with tot_magnetization"),
        ({**SMEARED, "noncolin": True}, {"moments": {"Mg": 1.0}}, "noncolin: expected no label.moments"),
        (SMEARED, {"moments": {"Zn": 1.0}}, r"unknown species in label.moments .* 'Zn'; known: Mg, O"),
    ],
)
def test_parameters_that_contradict_each_other(system, changes, message):
    with pytest.raises(InputError, match=message):
        tool(system, **changes).check([])


def test_density_cutoff_alone():
    with pytest.raises(InputError, match="expected ecutwfc with ecutrho, got ecutrho alone"):
        tool(espresso={"parameters": {"SYSTEM": {"ecutrho": 200}}}).check([])


# -------------------------------------------------------------------------------------------------------- before spending


def test_frames_for_a_periodic_code():
    water = molecule("H2O")
    given = tool(espresso={"species": ["H", "O"]})
    with pytest.raises(InputError, match=r"frame 1: pw.x expects three lattice vectors"):
        tool(espresso={"species": ["H", "O", "Mg"]}).check([magnesia(), water])
    water.center(vacuum=6.0)
    with pytest.raises(InputError, match=r"frame 0: pw.x repeats its cell .* got pbc \[False, False, False\]"):
        given.check([water])
    water.pbc = True
    given.check([water])
    tool(espresso={"species": ["H", "O"], "kpoints_spacing": 0.2}).check([water])
    with pytest.raises(InputError, match=r"label.espresso.kpoints: expected 1 along a, where frame 0 has vacuum, got 2"):
        tool(espresso={"species": ["H", "O"], "kpoints": [2, 1, 1]}).check([water])


def test_species_of_the_frames():
    frame = magnesia()
    frame.symbols[0] = "Zn"
    with pytest.raises(InputError, match="expected all species of the frames, got Mg, O; frame 0 has Zn"):
        tool().check([frame])


def test_what_the_profile_must_hold(code):
    frames = [magnesia()]
    tool().check(frames, code)
    with pytest.raises(InputError, match=r"unknown family .* 'inventd' \(did you mean 'invented'\?\).*aiida-pseudo install"):
        tool(espresso={"pseudo_family": "inventd"}).check(frames, code)
    with pytest.raises(InputError, match="'invented' has no pseudopotential for Zn; it has Mg, O"):
        tool(espresso={"species": ["Mg", "O", "Zn"]}).check(frames, code)
    without = {"parameters": {"SYSTEM": {}}}
    with pytest.raises(InputError, match=r"expected SYSTEM.ecutwfc and ecutrho .* 'invented' recommends none"):
        tool(espresso=without).check(frames, code)
    with pytest.raises(InputError, match="expected at most the 6 valence electrons of O's pseudopotential, got 7"):
        tool(SMEARED, moments={"O": 7.0}).check(frames, code)
    with pytest.raises(InputError, match="frame 0: expected an even number of electrons with occupations 'fixed', got 31"):
        tool({"tot_charge": 1}).check(frames, code)
    tool({"tot_charge": 1, **SMEARED}).check(frames, code)
    recommended = tool(espresso={**without, "pseudo_family": "recommends"})
    recommended.check(frames, code)
    assert recommended.definition()["parameters"]["SYSTEM"] == {"occupations": "fixed", "ecutwfc": 26.0, "ecutrho": 100.0}


def test_a_code_of_another_program(code):
    other = InstalledCode(code.computer, "/bin/true", label="vasp", default_calc_job_plugin="vasp.vasp")
    with pytest.raises(InputError, match=r"expected the plug-in 'quantumespresso.pw', got 'vasp.vasp'"):
        tool().check([magnesia()], other)


def test_what_defines_a_label(code):
    code.base.extras.set("alworkflows_version", None)
    assert tool().describe(code) is None
    code.base.extras.set("alworkflows_version", "7.2")
    definition = tool().describe(code)
    assert definition == {
        "engine": "quantum-espresso",
        "energy": "free",
        "parameters": {
            "SYSTEM": {"ecutwfc": 25.0, "ecutrho": 200.0, "occupations": "fixed"},
            "ELECTRONS": {"conv_thr_per_atom": 1e-10},
        },
        "kpoints_spacing": None,
        "kpoints": None,
        "pseudopotentials": definition["pseudopotentials"],
        "moments": {},
        "version": "7.2",
    }
    assert all(len(md5) == 32 for md5 in definition["pseudopotentials"].values())
    neutral = {"mixing_beta": 0.2, "mixing_mode": "TF", "diagonalization": "cg", "electron_maxstep": 7}
    assert tool({"ecutwfc": 25.0}, neutral, {"max_seconds": 3, "disk_io": "high"}).describe(code) == definition
    for other in (
        tool({"ecutwfc": 26}),
        tool(electrons={"conv_thr": 1e-9}),
        tool(espresso={"kpoints": [1, 1, 1]}),
        tool(SMEARED),
    ):
        assert other.describe(code) != definition


# --------------------------------------------------------------------------------------------------------------- spending


def inputs_of(code, task=None, given=None):
    made = given or tool()
    frames = FramesData.from_frames([magnesia()]).store()
    process, inputs = made.process(frames, task or Task((0,)), Dict({}), code, OPTIONS, call)
    assert process.__name__ == "PwBaseWorkChain"
    return inputs


def test_one_frame_a_process(code):
    assert tool().split([3, 1, 2]) == [[3], [1], [2]]
    inputs = inputs_of(code)
    assert inputs["pw"]["parameters"].get_dict() == {
        "CONTROL": {"calculation": "scf", "tprnfor": True, "tstress": True, "restart_mode": "from_scratch", "max_seconds": 950.0},
        "SYSTEM": {"occupations": "fixed", **CUTOFFS},
        "ELECTRONS": {"conv_thr": 8e-10},
    }
    assert set(inputs["pw"]["pseudos"]) == {"Mg", "O"}
    assert inputs["pw"]["structure"].label == frame_id(magnesia())
    # a stored structure keeps 14 digits
    positions = [site.position for site in inputs["pw"]["structure"].sites]
    np.testing.assert_allclose(positions, magnesia().positions, atol=1e-12)
    assert inputs["pw"]["settings"].get_dict() == {"gamma_only": True}
    assert inputs["pw"]["metadata"]["options"]["max_wallclock_seconds"] == 1000
    assert not inputs["clean_workdir"].value
    assert "parent_folder" not in inputs["pw"]


def test_the_plugins_own_remedies_are_off(code):
    off = inputs_of(code)["handler_overrides"].get_dict()
    assert "sanity_check_insufficient_bands" not in off
    assert {"handle_out_of_walltime", "handle_electronic_convergence_not_reached", "handle_diagonalization_errors"} <= set(off)
    assert all(value == {"enabled": False} for value in off.values())


def test_kpoints_and_time(code):
    inputs = inputs_of(code, given=tool(espresso={"kpoints_spacing": 0.8, "stop_margin": 0.2}, control={"max_seconds": 5000}))
    assert inputs["kpoints"].get_kpoints_mesh()[0] == [2, 2, 2]
    assert "settings" not in inputs["pw"]
    assert inputs["pw"]["parameters"]["CONTROL"]["max_seconds"] == 800.0
    sooner = inputs_of(code, given=tool(control={"max_seconds": 5}))
    assert sooner["pw"]["parameters"]["CONTROL"]["max_seconds"] == 5


def test_moments(code):
    system = inputs_of(code, given=tool(SMEARED, moments={"O": 1.5}))["pw"]["parameters"]["SYSTEM"]
    assert system["nspin"] == 2
    assert system["starting_magnetization"] == {"Mg": 0.0, "O": 0.25}


def test_one_remedy_at_a_time(code):
    made = tool()
    tried = ()
    while (name := made.remedy("unconverged", tried)) is not None:
        tried = (*tried, name)
    assert tried == ("mixing", "local-TF", "cg", "more-steps")
    changed = {
        name: inputs_of(code, Task((0,), tried[: index + 1]))["pw"]["parameters"]["ELECTRONS"] for index, name in enumerate(tried)
    }
    assert changed == {
        "mixing": {"mixing_beta": 0.28, "conv_thr": 8e-10},
        "local-TF": {"mixing_mode": "local-TF", "conv_thr": 8e-10},
        "cg": {"diagonalization": "cg", "conv_thr": 8e-10},
        "more-steps": {"electron_maxstep": 400, "conv_thr": 8e-10},
    }


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("crash", "cg"), ("memory", "cg"), ("spin", "mixing"), ("lost", "again"), ("truncated", "again"), ("force", None)],
)
def test_first_remedy(kind, remedy):
    assert tool().remedy(kind, ()) == remedy
    assert tool().remedy(kind, (remedy,)) is None
    assert tool(remedies=False).remedy(kind, ()) is None


def test_a_remedy_that_changes_nothing_is_passed():
    assert tool(electrons={"diagonalization": "cg"}).remedy("crash", ()) is None
    assert tool(electrons={"mixing_mode": "local-TF"}).remedy("unconverged", ("mixing",)) == "cg"


# --------------------------------------------------------------------------------------------------------- after spending

CRASH = """
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
     task #         0
     from {routine} : error #         1
     {words}
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
"""


@pytest.fixture
def ended(code, store_process):
    """Return a function that stores a work chain of one job, and returns what the engine makes of it."""

    def _ended(status, files=None, state="finished", chain=402, outputs=None, exception=None, given=None):
        made = given or tool()
        frames = FramesData.from_frames([magnesia()]).store()
        node = WorkChainNode()
        node.set_process_state("finished")
        node.set_exit_status(chain)
        node.store()
        folder = FolderData()
        for name, text in (files or {}).items():
            folder.base.repository.put_object_from_bytes(text.encode(), name)
        inputs = {"code": code, "parameters": Dict({"SYSTEM": {"nbnd": 20}})}
        inputs |= {f"pseudos__{symbol}": pseudo for symbol, pseudo in pseudos().items()}
        made_by_job = {"retrieved": folder, "remote_folder": RemoteData(remote_path="/scratch", computer=code.computer)}
        made_by_job |= outputs or {}
        attributes = {"exception": exception} if exception else {}
        job = store_process(
            CalcJobNode,
            "PwCalculation",
            caller=node,
            key="iteration_01",
            inputs=inputs,
            outputs=made_by_job,
            status=status,
            message="told" if state == "finished" else None,
            state=state,
            **attributes,
        )
        if chain == 0:
            for name, data in made_by_job.items():
                data.base.links.add_incoming(node, LinkType.RETURN, name)
        return made.outcome(node, frames, Task((0,), ("mixing",), 1), call), node, job

    return _ended


def pseudos():
    return {symbol: load_group("invented").get_pseudo(symbol) for symbol in ("Mg", "O")}


def call(key, function, label="", **inputs):
    return function.run_get_node(**inputs, metadata={"call_link_label": key, "label": label})[1]


@pytest.mark.parametrize(
    ("status", "files", "kind", "reason"),
    [
        (100, {}, "lost", "the machine ended the job"),
        (110, {}, "memory", "no memory left"),
        (120, {}, "walltime", "before it could stop by itself: raise walltime"),
        (140, {}, "lost", "the machine ended the job"),
        (340, {}, "walltime", "before it could stop by itself"),
        (410, {}, "unconverged", "the self-consistent field did not converge"),
        (463, {"CRASH": CRASH.format(routine="c_bands", words="too many bands")}, "crash", "gave up in c_bands: too many bands"),
        (531, {"CRASH": CRASH.format(routine="electrons", words="charge is wrong")}, "refused", "charge is wrong"),
        (305, {"CRASH": CRASH.format(routine="read_namelists", words="bad line")}, "refused", "in read_namelists: bad line"),
        (305, {"aiida.out": CRASH.format(routine="setup", words="system is metallic")}, "refused", "system is metallic"),
        (312, {"CRASH": CRASH.format(routine="davcio", words="error writing file")}, "crash", "davcio: error writing file"),
        (312, {"aiida.out": "Program PWSCF"}, "crash", "pw.x died without a word"),
        (321, {"aiida.out": "JOB DONE."}, "truncated", "the output of a job that was done cannot be read"),
        (312, {"_scheduler-stderr.txt": "CANCELLED AT 12:00 DUE TO TIME LIMIT ***"}, "walltime", "DUE TO TIME LIMIT"),
        (312, {"_scheduler-stderr.txt": "rank 0 exited on signal 9 (Killed)."}, "memory", "no memory left"),
        (999, {}, "crash", "pw.x failed"),
    ],
)
def test_why_there_is_no_label(ended, status, files, kind, reason):
    outcome, node, job = ended(status, files)
    (failure,) = outcome.failures
    assert outcome.labelled is None
    assert outcome.interrupted is None
    assert (failure["index"], failure["id"], failure["kind"]) == (0, frame_id(magnesia()), kind)
    assert reason in failure["reason"]
    assert f"job<{job.pk}> [{status}] told" in failure["reason"]
    assert f"PwBaseWorkChain<{node.pk}> [402]" in failure["reason"]


@pytest.mark.parametrize(
    ("state", "exception", "kind", "reason"),
    [
        ("killed", None, "lost", "the job was killed"),
        ("excepted", "aiida.common.exceptions.InputValidationError: no such flag", "refused", "the plug-in refuses the input"),
        ("excepted", "OSError: connection", "lost", "AiiDA lost the job"),
    ],
)
def test_a_job_that_did_not_finish(ended, state, exception, kind, reason):
    (failure,) = ended(None, state=state, chain=301, exception=exception)[0].failures
    assert failure["kind"] == kind
    assert reason in failure["reason"]


def test_a_chain_without_a_job(code):
    frames = FramesData.from_frames([magnesia()]).store()
    node = WorkChainNode()
    node.set_process_state("finished")
    node.set_exit_status(202)
    node.set_exit_message("no kpoints")
    node.store()
    (failure,) = tool().outcome(node, frames, Task((0,)), call).failures
    assert failure["kind"] == "refused"
    assert "no job was begun" in failure["reason"]
    assert "no kpoints" in failure["reason"]


def test_too_few_bands_to_the_end(ended):
    (failure,) = ended(0, chain=401)[0].failures
    assert failure["kind"] == "refused"
    assert "raise SYSTEM.nbnd" in failure["reason"]


def test_a_job_that_stopped_in_time_goes_on(ended, code):
    outcome, node, job = ended(400)
    assert outcome.interrupted == 0
    assert not outcome.failures
    inputs = inputs_of(code, Task((0,), ("mixing",), 1, node.pk))
    assert inputs["pw"]["parent_folder"].uuid == job.outputs.remote_folder.uuid
    assert inputs["pw"]["parameters"]["CONTROL"]["restart_mode"] == "restart"
    assert inputs["pw"]["parameters"]["SYSTEM"]["nbnd"] == 20
    assert inputs["pw"]["parameters"]["ELECTRONS"]["mixing_beta"] == 0.28


# ---------------------------------------------------------------------------------------------------------------- a label


def xml(atoms):
    rows = "".join(
        f'<atom name="{symbol}" index="{index + 1}">{" ".join(f"{x:.15e}" for x in position / Bohr)}</atom>'
        for index, (symbol, position) in enumerate(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True))
    )
    cell = "".join(
        f"<a{index + 1}>{' '.join(f'{x:.15e}' for x in vector / Bohr)}</a{index + 1}>" for index, vector in enumerate(atoms.cell)
    )
    return (
        '<qes:espresso xmlns:qes="http://www.quantum-espresso.org/ns/qes/qes-1.0"><output><atomic_structure>'
        f"<atomic_positions>{rows}</atomic_positions><cell>{cell}</cell></atomic_structure></output></qes:espresso>"
    )


def answer(atoms, forces, moment=None, text=None, without=(), **changes):
    """Return what a job leaves, as the plug-in reads it: its outputs and the files."""
    trajectory = TrajectoryData()
    trajectory.set_trajectory(
        symbols=atoms.get_chemical_symbols(), positions=atoms.positions[None], stepids=np.array([0]), cells=atoms.cell.array[None]
    )
    stress = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    arrays = {"energy": np.array([-100.0]), "forces": forces[None], "stress": stress[None]}
    for name, values in arrays.items():
        if name not in without:
            trajectory.set_array(name, values)
    parameters = {
        "creator_version": "7.2",
        "energy_units": "eV",
        "forces_units": "ev / angstrom",
        "stress_units": "GPascal",
        "convergence_info": {"scf_conv": {"convergence_achieved": True}},
        "number_of_spin_components": 1 if moment is None else 2,
        "total_magnetization": moment or 0.0,
        "number_of_bands": 16,
        "wall_time_seconds": 3.0,
        **changes,
    }
    parameters = {name: value for name, value in parameters.items() if name not in without}
    files = {} if text == "" else {"data-file-schema.xml": text or xml(atoms)}
    return {"output_parameters": Dict(parameters), "output_trajectory": trajectory}, files


FORCES = np.random.default_rng(0).normal(size=(8, 3))


def test_a_label(ended, code):
    outputs, files = answer(magnesia(), FORCES)
    outcome, node, _ = ended(0, files, chain=0, outputs=outputs)
    (frame,) = outcome.labelled.get_frames()
    label = labels(frame)
    assert outcome.labelled.ids == [frame_id(magnesia())]
    assert label.energy == -100.0
    np.testing.assert_allclose(label.forces, FORCES)
    np.testing.assert_allclose(label.stress, -GPa * np.array([1.0, 2.0, 3.0, 0.3, 0.2, 0.1]))
    assert frame.info["origin"] == {
        "structure": "magnesia",
        "seed": 0,
        "label": {
            "process": node.uuid,
            "remedy": "mixing",
            "remedies": ["mixing"],
            "restarts": 1,
            "cores": 1,
            "seconds": 3.0,
            "bands": 16,
        },
    }
    assert outcome.labelled.engine == tool().describe(code)
    assert outcome.labelled.engine["version"] == "7.2"


def test_an_answer_in_another_order_is_mapped_back(ended):
    atoms = magnesia()
    order = np.random.default_rng(1).permutation(8)
    moved = atoms[order]
    moved.positions[0] += atoms.cell[1] - 2 * atoms.cell[2]
    outputs, files = answer(moved, FORCES[order])
    (frame,) = ended(0, files, chain=0, outputs=outputs)[0].labelled.get_frames()
    np.testing.assert_allclose(labels(frame).forces, FORCES)


def with_moments(**changes):
    return tool(SMEARED, moments={"O": 1.0}, largest_moment_change=0.1, **changes)


@pytest.mark.parametrize(
    ("make", "given", "kind", "reason"),
    [
        (lambda: answer(magnesia(1), FORCES), tool, "species", "the result is of another structure"),
        (lambda: answer(magnesia()[:7], FORCES[:7]), tool, "species", "the result has 7 atoms, expected 8"),
        (lambda: answer(magnesia()[[0, 0, *range(2, 8)]], FORCES), tool, "species", "expected Mg4O4, got Mg5O3"),
        (lambda: answer(magnesia(), FORCES * np.nan), tool, "force", "forces: expected finite numbers"),
        (lambda: answer(magnesia(), FORCES * 1e3), tool, "force", "eV/A is above 100 eV/A"),
        (lambda: answer(magnesia(), FORCES, text="<qes:esp"), tool, "truncated", "data-file-schema.xml is not whole"),
        (lambda: answer(magnesia(), FORCES, text=""), tool, "truncated", "there is no data-file-schema.xml"),
        (lambda: answer(magnesia(), FORCES, text="<a/>"), tool, "truncated", "data-file-schema.xml has no atoms"),
        (lambda: answer(magnesia(), FORCES, without=["forces"]), tool, "truncated", "the output lacks forces"),
        (lambda: answer(magnesia(), FORCES, without=["creator_version"]), tool, "truncated", "lacks creator_version"),
        (lambda: answer(magnesia(), FORCES, stress_units="kbar"), tool, "truncated", "expected 'GPascal', got 'kbar'"),
        (lambda: answer(magnesia(), FORCES, convergence_info={}), tool, "unconverged", "did not converge"),
        (lambda: answer(magnesia(), FORCES, moment=0.0), with_moments, "spin", "went from 4.00 to 0.00 mu_B: 0.50 mu_B per atom"),
        (lambda: answer(magnesia(), FORCES), with_moments, "spin", "no magnetic moment to compare"),
    ],
)
def test_a_result_that_is_not_believed(ended, make, given, kind, reason):
    outputs, files = make()
    outcome, *_ = ended(0, files, chain=0, outputs=outputs, given=given())
    (failure,) = outcome.failures
    assert failure["kind"] == kind
    assert reason in failure["reason"]


def test_a_moment_that_stayed_is_a_label(ended):
    outputs, files = answer(magnesia(), FORCES, moment=-3.9)
    assert ended(0, files, chain=0, outputs=outputs, given=with_moments())[0].labelled is not None


def test_a_chain_without_the_outputs(ended):
    (failure,) = ended(0, {}, chain=0)[0].failures
    assert failure["kind"] == "truncated"
    assert "has no output_parameters, output_trajectory" in failure["reason"]
