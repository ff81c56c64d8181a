"""Commands are listed with their help, suggested when mistyped, and import nothing slow until they work."""

import subprocess
import sys

import pytest

from alworkflows.cli.main import BY_HAND


@pytest.mark.parametrize("name", BY_HAND)
def test_every_command_teaches_by_examples(run, name):
    done = run(name, "--help")
    assert done.status == 0
    assert f"\n    alworkflows {name} " in done.out
    assert max(len(line) for line in done.out.splitlines()) < 120


def test_the_overview_sorts_commands_by_what_they_work_on(run):
    out = run("--help").out
    order = [out.index(text) for text in ("On files, without a database:", "\n  fit ", "Campaigns:", "\n  launch ", "Others:")]
    assert order == sorted(order)


def test_a_mistyped_command_suggests_the_nearest(run):
    done = run("evalute")
    assert done.status == 2
    assert "did you mean 'evaluate'" in done.err


def test_help_imports_nothing_slow():
    names = ", ".join(f"alworkflows.cli.{name}" for name in (*BY_HAND, "output", "files", "path_table", "progress"))
    program = f"import sys, {names}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "ase", "scipy", "pydantic", "rich", "matplotlib", "aiida"} & set(done.stdout.split())
