"""Reading frames with all that is looked at, beside ASE's plain reading of the same extended XYZ file; user time and peak memory.

By default 20 000 frames of 8 atoms; ``--full`` takes 100 000. Each reading is a process of its own, ASE's and ours in turn, three
times; the least time of each counts. Both grow with the number of frames: nothing is compared across frames but their largest
force.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase.build import bulk
from common import arguments, last_line

from alworkflows import frames as frames_io

#: what a process does: reads the file, and prints the frames, its user time (s) and peak memory (MiB)
CHILD = """
import resource, sys
{load}
count = {read}
usage = resource.getrusage(resource.RUSAGE_SELF)
print(count, usage.ru_utime, usage.ru_maxrss / 1024)
"""
READERS = {
    "ASE": ("import ase.io", "len(ase.io.read(sys.argv[1], ':'))"),
    "screened": (
        "from alworkflows.frames import read_files",
        "len(read_files([sys.argv[1]], needed=('energy', 'forces')).frames)",
    ),
}


def written(path, count):
    """Write frames with energy, forces and stress."""
    rng, frames = np.random.default_rng(1), []
    for _ in range(500):
        atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
        atoms.positions += 0.1 * rng.normal(size=(len(atoms), 3))
        frames.append(frames_io.attach_labels(atoms, rng.normal(), rng.normal(size=(len(atoms), 3)), 0.01 * rng.normal(size=6)))
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.xyz"
        frames_io.write(part, frames)
        text = part.read_text()
    with open(path, "w") as handle:
        handle.writelines(text for _ in range(count // len(frames)))


def main():
    options = arguments(__doc__, full="100 000 frames: some minutes").parse_args()
    count, turns = (500, 1) if options.smoke else (100_000 if options.full else 20_000, 3)
    least = dict.fromkeys(READERS, (np.inf, np.inf))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.xyz"
        written(path, count)
        print(f"{count} frames of 8 atoms, {path.stat().st_size / 2**20:.0f} MiB")
        for _ in range(turns):
            for name, (load, read) in READERS.items():
                child = [sys.executable, "-c", CHILD.format(load=load, read=read), str(path)]
                number, seconds, memory = map(
                    float, subprocess.run(child, capture_output=True, text=True, check=True).stdout.split()
                )
                assert number == count
                least[name] = min(least[name], (seconds, memory))
    for name, (seconds, memory) in least.items():
        print(f"{name:10s} {seconds:7.2f} s, {1e6 * seconds / count:6.1f} us a frame, peak {memory:6.0f} MiB")
    print(f"memory: {least['screened'][1] / least['ASE'][1]:.2f} times ASE's")
    last_line("screened_read", least["screened"][0] / least["ASE"][0], 2)


if __name__ == "__main__":
    main()
