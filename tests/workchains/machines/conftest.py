"""Folders of machines, and processes of their own in which they are set up."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from workchains.machines.files import BUILTIN
from workchains.machines.programs import PROGRAMS

LAPTOP = {
    str(path.relative_to(BUILTIN / "laptop")).removesuffix(".yaml"): yaml.safe_load(path.read_text())
    for path in (BUILTIN / "laptop").rglob("*.yaml")
}


def _write(folder: Path, **changes: dict[str, Any] | None) -> Path:
    """A machine's folder: the laptop's, with changes by file (`code`: that of alworkflows) and further codes by program."""
    names = {"code": "codes/alworkflows", **{program: f"codes/{program}" for program in PROGRAMS if program != "alworkflows"}}
    changed = {names.get(name, name): change for name, change in changes.items()}
    files = {name: data for name, data in LAPTOP.items() if not name.startswith("codes/") or name == "codes/alworkflows"}
    (folder / "codes").mkdir(parents=True, exist_ok=True)
    for name in {*files, *changed}:
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**files.get(name, {}), **(changed.get(name) or {})}))
    return folder


def _program(path: Path, text: str = "") -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def write() -> Callable[..., Path]:
    """Return :func:`_write`."""
    return _write


@pytest.fixture
def program() -> Callable[..., Path]:
    """Return :func:`_program`."""
    return _program


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Run Python statements in a process of their own, with an AiiDA directory and an executable of its own."""
    programs = tmp_path / "bin"
    _program(programs / "alworkflows")

    def _run(text: str, **environment: str) -> Any:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("AIIDA")}
        path = os.pathsep.join([str(programs), inherited["PATH"]])
        environment = {
            **inherited,
            "PATH": path,
            "HOME": str(tmp_path / "home"),
            "AIIDA_PATH": str(tmp_path / "aiida"),
            **environment,
        }
        environment = {key: value for key, value in environment.items() if value}
        head = "import json, os, sys\nfrom alworkflows.errors import InputError\n"
        head += "from workchains import machines\nfrom workchains.machines import daemon, session\n"
        head += "def error(action):\n    try:\n        action()\n    except InputError as error:\n        return str(error)\n"
        done = subprocess.run(
            [sys.executable, "-c", head + text], env=environment, cwd=Path(__file__).parents[3], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else None

    return _run
