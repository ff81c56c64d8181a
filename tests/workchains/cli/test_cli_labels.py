"""``label``, ``cancel``, ``approve``, and what ``status`` says of labels: as a person types them, on hand-made work chains."""

import json

import pytest
import yaml
from aiida import orm
from aiida.common import LinkType
from ase.build import bulk
from ase.io import write
from commands import typed
from records import iteration

from alworkflows.errors import InputError
from alworkflows.frames import frame_id, load, read
from workchains.cli import control, labelled
from workchains.cli.approve import approve
from workchains.cli.cancel import cancel
from workchains.cli.label import label
from workchains.cli.status import status
from workchains.data.frames import FramesData
from workchains.loop import approval
from workchains.machines import daemon as daemons
from workchains.machines import session
from workchains.processes.queueing import MARK, STOP, ask_to_stop, is_stopping

EMT = {"engine": {"engine": "ase", "calculator": "emt"}}


@pytest.fixture
def profile(aiida_profile, monkeypatch):
    """Let commands use the profile of the tests, whose daemon is said to run."""
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile)
    monkeypatch.setattr(daemons, "daemon_status", lambda: daemons.DaemonStatus(True, 1, 2))
    monkeypatch.setattr(daemons, "start_daemon", lambda: daemons.DaemonStatus(True, 1, 2))
    return aiida_profile


@pytest.fixture
def daemon(profile, monkeypatch):
    """Stand in for what a daemon does when it is asked to kill or to play; gather what it was asked."""
    asked = []

    def kill(nodes, **_):
        for node in nodes:
            asked.append(("kill", node.pk))
            # a parent hands it on to those it called
            for process in (node, *node.called_descendants):
                if not process.is_terminated:
                    process.set_process_state("killed")

    def play(nodes, **_):
        for node in nodes:
            asked.append(("play", node.pk))
            node.unpause()

    monkeypatch.setattr("aiida.engine.processes.control.kill_processes", kill)
    monkeypatch.setattr("aiida.engine.processes.control.play_processes", play)
    monkeypatch.setattr(control, "INTERVAL", 0.01)
    return asked


@pytest.fixture
def labelling(profile, make_frames, store_process):
    """Return a function that stores what `alworkflows label` submits: six frames, four labels so far, in a state."""

    def _labelling(state="waiting", failures=(), first=5000, **options):
        pool, labelled_frames = make_frames(6, first=first), make_frames(6, first=first, labelled=True)
        frames = FramesData.from_frames(pool)
        chain = store_process(orm.WorkChainNode, "LabelWorkChain", inputs={"frames": frames}, state="waiting", **options)
        batch = FramesData.from_frames(labelled_frames[: 6 - len(failures)] if failures else labelled_frames[:4], EMT)
        store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": batch})
        if state == "waiting":
            job = store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_001", state="waiting")
            job.base.extras.set(MARK, {"queue": job.computer.uuid, "contents": ["0" * 16]})
        elif state == "finished":
            told = {"total": 6, "failed": len(failures), "reused": 1, "recovered": 2, "failures": list(failures)}
            kinds = {item["kind"]: 1 for item in failures}
            for name, data in (("failures", orm.Dict({**told, "kinds": kinds})), ("batch", batch)):
                data.store().base.links.add_incoming(chain, LinkType.RETURN, name)
            chain.set_exit_status(0)
        chain.set_process_state(state)
        return chain

    return _labelling


@pytest.fixture
def file(tmp_path):
    """Return a file of three copper frames, the last of which is the first once more."""
    frames = []
    for seed in (1, 2):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=seed)
        frames.append(atoms)
    write(tmp_path / "cu.xyz", [*frames, frames[0]], format="extxyz")
    return tmp_path / "cu.xyz"


@pytest.fixture
def submitted(aiida_profile_clean, alworkflows_code, profile, monkeypatch):
    """Gather what would be submitted on a machine that was set up."""
    import aiida.engine

    from workchains import machines

    alworkflows_code.computer.set_property(machines.OPTIONS_KEY, {})
    alworkflows_code.computer.set_property(machines.MACHINE_KEY, "laptop")
    builders = []

    def submit(builder):
        builders.append(builder)
        node = orm.WorkChainNode(label=builder.metadata.label)
        node.set_process_label("LabelWorkChain")
        node.set_process_state("created")
        node.base.links.add_incoming(builder.frames.store(), LinkType.INPUT_WORK, "frames")
        return node.store()

    monkeypatch.setattr(aiida.engine, "submit", submit)
    return builders


@pytest.mark.parametrize("command", [label, cancel, approve])
def test_help_teaches_by_example(command):
    text = typed(command, "--help")
    assert "Example" in text


# ------------------------------------------------------------------------------------------------ label: submitting


def test_label_submits_the_frames_each_once_with_the_settings_and_says_how_to_fetch(submitted, file):
    text = typed(label, file, "--calculator", "emt", "-s", "chunk=7", "--no-wait")
    (builder,) = submitted
    assert "1 frame given more than once (first: frame 2): labelled once" in text
    assert "submitted 2 frames of cu.xyz to alworkflows on laptop, PK" in text
    assert "alworkflows label --fetch" in text
    assert len(builder.frames) == 2
    assert builder.frames.get_frames()[0].info["origin"] == {"structure": "cu", "sampler": "given"}
    settings = builder.settings.get_dict()
    assert (settings["calculator"]["name"], settings["chunk"]) == ("emt", 7)
    assert builder.code.label == "alworkflows"
    assert builder.geometry["volume_per_atom"] == [3.0, 400.0]


@pytest.mark.parametrize("whole", [True, False])
def test_label_takes_its_settings_from_a_file_and_options_go_before_it(submitted, file, tmp_path, whole):
    block = {"calculator": {"name": "lennard-jones", "parameters": {"sigma": 2.0}}, "chunk": 3, "machine": "laptop"}
    (tmp_path / "label.yaml").write_text(yaml.safe_dump({"label": block} if whole else block))
    typed(label, file, "--settings", tmp_path / "label.yaml", "-s", "jobs=2", "--no-wait")
    typed(label, file, "--settings", tmp_path / "label.yaml", "--calculator", "emt", "--no-wait")
    first, second = (builder.settings.get_dict() for builder in submitted)
    assert (first["calculator"]["parameters"], first["chunk"], first["jobs"]) == ({"sigma": 2.0}, 3, 2)
    assert second["calculator"] == {"name": "emt", "parameters": {}, "allowed": None}


def test_label_takes_the_settings_and_the_machine_of_a_campaign(submitted, file, tmp_path):
    (tmp_path / "zno.yaml").write_text("material: zno\nprotocol: quick\nmachine: laptop\nlabel: {calculator: {name: emt}}\n")
    typed(label, file, "--settings", tmp_path / "zno.yaml", "--no-wait")
    assert submitted[0].settings["machine"] == "laptop"
    assert submitted[0].settings["calculator"]["name"] == "emt"


def test_a_molecule_may_have_a_box_of_any_size(submitted, tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell([30, 30, 30])
    write(tmp_path / "one.xyz", atoms, format="extxyz")
    typed(label, tmp_path / "one.xyz", "--calculator", "emt", "--no-wait")
    typed(label, tmp_path / "one.xyz", "--calculator", "emt", "--no-wait", "--limit", "volume_per_atom=[3, 500]")
    assert [builder.geometry["volume_per_atom"][1] for builder in submitted] == [1e9, 500.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--calculator", "emtt"], "did you mean 'emt'"),
        (["--engine", "vaps"], "did you mean 'vasp'"),
        (["--engine", "vasp"], "the engine 'vasp' expects its settings here"),
        (["--set", "chunks=3"], "unknown key 'chunks' .did you mean 'chunk'"),
        (["--set", "chunk"], "--set: expected KEY=VALUE, got 'chunk'"),
        (["--limit", "shortes=0.3"], "did you mean 'shortest'"),
        (["--settings", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--machine", "laptob", "--calculator", "emt"], "machine 'laptob' is not set up .*did you mean 'laptop'"),
        (["--output", "labels.extxy"], "expected a name that ends in .*got '.extxy' .did you mean '.extxyz'"),
        (["--output", "nowhere/labels.xyz"], "the folder nowhere does not exist"),
    ],
)
def test_label_refuses_before_anything_is_stored(submitted, file, options, message):
    with pytest.raises(InputError, match=message):
        typed(label, file, "--no-wait", *options)
    assert not submitted


def test_label_does_not_replace_what_it_reads(submitted, file, tmp_path):
    link, settings = tmp_path / "link.xyz", tmp_path / "settings.npz"
    link.symlink_to(file)
    settings.write_text("calculator: {name: emt}")
    for target in (file, link, settings):
        with pytest.raises(InputError, match=f"{target}: is read by this command"):
            typed(label, file, "--settings", settings, "--overwrite", "-o", target)
    assert not submitted
    assert read(file)


def test_label_refuses_what_the_calculator_cannot_label(submitted, tmp_path):
    write(tmp_path / "fe.xyz", bulk("Cu", cubic=True), format="extxyz")
    with pytest.raises(InputError, match="moments"):
        typed(label, tmp_path / "fe.xyz", "--calculator", "emt", "-s", "largest_moment_change=1", "--no-wait")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a file of frames, or --fetch PK"),
        (["cu.xyz"], "give -o, the file to write"),
        (["--fetch", "1"], "--fetch needs -o"),
        (["cu.xyz", "--fetch", "1", "-o", "a.xyz"], "--fetch goes without FILE"),
    ],
)
def test_label_says_how_it_is_called(arguments, message):
    assert message in typed(label, *arguments, code=2)


def test_label_needs_a_machine(aiida_profile_clean, profile, file):
    with pytest.raises(InputError, match="alworkflows setup"):
        typed(label, file, "--calculator", "emt", "--no-wait")


# ------------------------------------------------------------------------------------------------ label: what came


UNCONVERGED = {"id": "f" * 16, "index": 5, "kind": "unconverged", "reason": "no convergence in 60 steps", "attempts": []}


def test_fetch_writes_the_labels_and_lists_failures_by_kind(labelling, tmp_path):
    node = labelling("finished", [UNCONVERGED])
    text = " ".join(typed(label, "--fetch", node.pk, "-o", tmp_path / "out.npz", code=1).split())
    assert "4 of 6 labels done, 1 taken over, 1 failed; 2 of them at a second try" in text
    assert "unconverged 1 #5 no convergence in 60 steps" in text
    assert "out.npz, 5 frames" in text
    frames, header = load(tmp_path / "out.npz")
    assert header["engine"] == EMT["engine"]
    assert [frame_id(frame) for frame in frames] == node.inputs.frames.ids[:5]


def test_fetch_as_json_and_as_xyz(labelling, tmp_path):
    node = labelling("finished", [UNCONVERGED], first=5100)
    output = json.loads(typed(label, "--fetch", node.pk, "-o", tmp_path / "out.xyz", "--json", code=1))
    assert (output["labels"]["done"], output["labels"]["kinds"]) == (4, {"unconverged": 1})
    assert output["failures"] == [UNCONVERGED]
    assert len(read(tmp_path / "out.xyz")) == 5


def test_fetch_of_what_was_killed_writes_what_came_before(labelling, tmp_path):
    node = labelling("killed", first=5200)
    text = typed(label, "--fetch", node.pk, "-o", tmp_path / "out.xyz", code=1)
    assert "It was killed: what came before is kept." in text
    assert len(read(tmp_path / "out.xyz")) == 4


def test_fetch_without_waiting_writes_what_is_there_so_far(labelling, tmp_path):
    node = labelling("waiting", first=5300)
    text = typed(label, "--fetch", node.pk, "-o", tmp_path / "out.xyz", "--no-wait", code=1)
    assert "4 of 6 labels done, 1 in flight, 1 queued" in text
    assert "More is to come" in text


def test_fetch_of_settings_that_were_refused_says_why_and_writes_nothing(labelling, tmp_path, store_process, make_frames):
    frames = FramesData.from_frames(make_frames(2, first=5400))
    message = "the label settings do not suit the frames: no"
    node = store_process(orm.WorkChainNode, "LabelWorkChain", inputs={"frames": frames}, status=202, message=message)
    text = typed(label, "--fetch", node.pk, "-o", tmp_path / "out.xyz", code=1)
    assert f"[202] {message}" in text
    assert "written: nothing" in text
    assert not (tmp_path / "out.xyz").exists()


def test_fetch_of_something_else(profile, labelling, tmp_path):
    job = labelling("finished", first=5500).called[0]
    with pytest.raises(InputError, match=r"expected what `alworkflows label` submitted \(a LabelWorkChain\), got LabelJob"):
        typed(label, "--fetch", job.pk, "-o", tmp_path / "out.xyz")


def test_waiting_can_be_left_and_says_how_to_fetch(labelling, tmp_path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(labelled.time, "sleep", interrupt)
    node = labelling("waiting", first=5600)
    text = typed(label, "--fetch", node.pk, "-o", tmp_path / "out.xyz", code=130)
    assert "4 of 6 labels done, 1 in flight, 1 queued" in text
    assert f"alworkflows label --fetch {node.pk} -o" in text


# ------------------------------------------------------------------------------------------------ cancel


def test_cancel_ends_a_labelling_and_says_what_is_kept(daemon, labelling):
    node = labelling("waiting", first=5700)
    text = typed(cancel, node.pk)
    assert daemon == [("kill", node.pk)]
    assert f"labelling {node.pk} is cancelled, 1 job of it ended." in text
    assert "Kept: 4 labels" in text
    assert f"alworkflows label --fetch {node.pk}" in text
    assert all(process.is_terminated for process in (node, *node.called))


def test_cancel_asks_those_again_that_their_parent_left_behind(daemon, labelling, monkeypatch):
    node = labelling("waiting", first=5800)
    asked = []

    def kill(nodes, **_):
        asked.append([process.pk for process in nodes])
        for process in nodes:
            process.set_process_state("killed")

    monkeypatch.setattr("aiida.engine.processes.control.kill_processes", kill)
    monkeypatch.setattr(control, "ASK_AGAIN", 0.02)
    typed(cancel, node.pk)
    job = next(process.pk for process in node.called if process.process_label == "LabelJob" and process.is_killed)
    assert asked == [[node.pk], [job]]


def test_cancel_of_a_campaign_counts_the_labels_of_all_iterations(daemon, campaign):
    output = json.loads(typed(cancel, campaign.node.pk, "--json"))
    assert output == {"pk": campaign.node.pk, "ended": 0, "labels": 5}


def test_cancel_that_leaves_jobs_asks_all_live_work_chains_to_stop(daemon, bare, store_process, make_frames):
    node = bare()
    own = iteration(node, 1, state="waiting")
    ended = store_process(orm.WorkChainNode, "SampleWorkChain", caller=own, key="sample")
    frames = FramesData.from_frames(make_frames(2, first=5650))
    chain = store_process(
        orm.WorkChainNode, "LabelWorkChain", caller=own, key="label", state="waiting", inputs={"frames": frames}
    )
    job = store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_000", state="waiting")
    job.base.extras.set(MARK, {"queue": "", "contents": ["0" * 16, "1" * 16]})
    text = " ".join(typed(cancel, node.pk, "--leave-jobs").split())
    assert "begins nothing new; 1 job in flight, 0 labels so far, 2 to come from these jobs." in text
    assert daemon == []
    assert all(process.base.extras.get(STOP) for process in (node, own, chain))
    assert STOP not in ended.base.extras.all


def test_cancel_that_leaves_jobs_lets_a_campaign_go_on_that_waits_for_approval(daemon, asking):
    typed(cancel, asking.pk, "--leave-jobs")
    assert daemon == [("play", asks(asking).pk)]


def test_a_child_made_later_knows_that_its_campaign_stops(bare, store_process):
    node = bare()
    assert ask_to_stop(node) == [node.pk]
    own = iteration(node, 4, state="created")
    late = store_process(orm.WorkChainNode, "LabelWorkChain", caller=own, key="label", state="created")
    assert is_stopping(own)
    assert is_stopping(late)


def test_cancel_refuses(daemon, bare, store_process, labelling):
    node = bare(state="excepted")
    with pytest.raises(InputError, match=f"campaign {node.pk} has ended already: crashed"):
        typed(cancel, node.pk)
    chain = store_process(orm.WorkChainNode, "LabelWorkChain", caller=iteration(node, 1), key="label", state="waiting")
    with pytest.raises(InputError, match=f"expected a campaign, got LabelWorkChain .* it belongs to the campaign {node.pk}"):
        typed(cancel, chain.pk)
    with pytest.raises(InputError, match=r"labelling .* has ended already: killed"):
        typed(cancel, labelling("killed", first=5900).pk)
    assert daemon == []


def test_cancel_needs_the_daemon(daemon, asking, monkeypatch):
    monkeypatch.setattr(daemons, "daemon_status", lambda: daemons.DaemonStatus(False))
    with pytest.raises(InputError, match=r"does not run, .*start it with: alworkflows setup"):
        typed(cancel, asking.pk)


# ------------------------------------------------------------------------------------------------ approve


QUESTION = {"labels": 10, "atoms": 320, "core_hours": 12.5, "text": "10 labels, 320 atoms in all, about 12.5 core-hours"}


@pytest.fixture
def asking(bare):
    """Return a campaign that waits for approval."""
    node = bare("asking")
    third = iteration(node, 3)
    approval.put_question(third, {"iteration": 3, **QUESTION})
    third.pause()
    return node


def asks(campaign):
    """Return the iteration of a campaign that asks."""
    return next(child for child in campaign.called if child.process_label == "IterationWorkChain")


def test_approve_lists_who_waits_and_what_they_ask(daemon, asking):
    text = " ".join(typed(approve).split())
    assert f"{asking.pk} asking 3 10 labels, 320 atoms in all, about 12.5 core-hours" in text
    listed = {item["pk"]: item for item in json.loads(typed(approve, "--json"))["waiting"]}
    assert listed[asking.pk]["question"]["core_hours"] == 12.5


def test_approve_answers_plays_and_says_what_is_next(daemon, asking):
    text = typed(approve, asking.pk, "--by", "Ada")
    assert f"campaign {asking.pk} asking, iteration 3: 10 labels" in text
    assert "Approved by Ada: it labels now." in text
    assert f"alworkflows status {asking.pk} --wait" in text
    assert daemon == [("play", asks(asking).pk)]
    assert approval.answer(asks(asking)) is True
    with pytest.raises(InputError, match="waits for no approval"):
        typed(approve, asking.pk)


def test_approve_can_refuse(daemon, asking):
    assert "it ends and hands over what it has" in typed(approve, asking.pk, "--refuse")
    assert approval.answer(asks(asking)) is False
    said = asks(asking).base.extras.get(approval.ANSWER)
    assert said["by"] == orm.User.collection.get_default().email


def test_approve_plays_again_what_was_about_to_pause(daemon, asking, monkeypatch):
    def play(nodes, **_):
        daemon.append("play")
        if len(daemon) == 2:
            nodes[0].unpause()

    monkeypatch.setattr("aiida.engine.processes.control.play_processes", play)
    typed(approve, asking.pk)
    assert daemon == ["play", "play"]


def test_approve_says_if_the_campaign_does_not_hear(daemon, asking, monkeypatch):
    monkeypatch.setattr("aiida.engine.processes.control.play_processes", lambda nodes, **_: None)
    monkeypatch.setattr(control, "ANSWER", 0.05)
    assert f"verdi process play {asks(asking).pk}" in typed(approve, asking.pk)


def test_approve_without_the_daemon_is_no_answer(daemon, asking, monkeypatch):
    monkeypatch.setattr(daemons, "daemon_status", lambda: daemons.DaemonStatus(False))
    with pytest.raises(InputError, match="does not run"):
        typed(approve, asking.pk)
    assert approval.answer(asks(asking)) is None


def test_approve_refuses_options_without_a_campaign(profile):
    assert "--refuse and --by need the PK" in typed(approve, "--refuse", code=2)


# ------------------------------------------------------------------------------------------------ status of labels


def test_status_says_that_a_campaign_waits_and_how_to_answer(profile, asking):
    text = " ".join(typed(status, asking.pk).split())
    assert "Waits for approval, iteration 3: 10 labels, 320 atoms in all, about 12.5 core-hours; 0 labels so far" in text
    assert f"alworkflows approve {asking.pk} --refuse" in text
    assert "Paused" not in text  # what asks is played by the answer
    assert "waits for approval" in typed(status)
    assert json.loads(typed(status, asking.pk, "--json"))["question"]["labels"] == 10


def test_status_shows_jobs_in_flight_against_the_cap_what_is_paused_and_failures_by_kind(
    profile, bare, store_process, make_frames, aiida_code_installed
):
    from workchains import machines

    code = aiida_code_installed(filepath_executable="/bin/true", label="queueing")
    code.computer.set_property(machines.MAX_JOBS_KEY, 4)
    code.computer.set_property(machines.MACHINE_KEY, "cluster")
    node = bare("queueing", code=code)
    frames = FramesData.from_frames(make_frames(6, first=5680))
    chain = store_process(
        orm.WorkChainNode, "LabelWorkChain", caller=iteration(node, 1), key="label", state="waiting", inputs={"frames": frames}
    )
    failed = {"id": frames.ids[0], "index": 0, "kind": "unconverged", "reason": "no convergence in 60 steps"}
    store_process(
        orm.CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"report": orm.Dict({"failures": [failed]})}
    )
    why = "Pausing after failed transport task: upload_calculation failed 5 times consecutively"
    jobs = [
        store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_001", state="waiting"),
        store_process(
            orm.CalcJobNode, "LabelJob", caller=chain, key="label_002", state="waiting", process_status=why, paused=True
        ),
        store_process(orm.CalcJobNode, "LabelJob", state="waiting"),  # of another campaign
    ]
    for job in jobs:
        job.base.extras.set(MARK, {"queue": code.computer.uuid, "contents": [str(job.pk)]})
    text = " ".join(typed(status, node.pk).split())
    assert "Labels: 0 new, 1 failed; 2 in flight, 3 queued." in text
    assert "On cluster: 2 jobs of this campaign in flight, 1 of others (at most 4)." in text
    assert f"<{jobs[1].pk}>: {why}. Once the cause is gone: verdi process play {jobs[1].pk}" in text
    assert "label: unconverged 1 no convergence in 60 steps" in text
    assert "0 of 6" in text
    output = json.loads(typed(status, node.pk, "--json"))
    assert output["queues"] == [{"machine": "cluster", "own": 2, "all": 3, "cap": 4, "cores": None}]
    assert output["labelling"]["kinds"] == {"unconverged": 1}


def test_status_asks_machines_what_folders_take(profile, aiida_localhost, bare, tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "CHGCAR").write_bytes(b"x" * 50_000)
    node = bare("full", state="killed")
    job = orm.CalcJobNode(computer=aiida_localhost)
    job.set_process_label("SampleJob")
    job.set_process_state("finished")
    job.base.links.add_incoming(node, LinkType.CALL_CALC, "x")
    job.store()
    folder = orm.RemoteData(remote_path=str(tmp_path / "job"), computer=aiida_localhost)
    folder.base.links.add_incoming(job, LinkType.CREATE, "remote_folder")
    folder.store()
    assert "Folders of jobs left: 1 on" in typed(status, node.pk)
    (folders,) = json.loads(typed(status, node.pk, "--disk", "--json"))["folders"]
    assert folders["disk"]["used_inodes"] == 2
    assert 50_000 <= folders["disk"]["used_bytes"] < 100_000
    assert "kB" in typed(status, node.pk, "--disk")
    assert "--disk needs the PK" in typed(status, "--disk", code=2)
