"""Run every script here in its seconds-long form, two at a time, and say how each went; exit status 1 if one did not end well.

    python benchmarks/smoke.py [NAME ...]

Campaigns wait for most of their time, so two side by side take little longer than one.
"""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
#: modules that measure nothing themselves
OTHERS = {"common", "smoke"}
WORKERS = 2


def scripts():
    """Return the names of the scripts."""
    return sorted({path.stem for path in HERE.glob("*.py")} - OTHERS)


def run(name):
    """Run a script and print its row, what it said last if it did not end well too; return whether it did."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py", "--smoke"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or [""]
    well = done.returncode == 0 and re.fullmatch(rf"{name}: ratio -?[\d.]+", lines[-1]) is not None
    rows = [f"{name:20s}{time.perf_counter() - start:9.1f}{done.returncode:6d}"]
    rows += [] if well else [*lines[-5:], *done.stderr.strip().splitlines()[-15:]]
    print("\n".join(rows), flush=True)
    return well


def main():
    names, began = sys.argv[1:] or scripts(), time.perf_counter()
    print(f"{'script':20s}{'seconds':>9s}{'exit':>6s}", flush=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        failed = [name for name, well in zip(names, pool.map(run, names), strict=True) if not well]
    print(f"{len(names)} scripts, {time.perf_counter() - began:.0f} s; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
