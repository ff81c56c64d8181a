import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from alworkflows.errors import InputError
from workchains.machine_files import BUILTIN, Machine, OptionsFile, load_machine, machines

LAPTOP = {path.name: yaml.safe_load(path.read_text()) for path in (BUILTIN / "laptop").glob("*.yaml")}


def write(folder: Path, **changes: dict[str, Any]) -> Path:
    """A machine's folder: the laptop's, with changes by file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in LAPTOP.items():
        (folder / name).write_text(yaml.safe_dump({**data, **changes.get(Path(name).stem, {})}))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Run Python statements in a process of their own, with an AiiDA directory and an executable of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "alworkflows").write_text("#!/bin/sh\n")
    (programs / "alworkflows").chmod(0o755)

    def _run(program: str, **environment: str) -> Any:
        given = {key: value for key, value in os.environ.items() if not key.startswith("AIIDA")}
        path = os.pathsep.join([str(programs), given["PATH"]])
        environment = {
            **given,
            "PATH": path,
            "HOME": str(tmp_path / "home"),
            "AIIDA_PATH": str(tmp_path / "aiida"),
            **environment,
        }
        environment = {key: value for key, value in environment.items() if value}
        head = "import json, os, sys\nfrom alworkflows.errors import InputError\nfrom workchains import machines, session\n"
        done = subprocess.run(
            [sys.executable, "-c", head + program], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else None

    return _run


class TestFiles:
    def test_the_built_in_machines_are_valid(self) -> None:
        assert "laptop" in machines()
        for name in machines():
            machine = load_machine(name)
            assert isinstance(machine, Machine)
            machine.check_options()

    def test_the_options_are_those_of_the_steps(self) -> None:
        from workchains.ports import STEPS

        assert set(OptionsFile.model_fields) == {"default", *STEPS}

    def test_the_folder_travels_with_the_package(self) -> None:
        from importlib.resources import files

        assert (files("workchains") / "profiles" / "laptop" / "computer.yaml").is_file()

    def test_an_unknown_machine(self) -> None:
        with pytest.raises(InputError, match=r"unknown machine.*'lapptop' \(did you mean 'laptop'\?\)"):
            load_machine("lapptop")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"computer": {"trnasport": "x"}}, r"computer\.yaml: unknown key 'trnasport' \(did you mean 'transport'\?\)"),
            ({"computer": {"safe_interval": -1}}, r"computer\.yaml: safe_interval: expected greater than or equal to 0, got -1"),
            ({"profile": {"name": "a b"}}, r"profile\.yaml: name: .*got 'a b'"),
            ({"options": {"lable": {}}}, r"options\.yaml: unknown key 'lable' \(did you mean 'label'\?\)"),
            ({"code": {"label": "a@b"}}, r"code\.yaml: label: .*got 'a@b'"),
        ],
    )
    def test_mistakes_in_the_files(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            load_machine(write(tmp_path / "m", **changes))

    def test_a_missing_file(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "m")
        (folder / "code.yaml").unlink()
        with pytest.raises(InputError, match=r"code\.yaml: no such file"):
            load_machine(folder)

    def test_an_option_jobs_do_not_know(self, tmp_path: Path) -> None:
        machine = load_machine(write(tmp_path / "m", options={"fit": {"max_wallclock_second": 5}}))
        with pytest.raises(InputError, match=r"fit\) 'max_wallclock_second' \(did you mean 'max_wallclock_seconds'\?\)"):
            machine.check_options()

    @pytest.mark.parametrize(
        ("code", "computer", "message"),
        [
            ("bin/alworkflows", {}, "expected an absolute path or 'auto', got 'bin/alworkflows'"),
            ("/nowhere/alworkflows", {}, "expected a program that can be run, got '/nowhere/alworkflows'"),
            ("auto", {"transport": "core.ssh_async", "hostname": "far"}, "'auto' is for this machine; give the path on far"),
        ],
    )
    def test_an_executable_that_is_none(self, tmp_path: Path, code: str, computer: dict[str, Any], message: str) -> None:
        machine = load_machine(write(tmp_path / "m", code={"executable": code}, computer=computer))
        with pytest.raises(InputError, match=message):
            machine.executable()


STATE = """
from aiida.orm import QueryBuilder, Computer, InstalledCode, User
def state():
    from aiida.manage.configuration import get_config
    return {
        "profiles": get_config().profile_names,
        "default": get_config().default_profile_name,
        "computers": QueryBuilder().append(Computer, project="label").all(flat=True),
        "codes": [(code.label, code.is_hidden) for code in QueryBuilder().append(InstalledCode).all(flat=True)],
    }
"""


class TestSetup:
    def test_makes_everything_once(self, run: Any, tmp_path: Path) -> None:
        found = run(f"""
first = machines.setup("laptop")
{STATE}
before = state()
second = machines.setup("laptop")
code = machines.load_code()
print(json.dumps({{
    "first": [first.created, first.found], "second": [second.created, second.found], "before": before, "after": state(),
    "code": code.full_label, "options": machines.job_options(code.computer), "path": str(first.aiida_path),
    "workdir": code.computer.get_workdir(), "poll": code.computer.get_minimum_job_poll_interval(),
    "configured": code.computer.is_configured, "safe": code.computer.get_configuration()["safe_interval"],
    "runner": __import__("aiida").manage.get_manager().get_option("runner.poll.interval"),
}}))
""")
        assert [len(items) for items in found["first"]] == [3, 0]
        assert [len(items) for items in found["second"]] == [0, 3]
        assert found["before"] == found["after"]
        assert found["after"]["profiles"] == ["alworkflows"] == [found["after"]["default"]]
        assert found["code"] == "alworkflows@localhost"
        assert found["path"] == str(tmp_path / "aiida")
        assert found["workdir"] == str(tmp_path / "aiida" / "scratch" / "alworkflows")
        assert (found["poll"], found["safe"], found["runner"], found["configured"]) == (1, 0, 1, True)
        assert found["options"]["sample"]["environment_variables"] == {"OMP_NUM_THREADS": "1"}
        assert found["options"]["label"]["environment_variables"] == {"OMP_NUM_THREADS": "2"}
        assert found["options"]["label"]["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 1}

    def test_leaves_other_profiles_alone(self, run: Any, tmp_path: Path) -> None:
        make = """
session.use_directory()
from aiida.manage.configuration import create_profile, get_config
config = get_config(create=True)
create_profile(config, name="mine", email="me@here", storage_backend="core.sqlite_dos", storage_config={})
config.set_default_profile("mine", overwrite=True)
config.store()
"""
        run(make)
        config = tmp_path / "aiida" / ".aiida" / "config.json"
        before = json.loads(config.read_text())
        found = run(f"machines.setup('laptop')\n{STATE}\nprint(json.dumps(state()))")
        assert sorted(found["profiles"]) == ["alworkflows", "mine"]
        assert found["default"] == "mine"
        assert json.loads(config.read_text())["profiles"]["mine"] == before["profiles"]["mine"]

    def test_without_aiida_path_it_keeps_to_its_own_directory(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        found = run("print(json.dumps(str(machines.setup('laptop').aiida_path)))", AIIDA_PATH="")
        assert found == str(tmp_path / "home" / ".alworkflows")
        assert sorted(os.listdir(tmp_path / "home")) == [".alworkflows"]
        # and the other commands look there, too
        assert run("print(json.dumps(session.activate().name))", AIIDA_PATH="") == "alworkflows"

    def test_a_directory_and_a_profile_of_ones_choice(self, run: Any, tmp_path: Path) -> None:
        chosen = tmp_path / "chosen"
        found = run(f"r = machines.setup('laptop', profile='other', aiida_path={str(chosen)!r})\nprint(json.dumps(r.profile))")
        assert found == "other"
        assert (chosen / ".aiida" / "config.json").is_file()
        assert not (tmp_path / "aiida").exists()

    def test_works_after_aiida_was_imported(self, run: Any, tmp_path: Path) -> None:
        found = run(f"""
import aiida.orm
machines.setup('laptop', aiida_path={str(tmp_path / "late")!r})
print(json.dumps(session.activate().name))
""")
        assert found == "alworkflows"
        assert (tmp_path / "late" / ".aiida" / "config.json").is_file()

    def test_an_executable_that_moved(self, run: Any, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
        folder = write(tmp_path / "machine", code={"executable": str(other)})
        found = run(f"""
machines.setup("laptop")
report = machines.setup({str(folder)!r})
{STATE}
print(json.dumps([state()["codes"], str(machines.load_code().filepath_executable), report.created]))
""")
        codes, path, created = found
        assert path == str(other)
        assert sorted((label.startswith("alworkflows-"), hidden) for label, hidden in codes) == [(False, False), (True, True)]
        assert len(created) == 2

    def test_another_computer_of_the_same_name(self, run: Any, tmp_path: Path) -> None:
        folder = write(tmp_path / "machine", computer={"hostname": "elsewhere"})
        found = run(f"""
machines.setup("laptop")
try:
    machines.setup({str(folder)!r})
except InputError as error:
    print(json.dumps(str(error)))
""")
        assert "another computer 'localhost', whose hostname is localhost, not elsewhere" in found

    def test_a_plugin_that_does_not_exist(self, run: Any, tmp_path: Path) -> None:
        storage = write(tmp_path / "a", profile={"storage": "core.sqlight"})
        transport = write(tmp_path / "b", computer={"transport": "core.smoke"}, code={"executable": "/bin/true"})
        found = run(f"""
told = []
for folder in ({str(storage)!r}, {str(transport)!r}):
    try:
        machines.setup(folder)
    except InputError as error:
        told.append(str(error))
print(json.dumps(told))
""")
        assert "profile.yaml: AiiDA cannot make this profile" in found[0]
        assert "core.sqlight" in found[0]
        assert "computer.yaml: AiiDA cannot make this computer" in found[1]
        assert "core.smoke" in found[1]


class TestSession:
    def test_no_profile_yet(self, run: Any, tmp_path: Path) -> None:
        found = run("""
try:
    session.activate()
except InputError as error:
    print(json.dumps([str(error), "aiida" in sys.modules]))
""")
        assert (
            found[0]
            == f"no AiiDA profile 'alworkflows': {tmp_path}/aiida holds none yet; make one with: alworkflows setup laptop"
        )
        assert not found[1], "nothing needs to be imported, or made, to say so"
        assert not (tmp_path / "aiida").exists()

    def test_a_profile_of_another_name(self, run: Any) -> None:
        found = run("""
machines.setup("laptop", profile="zinc")
try:
    session.activate("zink")
except InputError as error:
    print(json.dumps(str(error)))
""")
        assert "no AiiDA profile 'zink'" in found
        assert "(did you mean 'zinc'?); it holds: zinc; make one with: alworkflows setup laptop" in found

    def test_a_profile_without_a_broker(self, run: Any, tmp_path: Path) -> None:
        folder = write(tmp_path / "machine", profile={"broker": None})
        found = run(f"""
machines.setup({str(folder)!r})
try:
    session.require_daemon()
except InputError as error:
    print(json.dumps(str(error)))
""")
        assert found.startswith("the profile 'alworkflows' has no broker, so it cannot run a daemon; give it one with: verdi -p")

    def test_the_daemon_starts_once_answers_and_stops(self, run: Any) -> None:
        started = time.monotonic()
        found = run("""
machines.setup("laptop")
told = ""
try:
    session.require_daemon()
except InputError as error:
    told = str(error)
try:
    first, second = session.start_daemon(1), session.start_daemon(1)
    required = session.require_daemon()
finally:
    session.stop_daemon()
after = session.daemon_status()
session.stop_daemon()
print(json.dumps([told, first.pid == second.pid == required.pid, first.workers, required.workers, after.running]))
""")
        told, same, first, workers, after = found
        assert "the daemon of profile 'alworkflows' does not run" in told
        assert (same, first, workers, after) == (True, 1, 1, False)
        assert time.monotonic() - started < 60

    def test_a_daemon_that_died_is_not_running(self, run: Any) -> None:
        found = run("""
machines.setup("laptop")
client = session._client()
open(client.circus_pid_file, "w").write("999999999")
print(json.dumps(session.daemon_status().running))
""")
        assert found is False
