"""``new``, ``check`` and ``launch``: from a template to a campaign that was tried and submitted."""

import json
import sys

import pytest
import yaml
from ase.constraints import FixAtoms
from commands import typed

from alworkflows.errors import InputError
from alworkflows.settings import Campaign, parse
from workchains import campaigns
from workchains.cli.campaign import check, new
from workchains.cli.dryrun import dry_run
from workchains.cli.forecast import forecast
from workchains.cli.launch import launch
from workchains.cli.toy import shorten
from workchains.machines import daemon, session
from workchains.processes.naming import link_key

COPPER = {
    "name": "copper",
    "seed": 3,
    "species": ["Cu"],
    "structures": {"cell": {"file": "cell.xyz", "supercell": [2, 2, 2]}},
    "stages": [
        {
            "name": "melt",
            "sampler": {
                "name": "melt",
                "potential": {
                    "style": "morse",
                    "pairs": {"Cu-Cu": {"d": 0.3429, "alpha": 1.3588, "r0": 2.866}},
                },
                "temperature": [300, 1500],
                "duration": "1 ps",
                "snapshots": 20,
            },
            "structures": ["cell"],
            "iterations": 2,
            "budget": 10,
        },
        {
            "name": "amorphous",
            "sampler": {"name": "quench", "melt_temperature": 1800, "temperature": [1500, 300], "snapshots": 10},
            "structures": ["cell"],
        },
    ],
    "label": {"calculator": {"name": "emt"}, "chunk": 4, "jobs": 2},
    "selection": {"test_share": 0.1, "budget": 40},
}


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a campaign file, and the structure it names."""
    from ase.build import bulk

    bulk("Cu", cubic=True).write(tmp_path / "cell.xyz")

    def _file(**changes):
        path = tmp_path / "copper.yaml"
        path.write_text(yaml.safe_dump({**COPPER, **changes}))
        return path

    return _file


# ------------------------------------------------------------------------------------------------ new


def test_new_prints_a_file_that_loads(tmp_path):
    path = tmp_path / "zno.yaml"
    path.write_text(typed(new, "zno", "--protocol", "quick"))
    assert campaigns.load(path) == campaigns.resolve("zno", "quick")


def test_new_lists_materials_and_protocols():
    text = typed(new, "--list")
    assert all(name in text for name in ("zno", "quick", "balanced", "stringent"))
    assert set(json.loads(typed(new, "--list", "--json"))["zno"]["protocols"]) == {"quick", "balanced", "stringent"}


def test_new_suggests_the_nearest_material_and_asks_for_one():
    with pytest.raises(InputError, match="did you mean 'zno'"):
        typed(new, "zn0")
    assert "give a material" in typed(new, code=2)


# ------------------------------------------------------------------------------------------------ forecast


def test_forecast_counts_what_the_loop_would_do():
    expected = forecast(parse(Campaign, COPPER))
    melt, amorphous = expected.stages
    # 20 candidates, 2 of them to test on, 10 of the others chosen; 12 labels in chunks of 4: 3 jobs
    assert (melt.candidates, melt.labels, melt.test_labels, melt.jobs) == (20, 10, 2, 1 + 1 + 3 + 1)
    # 10 candidates, one to test on; no more can be chosen than there are
    assert (amorphous.candidates, amorphous.labels, amorphous.test_labels, amorphous.jobs) == (10, 9, 1, 1 + 1 + 3 + 1)
    assert (expected.iterations, expected.candidates, expected.labels) == (3, 50, 2 * 12 + 10)
    assert expected.jobs == 2 * 6 + 6 + 1


def test_forecast_of_a_program_that_labels_one_frame_a_job():
    espresso = {"engine": "quantum-espresso", "espresso": {"pseudo_family": "SSSP", "species": ["Cu"]}}
    melt = forecast(parse(Campaign, {**COPPER, "label": espresso})).stages[0]
    assert melt.jobs == 1 + 1 + 10 + 2 + 1


def test_forecast_respects_the_budget_of_the_campaign():
    limited = forecast(parse(Campaign, {**COPPER, "budget": {"labels": 15}}))
    assert limited.labels == 15


# ------------------------------------------------------------------------------------------------ check


def test_check_tries_every_part_and_spends_nothing(file, monkeypatch):
    def stored(*_):
        raise AssertionError("the database was touched")

    monkeypatch.setattr(session, "activate", stored)
    text = " ".join(typed(check, file()).split())
    assert "at most 3 iterations, 50 candidates, 34 labels, 19 jobs" in text
    assert "structure cell: Cu32" in text
    assert "calculator emt" in text
    assert "stage melt: melt: 200 steps of cell, 4 frames" in text
    assert "stage amorphous: quench" in text
    assert "label settings: suit 1 structures" in text
    assert "All 5 checks passed." in text


def test_check_as_json(file):
    output = json.loads(typed(check, file(), "--json"))
    assert output["ok"] is True
    assert [item["what"] for item in output["items"]] == [
        "structure cell",
        "label settings",
        "calculator emt",
        "stage melt: melt",
        "stage amorphous: quench",
    ]
    assert output["label_seconds"] == pytest.approx(output["seconds_per_label"] * 34)


def test_check_without_running_builds_structures_only(file):
    output = json.loads(typed(check, file(), "--no-run", "--json"))
    assert [item["what"] for item in output["items"]] == ["structure cell", "label settings"]
    assert output["label_seconds"] is None


def test_check_goes_on_past_what_is_wrong_and_ends_with_2(file, tmp_path):
    (tmp_path / "fused.xyz").write_text('2\nLattice="8 0 0 0 8 0 0 0 8" pbc="T T T"\nCu 0 0 0\nCu 0.3 0 0\n')
    structures = {**COPPER["structures"], "fused": {"file": "fused.xyz"}}
    stages = [{**COPPER["stages"][0], "structures": ["fused", "cell"]}]
    output = json.loads(typed(check, file(structures=structures, stages=stages), "--json", code=2))
    verdicts = {item["what"]: item for item in output["items"]}
    assert verdicts["structure cell"]["ok"]
    assert not verdicts["structure fused"]["ok"]
    assert "0.3" in verdicts["structure fused"]["message"]
    assert verdicts["stage melt: melt"]["ok"]  # on the structure that could be built


def test_check_says_which_structures_a_sampler_does_not_take_without_running_it(file, tmp_path):
    from ase.build import bulk, fcc111

    fcc111("Cu", (2, 2, 3), vacuum=6.0).write(tmp_path / "surface.traj")
    fcc111("Cu", (2, 2, 3)).write(tmp_path / "flat.traj")
    bulk("Cu").write(tmp_path / "primitive.cif")
    structures = {
        **COPPER["structures"],
        "surface": {"file": "surface.traj"},
        "flat": {"file": "flat.traj"},
        "cut": {"file": "primitive.cif", "miller": [1, 0, 0]},
        "held": {"file": "held.vasp"},
    }
    held = bulk("Cu", cubic=True)
    held.set_constraint(FixAtoms([0]))
    held.write(tmp_path / "held.vasp")
    stages = [{**COPPER["stages"][0], "structures": list(structures)}]
    output = json.loads(typed(check, file(structures=structures, stages=stages), "--no-run", "--json", code=2))
    said = {item["what"]: (item["ok"], item["message"]) for item in output["items"]}
    assert said["structure cell"][0]
    repeats = "surface: the sampler 'melt' repeats its cell in all directions, got pbc [True, True, False]"
    assert said["structure surface"] == (False, f"{repeats}; set it to T T T, with vacuum where nothing is to repeat")
    flat = "flat: no lattice vector along c: add vacuum (in ASE: atoms.center(vacuum=6, axis=2))"
    assert said["structure flat"] == (False, flat)
    assert said["structure cut"][1].endswith("; miller: indices of the conventional cell, which is not the cell that was given")
    assert said["structure held"] == (True, "Cu4, 3.6 x 3.6 x 3.6 A; 1 of 4 atoms are held still")


def test_check_asks_the_sampler_about_every_structure_of_its_stage(file, tmp_path):
    from ase.build import bulk

    frozen = bulk("Cu", cubic=True)
    frozen.set_constraint(FixAtoms([0]))
    frozen.write(tmp_path / "other.traj")
    structures = {**COPPER["structures"], "other": {"file": "other.traj"}}
    sampler = {**COPPER["stages"][0]["sampler"], "pressure": 0.0}
    stages = [{**COPPER["stages"][0], "structures": ["cell", "other"], "sampler": sampler}]
    output = json.loads(typed(check, file(structures=structures, stages=stages), "--json", code=2))
    said = {item["what"]: item["message"] for item in output["items"]}
    assert said["stage melt: melt"].startswith("other: expected no pressure with atoms held still")


def test_check_says_when_a_label_cannot_be_made(file):
    # emt has no parameters for zirconium
    campaign = parse(Campaign, {**COPPER, "species": ["Zr"], "structures": {"cell": {"file": "zr.xyz"}}})
    from ase.build import bulk

    folder = file().parent
    bulk("Zr").repeat(2).write(folder / "zr.xyz")
    result = dry_run(campaign, folder, lambda item: None)
    assert not result.ok
    assert {item.what: item.ok for item in result.items} == {
        "structure cell": True,
        "label settings": True,
        "calculator emt": False,
        "stage melt: melt": False,  # the potential is for copper
        "stage amorphous: quench": False,
    }
    assert result.seconds_per_atom is None


def test_check_says_that_nothing_is_left_to_try(file):
    campaign = parse(Campaign, {**COPPER, "structures": {"cell": {"file": "missing.xyz"}}})
    result = dry_run(campaign, file().parent, lambda item: None)
    assert [item.ok for item in result.items] == [False, True, False, False, False]
    assert "missing.xyz: no such file" in result.items[0].message
    assert all("not tried" in item.message for item in result.items[2:])


ESPRESSO = {"engine": "quantum-espresso", "espresso": {"pseudo_family": "SSSP/1.3/PBE/efficiency", "species": ["Cu"]}}


def test_check_of_a_program_that_runs_as_jobs_says_so_and_looks_for_it_in_the_profile(file, aiida_profile_clean, monkeypatch):
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile_clean)
    output = json.loads(typed(check, file(label=ESPRESSO), "--json", code=2))
    verdicts = {item["what"]: item for item in output["items"]}
    assert "no machine is set up in this profile" in verdicts["machines"]["message"]
    assert verdicts["label settings"]["ok"]  # as far as they can be seen without a profile
    assert "not tried here: they run as jobs" in verdicts["labels by quantum-espresso"]["message"]
    assert verdicts["stage amorphous: quench"]["ok"]  # driven by a toy ensemble of the classical potential


def test_check_says_when_a_machine_lacks_the_program(file, machine):
    output = json.loads(typed(check, file(label=ESPRESSO, machine="laptop"), "--no-run", "--json", code=2))
    assert "machine 'laptop' has no program 'pw'" in output["items"][1]["message"]


def test_check_says_when_pseudopotentials_are_missing(file, machine, aiida_code_installed):
    pw = aiida_code_installed(default_calc_job_plugin="quantumespresso.pw", filepath_executable="/bin/true", label="pw")
    pw.base.extras.set("alworkflows_program", "pw")
    output = json.loads(typed(check, file(label=ESPRESSO), "--no-run", "--json", code=2))
    verdicts = {item["what"]: item for item in output["items"]}
    assert verdicts["machines"]["message"] == "alworkflows@localhost; labels by pw@localhost"
    assert "SSSP/1.3/PBE/efficiency" in verdicts["label settings"]["message"]


def test_check_says_which_structure_the_label_settings_do_not_suit(file):
    output = json.loads(typed(check, file(label={**ESPRESSO, "espresso": {"pseudo_family": "x", "species": ["Au"]}}), "--no-run",
                             "--json", code=2))  # fmt: skip
    (item,) = [item for item in output["items"] if item["what"] == "label settings"]
    assert "frame 0 has Cu too" in item["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {}}, "unknown key 'labels' .did you mean 'label'"),
        ({"label": {"calculator": {"name": "emtt"}}}, "did you mean 'emt'"),
        ({"label": {"engine": "asi"}}, "did you mean 'ase'"),
        ({"species": ["Cv"]}, "unknown chemical symbol 'Cv'"),
    ],
)
def test_check_refuses_a_file_with_an_unknown_name(file, changes, message):
    with pytest.raises(InputError, match=message):
        typed(check, file(**changes))


@pytest.mark.parametrize("stage", [0, 1])
def test_a_trial_is_a_few_hundred_steps_of_the_same_settings(stage):
    sampler = parse(Campaign, COPPER).stages[stage].sampler
    short = shorten(sampler)
    if short.name == "melt":
        steps = short.duration / short.timestep
    else:
        cooling = (short.temperature[0] - short.temperature[1]) / short.rate * 1e3
        steps = (short.melt_duration + short.equilibrate + cooling + short.hold) / short.timestep
    assert 100 <= steps <= 300
    assert short.temperature == sampler.temperature
    assert short.snapshots < sampler.snapshots


# ------------------------------------------------------------------------------------------------ launch


@pytest.fixture
def machine(aiida_profile_clean, alworkflows_code, monkeypatch):
    """Stand in for a machine that was set up; gather what would be submitted."""
    import aiida.engine

    from workchains import machines

    alworkflows_code.computer.set_property(machines.OPTIONS_KEY, {"label": {"max_wallclock_seconds": 60}})
    alworkflows_code.computer.set_property(machines.MACHINE_KEY, "laptop")
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile_clean)
    monkeypatch.setattr(daemon, "daemon_status", lambda: daemon.DaemonStatus(False))
    monkeypatch.setattr(daemon, "start_daemon", lambda: daemon.DaemonStatus(True, 1, 2))
    submitted = []

    def submit(builder):
        from aiida.orm import WorkChainNode

        submitted.append(builder)
        node = WorkChainNode(label=builder.metadata.label)
        node.set_process_label("ActiveLearningWorkChain")
        node.set_process_state("created")
        return node.store()

    monkeypatch.setattr(aiida.engine, "submit", submit)
    return submitted


def test_launch_submits_the_campaign_with_code_options_and_files(machine, file):
    text = typed(launch, file())
    (builder,) = machine
    assert "started the daemon, 2 workers" in text
    assert "submitted campaign copper, PK" in text
    assert builder.campaign.get_dict()["species"] == ["Cu"]
    assert builder.options.get_dict() == {}  # those of the machine are asked of it when a job is made
    assert len(builder.files["structure_cell"]) == 1
    assert (builder.code.label, builder.label_code.label) == ("alworkflows", "alworkflows")


def test_launch_takes_codes_of_the_machines_that_the_file_names(machine, file, aiida_code_installed, aiida_computer_local):
    from workchains import machines

    cluster = aiida_computer_local(label="there")
    cluster.set_property(machines.OPTIONS_KEY, {})
    cluster.set_property(machines.MACHINE_KEY, "cluster")
    for label, program in (("al", "alworkflows"), ("gpaw-there", "gpaw")):
        code = aiida_code_installed(filepath_executable="/bin/true", label=label, computer=cluster)
        code.base.extras.set("alworkflows_program", program)
    typed(launch, file(machine="cluster"))
    typed(launch, file(label={**COPPER["label"], "machine": "cluster"}))
    typed(launch, file(label={"calculator": {"name": "gpaw"}}, machine="cluster"))
    typed(launch, file(label={"calculator": {"name": "gpaw"}}))  # no GPAW of its own: in the environment of alworkflows
    assert [(builder.code.full_label, builder.label_code.full_label) for builder in machine] == [
        ("al@there", "al@there"),
        ("alworkflows@localhost", "al@there"),
        ("al@there", "gpaw-there@there"),
        ("alworkflows@localhost", "alworkflows@localhost"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"machine": "laptob"}, "machine 'laptob' is not set up .*did you mean 'laptop'"),
        ({"label": {**COPPER["label"], "machine": "cluster"}}, "machine 'cluster' is not set up"),
        ({"label": ESPRESSO}, "machine 'laptop' has no program 'pw'"),
        ({"structures": {"cell": {"file": "gone.xyz"}}}, "gone.xyz: no such file"),
    ],
)
def test_launch_refuses_before_anything_is_stored(machine, file, changes, message):
    with pytest.raises(InputError, match=message):
        typed(launch, file(**changes))
    assert not machine


FOREIGN = {"class": "foreign_package.sub:Mine", "package": "ase", "energy": "potential"}
ASKING = {"calculator": {"name": "ase", "parameters": FOREIGN}}


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """The file that importing ``foreign_package`` leaves."""
    package, left = tmp_path / "foreign_package", tmp_path / "trace"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(left)!r}, 'w').close()\n")
    (package / "sub.py").write_text("from ase.calculators.emt import EMT\n\n\nclass Mine(EMT):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield left
    for name in [name for name in sys.modules if name.startswith("foreign_package")]:
        del sys.modules[name]


@pytest.mark.parametrize("command", [check, launch])
def test_a_file_imports_nothing_that_nobody_allowed(machine, file, trace, command):
    with pytest.raises(InputError, match=r"copper.yaml: calculator ase: it would import foreign_package.*--allow-import"):
        typed(command, file(label=ASKING))
    claimed = {"calculator": {**ASKING["calculator"], "allowed": "import foreign_package.sub:Mine"}}
    for options in ([], ["--allow-import"]):
        with pytest.raises(InputError, match="a person says that"):
            typed(command, file(label=claimed), *options)
    assert not trace.exists()
    assert not machine


def test_what_a_person_allows_is_said_and_runs(file, trace):
    text = typed(check, file(label=ASKING, stages=COPPER["stages"][:1]), "--allow-import")
    assert "allowed: the calculator ase may import foreign_package.sub:Mine" in text
    assert trace.exists()
    assert "All 4 checks passed" in text


def test_what_a_person_allows_is_kept_with_the_campaign(machine, file, trace):
    typed(launch, file(label=ASKING), "--allow-import")
    (builder,) = machine
    settings = builder.campaign["label"]
    assert settings["calculator"]["allowed"] == "import foreign_package.sub:Mine"
    assert parse(Campaign, builder.campaign.get_dict()).label.calculator.allowed
    assert not trace.exists()


def test_a_campaign_of_unusual_names_keeps_its_files_apart(machine, file, tmp_path):
    from ase.build import bulk

    bulk("Cu", cubic=True).repeat((2, 1, 1)).write(tmp_path / "two.xyz")
    names = {"a-b": "cell.xyz", "a.b": "two.xyz", "settings": "cell.xyz", "4H_00": "two.xyz", "a__b": "cell.xyz"}
    structures = {name: {"file": path, "supercell": [2, 2, 2]} for name, path in names.items()}
    stages = [{**COPPER["stages"][0], "structures": list(names)}]
    typed(launch, file(structures=structures, stages=stages))
    (builder,) = machine
    sizes = {name: len(builder.files[link_key(name)].get_frames()[0]) for name in names}
    assert sizes == {name: 4 if path == "cell.xyz" else 8 for name, path in names.items()}


def test_check_says_that_two_structures_are_one(file):
    structures = dict.fromkeys(("cell", "again"), COPPER["structures"]["cell"])
    stages = [{**COPPER["stages"][0], "structures": ["cell", "again"]}]
    text = typed(check, file(structures=structures, stages=stages), "--no-run", code=2)
    assert "structure cell: it is the same configuration as structure 'again'" in " ".join(text.split())


@pytest.mark.parametrize("name", ["a b", "a/b", "é", "-a", "", "x" * 65, "a\nb", "\x1b[31m", "..", "a\n"])
def test_check_refuses_names_of_structures_that_are_none(file, name):
    structures = {name: COPPER["structures"]["cell"]}
    with pytest.raises(InputError, match="structures: expected names of at most 64 letters") as error:
        typed(check, file(structures=structures, stages=[{**COPPER["stages"][0], "structures": [name]}]))
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("name", ["given", "all", "x" * 65, "a b", "é", "melt\n"])
def test_check_refuses_names_of_stages_that_are_none_or_stand_for_something_else(file, name):
    with pytest.raises(InputError, match="stages"):
        typed(check, file(stages=[{**COPPER["stages"][0], "name": name}]))


def test_launch_as_json(machine, file):
    output = json.loads(typed(launch, file(), "--json"))
    assert (output["name"], output["daemon_started"]) == ("copper", True)


def test_launch_without_a_code_says_how_to_make_one(aiida_profile_clean, file, monkeypatch):
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile_clean)
    with pytest.raises(InputError, match="alworkflows setup laptop"):
        typed(launch, file())


def test_launch_in_a_profile_without_broker_is_an_error_and_stores_nothing(
    aiida_profile_clean, alworkflows_code, file, monkeypatch
):
    from aiida.orm import ProcessNode, QueryBuilder

    from workchains import machines

    alworkflows_code.computer.set_property(machines.OPTIONS_KEY, {})
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile_clean)
    with pytest.raises(InputError, match="has no broker, so it cannot run a daemon"):
        typed(launch, file())
    assert QueryBuilder().append(ProcessNode).count() == 0


def test_launch_of_a_missing_file(aiida_profile):
    with pytest.raises(InputError, match=r"nowhere.yaml: no such file"):
        typed(launch, "nowhere.yaml")
