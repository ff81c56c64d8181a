"""The scripts under ``benchmarks/``: each has the seconds-long form that every change runs (``make smoke``)."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Return a function that imports a module of the folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("common", "smoke"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module


def test_all_are_run_but_what_they_share(module):
    smoke = module("smoke")
    assert set(smoke.scripts()) | smoke.OTHERS == {path.stem for path in FOLDER.glob("*.py")}
    assert {"dynamics", "refit", "daemon_kills", "gpaw_labels"} <= set(smoke.scripts())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_each_has_the_flag_looks_at_it_and_ends_with_its_line(module, path):
    if path.stem in module("smoke").OTHERS:
        return
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert any(call.func.id == "arguments" for call in calls), "expected the arguments of benchmarks/common.py"
    assert any(isinstance(node, ast.Attribute) and node.attr == "smoke" for node in ast.walk(tree)), "--smoke changes nothing"
    (line,) = [call for call in calls if call.func.id == "last_line"]
    assert ast.literal_eval(line.args[0]) == path.stem


def test_arguments(module, capsys):
    common = module("common")
    assert common.arguments("what it is").parse_args([]).smoke is False
    assert common.arguments("what it is").parse_args(["--smoke"]).smoke is True
    assert common.arguments("what it is", full="hours").parse_args(["--full"]).full is True
    common.last_line("refit", 3.14159, 2)
    assert capsys.readouterr().out == "refit: ratio 3.14\n"
