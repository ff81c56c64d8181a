"""How the house is built: no circles of imports, no module too long to read, nothing loose, no two modules of one name."""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("alworkflows", "workchains")
LONGEST = 400


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
#: modules written in C: they import nothing of ours
EXTENSIONS = {item["name"] for item in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]}


# ------------------------------------------------------------------------------------------------------------------- circles


def imports(source, own, known, extensions=frozenset()):
    """Return the modules that a source imports: at its top, in functions and for type checking; none by a string.

    ``from package import name`` is an import of the module of that name if there is one, else of the package's ``__init__``. The
    version of a package, which no module of it has to be ready for, is no import of its ``__init__``.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{own}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if alias.name != "__version__":
                    found.add(inner if inner in known or inner in extensions else node.module)
    return (found & set(known)) - {own}


def circles(graph):
    """Return the shortest circle through each module that is part of one, each circle once."""
    found = set()
    for start in graph:
        paths, seen = [[start]], {start}
        while paths:
            path = paths.pop(0)
            if start in graph[path[-1]]:
                first = path.index(min(path))
                found.add(tuple(path[first:] + path[:first]))
                break
            for following in sorted(graph[path[-1]] - seen):
                seen.add(following)
                paths.append([*path, following])
    return sorted(found)


def test_a_circle_is_found_wherever_its_imports_stand():
    sources = {
        "p": "from p.a import one",
        "p.a": "def f():\n    from p.b import two",
        "p.b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.c",
        "p.c": "from p import a, __version__",
        "p.d": "from p import c, _native",
    }
    graph = {own: imports(source, own, sources, {"p._native"}) for own, source in sources.items()}
    assert graph == {"p": {"p.a"}, "p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.a"}, "p.d": {"p.c"}}
    assert circles(graph) == [("p.a", "p.b", "p.c")]


def test_no_circle_of_imports():
    graph = {own: imports(path.read_text(), own, MODULES, EXTENSIONS) for own, path in MODULES.items()}
    assert len(graph) > 200
    found = circles(graph)
    shown = [" -> ".join(str(MODULES[name].relative_to(ROOT)) for name in (*circle, circle[0])) for circle in found]
    assert not found, "modules import each other:\n" + "\n".join(shown)


# --------------------------------------------------------------------------------------------------------------- what ls shows


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_too_long_to_read(package):
    lengths = {
        path: len(path.read_text().splitlines()) for path in MODULES.values() if package in path.relative_to(ROOT).parts[:1]
    }
    long = [f"{path.relative_to(ROOT)}: {length} lines" for path, length in lengths.items() if length > LONGEST]
    assert not long, f"expected at most {LONGEST} lines: {'; '.join(long)}"


def test_nothing_is_loose_at_the_top_of_workchains():
    assert [path.name for path in sorted((ROOT / "workchains").glob("*.py"))] == ["__init__.py"]


#: rooms whose modules are named after what they show or hold of another room: `report/costs` is how the costs look
MIRRORS = {"cli", "plotting", "report", "settings"}
#: names that say the same in every room that has one
SAME_EVERYWHERE = {
    "__init__": "of every package",
    "contract": "what the members of a room keep",
    "registry": "the members of a room by name",
}
#: names that two modules of a package share, and why
SHARED = {
    ("alworkflows", "lammps"): "the program as a driver of dynamics, and the files that it reads",
    ("workchains", "files"): "nodes that hold a file, and the files of a machine",
    ("workchains", "frames"): "frames as a node, and where one is",
}


def shared_names(paths):
    """Return the modules of each package and name of which there are several, but for those that are named alike by rule."""
    by_name = defaultdict(list)
    for path in paths:
        package, *rooms = path.parts[:-1]
        if path.stem not in SAME_EVERYWHERE and not MIRRORS & set(rooms[:1]):
            by_name[package, path.stem].append(path)
    return {key: found for key, found in by_name.items() if len(found) > 1 and not are_siblings(found)}


def are_siblings(paths):
    """Whether modules of one name are of folders side by side in a room, one a program or a model class."""
    return len({path.parent.parent for path in paths}) == 1 and all(len(path.parts) > 3 for path in paths)


def test_names_that_are_shared_by_rule_and_those_that_are_not():
    paths = map(
        Path,
        (
            *("p/a/contract.py", "p/b/contract.py"),
            *("p/programs/x/inputs.py", "p/programs/y/inputs.py"),
            *("p/a/costs.py", "p/report/costs.py"),
            *("p/a/fit.py", "p/b/fit.py", "q/a/fit.py"),
        ),
    )
    assert list(shared_names(paths)) == [("p", "fit")]


def test_no_two_modules_of_a_package_share_a_name_without_need():
    found = shared_names(path.relative_to(ROOT) for path in MODULES.values())
    unlisted = {key: paths for key, paths in found.items() if key not in SHARED}
    said = ["; ".join(map(str, paths)) for paths in unlisted.values()]
    assert not unlisted, "modules of one name (rename one, or list them in SHARED with the reason):\n" + "\n".join(said)
    assert set(SHARED) <= set(found), f"listed in SHARED, and shared no more: {sorted(set(SHARED) - set(found))}"


# ------------------------------------------------------------------------------------------------------------------- writers

#: calls that write a file in place, by the name of the function
WRITERS = {"write_text", "write_bytes", "savez", "savez_compressed", "savetxt", "savefig", "copyfile", "copytree", "rename"}
#: modules that may, and why
MAY_WRITE = {
    "alworkflows.atomic": "this is how",
    "alworkflows.frames.formats.deepmd": "into the part of a folder",
    "alworkflows.frames.formats.lammps": "into a temporary folder",
    "alworkflows.frames.formats.vasp": "into a temporary folder",
    "alworkflows.frames.sources": "into a temporary folder",
    "alworkflows.jobs.folder_lock": "a lock is empty",
    "alworkflows.sampling.melt": "into a temporary folder",
    "workchains.calculations.job": "AiiDA's sandbox",
    "workchains.calculations.probe_job": "AiiDA's sandbox",
    "workchains.data.files": "into a temporary folder, besides",
    "workchains.machines.files": "a folder that is new or empty",
    "workchains.machines.trial": "into a temporary folder",
    "workchains.processes.locks": "a lock is empty",
}


def writes_in_place(tree):
    """Yield the lines that write a file in place: by a call above, or by opening it to write.

    Inside ``with replacing(...) as part``, all that is written goes to the part.
    """
    sheltered = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("replacing(" in ast.unparse(item) for item in node.items):
            sheltered |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in sheltered:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        receiver = getattr(getattr(node.func, "value", None), "id", "")
        modes = [item.value for item in (*node.args, *(key.value for key in node.keywords)) if isinstance(item, ast.Constant)]
        opens = name == "open" and any(
            isinstance(mode, str) and set(mode) <= set("wxab+t") and set(mode) & set("wxa") for mode in modes
        )
        if opens or (name in WRITERS and isinstance(node.func, ast.Attribute) and receiver != "fig"):
            yield node.lineno


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("path.write_text('a')", True),
        ("open(path, 'wb')", True),
        ("path.open(mode='a')", True),
        ("np.savez(path, a=1)", True),
        ("open(path, 'rb')", False),
        ("write_text(path, 'a')", False),
        ("with replacing(path) as part, part.open('wb') as handle:\n    np.savez(handle, a=1)", False),
    ],
)
def test_a_writer_in_place_is_found(code, found):
    assert bool(list(writes_in_place(ast.parse(code)))) == found


def test_every_file_is_written_whole_or_not_at_all():
    found = {own: list(writes_in_place(ast.parse(path.read_text()))) for own, path in MODULES.items()}
    loose = [f"{MODULES[own].relative_to(ROOT)}:{line}" for own, lines in found.items() if own not in MAY_WRITE for line in lines]
    assert not loose, "written in place (use alworkflows.atomic, or say in MAY_WRITE why not): " + ", ".join(loose)
