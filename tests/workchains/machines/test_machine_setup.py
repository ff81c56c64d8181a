"""Setting up: what is made, what is kept, what is refused before anything is made."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from workchains.machines.options import STEPS

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
    def test_makes_everything_once(self, run: Any, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "here", pw={"executable": "/bin/true", "with_mpi": False, "version": "7.3"})
        printed = run(f"""
first = machines.setup({str(folder)!r})
{STATE}
before = state()
second = machines.setup({str(folder)!r})
code = machines.load_code()
pw = machines.load_code(machine="here", program="pw")
print(json.dumps({{
    "first": [first.created, first.found, first.skipped], "second": [second.created, second.found],
    "before": before, "after": state(), "codes": first.codes,
    "code": code.full_label, "options": machines.job_options(code.computer), "path": str(first.aiida_path),
    "workdir": code.computer.get_workdir(), "poll": code.computer.get_minimum_job_poll_interval(),
    "configured": code.computer.is_configured, "safe": code.computer.get_configuration()["safe_interval"],
    "runner": __import__("aiida").manage.get_manager().get_option("runner.poll.interval"),
    "machine": [machines.machine_of(code.computer), first.machine, machines.job_cap(code.computer),
                machines.core_cap(code.computer)],
    "pw": [pw.default_calc_job_plugin, pw.with_mpi, code.with_mpi, pw.base.extras.get("alworkflows_version")],
}}))
""")
        assert [len(items) for items in printed["first"]] == [5, 1, 0]
        assert [len(items) for items in printed["second"]] == [0, 5]
        (cores,) = printed["first"][1]
        count = len(os.sched_getaffinity(0))
        # a fit takes two threads
        fits = f"{count} of sample, describe, label, evaluate; {count // 2} of fit" if count > 1 else f"1 of {', '.join(STEPS)}"
        assert cores == f"{count} core{'s' if count > 1 else ''} for jobs, so many at a time: {fits}"
        assert printed["before"] == printed["after"]
        assert printed["after"]["profiles"] == ["alworkflows"] == [printed["after"]["default"]]
        assert printed["code"] == "alworkflows@localhost"
        assert printed["codes"] == {"alworkflows": "alworkflows@localhost", "pw": "pw@localhost"}
        assert printed["path"] == str(tmp_path / "aiida")
        assert printed["workdir"] == str(tmp_path / "aiida" / "scratch" / "alworkflows")
        assert (printed["poll"], printed["safe"], printed["runner"], printed["configured"]) == (0.2, 0, 1, True)
        assert printed["options"]["sample"]["environment_variables"] == {"OMP_NUM_THREADS": "1"}
        assert printed["options"]["fit"]["environment_variables"] == {"OMP_NUM_THREADS": "2"}
        assert printed["options"]["label"]["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        assert printed["machine"] == ["here", "here", None, count]
        assert printed["pw"] == ["quantumespresso.pw", False, False, "7.3"]

    def test_the_laptop(self, run: Any, tmp_path: Path, program: Any) -> None:
        program(tmp_path / "bin" / "pw.x")
        printed = run("report = machines.setup('laptop')\nprint(json.dumps([report.codes, report.skipped]))")
        assert {"alworkflows", "pw"} <= set(printed[0])
        # the rest is there or is said to be left out
        assert len(printed[0]) + len(printed[1]) == 4

    def test_a_program_that_is_not_installed(self, run: Any, tmp_path: Path, write: Any) -> None:
        optional = write(tmp_path / "optional", vasp={"executable": "/nowhere/vasp_std", "optional": True})
        needed = write(tmp_path / "needed", vasp={"executable": "/nowhere/vasp_std"})
        printed = run(f"""
told = error(lambda: machines.setup({str(needed)!r}))
report = machines.setup({str(optional)!r})
print(json.dumps([told, list(report.codes), report.skipped]))
""")
        assert printed[0] == "codes/vasp.yaml: executable: expected a program that can be run, got '/nowhere/vasp_std'"
        assert printed[1:] == [["alworkflows"], ["code vasp: expected a program that can be run, got '/nowhere/vasp_std'"]]

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
        printed = run(f"machines.setup('laptop')\n{STATE}\nprint(json.dumps(state()))")
        assert sorted(printed["profiles"]) == ["alworkflows", "mine"]
        assert printed["default"] == "mine"
        assert json.loads(config.read_text())["profiles"]["mine"] == before["profiles"]["mine"]

    def test_adds_a_machine_to_a_profile_and_the_options_it_has_not_set(self, run: Any, tmp_path: Path, write: Any) -> None:
        options = {"runner.poll.interval": 30, "transport.task_maximum_attempts": 12}
        folder = write(tmp_path / "second", computer={"label": "second", "max_jobs": 3}, profile={"options": options})
        printed = run(f"""
machines.setup("laptop", profile="mine")
report = machines.setup({str(folder)!r}, profile="mine")
from aiida.manage import get_manager
option = get_manager().get_option
print(json.dumps([
    report.created, option("runner.poll.interval"), option("transport.task_maximum_attempts"),
    machines.load_code().full_label, machines.load_code(machine="second").full_label,
    machines.job_cap(machines.load_code(machine="second").computer),
]))
""")
        created, poll, attempts, first, second, cap = printed
        assert "option transport.task_maximum_attempts = 12 of profile mine" in created
        assert (poll, attempts) == (1, 12)
        assert (first, second, cap) == ("alworkflows@localhost", "alworkflows@second", 3)

    def test_without_aiida_path_it_keeps_to_its_own_directory(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        directory = run("print(json.dumps(str(machines.setup('laptop').aiida_path)))", AIIDA_PATH="")
        assert directory == str(tmp_path / "home" / ".alworkflows")
        assert sorted(os.listdir(tmp_path / "home")) == [".alworkflows"]
        # and the other commands look there, too
        assert run("print(json.dumps(session.activate().name))", AIIDA_PATH="") == "alworkflows"

    def test_a_directory_and_a_profile_of_ones_choice(self, run: Any, tmp_path: Path) -> None:
        chosen = tmp_path / "chosen"
        profile = run(f"r = machines.setup('laptop', profile='other', aiida_path={str(chosen)!r})\nprint(json.dumps(r.profile))")
        assert profile == "other"
        assert (chosen / ".aiida" / "config.json").is_file()
        assert not (tmp_path / "aiida").exists()

    def test_works_after_aiida_was_imported(self, run: Any, tmp_path: Path) -> None:
        profile = run(f"""
import aiida.orm
machines.setup('laptop', aiida_path={str(tmp_path / "late")!r})
print(json.dumps(session.activate().name))
""")
        assert profile == "alworkflows"
        assert (tmp_path / "late" / ".aiida" / "config.json").is_file()

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"executable": "/bin/true"}, "filepath_executable"),
            ({"prepend_text": "x"}, "prepend_text"),
            ({"version": "2"}, "version"),
        ],
    )
    def test_a_code_that_became_another(self, run: Any, tmp_path: Path, change: dict[str, str], named: str, write: Any) -> None:
        before, after = write(tmp_path / "before"), write(tmp_path / "after", code=change)
        printed = run(f"""
machines.setup({str(before)!r})
report = machines.setup({str(after)!r})
{STATE}
print(json.dumps([state()["codes"], report.created]))
""")
        codes, created = printed
        assert sorted((label.startswith("alworkflows-"), hidden) for label, hidden in codes) == [(False, False), (True, True)]
        assert len(created) == 2
        assert created[0].endswith(f"for the code before, of another {named}")

    def test_what_may_change_of_a_computer_follows_its_file(self, run: Any, tmp_path: Path, write: Any) -> None:
        before = write(tmp_path / "m")
        changes = {"work_dir": "/tmp/elsewhere", "poll_interval": 7.0, "safe_interval": 3.0, "max_jobs": 5}
        after = write(tmp_path / "other" / "m", computer=changes, options={"fit": {"walltime": "1 h"}})
        printed = run(f"""
machines.setup({str(before)!r})
report = machines.setup({str(after)!r})
computer = machines.load_code(machine="m").computer
print(json.dumps([
    report.created, computer.get_workdir(), computer.get_minimum_job_poll_interval(),
    computer.get_configuration()["safe_interval"], machines.job_cap(computer),
    machines.options_for(computer, "fit")["max_wallclock_seconds"],
]))
""")
        created, *values = printed
        assert values == ["/tmp/elsewhere", 7.0, 3.0, 5, 3600]
        assert "workdir of computer localhost: /tmp/elsewhere" in created

    def test_another_computer_of_the_same_name(self, run: Any, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "machine", computer={"hostname": "elsewhere"})
        message = run(f"machines.setup('laptop')\nprint(json.dumps(error(lambda: machines.setup({str(folder)!r}))))")
        assert "another computer 'localhost', whose hostname is localhost, not elsewhere" in message

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"profile": {"storage": "core.sqlight"}}, "profile.yaml: AiiDA cannot make this profile: .*core.sqlight"),
            ({"profile": {"broker": "core.zero"}}, "profile.yaml: broker: AiiDA has no 'core.zero'"),
            (
                {"profile": {"options": {"runner.pol": 1}}},
                "options.runner.pol: the option runner.pol does not exist",
            ),
            ({"profile": {"options": {"runner.poll.interval": "x"}}}, "profile.yaml: options.runner.poll.interval: "),
            ({"computer": {"transport": "core.smoke", "cores": None}}, "computer.yaml: transport: AiiDA has no 'core.smoke'"),
            ({"computer": {"scheduler": "core.slurn"}}, "computer.yaml: scheduler: AiiDA has no 'core.slurn'"),
            ({"computer": {"transport_config": {"use_login": 1}}}, r"'use_login' \(did you mean 'use_login_shell'\?\)"),
            ({"options": {"fit": {"qeue": "x"}}}, r"'qeue' \(did you mean 'queue'\?\)"),
        ],
    )
    def test_what_aiida_would_refuse_leaves_nothing(
        self, run: Any, tmp_path: Path, write: Any, changes: Any, message: str
    ) -> None:
        folder = write(tmp_path / "machine", code={"executable": "/bin/true"}, **changes)
        printed = run(f"""
told = error(lambda: machines.setup({str(folder)!r}))
from aiida.manage.configuration import get_config
print(json.dumps([told, get_config(create=True).profile_names]))
""")
        assert re.search(message, printed[0]), printed[0]
        assert printed[1] == []
