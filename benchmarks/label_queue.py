"""Labels through a queue: jobs in flight under a cap, frames per minute, a daemon killed on the way; against plain jobs.

Four parts, each in a temporary AiiDA directory: (1) 200 one-frame labels through Slurm with at most 4 jobs in flight; (2) 20
labels queued when every process of the daemon is killed, and started again; (3) 1000 frames through the laptop's profile, 50 in
a job; (4) 40 one-frame labels against the same 40 jobs submitted one by one, without a work chain. Parts 1 and 2 need Slurm
(`make install-services`) and root. The calculator is EMT, so that what is measured is the way, not the label.

    python benchmarks/label_queue.py [--parts 1234] [--plot jobs.png]
"""

import os
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from common import arguments, last_line, with_tests

with_tests()

LABEL = {"engine": "ase", "calculator": {"name": "emt"}, "chunk": 1}


@contextmanager
def profile(folder, machine, environment=None):
    """Set a machine up with its daemon, and load its profile in this process."""
    from shell import set_up

    from workchains.machines.session import activate

    with set_up(folder, machine, environment) as shell:
        os.environ.update(shell.environment)
        os.chdir(folder)
        activate()
        yield shell


def frames(count, seed=0):
    from ase.build import bulk

    rattled = []
    for index in range(count):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.rattle(0.1, seed=seed + index)
        rattled.append(atoms)
    return rattled


def submit_labels(configurations, **settings):
    from aiida.engine import submit
    from aiida.orm import Dict

    from workchains.data.frames import FramesData
    from workchains.labelling import LabelWorkChain
    from workchains.machines import load_code

    return submit(
        LabelWorkChain, code=load_code(), frames=FramesData.from_frames(configurations), settings=Dict({**LABEL, **settings})
    )


def wait(node, look=None, every=0.3, limit=3600):
    """Wait for a process; return the seconds, and what ``look`` saw at which second."""
    start, seen = time.perf_counter(), []
    while not node.is_terminated:
        if time.perf_counter() - start > limit:
            raise TimeoutError(f"process {node.pk} did not end in {limit} s")
        if look:
            seen.append((time.perf_counter() - start, *look()))
        time.sleep(every)
    return time.perf_counter() - start, np.array(seen, dtype=float)


def states(cluster):
    """Return how many jobs Slurm runs, and how many wait in it."""
    codes = cluster.run("squeue", "--noheader", "--format=%t").split()
    return codes.count("R") + codes.count("CG"), codes.count("PD")


def outcome(node):
    tally = node.outputs.failures.get_dict()
    return f"exit {node.exit_status}, {len(node.outputs.batch)} labels, {tally['failed']} failed, {tally['reused']} taken over"


def capped(folder, plot):
    from services import slurm
    from services.machines import write_machine

    with slurm(folder / "slurm", cpus=2, accounting=False) as cluster:
        machine = write_machine(folder / "machine", computer={"max_jobs": 4})
        with profile(folder, machine, cluster.environment):
            node = submit_labels(frames(200))
            seconds, seen = wait(node, lambda: states(cluster))
            again, _ = wait(submit_labels(frames(200)))
    total = seen[:, 1] + seen[:, 2]
    print(
        f"200 labels through Slurm on 2 cores, cap 4: {seconds:.0f} s, {200 / seconds * 60:.0f} labels a minute; {outcome(node)}"
    )
    print(f"  jobs in flight: at most {total.max():.0f}, mean {total.mean():.1f}; running {seen[:, 1].mean():.1f}")
    print(f"  share of wall time in which no job ran: {np.mean(seen[:, 1] == 0):.1%}")
    print(f"  the same 200 frames again: {again:.1f} s, no job")
    if plot:
        draw(seen, plot)


def draw(seen, path):
    from alworkflows.plotting import figure, save

    picture, (axes,) = figure(3.2)
    axes.fill_between(seen[:, 0], seen[:, 1] + seen[:, 2], step="post", alpha=0.35, label="waiting in Slurm")
    axes.fill_between(seen[:, 0], seen[:, 1], step="post", label="running")
    axes.axhline(4, linewidth=1, linestyle="--", color="black", label="cap")
    axes.set(xlabel="time (s)", ylabel="jobs in flight", ylim=(0, 5.5))
    axes.legend(loc="upper right", ncols=3)
    save(picture, path)
    print(f"  plot: {path}")


def killed(folder):
    """Kill every process of the daemon while labels are queued, start it again, and count."""
    import psutil
    from aiida.orm import CalcJobNode, QueryBuilder
    from services import slurm
    from services.machines import write_machine

    from workchains.machines.daemon import daemon_status

    with slurm(folder / "slurm", cpus=2, accounting=False) as cluster:
        machine = write_machine(folder / "machine", computer={"max_jobs": 6})
        with profile(folder, machine, cluster.environment) as shell:
            node = submit_labels(frames(20))
            job_ids = QueryBuilder().append(CalcJobNode, project="attributes.job_id")
            while sum(job is not None for job in job_ids.all(flat=True)) < 4:
                time.sleep(0.2)
            daemon = psutil.Process(daemon_status().pid)
            family = [*daemon.children(recursive=True), daemon]
            for process in family:
                process.send_signal(signal.SIGKILL)
            psutil.wait_procs(family, timeout=10)
            time.sleep(5)
            shell("setup", machine)
            seconds, _ = wait(node, limit=900)
            jobs = QueryBuilder().append(CalcJobNode).all(flat=True)
            submitted = int(max(int(job.get_job_id() or 0) for job in jobs))
    indices = [index for job in jobs for index in job.inputs.run["indices"]]
    print(f"daemon killed ({len(family)} processes) with 20 labels queued, started again: {outcome(node)}; {seconds:.0f} s")
    print(f"  labels lost {20 - len(set(indices))}, made twice {len(indices) - len(set(indices))}; jobs Slurm saw: {submitted}")


def chunked(folder, count, chunk):
    with profile(folder, "laptop"):
        seconds, _ = wait(submit_labels(frames(count), chunk=chunk, jobs=2))
    print(f"{count} frames, laptop, {chunk} in a job: {seconds:.1f} s, {count / seconds * 60:.0f} frames a minute")


def plain(folder, count):
    """Return by how much the work chain slows the same jobs down."""
    from aiida.engine import submit
    from aiida.orm import Dict, load_node

    from workchains.calculations.label_job import LabelJob
    from workchains.data.frames import FramesData
    from workchains.machines import load_code, options_for

    with profile(folder, "laptop"):
        code = load_code()
        stored = FramesData.from_frames(frames(count)).store()
        settings, options = Dict(LABEL).store(), options_for(code.computer, "label", 32)
        start = time.perf_counter()
        jobs = []
        for index in range(count):
            inputs = {"code": code, "frames": stored, "settings": settings, "run": Dict({"indices": [index], "remedy": None})}
            jobs.append(submit(LabelJob, **inputs, metadata={"options": options}).pk)
        while not all(load_node(pk).is_terminated for pk in jobs):
            time.sleep(0.3)
        alone = time.perf_counter() - start
        chain, _ = wait(submit_labels(frames(count, seed=1000)))
    rates = [f"{count / seconds * 60:.0f} a minute" for seconds in (alone, chain)]
    print(f"{count} plain jobs {rates[0]}; the same as labels of a work chain {rates[1]}")
    return alone / chain


def main():
    parser = arguments(__doc__)
    parser.add_argument("--parts", default="34", help="which of the four, such as 1234 [34]")
    parser.add_argument("--plot", metavar="FILE", help="jobs in flight over time, of part 1")
    options = parser.parse_args()
    plot = options.plot and Path(options.plot).absolute()
    # a profile cannot be exchanged for another within a process
    if len(options.parts) > 1:
        import subprocess

        for part in options.parts:
            more = [*(["--plot", str(plot)] if plot else []), *(["--smoke"] if options.smoke else [])]
            subprocess.run([sys.executable, __file__, "--parts", part, *more], check=True)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.parts == "1":
            capped(folder, plot)
        elif options.parts == "2":
            killed(folder)
        elif options.parts == "3":
            chunked(folder, *((20, 10) if options.smoke else (1000, 50)))
        else:
            last_line("label_queue", plain(folder, 3 if options.smoke else 40), 2)
        os.chdir("/")


if __name__ == "__main__":
    main()
