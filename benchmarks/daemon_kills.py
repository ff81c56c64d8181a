"""A campaign whose daemon is killed at random moments, against one that is left alone: what is lost, bought twice, run twice.

Every process of the daemon (the one that keeps the others, the workers, the broker) is killed by its id, and it is started
again as a person would, with `alworkflows setup`. All jobs go through a program that notes what was begun with which input and
which frames were labelled. One thread a job. Data sets are compared bit by bit: frames, energies, forces.

    python benchmarks/daemon_kills.py [--campaign zno|small] [--kills 10] [--seed 0]
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from common import arguments, last_line, tiny_campaign, with_tests

with_tests()


def campaign(name):
    """Return the text of a campaign: the quick one of zinc oxide, that of the tests on faults, or the smallest."""
    import subprocess

    from faults.campaigns import SMALL
    from shell import EXECUTABLE

    if name == "tiny":
        return yaml.safe_dump(tiny_campaign())
    if name == "small":
        return SMALL
    command = [EXECUTABLE, "new", "zno", "--protocol", "quick"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def run(folder, text, moments):
    """Run a campaign, killing the daemon at some moments (s after the one before); return what is to be told."""
    from faults.campaigns import bench, twice

    with bench(folder) as machine:
        start = time.perf_counter()
        pk, revived = machine.submit(text), []
        for wait in moments:
            time.sleep(wait)
            if machine.ended(pk):
                break
            machine.killer.kill("daemon")
            output = machine.revive()
            revived += [line.split("daemon: ")[1] for line in output.splitlines() if "of an earlier daemon" in line]
        data = machine.wait(pk, seconds=3600)
        begun = [(job["verb"], job["content"]) for job in machine.begun()]
        return {
            **data,
            "seconds": time.perf_counter() - start,
            "kills": len(machine.killer.deaths),
            "jobs": len(begun),
            "jobs run twice": twice(begun),
            "labels": len(machine.labelled()),
            "labels bought twice": twice(machine.labelled()),
            "left alive": len(machine.alive()),
            "mended": revived,
        }


def main():
    parser = arguments(__doc__)
    parser.add_argument("--campaign", choices=("zno", "small"), default="small", help="[small]")
    parser.add_argument("--kills", type=int, default=10, help="[10]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    text, kills = (campaign("tiny"), 1) if options.smoke else (campaign(options.campaign), options.kills)
    with tempfile.TemporaryDirectory() as name:
        alone = run(Path(name) / "alone", text, [])
        # as many as asked for within the time it takes when left alone, though each kill makes it longer
        longest = 2 * alone["seconds"] / (kills + 1)
        moments = np.random.default_rng(options.seed).uniform(0, longest, size=kills)
        killed = run(Path(name) / "killed", text, moments)
    tell(alone, killed)


def tell(alone, killed):
    """Print the table."""
    rows = ("status", "seconds", "kills", "jobs", "jobs run twice", "labels", "labels bought twice", "left alive")
    print(f"{'':22s}{'left alone':>14s}{'killed':>14s}")
    for row in rows:
        shown = [f"{one[row]:.0f}" for one in (alone, killed)]
        print(f"{row:22s}{shown[0]:>14s}{shown[1]:>14s}")
    print(f"labels lost: {len(set(alone['ids']) - set(killed['ids']))} of {len(alone['ids'])}")
    same = sum(killed["hashes"].get(name) == value for name, value in alone["hashes"].items())
    print(f"data sets identical (batches and tests, bit by bit): {same} of {len(alone['hashes'])}")
    for line in killed["mended"]:
        print(f"  at a start: {line}")
    last_line("daemon_kills", same / len(alone["hashes"]), 2)


if __name__ == "__main__":
    main()
