"""Texts of a machine's files that end in a job script, a command or a path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alworkflows.errors import InputError
from alworkflows.settings import parse
from workchains.machines import load_machine
from workchains.machines.options import JobOptions, OptionsFile, tables

#: what a shell or a scheduler would read as more than a name
INJECTIONS = [
    "a\nrm -rf x",
    "a;b",
    "$(b)",
    "`b`",
    "a b",
    "a'b",
    'a"b',
    "a&b",
    "a|b",
    "a>b",
    "-o",
    "a\\b",
    "a\x00b",
    "a\x1b[2J",
    "{0}",
    "~",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("key", ["queue", "account", "qos", "parallel_env"])
def test_words_of_the_scheduler_are_plain_names(key: str, text: str) -> None:
    with pytest.raises(InputError, match=f"default.{key}: expected a plain name") as raised:
        parse(OptionsFile, {"default": {key: text}})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("key", ["queue_name", "account", "qos", "priority", "scheduler_stdout"])
def test_so_are_those_under_the_names_of_aiida(key: str, text: str) -> None:
    with pytest.raises(InputError, match=f"{key}: expected a plain name"):
        tables(parse(OptionsFile, {"default": {key: text}}), "core.slurm")


@pytest.mark.parametrize("text", ["short", "batch@server", "a-b_c.d", "gpu,long", "proj:sub", "12", "queue+x", "QUEUE[1]"])
def test_plain_names_pass(text: str) -> None:
    found, _ = tables(parse(OptionsFile, {"default": {"queue": text, "account": text}}), "core.slurm")
    assert (found["fit"]["queue_name"], found["fit"]["account"]) == (text, text)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"environment_variables": {"A B": "1"}}, "environment_variables: expected the name of a variable, got 'A B'"),
        ({"environment_variables": {"A": "1\nrm x"}}, "environment_variables: expected one line"),
        ({"resources": {"num_machines": 10**23}}, "resources: expected a number from 1 to"),
        ({"resources": {"num_machines": -1}}, "resources: expected a number from 1 to"),
        ({"resources": {"parallel_env": "a;b"}}, "resources: expected a plain name"),
        ({"max_memory_kb": -7}, "max_memory_kb: expected a number from 1 to .*, got -7"),
        ({"max_wallclock_seconds": 10**5000}, "max_wallclock_seconds: expected a number from 1 to .*, got a longer one"),
        ({"mpirun_extra_params": ["-n\nrm"]}, "mpirun_extra_params: expected one line"),
        ({"prepend_text": "a\x1bb"}, "prepend_text: expected text without control characters"),
        ({"custom_scheduler_commands": "a\x00"}, "custom_scheduler_commands: expected text without control characters"),
    ],
)
def test_what_else_ends_in_a_script(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        tables(parse(OptionsFile, {"default": options}), "core.slurm")


def test_script_is_script() -> None:
    """What is meant to be lines of a script is handed on as it is."""
    text = '#SBATCH --x=y\n\tmodule load a; echo "$A"\n'
    found, _ = tables(parse(OptionsFile, {"default": {"custom_scheduler_commands": text, "prepend_text": text}}), "core.slurm")
    assert found["fit"]["custom_scheduler_commands"] == found["fit"]["prepend_text"] == text


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        *(("hostname", text, "hostname: expected a plain name") for text in INJECTIONS),
        *(("label", text, "label: ") for text in INJECTIONS),
        ("work_dir", "{0.__class__}", r"work_dir: unknown \{0.__class__\}; known in braces: \{aiida_path\}, "),
        ("work_dir", "/a/{username.__class__}", "work_dir: unknown"),
        ("work_dir", "/a/{username!r}", r"work_dir: unknown \{username!r\}"),
        ("work_dir", "/a/{username:>999999999}", "work_dir: unknown"),
        ("work_dir", "/a/{user}", r"work_dir: unknown \{user\}"),
        ("work_dir", "/a/{}", r"work_dir: unknown \{\}"),
        ("work_dir", "/a/{username", "work_dir: expected '}'"),
        ("work_dir", "/a/}", "work_dir: Single '}'"),
        ("work_dir", "/a/\nb", "work_dir: expected one line"),
        ("mpirun_command", "srun {0.__class__}", "mpirun_command: unknown"),
        ("mpirun_command", "srun\nrm", "mpirun_command: expected one line"),
        ("shebang", "#!/bin/bash\nrm -rf x", "shebang: expected one line"),
        ("prepend_text", "a\x07", "prepend_text: expected text without control characters"),
        ("append_text", "a\rb", "append_text: expected text without control characters"),
        ("mpiprocs_per_machine", 10**30, "mpiprocs_per_machine: expected less than"),
        ("mpiprocs_per_machine", True, "mpiprocs_per_machine: expected a valid number"),
        ("safe_interval", float("inf"), "safe_interval: expected"),
        ("poll_interval", 1e300, "poll_interval: expected less than"),
        ("max_jobs", -1, "max_jobs: expected"),
        ("cores", 0, "cores"),
    ],
)
def test_texts_and_numbers_of_a_computer(key: str, text: Any, says: str, tmp_path: Path, write: Callable[..., Path]) -> None:
    folder = write(tmp_path / "here", computer={key: text})
    with pytest.raises(InputError, match=says) as raised:
        load_machine(folder)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    "path", ["/scratch/{username}/a", "{aiida_path}/scratch/{profile}", "/a b/c", "/scratch/{{x}}", "/data/ä"]
)
def test_templates_of_paths_pass(path: str, tmp_path: Path, write: Callable[..., Path]) -> None:
    assert load_machine(write(tmp_path / "here", computer={"work_dir": path})).computer.work_dir == path


@pytest.mark.parametrize("executable", ["/tmp", "/", "/dev/null", "/none/of/this"])
def test_an_executable_is_a_file_that_can_be_run(executable: str, tmp_path: Path, write: Callable[..., Path]) -> None:
    machine = load_machine(write(tmp_path / "here", code={"executable": executable}))
    with pytest.raises(InputError, match=f"executable: expected a program that can be run, got '{executable}'"):
        machine.executable("alworkflows")


def test_texts_of_a_code(tmp_path: Path, write: Callable[..., Path]) -> None:
    for change, says in (
        ({"executable": "/bin/a\nrm"}, "executable: expected one line"),
        ({"version": "1\n2"}, "version: expected one line"),
        ({"label": "a'b"}, "label: expected a plain name"),
        ({"prepend_text": "\x00"}, "prepend_text: expected text without control"),
    ):
        with pytest.raises(InputError, match=says):
            load_machine(write(tmp_path / "here", code=change))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1e3", None),
        ("1e-3 h", 4),
        ("1e3 s", 1000),
        ("1.5E1 min", 900),
        ("2h30min", 9000),
        (" 90 min ", 5400),
        ("1-00:00:00", 86400),
        ("1_000", None),
    ]
    + [
        (text, None)
        for text in ("1e400 h", "inf", "nan", "", "-2 h", "2 h x", "1 e3", "h", "9" * 5000, "9" * 5000 + ":00:00", "1..5 h")
    ],
)
def test_walltimes(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(InputError, match="walltime: ") as raised:
            parse(JobOptions, {"walltime": text})
        assert len(str(raised.value)) < 500
    else:
        assert parse(JobOptions, {"walltime": text}).walltime == seconds


@pytest.mark.parametrize(
    ("text", "kilobytes"),
    [("4 GB", 4 * 2**20), ("1e1 MB", 10240), ("64 TB", 2**36), ("1e400 GB", None), ("4", None), ("-4 GB", None), ("", None)],
)
def test_memories(text: str, kilobytes: int | None) -> None:
    if kilobytes is None:
        with pytest.raises(InputError, match="memory: "):
            parse(JobOptions, {"memory": text})
    else:
        assert parse(JobOptions, {"memory": text}).memory == kilobytes


def test_a_new_profile_has_a_plain_name(tmp_path: Path, write: Callable[..., Path], run: Any) -> None:
    folder, names = write(tmp_path / "here"), ["a/../b", "", "a b", "-x", "a;b", "a\nb", ".."]
    told = run(f"print(json.dumps([error(lambda: machines.setup({str(folder)!r}, name)) for name in {names!r}]))")
    assert all(text is not None and text.startswith("--profile: name: ") for text in told)
