import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.selection import Choice, Scores, select
from alworkflows.settings import Criterion, Diversity, SelectionSettings

F, K, D = 100, 12, 8


def indices(choices: list[Choice]) -> list[int]:
    return [choice.index for choice in choices]


def scores(disagreement: np.ndarray, rng: np.random.Generator) -> Scores:
    """Return scores with these disagreements, and others that order the frames in other ways."""
    count = len(disagreement)
    return Scores(disagreement, rng.uniform(0.0, 1.5, size=(count, 2)), rng.uniform(0.0, 9.0, size=count))


def changed(inputs: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {**inputs, "settings": inputs["settings"].model_copy(update=settings)}


@pytest.fixture
def inputs() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {
        "ids": [f"{number:016x}" for number in rng.permutation(F)],
        "scores": scores(rng.uniform(0.0, 1.5, size=F), rng),
        "refused": ["atoms 1 and 2 fused" if i % 10 == 0 else None for i in range(F)],
        "fingerprints": rng.normal(size=(F, D)),
        "known_fingerprints": rng.normal(size=(K, D)),
        "known_ids": ["known"],
        "settings": SelectionSettings(),
        "window": (0.2, 1.0),
        "budget": 15,
        "seed": 42,
    }


def test_chosen_are_in_the_window_and_apart_from_the_test_set(inputs: dict[str, Any]) -> None:
    selection = select(**inputs)
    assert selection.window == pytest.approx((0.2, 1.0))
    assert len(selection.chosen) == 15
    assert {choice.level for choice in selection.chosen} == {"candidate"}
    assert all(0.2 <= inputs["scores"].disagreement[choice.index] <= 1.0 for choice in selection.chosen)
    assert not set(indices(selection.chosen)) & set(indices(selection.test))
    assert len(selection.test) == 9  # a tenth of the 90 with a valid geometry
    assert not any(inputs["refused"][choice.index] for choice in selection.test)


def test_counts_add_up(inputs: dict[str, Any]) -> None:
    d, valid = inputs["scores"].disagreement, np.array([not r for r in inputs["refused"]])
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
    selection = select(**{**inputs, "scores": None, "window": None})
    assert selection.window is None
    assert selection.strategy == "diversity, farthest-point"
    assert len(selection.chosen) == 15
    assert selection.chosen[2].reason == "no ensemble yet, farthest point 3 of 15"
    assert selection.counts["candidate"] == 90


def test_same_seed_same_selection_other_seed_other(inputs: dict[str, Any]) -> None:
    assert select(**inputs) == select(**inputs)
    assert select(**inputs).test != select(**{**inputs, "seed": 43}).test
    first = {**inputs, "scores": None, "window": None, "known_fingerprints": np.zeros((0, D))}
    assert select(**first).chosen != select(**{**first, "seed": 43}).chosen


def in_order(inputs: dict[str, Any], order: np.ndarray) -> dict[str, Any]:
    """Return the same candidates in another order."""
    return {
        **inputs,
        "ids": [inputs["ids"][i] for i in order],
        "refused": [inputs["refused"][i] for i in order],
        "scores": inputs["scores"].of(order),
        "fingerprints": inputs["fingerprints"][order],
    }


def test_the_order_of_the_candidates_does_not_matter(inputs: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(F)
    plain, other = select(**inputs), select(**in_order(inputs, order))
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
    inputs["scores"].disagreement[:] = 0.5
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
    inputs["scores"].disagreement[:] = 0.01
    selection = select(**inputs)
    assert selection.chosen == []
    assert len(selection.test) == 9
    assert selection.accurate_share == 1.0


def test_no_candidates_at_all_is_an_empty_selection(inputs: dict[str, Any]) -> None:
    empty = select(**{**inputs, "ids": [], "refused": [], "scores": Scores(np.zeros(0)), "fingerprints": np.zeros((0, D))})
    assert (empty.chosen, empty.test, empty.accurate_share) == ([], [], 0.0)


def test_every_frame_refused_is_an_empty_selection(inputs: dict[str, Any]) -> None:
    inputs["refused"] = ["fused"] * F
    inputs["scores"].disagreement[:] = np.nan
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
        assert note["disagreement"] == inputs["scores"].disagreement[choice.index]
        assert (note["use"], note["criterion"]) in {("train", "disagreement"), ("test", "random")}
        assert note["window"] == pytest.approx([0.2, 1.0])
        assert note["reason"].startswith(
            f"disagreement {note['disagreement']:.3g} eV/A" if note["use"] == "train" else "test set"
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refused": [None]}, "refused of 100 candidates, got 1"),
        ({"scores": Scores(np.zeros(3))}, "disagreement of 100 candidates, got 3"),
        ({"fingerprints": np.zeros((4, D))}, "fingerprints of 100 candidates, got 4"),
        ({"fingerprints": np.zeros(F)}, r"shape \(F, D\), got \(100,\)"),
        ({"known_fingerprints": np.zeros((2, D + 1))}, r"8 columns, got shape \(2, 9\)"),
        ({"known_fingerprints": np.full((1, D), np.nan)}, "finite known fingerprints"),
        ({"fingerprints": np.full((F, D), np.nan)}, "NaN or infinity in 90 frames"),
        ({"scores": Scores(np.full(F, np.nan))}, "zero or more, got nan"),
        ({"budget": -1}, "budget of zero frames or more, got -1"),
        ({"window": (0.5, 0.5)}, "lower trust level below the upper one, got 0.5 and 0.5 eV/A"),
    ],
)
def test_bad_input_is_one_clear_error(inputs: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(**{**inputs, **change})


@pytest.mark.parametrize("name", ["element_disagreement", "grade"])
def test_a_criterion_without_its_numbers_is_an_error(inputs: dict[str, Any], name: str) -> None:
    inputs = changed(inputs, criterion=Criterion(name.replace("_", "-")))
    none = np.full((F, 2) if name == "element_disagreement" else F, np.nan)
    for values in (None, none):
        with pytest.raises(InputError, match=f"criterion '{inputs['settings'].criterion}' expects a number"):
            select(**{**inputs, "scores": replace(inputs["scores"], **{name: values})})


@pytest.mark.parametrize("criterion", list(Criterion))
@pytest.mark.parametrize("diversity", list(Diversity))
class TestAnyRule:
    """What holds whatever ranks and whatever picks."""

    def test_none_is_the_same_as_another_or_a_known_or_a_test_frame(
        self, inputs: dict[str, Any], criterion: Criterion, diversity: Diversity
    ) -> None:
        inputs = changed(inputs, criterion=criterion, diversity=diversity, pool=100.0)
        inputs["scores"].disagreement[:] = 0.5
        inputs["fingerprints"][50:90] = inputs["fingerprints"][:40]  # every frame but ten has a twin
        inputs["fingerprints"][90:95] = inputs["known_fingerprints"][:5]
        selection = select(**{**inputs, "budget": F})
        used = np.array([*indices(selection.chosen), *indices(selection.test)])
        trained = np.array(indices(selection.chosen))
        assert len(np.unique(inputs["fingerprints"][trained], axis=0)) == len(trained) > 20
        known = [*inputs["known_fingerprints"].tolist(), *inputs["fingerprints"][indices(selection.test)].tolist()]
        assert not any(row in known for row in inputs["fingerprints"][trained].tolist())
        assert not set(used.tolist()) & set(range(90, 95))

    def test_depends_on_the_set_of_candidates_and_not_on_their_order(
        self, inputs: dict[str, Any], criterion: Criterion, diversity: Diversity
    ) -> None:
        inputs = changed(inputs, criterion=criterion, diversity=diversity)
        plain, other = select(**inputs), select(**in_order(inputs, order := np.random.default_rng(0).permutation(F)))
        assert [order[i] for i in indices(other.chosen)] == indices(plain.chosen)

    def test_every_choice_says_why(self, inputs: dict[str, Any], criterion: Criterion, diversity: Diversity) -> None:
        selection = select(**changed(inputs, criterion=criterion, diversity=diversity))
        assert len(selection.chosen) == 15
        for choice in selection.chosen:
            note = json.loads(json.dumps(choice.as_dict()))
            assert note["criterion"] == criterion
            assert note["diversity"] == (diversity if criterion is not Criterion.RANDOM else "none")
            assert 1 <= note["rank"] <= 45
            assert note["window"] == [0.2, 1.0]
            assert note["disagreement"] == inputs["scores"].disagreement[choice.index]
            assert f"rank {note['rank']} of " in note["reason"]
            assert "within [0.2, 1]" in note["reason"]
            if criterion is not Criterion.RANDOM:
                assert f"{note['score']:.3g}" in note["reason"]

    def test_without_an_ensemble_what_needs_none_still_ranks(
        self, inputs: dict[str, Any], criterion: Criterion, diversity: Diversity
    ) -> None:
        selection = select(**{**changed(inputs, criterion=criterion, diversity=diversity), "scores": None, "window": None})
        assert len(selection.chosen) == 15
        alone = {Criterion.RANDOM: "random", Criterion.DISTANCE: "distance"}
        assert selection.criterion == alone.get(criterion, "random" if diversity is Diversity.NONE else "diversity")


def test_the_pool_limits_what_diversity_picks_among(inputs: dict[str, Any]) -> None:
    for pool in (1.0, 2.0):
        assert {choice.rank for choice in select(**changed(inputs, pool=pool)).chosen} <= set(range(1, int(15 * pool) + 1))
    ranked = select(**changed(inputs, diversity=Diversity.NONE)).chosen
    assert [choice.rank for choice in ranked] == list(range(1, 16))
    values = [choice.disagreement for choice in ranked]
    assert values == sorted(values, reverse=True)


def test_a_budget_of_zero_draws_a_test_set_alone(inputs: dict[str, Any]) -> None:
    settings = inputs["settings"].model_copy(update={"test_share": 1.0})
    selection = select(**{**inputs, "settings": settings, "budget": 0})
    assert not selection.chosen
    assert len(selection.test) == selection.counts["valid"] - selection.counts["known"]
