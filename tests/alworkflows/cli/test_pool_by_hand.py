import json

import pytest


@pytest.fixture
def words(files):
    return (files / "frames.npz", "--settings", files / "small.yaml", "--start", 7, "--step", 6, "--seeds", 2)


def test_a_table_and_a_picture_of_what_choosing_is_worth(run, words, tmp_path):
    done = run("pool", *words, "--criterion", "disagreement,distance", "--plot", "pool.png")
    assert done.status == 0, done.err
    for text in ("random", "disagreement", "distance", "RMSE", "written: pool.png"):
        assert text in done.out
    assert (tmp_path / "pool.png").read_bytes().startswith(b"\x89PNG")
    assert "random, seed 2: " in done.err


def test_json_has_every_run(run, words):
    comparison = json.loads(run("pool", *words, "--diversity", "none,cur", "--most", 18, "--json").out)
    assert list(comparison["rules"]) == ["random", "disagreement, none", "disagreement, cur"]
    for rule in comparison["rules"].values():
        assert rule["labels"] == [7, 13, 18]
        assert len(rule["force_rmse"]) == 2
    assert comparison["half"] == comparison["pool"] // 2
    assert set(comparison["targets"]) == {"force_rmse", "force_q999"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--criterion", "disagrement"), "unknown criterion 'disagrement': did you mean 'disagreement'"),
        (("--diversity", "farthest"), "unknown diversity 'farthest'"),
        (("--test-share", 0), "give --test FILE"),
        (("--most", 5000), "at most as many labels as frames"),
        (("--plot", "pool.gif"), "unknown ending 'gif'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, words, more, message):
    done = run("pool", *words, *more)
    assert done.status == 2
    assert message.split(":")[0] in done.err
    assert "Traceback" not in done.err


def test_frames_that_are_judged_on_are_not_chosen_from(run, words, files):
    done = run("pool", *words, "--test", files / "frames.npz")
    assert done.status == 2
    assert "are trained on too" in done.err
