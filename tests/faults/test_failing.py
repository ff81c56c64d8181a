"""Labels that fail at a stated rate, drawn from the content of the frames: which end, and what is kept."""

from faults.campaigns import bench


def failing(rate):
    return [{"verb": "label", "what": "fail", "rate": rate, "seed": 5}]


def test_a_fifth_of_the_labels_fails_and_the_campaign_goes_on(tmp_path, undisturbed):
    with bench(tmp_path, failing(0.2)) as machine:
        told = machine.wait(machine.submit())
        assert told["status"] in (0, 704), told["message"]
        assert told["ids"]
        # of the first stage, whose candidates are the same, all but those that fail
        first = {name for name in undisturbed["hashes"] if name.endswith("iteration_01")}
        assert first <= set(told["hashes"])


def test_all_labels_fail(tmp_path):
    with bench(tmp_path, failing(1.0)) as machine:
        told = machine.wait(machine.submit())
        assert told["status"] == 413
        assert "on purpose" in told["message"]
        assert told["ids"] == []
        assert machine.alive() == []


def test_too_many_labels_fail_and_those_that_came_are_kept(tmp_path):
    with bench(tmp_path, failing(0.7)) as machine:
        told = machine.wait(machine.submit())
        assert told["status"] == 418, told["message"]
        assert told["ids"]
