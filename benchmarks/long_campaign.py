"""A long campaign with labels that cost nothing: what the loop itself takes, and how that grows with the iterations.

Copper rattled at random and labelled with EMT, so that what is measured is the way and not the label: 50 iterations of 200
labels with ``--full``, else 10 of 20. Measured at a fifth of the iterations, two fifths and so on, while the campaign runs: the
wall time in which no job ran, the database, the repository, `status`, `lineage` and `costs` (CPU, in a process that has its
imports behind it), and the memory of the daemon's worker. The ratio is the wall time without a job of an iteration in the last
fifth over that in the first: 1.0 if the loop does not slow down.

    nice python benchmarks/long_campaign.py [--full | --iterations N --frames N] [--plot long_campaign.png]
"""

import json
import os
import tempfile
import time
from pathlib import Path

from common import arguments, last_line, with_tests

with_tests()

#: shares of the iterations after which is measured
LOOKS = 5
COLUMNS = {
    "iteration": "iterations",
    "idle": "no job (s)",
    "each": "of one iteration (s)",
    "wall": "wall (min)",
    "nodes": "nodes",
    "database": "database (MB)",
    "repository": "repository (MB)",
    "worker": "worker (MB)",
    "status": "status (CPU s)",
    "frame": "lineage frame (CPU s)",
    "model": "lineage model (CPU s)",
    "costs": "costs (CPU s)",
}


def campaign(iterations, frames):
    """Return a campaign whose every candidate may be chosen: a tenth to test on, the rest to train on."""
    tests = max(frames // 10, 1)
    return {
        "name": "long",
        "species": ["Cu"],
        "structures": {"copper": {"file": "copper.xyz"}},
        "stages": [
            {
                "name": "rattle",
                "sampler": {"name": "rattle", "displacements": [0.05, 0.1, 0.2], "snapshots": round(1.25 * frames)},
                "structures": ["copper"],
                "iterations": iterations,
                "convergence": {"accurate_share": 1.0},
                "budget": frames - tests,
            }
        ],
        "label": {"engine": "ase", "calculator": {"name": "emt"}, "chunk": max(frames, 10), "jobs": 1},
        "model": {
            "descriptors": {
                "functions": [{"family": "gaussian", "centres": [1.5, 2.5, 3.5], "widths": [1.0]}],
                "l": [1],
                "m": [],
            },
            "fit": {"max_terms": 10, "rows": 4},
            "members": 2,
            "folds": 2,
        },
        # below any disagreement and above: what is chosen is the budget
        "selection": {"levels": {"kind": "absolute", "lower": 0.0, "upper": 1e6}, "test_share": 0.1 / 1.25},
    }


def size(folder):
    """Return the bytes of a file or of all files below a folder."""
    paths = [folder] if folder.is_file() else folder.rglob("*")
    return sum(path.stat().st_size for path in paths if path.is_file())


def worker_memory():
    """Return the bytes that the daemon's largest process holds."""
    import psutil

    from workchains.machines.daemon import daemon_status

    daemon = psutil.Process(daemon_status().pid)
    return max(process.memory_info().rss for process in [daemon, *daemon.children(recursive=True)])


def timed(function):
    """Return the seconds of CPU that a function takes, which what else runs here hardly changes."""
    began = time.process_time()
    function()
    return time.process_time() - began


def look(node, number):
    """Measure a campaign that has just finished an iteration."""
    from aiida import orm
    from aiida.manage import get_manager

    from workchains import provenance
    from workchains.cli.summary import campaign_summary

    storage = get_manager().get_profile().storage_config
    room = Path(storage["filepath"])
    record = next(item for item in provenance.iterations(node) if item.number == number)
    batch, ensemble = (orm.load_node(record.nodes[name]) for name in ("batch", "ensemble"))
    idle = provenance.idle_share(node)
    figures = {
        "iteration": number,
        "idle": idle.total - idle.running,
        "parts": idle.parts,
        "wall": idle.total / 60,
        "nodes": orm.QueryBuilder().append(orm.Node).count(),
        "database": size(room / "database.sqlite") / 1e6,
        "repository": size(room / "container") / 1e6,
        "worker": worker_memory() / 1e6,
        "status": timed(lambda: campaign_summary(node)),
        "frame": timed(lambda: provenance.frame_lineage(batch.ids[0][:8])),
        "model": timed(lambda: provenance.model_lineage(ensemble)),
        "costs": timed(lambda: provenance.costs(node)),
    }
    print(
        f"  after {number}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name != "parts"), flush=True
    )
    return figures


def run(folder, iterations, frames):
    """Run the campaign; return what was measured on the way, and whether it ended well."""
    import yaml
    from aiida.orm import load_node
    from ase.build import bulk
    from ase.io import write
    from shell import set_up

    from workchains.machines.session import activate

    os.environ["OMP_NUM_THREADS"] = "1"
    write(folder / "copper.xyz", bulk("Cu", cubic=True))
    (folder / "long.yaml").write_text(yaml.safe_dump(campaign(iterations, frames)))
    with set_up(folder, "laptop") as shell:
        os.environ.update(shell.environment)
        os.chdir(folder)
        activate()
        pk = json.loads(shell("launch", "long.yaml", "--json"))["pk"]
        node, looks = load_node(pk), []
        marks = sorted({max(round(iterations * part / LOOKS), 1) for part in range(1, LOOKS + 1)})
        while not node.is_terminated:
            done = finished(node)
            if marks and done >= marks[0]:
                looks.append(look(node, marks[0]))
                marks = [mark for mark in marks if mark > done]
            time.sleep(2)
        looks += [look(node, mark) for mark in marks[-1:] if finished(node) >= mark]
        print(f"campaign {pk}: exit {node.exit_status} {node.exit_message or ''}, {finished(node)} iterations")
        print(shell("costs", pk))
        os.chdir("/")
    return looks


def finished(node):
    """Return how many iterations have come to their end."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": node.pk}, tag="campaign")
    ended = {"attributes.process_label": "IterationWorkChain", "attributes.process_state": "finished"}
    query.append(orm.WorkChainNode, with_incoming="campaign", filters=ended)
    return query.count()


def show(looks):
    """Print the table, and return the growth of an iteration."""
    before = {"iteration": 0, "idle": 0.0}
    rows = []
    for item in looks:
        item["each"] = (item["idle"] - before["idle"]) / (item["iteration"] - before["iteration"])
        rows.append([f"{item[name]:.3g}" if isinstance(item[name], float) else str(item[name]) for name in COLUMNS])
        before = item
    width = max(map(len, COLUMNS.values()))
    for index, title in enumerate(COLUMNS.values()):
        print(f"{title:{width}s}" + "".join(f"{row[index]:>10s}" for row in rows))
    for name in looks[-1]["parts"]:
        print(f"{'  no job: ' + name:{width}s}" + "".join(f"{item['parts'][name]:10.3g}" for item in looks))
    return looks[-1]["each"] / looks[0]["each"]


def draw(looks, path):
    from alworkflows.plotting import figure, save, styled

    @styled
    def picture():
        fig, axes = figure(3.2, (1, 1, 1), width=12)
        at = [item["iteration"] for item in looks]
        for axis, names, label in (
            (axes[0], ("each", "status", "frame", "model", "costs"), "time (s)"),
            (axes[1], ("database", "repository"), "size (MB)"),
            (axes[2], ("worker",), "memory (MB)"),
        ):
            for name in names:
                axis.plot(at, [item[name] for item in looks], marker="o", label=COLUMNS[name].rpartition(" (")[0])
            axis.set(xlabel="iterations", ylabel=label, ylim=(0, None))
            axis.legend()
        return fig

    save(picture(), path)
    print(f"plot: {path}")


def main():
    parser = arguments(__doc__, full="50 iterations of 200 labels")
    parser.add_argument("--iterations", type=int, help="[10, with --full 50]")
    parser.add_argument("--frames", type=int, help="labels of an iteration [20, with --full 200]")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    options = parser.parse_args()
    iterations, frames = (2, 8) if options.smoke else (50, 200) if options.full else (10, 20)
    plot = options.plot and options.plot.absolute()
    with tempfile.TemporaryDirectory() as name:
        looks = run(Path(name), options.iterations or iterations, options.frames or frames)
    ratio = show(looks)
    if plot:
        draw(looks, plot)
    last_line("long_campaign", ratio, 2)


if __name__ == "__main__":
    main()
