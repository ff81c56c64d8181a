"""Jobs that die, and results that are broken between the job's end and their retrieval: once more goes well."""

import pytest

from faults.campaigns import bench

#: what happens to the first job of each kind
SPOILED = [
    {"verb": "sample", "what": "truncate", "file": "candidates.npz", "nth": [1]},
    {"verb": "describe", "what": "garbage", "file": "output.json", "nth": [1]},
    {"verb": "label", "what": "truncate", "file": "labelled.npz", "nth": [1]},
    {"verb": "label", "what": "garbage", "file": "output.json", "nth": [3]},
    {"verb": "fit", "what": "garbage", "file": "ensemble.npz", "nth": [1]},
    {"verb": "evaluate", "what": "delete", "file": "output.json", "nth": [1]},
]
DEAD = [{"verb": verb, "what": "die", "seconds": 0.5, "nth": [1]} for verb in ("sample", "describe", "label", "fit", "evaluate")]
LATE = [{"verb": verb, "what": "delay", "seconds": 6, "seed": 3} for verb in ("sample", "label")]


@pytest.mark.parametrize("faults", [SPOILED, DEAD, LATE], ids=["broken", "dead", "late"])
def test_once_more_goes_well(tmp_path, same, faults):
    with bench(tmp_path, faults) as machine:
        same(machine, machine.submit())


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"verb": "sample", "what": "die", "seconds": 0.2}, 410, "sampling failed"),
        ({"verb": "fit", "what": "garbage", "file": "ensemble.npz"}, 414, "cannot be read"),
        ({"verb": "describe", "what": "delete", "file": "output.json"}, 412, "ended without a result"),
    ],
)
def test_what_goes_wrong_each_time_is_a_named_end(tmp_path, fault, status, words):
    with bench(tmp_path, [fault]) as machine:
        told = machine.wait(machine.submit())
        assert told["status"] == status
        assert words in told["message"]
        assert machine.alive() == []
