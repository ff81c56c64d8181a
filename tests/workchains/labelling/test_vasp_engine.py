"""The VASP engine without VASP: settings, inputs, and what becomes of work chains made by hand."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from ase import Atoms
from ase.build import bulk, fcc111
from ase.units import GPa

from alworkflows.errors import InputError
from alworkflows.frames import frame_id, labels
from alworkflows.settings import LabelSettings, merge, parse
from workchains.data.frames import FramesData
from workchains.labelling import label_program
from workchains.labelling.contract import Task
from workchains.labelling.programs.vasp.incar import REMEDIES, defining, merged, protocols, remedied, tags
from workchains.labelling.programs.vasp.inputs import stop_in_time

sys.path.insert(0, str(Path(__file__).parents[2] / "standins"))

from vasp import upload_potcars

SPIN = {"moments": {"Fe": 2.5}, "vasp": {"protocol": "spin-polarised", "potential_mapping": {"Fe": "Fe_pv", "O": "O"}}}
OPTIONS = {"resources": {"num_machines": 1}, "max_wallclock_seconds": 1000, "prepend_text": "module load vasp"}


def make_settings(**changes):
    base = {"engine": "vasp", "vasp": {"potential_family": "standin", "potential_mapping": {"Zn": "Zn", "O": "O"}}}
    return parse(LabelSettings, merge(base, changes))


def make_tool(**changes):
    return label_program("vasp")(make_settings(**changes))


def make_frame() -> Atoms:
    """Return a rattled zinc oxide with its atoms out of order."""
    atoms = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    atoms.rattle(0.05, seed=1)
    atoms = atoms[[1, 0, 3, 2]]
    atoms.info["origin"] = {"sampler": "melt", "structure": "wurtzite"}
    return atoms


@pytest.fixture(scope="module")
def potcars(aiida_profile):
    aiida_profile.reset_storage()
    return upload_potcars(["Zn", "Zn_sv", "O", "O_s", "Fe_pv"])


@pytest.fixture
def code(potcars, aiida_code_installed):
    return aiida_code_installed(filepath_executable="/bin/true")


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("name", protocols())
def test_a_protocol_is_a_single_point_with_stress_that_can_be_restarted(name):
    incar = protocols()[name]
    assert set(incar) <= tags()
    assert (incar["NSW"], incar["IBRION"], incar["ISIF"], incar["ISYM"]) == (0, -1, 2, 0)
    assert (incar["LREAL"], incar["LWAVE"]) == (False, True)
    assert incar["EDIFF"] <= 1e-6


def test_the_papers_settings():
    spin = protocols()["spin-polarised"]
    assert (spin["ENCUT"], spin["ISMEAR"], spin["SIGMA"], spin["ISPIN"]) == (650, 1, 0.01, 2)
    assert protocols()["pw91"]["GGA"] == "91"
    assert (protocols()["pbe"]["GGA"], protocols()["pbe-silicon"]["ENCUT"]) == ("PE", 300)


@pytest.mark.parametrize(
    ("incar", "match"),
    [
        ({"NSW": 5}, "NSW: a label is a single point with forces and stress: expected 0, got 5"),
        ({"ibrion": 2}, "IBRION: a label is a single point"),
        ({"ISIF": 0}, "ISIF: .* expected 2 or 3, got 0"),
        ({"LEPSILON": True}, "LEPSILON: a label is a single point"),
        ({"ENCAT": 300}, r"unknown INCAR tag in label.vasp.incar 'ENCAT' \(did you mean 'ENCUT'\?\)"),
        ({"MAGMOM": "4*1.0"}, "moments are label.moments"),
        ({"KSPACING": 0.2}, "k-points are vasp.kpoints_spacing"),
        ({"ICHARG": 11}, "ICHARG: set by the engine"),
        ({"ML_LMLFF": True}, "not by its force field"),
        ({"ALGO": "Exact"}, "unknown algorithm .* 'Exact'"),
        ({"LDAUU": [4.0, 0.0]}, "expected {species: value}"),
        ({"LDAUU": {"Zn": 4.0}}, "LDAUU: expected a value for each species, got none for O"),
        ({"ENCUT": None}, "ENCUT: expected a value"),
        ({"ENCUT": 300, "encut": 400}, "ENCUT is given twice"),
        ({"ISPIN": 2}, "label.moments: expected the initial moment of each magnetic species"),
        ({"LSORBIT": True}, "moments are collinear"),
    ],
)
def test_tags_that_are_refused(incar, match):
    with pytest.raises(InputError, match=match):
        make_tool(vasp={"incar": incar}).check([])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"vasp": {"protocol": "pbee"}}, r"unknown protocol .* 'pbee' \(did you mean 'pbe'\?\)"),
        ({"vasp": {"potential_mapping": {"Zm": "Zn"}}}, r"'Zm' \(did you mean"),
        ({"moments": {"Fe": 2.0}}, r"label.moments .* 'Fe'; known: O, Zn"),
        ({"moments": {"Zn": 2.0}, "vasp": {"incar": {"ISPIN": 1}}}, "ISPIN: expected 2"),
        ({"largest_moment_change": 0.1}, "expected 'moments' to compare with"),
    ],
)
def test_settings_that_contradict_each_other(changes, match):
    with pytest.raises(InputError, match=match):
        make_tool(**changes).check([])


def test_a_mesh_and_a_spacing_are_too_much():
    with pytest.raises(InputError, match="expected a mesh or kpoints_spacing, got both"):
        make_settings(vasp={"kpoints": [2, 2, 2], "kpoints_spacing": 0.3})


def test_equal_tags_are_written_alike_and_neutral_ones_define_nothing():
    plain = make_settings(vasp={"incar": {"ENCUT": 500, "LASPH": True, "GGA": "pe"}})
    other = make_settings(vasp={"incar": {"encut": 500.0, "lasph": ".TRUE.", "ALGO": "All", "NCORE": 4, "NELM": 7, "ISIF": 3}})
    assert defining(merged(plain)) == defining(merged(other))
    assert defining(merged(plain)) != defining(merged(make_settings()))


# -------------------------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("change", "vasp", "match"),
    [
        ({"cell": None}, {}, "frame 0: VASP expects three lattice vectors"),
        ({"pbc": [True, True, False]}, {}, "repeats its cell in all three directions"),
        ({"symbols": "MgOZnO"}, {}, "none for Mg, which frame 0 has; such as Mg: Mg"),
        ({"vacuum": 10.0}, {"kpoints": [2, 2, 2]}, "expected 1 along c, where frame 0 has vacuum, got 2"),
    ],
)
def test_frames_that_are_refused(change, vasp, match):
    frame = make_frame()
    if "vacuum" in change:
        frame.center(vacuum=change["vacuum"], axis=2)
    if "symbols" in change:
        frame.set_chemical_symbols([str(a.symbol) for a in Atoms(change["symbols"])])
    if "cell" in change:
        frame.set_cell(None)
    if "pbc" in change:
        frame.pbc = change["pbc"]
    with pytest.raises(InputError, match=match):
        make_tool(vasp=vasp).check([frame])


@pytest.mark.parametrize(
    ("vasp", "match"),
    [
        ({"potential_family": "standing"}, r"no POTCAR family 'standing' .*did you mean 'standin'\?.*uploadfamily"),
        (
            {"potential_mapping": {"Zn": "Zn_s", "O": "O"}},
            r"unknown POTCAR of Zn .*'Zn_s' \(did you mean 'Zn_sv'\?\); known: Zn, Zn_sv",
        ),
        ({"potential_mapping": {"Zn": "O", "O": "O"}}, "expected a POTCAR of Zn, got 'PAW_PBE O"),
        ({"potential_mapping": {"Mg": "Mg", "Zn": "Zn", "O": "O"}}, "has nothing for Mg, expected 'Mg'"),
        ({"protocol": "pw91"}, r"expected a POTCAR made with GGA = 91, as INCAR has it, got 'PAW_PBE O"),
    ],
)
def test_potentials_that_are_missing_or_of_another_kind(code, vasp, match):
    with pytest.raises(InputError, match=match):
        make_tool(vasp=vasp).check([make_frame()], code)


# -------------------------------------------------------------------------------------------------------------- inputs


def test_inputs_have_sorted_atoms_and_a_mesh_and_leave_failures_to_us(code):
    frame = make_frame()
    tool = make_tool(vasp={"kpoints_spacing": 0.5, "incar": {"LDAUU": {"Zn": 7.5, "O": 0.0}}})
    tool.check([frame], code)
    frames = FramesData.from_frames([make_frame(), frame[[0, 1]]]).store()
    _, inputs = tool.process(frames, Task((0,), ("mixing", "steps")), None, code, OPTIONS, run_calcfunction)
    assert [site.kind_name for site in inputs["structure"].sites] == ["O", "O", "Zn", "Zn"]
    assert inputs["kpoints"].get_kpoints_mesh()[0] == [5, 5, 3]
    incar = inputs["parameters"]["incar"]
    assert (incar["nelm"], incar.get("amix"), incar["ldauu"]) == (200, None, [0, 7.5])
    assert not inputs["clean_workdir"].value
    assert inputs["handler_overrides"]["handler_electronic_conv"] == {"enabled": False}
    assert "restart_folder" not in inputs
    prepended = inputs["calc"]["metadata"]["options"]["prepend_text"]
    assert prepended.startswith("module load vasp\n")
    assert "SECONDS + 950" in prepended
    assert "LABORT = .TRUE." in prepended


def test_moments_follow_the_sorted_atoms(code):
    frame = bulk("FeO", "rocksalt", a=4.3)[[1, 0]]
    frames = FramesData.from_frames([frame]).store()
    _, inputs = make_tool(**SPIN).process(frames, Task((0,)), None, code, {}, run_calcfunction)
    assert [site.kind_name for site in inputs["structure"].sites] == ["Fe", "O"]
    assert inputs["parameters"]["incar"]["magmom"] == [2.5, 0.0]
    assert inputs["parameters"]["incar"]["ispin"] == 2


def test_a_left_handed_cell_goes_in_right_handed(code):
    frame = make_frame()
    frame.set_cell(np.array(frame.cell)[[1, 0, 2]])
    frames = FramesData.from_frames([frame]).store()
    _, inputs = make_tool().process(frames, Task((0,)), None, code, {}, run_calcfunction)
    cell = np.array(inputs["structure"].cell)
    assert np.linalg.det(cell) > 0
    np.testing.assert_allclose(cell, -np.array(frame.cell))


def test_vacuum_gets_one_point(code):
    frame = fcc111("Zn", (1, 1, 4), a=3.9, vacuum=6.0)
    frame.pbc = True
    frames = FramesData.from_frames([frame]).store()
    _, inputs = make_tool(vasp={"kpoints_spacing": 0.3}).process(frames, Task((0,)), None, code, {}, run_calcfunction)
    first, second, third = inputs["kpoints"].get_kpoints_mesh()[0]
    assert (first, second, third) == (9, 9, 1)


def test_a_job_without_a_walltime_is_left_alone():
    assert stop_in_time({"resources": {}}, 0.1) == {"resources": {}}


# ------------------------------------------------------------------------------------------------------------ remedies


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mixing", {"AMIX": 0.2, "BMIX": 0.0001}),
        ("algorithm", {"ALGO": "All"}),
        ("steps", {"NELM": 200}),
        ("spin-mixing", {"AMIX_MAG": 0.4, "BMIX_MAG": 0.0001}),
    ],
)
def test_a_remedy_changes_one_thing_and_no_label(name, changed):
    incar = merged(make_settings())
    helped = remedied(incar, name)
    assert {tag: value for tag, value in helped.items() if incar.get(tag) != value} == changed
    assert defining(helped) == defining(incar)


def test_remedies_come_one_after_the_other():
    tool = make_tool()
    used: list[str] = []
    while (name := tool.remedy("unconverged", used)) is not None:
        used.append(name)
    assert used == ["mixing", "algorithm", "steps"]
    assert tool.remedy("spin", []) == "spin-mixing"
    assert tool.remedy("crash", []) is None
    assert make_tool(remedies=False).remedy("unconverged", []) is None
    assert set(REMEDIES) == {*used, "spin-mixing"}


def test_an_algorithm_that_was_tried_is_not_the_remedy():
    assert remedied(merged(make_settings(vasp={"incar": {"ALGO": "All"}})), "algorithm")["ALGO"] == "Normal"


# ------------------------------------------------------------------------------------------------------------ outcomes

REFUSAL = """
|     EEEEEEE  RRRRRR   RRRRRR   OOOOOOO  RRRRRR      ###     ###     ###     |
|     The number of bands is not sufficient to hold all electrons.            |
|       ---->  I REFUSE TO CONTINUE WITH THIS SICK JOB ... BYE!!! <----       |
"""

CONVERGED = "---- aborting loop because EDIFF is reached ----\n"
END = " General timing and accounting informations for this job:\n"
WHOLE = {"OUTCAR": CONVERGED + END, "vasprun.xml": "<modeling>\n</modeling>\n", "vasp_output": " running on 1 cores\n"}


def make_folder(**files):
    folder = orm.FolderData()
    for name, text in files.items():
        if text is not None:
            folder.base.repository.put_object_from_filelike(io.BytesIO(text.encode()), name)
    return folder


def results(frame, **changes):
    """Return what aiida-vasp reads for a frame: numbers that are told apart, atoms sorted."""
    order = np.argsort(frame.get_chemical_symbols(), kind="stable")
    forces = np.arange(12, dtype=float).reshape(4, 3)[order] / 10
    stress = [[100.0, 1.0, 3.0], [1.0, 20.0, 2.0], [3.0, 2.0, 30.0]]
    told = {
        "total_energies": {"energy_free": -10.5, "energy_extrapolated": -10.0},
        "forces": forces.tolist(),
        "stress": stress,
        "version": "6.4.2",
        "run_status": {"finished": True, "electronic_converged": True},
        "run_stats": {"elapsed_time": 12.5},
        "notifications": [],
    }
    return {key: value for key, value in {**told, **changes}.items() if value is not None}


@pytest.fixture
def make_node(code, store_process):
    """Return a function that stores a VASP work chain with its job."""

    def _make_node(frame, status=0, job_status=0, misc=None, files=None, atoms=None, state="finished", **attributes):
        from aiida_vasp.data.potcar import PotcarData

        chain = store_process(
            orm.WorkChainNode, "VaspWorkChain", inputs={"code": code}, status=status, message="the chain's words"
        )
        used = {f"potential__{name}": PotcarData.find(full_name=name)[0] for name in ("Zn", "O")}
        outputs = {"retrieved": make_folder(**{**WHOLE, **(files or {})})} if state == "finished" else {}
        told = results(frame) if misc is None else misc
        if told:
            outputs["misc"] = orm.Dict(told)
        if job_status == 0:
            seen = atoms if atoms is not None else frame[np.argsort(frame.get_chemical_symbols(), kind="stable")]
            outputs["structure"] = orm.StructureData(ase=Atoms(seen.symbols, seen.positions, cell=seen.cell, pbc=True))
        inputs = {**used, "parameters": orm.Dict({"lwave": True})}
        store_process(
            orm.CalcJobNode,
            "VaspCalculation",
            caller=chain,
            key="iteration_01",
            inputs=inputs,
            outputs=outputs,
            status=job_status,
            message="the job's words",
            state=state,
            **attributes,
        )
        return chain

    return _make_node


def run_calcfunction(key, function, label="", **inputs):
    return function.run_get_node(**inputs)[1]


def outcome(tool, node, frame, task=None):
    frames = FramesData.from_frames([frame]).store()
    return tool.outcome(node, frames, task or Task((0,)), run_calcfunction)


def test_a_label_is_the_free_energy_in_the_frames_order_with_ase_s_stress(code, make_node):
    frame, tool = make_frame(), make_tool()
    assert tool.describe(code) is None
    result = outcome(tool, make_node(frame), frame, Task((0,), ("mixing", "algorithm"), 1))
    assert (result.failures, result.interrupted, result.unreached) == ([], None, [])
    (made,) = result.labelled.get_frames()
    assert frame_id(made) == frame_id(frame)
    assert labels(made).energy == -10.5
    np.testing.assert_allclose(labels(made).forces, np.arange(12).reshape(4, 3) / 10)
    np.testing.assert_allclose(labels(made).stress, -0.1 * GPa * np.array([100.0, 20.0, 30.0, 2.0, 3.0, 1.0]))
    origin = made.info["origin"]
    assert (origin["sampler"], origin["label"]["remedy"], origin["label"]["remedies"]) == (
        "melt",
        "algorithm",
        ["mixing", "algorithm"],
    )
    assert (origin["label"]["seconds"], origin["label"]["restarts"]) == (12.5, 1)
    header = result.labelled.engine
    assert (header["engine"], header["energy"], header["version"]) == ("vasp", "free", "6.4.2")
    assert header["potentials"]["Zn"].startswith("PAW_PBE Zn 01Jan2000 (")
    assert tool.describe(code) == header


def far(frame):
    moved = frame[np.argsort(frame.get_chemical_symbols(), kind="stable")]
    moved.positions[0] += 0.01
    return moved


@pytest.mark.parametrize(
    ("kind", "match", "made"),
    [
        ("species", "another structure", {"atoms": far}),
        ("species", "other species", {"atoms": lambda frame: bulk("MgO", "wurtzite", a=3.25, c=5.2)}),
        ("species", "2 atoms, expected 4", {"atoms": lambda frame: frame[[0, 1]]}),
        ("force", "largest force 500 eV/A is above 100", {"misc": {"forces": [[500.0, 0, 0]] * 4}}),
        ("truncated", "lacks the forces", {"misc": {"forces": None}}),
        ("truncated", "expected forces on 4 atoms", {"misc": {"forces": [[0.0, 0, 0]] * 3}}),
        ("truncated", "lacks the energy", {"misc": {"total_energies": {"energy_extrapolated": -1.0}}}),
        ("truncated", "lacks the end of vasprun.xml", {"files": {"vasprun.xml": "<modeling>"}}),
        ("unconverged", "did not converge", {"files": {"OUTCAR": "aborting loop EDIFF was not reached (unconverged)\n" + END}}),
        # what aiida-vasp knows of the number of steps counts if OUTCAR says nothing
        ("unconverged", "did not converge", {"files": {"OUTCAR": END}, "misc": {"run_status": {"electronic_converged": False}}}),
    ],
)
def test_what_aiida_vasp_took_for_a_result_and_is_none(make_node, kind, match, made):
    frame = make_frame()
    made = dict(made)
    if "atoms" in made:
        made["atoms"] = made["atoms"](frame)
    if "misc" in made:
        made["misc"] = results(frame, **made["misc"])
    result = outcome(make_tool(), make_node(frame, **made), frame)
    assert result.labelled is None
    assert [item["kind"] for item in result.failures] == [kind]
    assert match in result.failures[0]["reason"]


@pytest.mark.parametrize(
    ("kind", "match", "made"),
    [
        ("unconverged", "did not converge", {"status": 503, "job_status": 701}),
        (
            "unconverged",
            "edddav_zhegv",
            {"status": 501, "job_status": 703, "misc": {"notifications": [{"name": "edddav_zhegv"}]}},
        ),
        ("geometry", "fexcp", {"status": 501, "job_status": 703, "misc": {"notifications": [{"name": "fexcp"}]}}),
        ("refused", "VASP gave up: rspher", {"status": 501, "job_status": 703, "misc": {"notifications": [{"name": "rspher"}]}}),
        ("force", "too large for the columns", {"status": 402, "job_status": 1005}),
        ("walltime", "the walltime of None s", {"status": 502, "job_status": 120}),
        (
            "walltime",
            "stop_margin",
            {"status": 502, "job_status": 700, "files": {"_scheduler-stderr.txt": "JOB 5 DUE TO TIME LIMIT"}},
        ),
        ("memory", "no memory left", {"status": 502, "job_status": 110}),
        (
            "memory",
            "oom-kill",
            {"status": 502, "job_status": 700, "files": {"_scheduler-stderr.txt": "Detected 1 oom-kill event"}},
        ),
        (
            "refused",
            "I REFUSE TO CONTINUE",
            {"status": 500, "job_status": 1002, "files": {"vasp_output": "I REFUSE TO CONTINUE"}},
        ),
        ("truncated", "OUTCAR is incomplete", {"status": 502, "job_status": 700, "files": {"OUTCAR": CONVERGED}}),
        (
            "crash",
            "last words: SIGSEGV",
            {"status": 502, "job_status": 700, "files": {"OUTCAR": "", "vasprun.xml": "", "vasp_output": "SIGSEGV"}},
        ),
        ("crash", "last words: none", {"status": 500, "job_status": 352, "files": dict.fromkeys(WHOLE)}),
        ("lost", "the machine ended the job", {"status": 402, "job_status": 140}),
        ("lost", "the job was killed", {"status": 302, "state": "killed", "misc": {}}),
        (
            "force",
            "NaN",
            {"status": 301, "state": "excepted", "misc": {}, "exception": "ValidationError: nan and inf/-inf can not"},
        ),
    ],
)
def test_why_there_is_no_label(make_node, kind, match, made):
    frame = make_frame()
    result = outcome(make_tool(), make_node(frame, **made), frame)
    (failure,) = result.failures
    assert failure["kind"] == kind
    assert match in failure["reason"]
    assert "VaspWorkChain<" in failure["reason"]
    assert (failure["index"], failure["id"]) == (0, frame_id(frame))


def test_a_chain_that_died_after_its_job_was_done_loses_no_label(make_node):
    frame = make_frame()
    assert outcome(make_tool(), make_node(frame, status=405), frame).labelled is not None


def test_a_job_of_which_nothing_could_be_read_has_failed(make_node):
    frame = make_frame()
    (failure,) = outcome(make_tool(), make_node(frame, misc={}), frame).failures
    assert (failure["kind"], failure["reason"]) == ("truncated", "aiida-vasp could not read what VASP wrote")


def test_a_chain_that_came_to_no_job_was_refused(code, store_process):
    frame = make_frame()
    chain = store_process(orm.WorkChainNode, "VaspWorkChain", inputs={"code": code}, status=700, message="no potential")
    (failure,) = outcome(make_tool(), chain, frame).failures
    assert failure["kind"] == "refused"
    assert "[700] no potential" in failure["reason"]


STOPPED = "hard stop encountered!  aborting job ...\n aborting loop because hard stop was set\n" + END


def test_a_job_that_was_stopped_goes_on_from_its_folder(code, make_node, store_process):
    frame, tool = make_frame(), make_tool()
    node = make_node(frame, files={"OUTCAR": STOPPED})
    result = outcome(tool, node, frame)
    assert (result.labelled, result.failures, result.interrupted) == (None, [], 0)
    (job,) = node.called
    folder = orm.RemoteData(remote_path="/scratch", computer=job.computer)
    from aiida.common import LinkType

    folder.base.links.add_incoming(job, LinkType.CREATE, "remote_folder")
    folder.store()
    frames = FramesData.from_frames([frame]).store()
    _, inputs = tool.process(frames, Task((0,), (), 1, node.pk), None, code, {}, run_calcfunction)
    assert inputs["restart_folder"].pk == folder.pk


def test_a_job_that_was_stopped_after_it_converged_has_a_label(make_node):
    frame = make_frame()
    node = make_node(frame, files={"OUTCAR": CONVERGED + "hard stop encountered!\n" + END})
    assert outcome(make_tool(), node, frame).labelled is not None


def test_a_job_that_was_stopped_and_kept_nothing_has_failed(make_node):
    frame = make_frame()
    tool = make_tool(vasp={"incar": {"LWAVE": False}})
    (failure,) = outcome(tool, make_node(frame, files={"OUTCAR": STOPPED}), frame).failures
    assert failure["kind"] == "walltime"
    assert "LWAVE" in failure["reason"]
