"""Spoil files for a while: ``PYTHONPATH=tests python -m fuzz --seconds 60 --seed 1``.

What goes wrong is told, and the file kept in build/fuzz; ``python -m fuzz --file FILE --format FORMAT`` tries one again.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from fuzz.formats import FORMATS, ROOT
from fuzz.trial import trial

__all__ = ["spoil", "spoil_all"]

#: findings of a format after which it is left alone
ENOUGH = 20


def spoil(name, seed, number, sound, folder):
    """Spoil a sound file of a format, and use it; return how that ended, and the file."""
    form = FORMATS[name]
    path = folder / f"{name}-{seed}-{number}{form.suffix}"
    path.write_bytes(form.spoil(sound, np.random.default_rng([seed, number])))
    return trial(form.use, path), path


def spoil_all(names, seed, folder, rounds=10**9, seconds=1e9):
    """Spoil files of each format in turn, so often or so long; return counts of endings, and what went wrong by file."""
    sounds = {name: FORMATS[name].sound() for name in names}
    for name, sound in sounds.items():
        path = folder / f"{name}{FORMATS[name].suffix}"
        path.write_bytes(sound)
        FORMATS[name].use(path)  # here, so that each process begins with all modules
        path.unlink()
    endings, wrong, end = {name: Counter() for name in names}, {}, time.monotonic() + seconds
    for number in range(rounds):
        if time.monotonic() > end:
            break
        for name in names:
            if endings[name]["wrong"] >= ENOUGH:
                continue
            said, path = spoil(name, seed, number, sounds[name], folder)
            endings[name][said if said in ("result", "refused") else "wrong"] += 1
            if said in ("result", "refused"):
                path.unlink()
            else:
                wrong[path] = said
    return endings, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", choices=list(FORMATS), help="may be repeated; all by default")
    parser.add_argument("--file", type=Path, help="a file to try again")
    given = parser.parse_args()
    if given.file:
        print(trial(FORMATS[given.format[0]].use, given.file))
        return
    with tempfile.TemporaryDirectory() as folder:
        endings, wrong = spoil_all(given.format or list(FORMATS), given.seed, Path(folder), seconds=given.seconds)
        for name, counts in endings.items():
            print(f"{name:18s}", ", ".join(f"{counts[ending]} {ending}" for ending in ("result", "refused", "wrong")))
        for path, said in wrong.items():
            kept = ROOT / "build" / "fuzz" / path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(path.read_bytes())
            print(f"\n{kept}:\n{said}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
