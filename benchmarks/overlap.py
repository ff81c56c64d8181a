"""A campaign whose labels take random times: waiting for the last of each batch, against going on with most of them.

Labels wait up to ``--seconds`` on purpose, as the jobs of a density-functional code do that converge late. With overlap the fit
begins at 70 % of a batch, late labels are a batch of their own, and the next sampling that needs no ensemble begins before its
turn. All labels are paid for either way. The ratio is the wall time of waiting over that of not.

    python benchmarks/overlap.py [--seconds 40]
"""

import tempfile
import time
from pathlib import Path

import yaml
from common import arguments, last_line, tiny_campaign, with_tests

with_tests()

OVERLAP = {"share": 0.7, "sample_ahead": True}
#: jobs in flight: more than a batch has labels, so that it is the slowest label that is waited for, and not a slot
SLOTS = 16


def campaign(overlap, smoke):
    """Return the text of the faults' campaign with three iterations of its first stage and a frame a job."""
    from faults.campaigns import SMALL

    data = tiny_campaign() if smoke else yaml.safe_load(SMALL)
    if not smoke:
        data["stages"][0]["iterations"] = 3
        data["stages"] = data["stages"][:1]
    data["label"].update(chunk=1, jobs=100)
    data["overlap"] = overlap
    return yaml.safe_dump(data)


def run(folder, overlap, seconds, smoke):
    """Run a campaign; return its wall time, how many labels it has, and its batches."""
    from faults.campaigns import bench

    fault = {"verb": "label", "what": "delay", "rate": 1.0, "seconds": seconds, "seed": 3}
    with bench(folder, [fault], computer={"max_jobs": SLOTS}) as machine:
        start = time.perf_counter()
        data = machine.wait(machine.submit(campaign(overlap, smoke)), seconds=3600)
        return time.perf_counter() - start, len(data["ids"]), sorted(data["hashes"])


def main():
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="longest time of a label, s [default: 40]")
    options = parser.parse_args()
    seconds = 1.0 if options.smoke else options.seconds
    with tempfile.TemporaryDirectory() as folder:
        waited, labels, batches = run(Path(folder) / "waiting", {}, seconds, options.smoke)
        print(f"waiting for all labels: {waited:.0f} s, {labels} labels, {len(batches)} sets")
        went_on, labels, batches = run(Path(folder) / "overlap", OVERLAP, seconds, options.smoke)
        late = [name for name in batches if "late" in name]
        print(f"going on at {OVERLAP['share']:.0%}:     {went_on:.0f} s, {labels} labels, {len(batches)} sets, {len(late)} late")
    last_line("overlap", waited / went_on, 2)


if __name__ == "__main__":
    main()
