"""Campaigns of which a fifth, most, and all labels fail on purpose: how they end, what they say, what is kept.

Which frames fail is drawn from their content. The ratio is of labels kept over labels that came, all campaigns together: 1.0 if
none that was paid for is lost.
"""

import os
import tempfile
import time
from pathlib import Path

import yaml
from common import arguments, last_line, tiny_campaign, with_tests

with_tests()

RATES = (0.2, 0.7, 1.0)


def run(folder, rate, text):
    """Run a campaign whose labels fail at a rate; return labels kept and labels that came."""
    from faults.campaigns import bench
    from faults.injector import draw

    fault = {"verb": "label", "what": "fail", "rate": rate, "seed": 5}
    with bench(folder, [fault]) as machine:
        start = time.perf_counter()
        pk = machine.submit(text)
        ending = machine.wait(pk)
        came = {identity for identity in machine.labelled() if draw(fault["seed"], identity) >= rate}
        tried = len(set(machine.labelled()))
        print(f"{rate:.0%} of the labels fail: exit {ending['status']}, {time.perf_counter() - start:.0f} s: {ending['message']}")
        kept = f"{len(ending['ids'])} kept, in {len(ending['hashes'])} sets"
        print(f"  {tried} frames tried, {tried - len(came)} failed, {len(came)} labels came, {kept}")
    return len(came & set(ending["ids"])), len(came)


def main():
    from faults.campaigns import SMALL

    smoke = arguments(__doc__).parse_args().smoke
    rates, text = (RATES[:1], yaml.safe_dump(tiny_campaign())) if smoke else (RATES, SMALL)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        tallies = [run(Path(name) / f"{rate:g}", rate, text) for rate in rates]
    kept, came = (sum(numbers) for numbers in zip(*tallies, strict=True))
    last_line("failing_campaigns", kept / came, 2)


if __name__ == "__main__":
    main()
