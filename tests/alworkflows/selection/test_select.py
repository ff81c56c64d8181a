import json
from typing import Any

import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.selection import Choice, select
from alworkflows.settings import LevelKind, SelectionSettings, TrustLevels

F, K, D = 100, 12, 8


def indices(choices: list[Choice]) -> list[int]:
    return [choice.index for choice in choices]


@pytest.fixture
def inputs() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {
        "ids": [f"{number:016x}" for number in rng.permutation(F)],
        "disagreement": rng.uniform(0.0, 1.5, size=F),
        "refused": ["atoms 1 and 2 fused" if i % 10 == 0 else None for i in range(F)],
        "fingerprints": rng.normal(size=(F, D)),
        "known_fingerprints": rng.normal(size=(K, D)),
        "known_ids": ["known"],
        "settings": SelectionSettings(levels=TrustLevels(lower=2.0, upper=10.0)),
        "budget": 15,
        "reference": 0.1,
        "seed": 42,
    }


def test_chosen_are_in_the_window_and_apart_from_the_test_set(inputs: dict[str, Any]) -> None:
    selection = select(**inputs)
    assert selection.window == pytest.approx((0.2, 1.0))
    assert len(selection.chosen) == 15
    assert {choice.level for choice in selection.chosen} == {"candidate"}
    assert all(0.2 <= inputs["disagreement"][choice.index] <= 1.0 for choice in selection.chosen)
    assert not set(indices(selection.chosen)) & set(indices(selection.test))
    assert len(selection.test) == 9  # a tenth of the 90 with a valid geometry
    assert not any(inputs["refused"][choice.index] for choice in selection.test)


def test_counts_add_up(inputs: dict[str, Any]) -> None:
    d, valid = inputs["disagreement"], np.array([not r for r in inputs["refused"]])
    counts = select(**inputs).counts
    assert counts == {
        "accurate": int((valid & (d < 0.2)).sum()),
        "candidate": int((valid & (d >= 0.2) & (d <= 1.0)).sum()),
        "failed": int((valid & (d > 1.0)).sum()),
        "refused": 10,
        "valid": 90,
        "known": 0,
        "chosen": 15,
        "test": 9,
    }
    assert select(**inputs).accurate_share == counts["accurate"] / 90


def test_the_first_batch_is_diversity_alone(inputs: dict[str, Any]) -> None:
    selection = select(**{**inputs, "disagreement": None, "reference": None})
    assert selection.window is None
    assert selection.strategy == "diverse"
    assert len(selection.chosen) == 15
    assert selection.chosen[2].reason == "no ensemble yet, farthest point 3 of 15"
    assert selection.counts["candidate"] == 90


def test_same_seed_same_selection_other_seed_other(inputs: dict[str, Any]) -> None:
    assert select(**inputs) == select(**inputs)
    assert select(**inputs).test != select(**{**inputs, "seed": 43}).test
    first = {**inputs, "disagreement": None, "known_fingerprints": np.zeros((0, D))}
    assert select(**first).chosen != select(**{**first, "seed": 43}).chosen


def test_the_order_of_the_candidates_does_not_matter(inputs: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(F)
    shuffled = {
        **inputs,
        "ids": [inputs["ids"][i] for i in order],
        "refused": [inputs["refused"][i] for i in order],
        "disagreement": inputs["disagreement"][order],
        "fingerprints": inputs["fingerprints"][order],
    }
    plain, other = select(**inputs), select(**shuffled)
    assert [order[i] for i in indices(other.chosen)] == indices(plain.chosen)
    assert sorted(order[i] for i in indices(other.test)) == indices(plain.test)
    assert other.counts == plain.counts


def test_known_and_repeated_frames_are_left_out(inputs: dict[str, Any]) -> None:
    inputs["known_ids"] = inputs["ids"][1:20]
    inputs["fingerprints"][21] = inputs["known_fingerprints"][3]
    inputs["ids"][23] = inputs["ids"][24]
    selection = select(**{**inputs, "budget": F, "settings": inputs["settings"].model_copy(update={"pool": 100.0})})
    used = {*indices(selection.chosen), *indices(selection.test)}
    assert not used & {*range(1, 20), 21}
    assert not {23, 24} <= used
    # of 1..19 frame 10 is refused for its geometry already
    assert selection.counts["known"] == 18 + 2


def test_a_frame_equal_to_a_test_frame_is_not_trained_on(inputs: dict[str, Any]) -> None:
    inputs["disagreement"][:] = 0.5
    held_out = select(**inputs).test[0].index
    twin = next(i for i in range(F) if i % 10 and i not in indices(select(**inputs).test))
    inputs["fingerprints"][twin] = inputs["fingerprints"][held_out]
    selection = select(**{**inputs, "budget": F})
    assert held_out in indices(selection.test)
    assert twin not in indices(selection.chosen)


def test_the_test_set_follows_the_sampler_and_not_the_ensemble(inputs: dict[str, Any]) -> None:
    drawn = []
    for seed in range(60):
        selection = select(**{**inputs, "seed": seed})
        drawn += [choice.level for choice in selection.test]
    counts = select(**inputs).counts
    for level in ("accurate", "candidate", "failed"):
        assert drawn.count(level) / len(drawn) == pytest.approx(counts[level] / 90, abs=0.06)


@pytest.mark.parametrize(("share", "size"), [(0.0, 0), (0.001, 1), (0.5, 45)])
def test_share_of_the_test_set(inputs: dict[str, Any], share: float, size: int) -> None:
    inputs["settings"] = inputs["settings"].model_copy(update={"test_share": share})
    assert len(select(**inputs).test) == size


def test_a_window_that_holds_nothing_chooses_nothing_but_still_tests(inputs: dict[str, Any]) -> None:
    inputs["disagreement"][:] = 0.01
    selection = select(**inputs)
    assert selection.chosen == []
    assert len(selection.test) == 9
    assert selection.accurate_share == 1.0


def test_no_candidates_at_all_is_an_empty_selection(inputs: dict[str, Any]) -> None:
    empty = select(**{**inputs, "ids": [], "refused": [], "disagreement": np.zeros(0), "fingerprints": np.zeros((0, D))})
    assert (empty.chosen, empty.test, empty.accurate_share) == ([], [], 0.0)


def test_every_frame_refused_is_an_empty_selection(inputs: dict[str, Any]) -> None:
    inputs["refused"] = ["fused"] * F
    inputs["disagreement"][:] = np.nan
    inputs["fingerprints"][:] = np.nan
    selection = select(**inputs)
    assert (selection.chosen, selection.test, selection.counts["refused"]) == ([], [], F)


def test_is_json(inputs: dict[str, Any]) -> None:
    selection = select(**inputs)
    stored = json.loads(json.dumps(selection.summary()))
    assert stored["counts"] == selection.counts
    assert [entry["index"] for entry in stored["chosen"]] == indices(selection.chosen)
    assert stored["window"] == list(selection.window or ())


def test_a_choice_carries_its_note(inputs: dict[str, Any]) -> None:
    selection = select(**inputs)
    for choice in (*selection.chosen, *selection.test):
        note = json.loads(json.dumps(choice.as_dict()))
        assert note["disagreement"] == inputs["disagreement"][choice.index]
        assert (note["use"], note["criterion"]) in {("train", "diverse-among-uncertain"), ("test", "random")}
        assert note["window"] == pytest.approx([0.2, 1.0])
        assert note["reason"].startswith(
            f"disagreement {note['disagreement']:.3g} eV/A" if note["use"] == "train" else "test set"
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refused": [None]}, "refused of 100 candidates, got 1"),
        ({"disagreement": np.zeros(3)}, "disagreement of 100 candidates, got 3"),
        ({"fingerprints": np.zeros((4, D))}, "fingerprints of 100 candidates, got 4"),
        ({"fingerprints": np.zeros(F)}, r"shape \(F, D\), got \(100,\)"),
        ({"known_fingerprints": np.zeros((2, D + 1))}, r"8 columns, got shape \(2, 9\)"),
        ({"known_fingerprints": np.full((1, D), np.nan)}, "finite known fingerprints"),
        ({"fingerprints": np.full((F, D), np.nan)}, "NaN or infinity in 90 frames"),
        ({"disagreement": np.full(F, np.nan)}, "zero or more, got nan"),
        ({"budget": -1}, "budget of zero frames or more, got -1"),
        ({"reference": None}, "reference disagreement"),
    ],
)
def test_bad_input_is_one_clear_error(inputs: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(**{**inputs, **change})


def test_absolute_levels_need_no_reference(inputs: dict[str, Any]) -> None:
    inputs["settings"] = SelectionSettings(levels=TrustLevels(kind=LevelKind.ABSOLUTE, lower=0.4, upper=0.6))
    assert select(**{**inputs, "reference": None}).window == (0.4, 0.6)


def test_a_budget_of_zero_draws_a_test_set_alone(inputs: dict[str, Any]) -> None:
    settings = inputs["settings"].model_copy(update={"test_share": 1.0})
    selection = select(**{**inputs, "settings": settings, "budget": 0})
    assert not selection.chosen
    assert len(selection.test) == selection.counts["valid"] - selection.counts["known"]
