"""Which of our modules are executed while frames go through one iteration: what somebody has to open to follow it.

A campaign of two iterations on four atoms of copper, labelled by EMT, runs in this process; what runs in its jobs is counted too.
Only functions that are called count, not what a module does when it is imported. The second iteration has an ensemble to ask, so
it goes all the way. The last line is the number of modules over that of the work chains and jobs that ran.

    python benchmarks/modules_executed.py [--list] [--smoke]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, arguments, last_line

PACKAGES = ("alworkflows", "workchains")
#: of code: it is a function's, and not the body of a module or a class, which runs when it is imported
FUNCTION = 1

CAMPAIGN = {
    "name": "modules",
    "species": ["Cu"],
    "structures": {"copper": {"file": "copper.xyz"}},
    "stages": [
        {
            "name": "rattle",
            "sampler": {"name": "rattle", "displacements": [0.05, 0.1], "snapshots": 24},
            "structures": ["copper"],
            "iterations": 2,
            "convergence": {"accurate_share": 1.0},
            "budget": 10,
        }
    ],
    "label": {"engine": "ase", "calculator": {"name": "emt"}},
    "model": {
        "members": 2,
        "folds": 2,
        "descriptors": {"functions": [{"family": "gaussian", "centres": [2.0, 3.0], "widths": [1.0]}], "l": [], "m": []},
        "fit": {"terms": 2, "max_terms": 2, "rows_per_term": 1.0},
    },
    "selection": {"test_share": 0.2},
}

#: put beside a job's Python: the same count there
HOOK = """
import atexit, json, os, sys
FUNCTION = 1
root, folder = {root!r}, {folder!r}
seen = set()
def watch(frame, event, _):
    name = frame.f_code.co_filename
    if event == "call" and name.startswith(root) and frame.f_code.co_flags & FUNCTION:
        seen.add(name)
def dump():
    sys.setprofile(None)
    with open(os.path.join(folder, f"{{os.getpid()}}.json"), "w") as handle:
        json.dump(sorted(seen), handle)
atexit.register(dump)
sys.setprofile(watch)
"""


def executed(folder: Path, iterations: int) -> tuple[dict[str, set[str]], int]:
    """Return the modules executed in work chains and in jobs, and how many processes ran, of a campaign of so many iterations."""
    from ase.build import bulk
    from ase.io import write

    hooks, counts = folder / "hooks", folder / "counts"
    for path in (hooks, counts):
        path.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK.format(root=str(ROOT) + os.sep, folder=str(counts)))
    environment = {**os.environ, "AIIDA_PATH": str(folder / "aiida")}
    (folder / "aiida").mkdir()
    program = Path(sys.executable).with_name("alworkflows")
    setup = subprocess.run([program, "setup", "laptop"], env=environment, capture_output=True, text=True)
    if setup.returncode:
        raise RuntimeError(setup.stdout + setup.stderr)
    verdi = Path(sys.executable).with_name("verdi")
    subprocess.run([verdi, "daemon", "stop"], env=environment, capture_output=True)
    write(folder / "copper.xyz", bulk("Cu", cubic=True))

    os.environ["AIIDA_PATH"] = str(folder / "aiida")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(hooks), str(ROOT), os.environ.get("PYTHONPATH", "")])
    from aiida import load_profile
    from aiida.engine import run_get_node
    from aiida.orm import InstalledCode, QueryBuilder
    from aiida.plugins import WorkflowFactory

    from alworkflows.settings import Campaign, parse

    load_profile()
    campaign = {**CAMPAIGN, "stages": [{**CAMPAIGN["stages"][0], "iterations": iterations}]}
    code = QueryBuilder().append(InstalledCode, filters={"label": {"like": "alworkflows%"}}).first(flat=True)
    chain = WorkflowFactory("alworkflows.active_learning")
    builder = chain.get_builder_from_campaign(code, parse(Campaign, campaign, "campaign"), base=folder)
    here: set[str] = set()

    def watch(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(ROOT) + os.sep) and frame.f_code.co_flags & FUNCTION:
            here.add(name)

    sys.setprofile(watch)
    _, node = run_get_node(builder)
    sys.setprofile(None)
    if node.exit_status not in (0, 704):
        raise RuntimeError(f"the campaign ended with {node.exit_status}: {node.exit_message}")
    jobs = {name for path in counts.glob("*.json") for name in json.loads(path.read_text())}
    return {"work chains": _ours(here), "jobs": _ours(jobs)}, len(node.called_descendants)


def _ours(names: set[str]) -> set[str]:
    return {path for name in names if (path := os.path.relpath(name, ROOT)).split(os.sep)[0] in PACKAGES}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--list", action="store_true", help="name the modules")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        modules, processes = executed(Path(folder), 1 if options.smoke else 2)
    everything = set().union(*modules.values())
    for where, names in modules.items():
        print(f"executed in {where}: {len(names)}")
    for package in PACKAGES:
        package_modules = sorted(name for name in everything if name.split(os.sep)[0] == package)
        lines = [len((ROOT / name).read_text().splitlines()) for name in package_modules]
        print(f"{package}: {len(package_modules)} modules, {sum(lines)} lines, longest {max(lines)}")
        if options.list:
            print("\n".join(f"  {count:4d} {name}" for name, count in zip(package_modules, lines, strict=True)))
    last_line("modules_executed", len(everything) / processes)


if __name__ == "__main__":
    main()
