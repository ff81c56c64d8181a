"""What the scripts share: their arguments, a stopwatch, the last line, and small campaigns for those that need one."""

import argparse
import sys
import time
from pathlib import Path

__all__ = ["ROOT", "arguments", "best", "last_line", "tiny_campaign", "with_tests"]

ROOT = Path(__file__).parents[1]


def arguments(doc, full=None):
    """Return a parser for a script with this docstring: ``--smoke``, and ``--full`` if there is something to say of it."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--smoke", action="store_true", help="seconds, on sizes too small to say anything: only to see that the script runs"
    )
    if full is not None:
        parser.add_argument("--full", action="store_true", help=full)
    return parser


def best(function, repeats):
    """Return the least wall time of some calls, s."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def last_line(name, ratio, digits=1):
    """Print what a script measured, in one number."""
    print(f"{name}: ratio {ratio:.{digits}f}")


def with_tests(*folders):
    """Let the helpers of the tests be imported, and those in some folders of theirs."""
    tests = ROOT / "tests"
    # the root first: the folder of tests has one of the package's name
    sys.path[:0] = [str(ROOT), str(tests), *(str(tests / folder) for folder in folders)]


def tiny_campaign(iterations=1):
    """Return a campaign of one stage and some labels, of the tests on faults, as plain data."""
    import yaml
    from faults.campaigns import SMALL

    data = yaml.safe_load(SMALL)
    stage = data["stages"][0]
    stage["sampler"].update(duration="200 fs", snapshots=10)
    stage.update(iterations=iterations, budget=4, convergence={"accurate_share": None})
    data.update(name="tiny", stages=[stage])
    data["structures"] = {name: data["structures"][name] for name in stage["structures"]}
    data["label"].update(jobs=1, chunk=10)
    data["model"]["fit"].update(max_terms=4, rows_per_term=1)
    data["model"].update(members=2, folds=2)
    return data
