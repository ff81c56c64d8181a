"""``LabelWorkChain`` step by step, with finished jobs put in place of running ones."""

import numpy as np
import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import ArrayData, CalcFunctionNode, CalcJobNode, Dict, FolderData, Int
from ase.build import bulk
from records import store

from alworkflows import frames as frames_io
from alworkflows.calculators import describe
from alworkflows.errors import InputError
from alworkflows.frames.twins import coarse_key
from alworkflows.settings import CalculatorSettings, LabelSettings
from workchains.data.frames import FramesData, engine_key
from workchains.labelling import LABEL_PROGRAMS, LabelWorkChain, label_program
from workchains.labelling.contract import LabelProgram, Task
from workchains.labelling.gather import gather_labels
from workchains.loop.given import divide_given
from workchains.processes.exit_statuses import NOT_BELIEVED
from workchains.processes.queueing import MARK, STOP

EMT = {"name": "emt", "parameters": {}}


#: tests share a profile, so each has frames of its own
TESTS = [0]


@pytest.fixture
def code(aiida_profile, aiida_code_installed):
    TESTS[0] += 1
    return aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")


def atoms(first, count, disagreement=None):
    made = []
    for index in range(first, first + count):
        frame = bulk("Cu", cubic=True)
        frame.rattle(0.05, seed=1000 * TESTS[0] + index)
        if disagreement is not None:
            frame.info["origin"] = {"chosen": {"disagreement": disagreement[index - first]}}
        made.append(frame)
    return made


def labelled(frames, made_by=EMT, energy=-1.0):
    done = [frames_io.attach_labels(frame, energy, np.full((len(frame), 3), 0.1), np.zeros(6)) for frame in frames]
    return FramesData.from_frames(done, {"engine": made_by})


def bought(frames):
    """Return labelled frames as a job that labels has made them."""
    store(CalcJobNode, "LabelJob", outputs={"labelled": frames})
    return frames


@pytest.fixture
def chain(code):
    """Return a function that makes a work chain over ten frames, set up and screened, with its first tasks marked as running."""

    def _chain(frames=None, geometry=None, start=True, **settings):
        given = FramesData.from_frames(frames or atoms(0, 10)).store()
        values = {"engine": "ase", "calculator": EMT, "chunk": 4, "clean": False, "reuse": False, **settings}
        inputs = {"code": code, "frames": given, "settings": Dict(values), "geometry": Dict(geometry or {})}
        made = instantiate_process(get_manager().get_runner(), LabelWorkChain, **inputs)
        assert made.setup() is None
        made.run_screen()
        made.run_look_up()
        made.numbers = iter(range(100))
        if start:
            begin(made)
        return made

    return _chain


def begin(made):
    """Let all that waits be in flight."""
    for key in list(made.ctx.waiting):
        made.ctx.tasks[key] = made.ctx.waiting.pop(key)
        made.ctx.running[key] = None


def end(made, key, status=0, message=None, **outputs):
    """Put a finished job in the place of one in flight, and let the work chain see it."""
    inputs = {"code": made.inputs.code}
    node = store(CalcJobNode, "LabelJob", inputs=inputs, outputs=outputs, status=status, message=message)
    made.inspect(key, node, Task.from_dict(made.ctx.tasks[key]))
    made.ctx.running.pop(key)
    return node


def fail(made, index, kind, reason="no luck"):
    return {"index": index, "id": made.inputs.frames.ids[index], "kind": kind, "reason": reason}


def share(made, key):
    return [made.inputs.frames.get_frames()[index] for index in made.ctx.tasks[key]["indices"]]


def report(failures=(), unreached=(), interrupted=None):
    return Dict({"failures": list(failures), "unreached": list(unreached), "interrupted": interrupted})


# ------------------------------------------------------------------------------------------------------------- engines


@pytest.mark.parametrize("name", LABEL_PROGRAMS)
def test_every_engine_keeps_the_contract(name):
    assert issubclass(label_program(name), LabelProgram)


def test_an_engine_that_does_not_exist():
    with pytest.raises(InputError, match=r"unknown label engine 'asee' \(did you mean 'ase'\?\)"):
        label_program("asee")


@pytest.mark.parametrize(("chunk", "jobs", "sizes"), [(4, 1, [3, 4, 3]), (100, 1, [10]), (100, 3, [10]), (1, 1, [1] * 10)])
def test_frames_are_cut_into_slices(chunk, jobs, sizes):
    tool = label_program("ase")(LabelSettings(calculator=EMT, chunk=chunk, jobs=jobs))
    parts = tool.split(range(10))
    assert [len(part) for part in parts] == sizes
    assert [index for part in parts for index in part] == list(range(10))


def test_the_most_wanted_frames_go_first_and_a_job_keeps_the_order_of_the_frames(chain):
    made = chain(atoms(0, 5, [0.1, 0.5, 0.2, 0.9, 0.5]), chunk=2)
    assert [list(task["indices"]) for task in made.ctx.tasks.values()] == [[1, 3], [4], [0, 2]]


# ------------------------------------------------------------------------------------------------------------- failures


def test_all_goes_well(chain):
    made = chain()
    for key in ("label_002", "label_000", "label_001"):  # as they come
        end(made, key, labelled=labelled(share(made, key)), report=report())
    assert not made.has_work()
    assert made.results() is None
    assert made.outputs["batch"].ids == made.inputs.frames.ids
    assert made.outputs["batch"].creator.process_label == "gather_labels"
    assert made.outputs["failures"]["failed"] == 0


def test_few_failures_are_kept_and_do_not_stop(chain):
    made = chain(chunk=10)
    failures = [fail(made, 0, "force", "largest force 200 eV/A")]
    end(made, "label_000", labelled=labelled(share(made, "label_000")[1:]), report=report(failures))
    assert not made.has_work()
    assert made.results() is None
    (told,) = made.outputs["failures"]["failures"]
    assert (told["kind"], told["reason"]) == ("force", "largest force 200 eV/A")
    assert made.outputs["failures"]["kinds"] == {"force": 1}
    assert len(made.outputs["batch"]) == 9


def test_too_many_failures(chain):
    made = chain(chunk=10)
    failures = [fail(made, index, "force") for index in range(6)]
    end(made, "label_000", labelled=labelled(share(made, "label_000")[6:]), report=report(failures))
    code = made.results()
    assert code.status == 403
    assert "6 of 10" in code.message
    assert len(made.outputs["batch"]) == 4


def test_all_labels_failed(chain):
    made = chain(chunk=10)
    end(made, "label_000", 310, "Killed")
    (task,) = made.ctx.waiting.values()  # once more: what ended the job may have had nothing to do with the frames
    assert task["deaths"] == 1
    begin(made)
    end(made, "label_001", 310, "Killed")
    assert not made.has_work()
    code = made.results()
    assert code.status == 402
    assert "none of 10" in code.message
    assert "Killed" in code.message
    assert made.outputs["failures"]["kinds"] == {"crash": 10}


def test_the_frame_that_killed_its_job_fails_and_the_rest_is_labelled(chain):
    made = chain(chunk=10)
    frames = share(made, "label_000")
    progress = Dict({"failures": [fail(made, 2, "force")], "current": {"index": 4, "id": "x"}})
    end(made, "label_000", 310, "Segmentation fault", labelled=labelled([*frames[:2], frames[3]]), progress=progress)
    rest, blamed = made.ctx.waiting.values()
    assert (rest["indices"], rest["deaths"]) == ([5, 6, 7, 8, 9], 0)
    assert (blamed["indices"], blamed["deaths"]) == ([4], 1)
    begin(made)
    end(made, "label_001", labelled=labelled(frames[5:]), report=report())
    progress = Dict({"failures": [], "current": {"index": 4, "id": "x"}})
    end(made, "label_002", 310, "Segmentation fault", progress=progress)
    assert not made.has_work()
    made.results()
    told = {item["index"]: item for item in made.outputs["failures"]["failures"]}
    assert {index: item["kind"] for index, item in told.items()} == {2: "force", 4: "crash"}
    assert "Segmentation fault" in told[4]["reason"]
    assert len(made.outputs["batch"]) == 8


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (110, "The job ran out of memory.", "memory"),
        (310, "last words: MemoryError", "memory"),
        (310, "Killed", "crash"),
        (210, "the input was refused: no such calculator", "refused"),
    ],
)
def test_how_a_job_died_is_told_and_not_taken_for_the_walltime(chain, status, message, kind):
    made = chain(chunk=10)
    end(made, "label_000", status, message, progress=Dict({"failures": [], "current": {"index": 0, "id": "x"}}))
    waiting = [index for task in made.ctx.waiting.values() for index in task["indices"]]
    assert waiting == [*range(1, 10), *([0] if kind == "crash" else [])]
    assert all(task["parent"] is None and task["restarts"] == 0 for task in made.ctx.waiting.values())
    assert [item["kind"] for item in made.ctx.log] == [kind]


# ------------------------------------------------------------------------------------------------------------- walltime


def test_a_job_at_its_walltime_is_continued_from_its_folder(chain):
    made = chain(chunk=10)
    frames = share(made, "label_000")
    node = end(made, "label_000", 400, "walltime", labelled=labelled(frames[:3]), report=report((), range(4, 10), 3))
    tasks = list(made.ctx.waiting.values())
    assert [task["indices"] for task in tasks] == [list(range(4, 10)), [3]]
    assert (tasks[1]["parent"], tasks[1]["restarts"]) == (node.pk, 1)
    assert made.ctx.log == []


def test_a_job_that_the_scheduler_killed_at_its_walltime(chain):
    made = chain(chunk=10)
    frames = share(made, "label_000")
    progress = Dict({"failures": [], "current": {"index": 3, "id": "x"}})
    end(made, "label_000", 400, "walltime", labelled=labelled(frames[:3]), progress=progress)
    assert [task["indices"] for task in made.ctx.waiting.values()] == [list(range(4, 10)), [3]]


def test_restarts_end_some_day(chain):
    made = chain(atoms(0, 1), restarts=2)
    for number in range(3):
        end(made, f"label_{number:03d}", 400, "walltime", report=report((), (), 0))
        begin(made)
    assert not made.has_work()
    assert made.results().status == 402
    (told,) = made.outputs["failures"]["failures"]
    assert told["kind"] == "walltime"
    assert "raise walltime of label in the machine's options.yaml" in told["reason"]


def test_a_failed_node_is_told_as_one_and_its_frame_is_tried_again(chain):
    made = chain(atoms(0, 1), restarts=1)
    for number in range(2):
        progress = Dict({"failures": [], "current": {"index": 0, "id": "x"}})
        end(made, f"label_{number:03d}", 140, "The node failed.", progress=progress)
        begin(made)
    assert not made.has_work()
    assert made.results().status == 402
    (told,) = made.outputs["failures"]["failures"]
    assert told["kind"] == "lost"
    assert told["reason"] == "not finished after 2 jobs, the last of which ended: The node failed."


def test_a_job_that_never_begins_a_frame_ends_some_day(chain):
    made = chain(atoms(0, 2), restarts=1, chunk=2)
    rounds = 0
    while made.has_work() and rounds < 20:
        rounds += 1
        begin(made)
        for key in list(made.ctx.running):
            end(made, key, 400, "walltime", report=report((), made.ctx.tasks[key]["indices"]))
    assert rounds < 15
    assert made.results().status == 402


# ------------------------------------------------------------------------------------------------------------- remedies


@pytest.fixture
def with_remedies(monkeypatch):
    """Give the engine two remedies for what did not converge, as a density functional code has."""
    from workchains.labelling.programs.ase import AseProgram

    order = {"unconverged": ["mixing", "algorithm"]}
    monkeypatch.setattr(
        AseProgram, "remedy", lambda self, kind, used: next((n for n in order.get(kind, []) if n not in used), None)
    )


@pytest.mark.parametrize("status", NOT_BELIEVED)
def test_a_job_that_is_not_believed_is_the_end_of_its_frames(chain, status):
    made = chain(chunk=4)
    before = len(made.ctx.tasks)
    end(made, "label_000", status.value, "what the job handed back is not believed: ...", report=report(unreached=range(10)))
    assert not made.ctx.waiting
    assert len(made.ctx.tasks) == before
    lost = [item for item in made.ctx.log if item["job"] == "label_000"]
    assert [item["index"] for item in lost] == made.ctx.tasks["label_000"]["indices"]
    assert {item["kind"] for item in lost} <= {"force", "refused", "species", "truncated"}
    assert all("is not believed" in item["reason"] for item in lost)


def test_a_frame_that_a_report_says_nothing_of_is_lost_and_not_queued_again(chain):
    made = chain(chunk=10)
    frames = share(made, "label_000")
    end(made, "label_000", labelled=labelled(frames[:8]), report=report(unreached=[8, 99], interrupted=77))
    assert [task["indices"] for task in made.ctx.waiting.values()] == [[8]]
    [lost] = made.ctx.log
    assert (lost["index"], lost["kind"]) == (9, "lost")
    assert "handed back no label of it, and no failure" in lost["reason"]


def test_failures_of_frames_that_a_job_was_not_given_are_not_taken(chain):
    made = chain(chunk=5)
    frames = share(made, "label_000")
    strange = [fail(made, 9, "crash"), {**fail(made, 0, "crash"), "id": "another"}]
    end(made, "label_000", labelled=labelled(frames), report=report(failures=strange))
    assert not made.ctx.log


def test_remedies_are_tried_one_at_a_time_and_recorded(chain, with_remedies):
    made = chain(chunk=10)
    frames = share(made, "label_000")
    end(made, "label_000", labelled=labelled(frames[3:]), report=report([fail(made, i, "unconverged") for i in range(3)]))
    (task,) = made.ctx.waiting.values()
    assert (task["indices"], task["remedies"]) == ([0, 1, 2], ["mixing"])
    begin(made)
    end(made, "label_001", labelled=labelled(frames[:1]), report=report([fail(made, i, "unconverged") for i in (1, 2)]))
    begin(made)
    assert made.ctx.tasks["label_002"]["remedies"] == ["mixing", "algorithm"]
    end(made, "label_002", labelled=labelled(frames[1:2]), report=report([fail(made, 2, "unconverged")]))
    assert not made.has_work()
    assert made.results() is None
    told = made.outputs["failures"].get_dict()
    assert (told["failed"], told["recovered"]) == (1, 2)
    assert [item["remedy"] for item in told["failures"][0]["attempts"]] == [None, "mixing", "algorithm"]


def test_without_remedies_a_failure_is_final(chain, with_remedies):
    made = chain(chunk=10, remedies=False)
    end(made, "label_000", labelled=labelled(share(made, "label_000")[1:]), report=report([fail(made, 0, "unconverged")]))
    assert not made.has_work()


# ------------------------------------------------------------------------------------------- filter, duplicates, twins


def test_frames_that_must_not_be_labelled_are_set_aside_with_the_reason(chain):
    frames = atoms(0, 3)
    fused = atoms(3, 1)[0]
    fused.positions[1] = fused.positions[0] + 0.3
    twin = frames[1][[2, 0, 3, 1]]
    twin.positions += np.asarray(twin.cell)[0]
    made = chain([*frames, fused, twin], chunk=10)
    assert made.ctx.tasks["label_000"]["indices"] == [0, 1, 2]
    end(made, "label_000", labelled=labelled(frames), report=report())
    assert made.results() is None
    told = {item["index"]: item for item in made.outputs["failures"]["failures"]}
    assert {index: item["kind"] for index, item in told.items()} == {3: "geometry", 4: "duplicate"}
    assert "fused" in told[3]["reason"]
    assert "the same configuration as frame 1" in told[4]["reason"]


def test_geometry_limits_are_the_callers(chain):
    made = chain(geometry={"pairs": {"Cu-Cu": 2.9}}, start=False)
    assert not made.has_work()
    assert made.results().status == 402


@pytest.fixture
def here(monkeypatch):
    """Let the code of these tests be that of this environment, whose versions are known."""
    monkeypatch.setattr("workchains.labelling.programs.ase._is_here", lambda code: True)
    return describe(CalculatorSettings.model_validate(EMT))


def test_a_twin_with_a_label_is_not_labelled_again(chain, here):
    frames = atoms(0, 6)
    order = np.array([2, 0, 3, 1])
    known = [frame[order] for frame in frames[:4]]
    for number, frame in enumerate(known):
        frame.positions += number * np.asarray(frame.cell)[1]
    forces = np.arange(12.0).reshape(4, 3)
    source = FramesData.from_frames([frames_io.attach_labels(f, -2.0, forces, np.zeros(6)) for f in known], {"engine": here})
    bought(source)
    made = chain(frames, reuse=True, chunk=10)
    assert made.ctx.tasks["label_000"]["indices"] == [4, 5]
    end(made, "label_000", labelled=labelled(frames[4:], here), report=report())
    assert made.results() is None
    assert made.outputs["failures"]["reused"] == 4
    first = made.outputs["batch"].get_frames()[0]
    np.testing.assert_array_equal(first.get_forces()[order], forces)
    assert first.info["origin"]["label"]["reused_from"] == {"node": source.uuid, "frame": frames_io.frame_id(known[0])}


@pytest.mark.parametrize("other", [{"parameters": {"asap_cutoff": True}}, {"packages": {"ase": "0.0"}}])
def test_labels_of_other_settings_or_versions_are_not_taken(chain, here, other):
    bought(labelled(atoms(0, 6), {**here, **other}))
    made = chain(atoms(0, 6), reuse=True)
    assert "label_000" in made.ctx.tasks
    assert made.ctx.parts == {}


def divided(frames):
    """Divide given frames, as a campaign does, and return those to train on."""
    deviation = ArrayData()
    deviation.set_array("fingerprints", np.ones((len(frames), 2)))
    settings = Dict({"use": "divide", "test_share": 0.2})
    return divide_given(frames, deviation, settings, Int(1))["batch"]


@pytest.mark.parametrize("claimed", ["given", "divided", "gathered", "of another job", "of a calcfunction"])
def test_labels_whose_header_only_claims_an_engine_are_given_and_not_found(chain, here, claimed):
    node = labelled(atoms(0, 6), here, energy=-1e6)
    if claimed == "divided":
        divided(node.store())
    elif claimed == "gathered":
        gather_labels(FramesData.from_frames(atoms(0, 6)), one=node.store())
    elif claimed == "of another job":
        store(CalcJobNode, "SampleJob", outputs={"candidates": node})
    elif claimed == "of a calcfunction":
        store(CalcFunctionNode, "vasp_labels", outputs={"result": node})
    else:
        node.store()
    made = chain(atoms(0, 6), reuse=True)
    assert made.ctx.parts == {}
    assert sum(len(task["indices"]) for task in made.ctx.tasks.values()) == 6


def test_labels_converted_from_what_a_job_left_are_bought(chain, here):
    retrieved = FolderData()
    store(CalcJobNode, "PwCalculation", outputs={"retrieved": retrieved})
    node = labelled(atoms(0, 6), here)
    store(CalcFunctionNode, "label_from_pw", inputs={"retrieved": retrieved}, outputs={"result": node})
    made = chain(atoms(0, 6), reuse=True)
    assert not made.ctx.tasks
    assert [len(part) for part in made.ctx.parts.values()] == [6]


def test_reuse_can_be_switched_off(chain, here):
    bought(labelled(atoms(0, 6), here))
    assert chain(atoms(0, 6), reuse=False).ctx.parts == {}


def test_labels_taken_over_are_dropped_if_the_program_has_changed(chain, here):
    bought(labelled(atoms(0, 6), here))
    made = chain(reuse=True, chunk=10)
    assert made.ctx.tasks["label_000"]["indices"] == [6, 7, 8, 9]
    newer = {**here, "packages": {"ase": "99"}}
    end(made, "label_000", labelled=labelled(share(made, "label_000"), newer), report=report())
    waiting = [task["indices"] for task in made.ctx.waiting.values()]
    begin(made)
    assert waiting == [list(range(6))]
    for key in list(made.ctx.running):
        end(made, key, labelled=labelled(share(made, key), newer), report=report())
    assert made.results() is None
    assert made.outputs["batch"].engine == newer


def test_a_frame_that_another_campaign_is_labelling_is_waited_for(chain, here):
    job = CalcJobNode()
    job.set_process_state("running")
    job.store()
    frames = atoms(0, 3)
    from alworkflows.frames.twins import coarse_key

    job.base.extras.set(MARK, {"queue": "x", "engine": engine_key(here), "contents": [coarse_key(frames[1])]})
    made = chain(frames, reuse=True, chunk=10)
    assert made.ctx.tasks["label_000"]["indices"] == [0, 2]
    assert made.ctx.deferred == {"1": [job.pk]}
    end(made, "label_000", labelled=labelled([frames[0], frames[2]], here), report=report())
    assert made.has_work()
    bought(labelled([frames[1]], here))
    job.set_process_state("finished")
    made.inspect_jobs()
    assert not made.has_work()
    made.results()
    assert (len(made.outputs["batch"]), made.outputs["failures"]["reused"]) == (3, 1)


# ------------------------------------------------------------------------------------------------------------- the rest


def test_once_asked_to_stop_nothing_new_is_begun(chain):
    made = chain(start=False)
    key = next(iter(made.ctx.waiting))
    made.ctx.tasks[key] = made.ctx.waiting.pop(key)
    made.ctx.running[key] = None
    made.node.base.extras.set(STOP, True)
    assert made.has_work()
    made.let_go()
    assert made.ctx.waiting == {}
    end(made, key, labelled=labelled(share(made, key)), report=report())
    assert not made.has_work()
    made.results()
    assert len(made.outputs["batch"]) == 3
    assert made.outputs["failures"]["kinds"] == {"cancelled": 7}


def test_settings_that_do_not_suit_the_frames_end_before_anything_is_paid_for(code, monkeypatch):
    from workchains.labelling.programs.ase import AseProgram

    def refuse(self, frames, code=None):
        if frames:
            raise InputError("k-points along vacuum")

    monkeypatch.setattr(AseProgram, "check", refuse)
    inputs = {"code": code, "frames": FramesData.from_frames(atoms(0, 2)), "settings": Dict({"calculator": EMT})}
    made = instantiate_process(get_manager().get_runner(), LabelWorkChain, **inputs)
    refusal = made.setup()
    assert refusal.status == 202
    assert "k-points along vacuum" in refusal.message


def test_no_frame_to_label_is_refused(code):
    with pytest.raises(ValueError, match="at least one frame"):
        instantiate_process(
            get_manager().get_runner(), LabelWorkChain, code=code, frames=FramesData.from_frames([]), settings=Dict({})
        )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"settings": {"chunck": 3}}, "did you mean 'chunk'"),
        ({"settings": {"engine": "vasp"}}, "expects its settings here"),
        ({"settings": {"calculator": {"name": "emd"}}}, "did you mean 'emt'"),
        ({"geometry": {"shortes": 0.5}}, "did you mean 'shortest'"),
    ],
)
def test_inputs_are_checked(code, inputs, message):
    values = {"settings": Dict(inputs.get("settings", {})), "geometry": Dict(inputs.get("geometry", {}))}
    with pytest.raises(ValueError, match=message):
        instantiate_process(
            get_manager().get_runner(), LabelWorkChain, code=code, frames=FramesData.from_frames(atoms(0, 1)), **values
        )


@pytest.fixture
def tidied(monkeypatch):
    """Keep the PKs of the processes whose folders are removed."""
    pks = []
    monkeypatch.setattr("workchains.labelling.chain.clean", lambda node: pks.append(node.pk))
    return pks


def test_folders_are_removed_once_their_labels_are_stored_and_those_of_lost_frames_stay(chain, with_remedies, tidied):
    made = chain(atoms(0, 4), chunk=1, clean=True)
    nodes = [end(made, "label_000", labelled=labelled(share(made, "label_000")), report=report())]
    assert tidied == [nodes[0].pk]
    nodes.append(end(made, "label_001", report=report([fail(made, 1, "unconverged")])))
    nodes.append(end(made, "label_002", 310, "Killed", progress=Dict({"failures": [], "current": {"index": 2, "id": "x"}})))
    nodes.append(end(made, "label_003", 400, "walltime", report=report((), (), 3)))
    assert tidied == [nodes[0].pk]
    begin(made)
    keys = {tuple(made.ctx.tasks[key]["indices"]): key for key in made.ctx.running}
    end(made, keys[2,], 310, "Killed", progress=Dict({"failures": [], "current": {"index": 2, "id": "x"}}))
    nodes += [end(made, keys[index,], labelled=labelled(share(made, keys[index,])), report=report()) for index in (1, 3)]
    assert not made.has_work()
    made.results()
    assert sorted(tidied) == sorted(nodes[index].pk for index in (0, 1, 3, 4, 5))  # all but that of the frame that is lost


def test_folders_stay_if_that_is_wanted(chain, tidied):
    made = chain(atoms(0, 1), clean=False)
    end(made, "label_000", labelled=labelled(share(made, "label_000")), report=report())
    assert tidied == []


# ------------------------------------------------------------------------------------------------------- two at a time


def test_a_frame_that_another_campaign_began_while_it_was_queued_is_left_to_that(chain, here, store_process):
    frames = atoms(0, 6)
    made = chain(frames, start=False, reuse=True, chunk=6)
    assert [task["indices"] for task in made.ctx.waiting.values()] == [[0, 1, 2, 3, 4, 5]]
    # after the frames were queued, another campaign begins one and has another labelled
    begun = store_process(CalcJobNode, "LabelJob", state="waiting")
    begun.base.extras.set(MARK, {"queue": "x", "engine": made.ctx.engine, "contents": [coarse_key(frames[2])]})
    done = bought(labelled([frames[4]], here))
    _, inputs, about = made.make("label_000")
    assert inputs["run"]["indices"] == [0, 1, 3, 5]
    assert len(about["contents"]) == 4
    assert made.ctx.deferred == {"2": [begun.pk], "4": []}
    # what it waits for ends: one label is there, the other is not, and is queued again
    made.ctx.waiting = {}
    begun.set_process_state("finished")
    made.inspect_jobs()
    assert not made.ctx.deferred
    assert [part.ids for key, part in made.ctx.parts.items() if key.startswith("reuse")] == [done.ids]
    assert [task["indices"] for task in made.ctx.waiting.values()] == [[2]]


def test_a_task_whose_frames_are_all_begun_elsewhere_is_not_submitted(chain, here, store_process, monkeypatch):
    frames = atoms(0, 2)
    made = chain(frames, start=False, reuse=True, chunk=2)
    begun = store_process(CalcJobNode, "LabelJob", state="waiting")
    begun.base.extras.set(MARK, {"queue": "x", "engine": made.ctx.engine, "contents": [coarse_key(frame) for frame in frames]})
    monkeypatch.setattr(made, "submit_once", lambda *_, **__: pytest.fail("a job was submitted"))
    awaited = made.run_jobs()
    assert [node.pk for node in awaited.values()] == [begun.pk]
    assert not made.ctx.waiting
    assert made.has_work()
