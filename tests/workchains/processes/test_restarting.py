"""Jobs that the walltime ends, for real: each goes on from the checkpoint of the one before, as often as is allowed."""

import json
import os
import sys
from pathlib import Path

import pytest
from aiida.engine import run_get_node
from aiida.orm import CalcJobNode, Dict, List
from pieces import tiny_model

from workchains.data.frames import FramesData
from workchains.processes.queueing import STOP
from workchains.steps.sample import SampleWorkChain
from workchains.steps.train import TrainWorkChain

# what it is told is how many jobs it takes; a negative number, that it dies in that one
DEADLY, BROKEN = -99, 1000  # in each; in none, but the first leaves a result that cannot be read
EXECUTABLE = """#!{python}
import json, pathlib, shutil, sys
from alworkflows import frames
from ase.build import bulk

spec = json.load(open("input.json"))
checkpoint = pathlib.Path("checkpoint")
checkpoint.mkdir(exist_ok=True)
count = checkpoint / "count"
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
verb = sys.argv[2]
needed = json.load(open("{plan}"))[spec["structure"] if verb == "sample" else "fit"]
if number == -needed or needed == -99:
    sys.exit("Killed")
marker = pathlib.Path("{marker}")
if needed == 1000 and not marker.exists():
    marker.touch()
    pathlib.Path("candidates.npz").write_text("broken")
    pathlib.Path("output.json").write_text("broken")
    sys.exit()
needed = 1 if needed == 1000 else needed
if verb == "sample":
    made = []
    for index in range(2 * number):
        made.append(bulk("Cu", cubic=True))
        made[-1].rattle(0.05, seed=100 * len(spec["structure"]) + index)
    frames.save("candidates.npz", made)
elif number >= needed:
    shutil.copy("{model}", "ensemble.npz")
said = dict(message="", restarts=number - 1)
if verb == "sample":
    said |= dict(structure=spec["structure"], sampler="melt", frames=2 * number, steps=number, steps_planned=9, stopped=None)
elif number >= needed:
    said = dict(fit=dict(), test=None, test_points=dict(), training_frames=2, test_frames=0, restarts=number - 1)
ended = dict(out_of_time=True) if number < abs(needed) else dict()
usage = dict(verb=verb, seconds=1.0, cpu_seconds=1.0, peak_memory_mb=1.0)
json.dump(dict(**usage, **said, **ended), open("output.json", "w"))
"""
OPTIONS = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}


@pytest.fixture
def code(aiida_profile_clean, aiida_code_installed, tmp_path):
    model, path = tmp_path / "model.npz", tmp_path / "executable"
    model.write_bytes(tiny_model())
    path.write_text(
        EXECUTABLE.format(python=sys.executable, model=model, marker=tmp_path / "marker", plan=tmp_path / "plan.json")
    )
    path.chmod(0o755)
    made = aiida_code_installed(filepath_executable=str(path), label="alworkflows")
    made.computer.set_minimum_job_poll_interval(0.2)
    return made


def plan(code, jobs):
    """Tell the executable how many jobs each run takes; below zero: it dies in the last of them."""
    Path(str(code.filepath_executable)).with_name("plan.json").write_text(json.dumps(jobs))


def sample(code, make_frames, jobs, **more):
    plan(code, jobs)
    names = list(jobs)
    structures = [frame for index, name in enumerate(names) for frame in make_frames(1, first=index, structure=name)]
    outputs, node = run_get_node(
        SampleWorkChain,
        code=code,
        structures=FramesData.from_frames(structures),
        names=List(names),
        sampler=Dict({"name": "melt"}),
        run=Dict({"seed": 1}),
        **more,
    )
    return outputs, node, {link.link_label: link.node for link in node.base.links.get_outgoing().all() if ends(link.node)}


def ends(node):
    return isinstance(node, CalcJobNode)


def fit(code, make_frames, jobs, **more):
    plan(code, {"fit": jobs})
    outputs, node = run_get_node(
        TrainWorkChain,
        code=code,
        batches={"one": FramesData.from_frames(make_frames(2, labelled=True), {"engine": {"name": "emt"}})},
        settings=Dict({"model": {}, "species": ["Cu"], "seed": 1}),
        **more,
    )
    return outputs, node, {link.link_label: link.node for link in node.base.links.get_outgoing().all() if ends(link.node)}


def folder(job):
    return Path(job.outputs.remote_folder.get_remote_path())


def test_runs_go_on_until_they_are_done(code, make_frames):
    outputs, node, jobs = sample(code, make_frames, {"a": 3, "bb": 1, "ccc": -2})
    assert node.is_finished_ok, node.exit_message
    statuses = {key: job.exit_status for key, job in sorted(jobs.items())}
    assert statuses == {
        "sample_00": 400,
        "sample_00_r1": 400,
        "sample_00_r2": 0,
        "sample_01": 0,
        "sample_02": 400,
        "sample_02_r1": 310,
        "sample_02_r2": 0,
    }
    assert jobs["sample_00_r2"].inputs.parent_folder.uuid == jobs["sample_00_r1"].outputs.remote_folder.uuid
    assert jobs["sample_00_r2"].label == "melt a, restart 2"
    assert jobs["sample_00_r2"].outputs.report["restarts"] == 2
    assert len({job.inputs.run["seed"] for key, job in jobs.items() if key.startswith("sample_00")}) == 1
    assert len(outputs["candidates"]) == 6 + 2 + 6
    for job in jobs.values():
        assert job.outputs.remote_folder.is_cleaned
        assert not (folder(job).exists() and os.listdir(folder(job)))


def test_a_run_that_dies_is_run_once_again_and_its_folders_stay(code, make_frames):
    outputs, node, jobs = sample(code, make_frames, {"a": 1, "bb": DEADLY})
    assert node.is_finished_ok, node.exit_message
    assert {key: job.exit_status for key, job in sorted(jobs.items())} == {"sample_00": 0, "sample_01": 310, "sample_01_r1": 310}
    assert jobs["sample_01_r1"].inputs.parent_folder.uuid == jobs["sample_01"].outputs.remote_folder.uuid
    assert len(outputs["candidates"]) == 2
    for key, job in jobs.items():
        kept = key.startswith("sample_01")  # one looks into the folders of a run that failed
        assert job.outputs.remote_folder.is_cleaned != kept
        assert bool(folder(job).exists() and os.listdir(folder(job))) == kept


def test_a_run_whose_result_is_broken_begins_anew(code, make_frames):
    outputs, node, jobs = sample(code, make_frames, {"a": BROKEN})
    assert node.is_finished_ok, node.exit_message
    assert {key: job.exit_status for key, job in sorted(jobs.items())} == {"sample_00": 311, "sample_00_r1": 0}
    assert "parent_folder" not in jobs["sample_00_r1"].inputs
    assert len(outputs["candidates"]) == 2


def test_a_fit_goes_on_until_it_is_done(code, make_frames):
    outputs, node, jobs = fit(code, make_frames, 3, clean=False)
    assert node.is_finished_ok, node.exit_message
    assert {key: job.exit_status for key, job in jobs.items()} == {"fit": 400, "fit_01": 400, "fit_02": 0}
    assert outputs["report"]["restarts"] == 2
    assert (folder(jobs["fit"]) / "checkpoint").exists()


def test_a_fit_that_never_ends_is_given_up(code, make_frames):
    _, node, jobs = fit(code, make_frames, 9, restarts=1)
    assert node.exit_status == 405
    assert sorted(jobs) == ["fit", "fit_01"]


def test_a_fit_that_dies_is_restarted_once(code, make_frames):
    _, node, jobs = fit(code, make_frames, -1)
    assert node.is_finished_ok
    assert {key: job.exit_status for key, job in jobs.items()} == {"fit": 310, "fit_01": 0}
    _, node, jobs = fit(code, make_frames, DEADLY)
    assert node.exit_status == 404
    assert "Killed" in node.exit_message
    assert list(jobs) == ["fit", "fit_01"]


def test_a_checkpoint_that_is_gone_is_told_and_the_fit_begins_anew(code, make_frames, monkeypatch):
    """AiiDA only warns of a missing folder to copy; the job finds no checkpoint."""
    from workchains.processes.restarting import RestartingWorkChain

    go_on = RestartingWorkChain.go_on

    def lose(self, run, node):
        for file in (folder(node) / "checkpoint").iterdir():
            file.unlink()
        (folder(node) / "checkpoint").rmdir()
        go_on(self, run, node)

    monkeypatch.setattr(RestartingWorkChain, "go_on", lose)
    _, node, jobs = fit(code, make_frames, 2, restarts=2)
    assert node.exit_status == 405
    assert [job.outputs.report["restarts"] for job in jobs.values()] == [0, 0, 0]


def test_nothing_new_is_begun_once_asked(code, make_frames, monkeypatch):
    """A chain asked to stop while a job runs lets it end, and does not go on from its checkpoint."""
    from workchains.processes.restarting import RestartingWorkChain

    go_on = RestartingWorkChain.go_on

    def asked(self, run, node):
        self.node.base.extras.set(STOP, True)
        go_on(self, run, node)

    monkeypatch.setattr(RestartingWorkChain, "go_on", asked)
    outputs, node, jobs = sample(code, make_frames, {"a": 3, "bb": 1})
    assert node.is_finished_ok
    assert sorted(jobs) == ["sample_00", "sample_01"]
    assert len(outputs["candidates"]) == 4
    _, node, jobs = fit(code, make_frames, 3)
    assert node.exit_status == 404
    assert "asked to begin nothing new" in node.exit_message
    assert list(jobs) == ["fit"]
