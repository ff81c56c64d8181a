"""Run every script here in its seconds-long form, one after the other, and say how each went; exit status 1 if one did not.

python benchmarks/smoke.py [NAME ...]
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
#: modules that measure nothing themselves
OTHERS = {"common", "smoke"}


def scripts():
    """Return the names of the scripts."""
    return sorted({path.stem for path in HERE.glob("*.py")} - OTHERS)


def main():
    names, failed, began = sys.argv[1:] or scripts(), [], time.perf_counter()
    print(f"{'script':20s}{'seconds':>9s}{'exit':>6s}", flush=True)
    for name in names:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, HERE / f"{name}.py", "--smoke"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{name:20s}{time.perf_counter() - start:9.1f}{done.returncode:6d}", flush=True)
        lines = done.stdout.strip().splitlines() or [""]
        if done.returncode or not re.fullmatch(rf"{name}: ratio -?[\d.]+", lines[-1]):
            failed.append(name)
            print("\n".join([*lines[-5:], *done.stderr.strip().splitlines()[-15:]]))
    print(f"{len(names)} scripts, {time.perf_counter() - began:.0f} s; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
