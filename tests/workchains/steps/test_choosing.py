"""``select_frames``: the decision as a stored process, for each criterion, with earlier marks, and refused input."""

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Int
from ase.build import bulk

from alworkflows.settings import Criterion, Diversity, SelectionSettings
from workchains.data.frames import FramesData
from workchains.steps.select import ids_by_use, select_frames

F = 20


@pytest.fixture(autouse=True)
def profile(aiida_profile_clean):
    return aiida_profile_clean


@pytest.fixture
def candidates():
    made = []
    for index in range(F):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        atoms.info["origin"] = {"sampler": "rattle", "seed": index}
        made.append(atoms)
    return FramesData.from_frames(made)


def deviation(ensemble=True, grade=True, refused=()):
    rng = np.random.default_rng(1)
    node = ArrayData()
    node.set_array("disagreement", rng.uniform(0.2, 0.9, size=F) if ensemble else np.full(F, np.nan))
    node.set_array("element_disagreement", rng.uniform(size=(F, 1)) if ensemble else np.full((F, 1), np.nan))
    node.set_array("grade", rng.uniform(0.5, 4.0, size=F) if grade else np.full(F, np.nan))
    node.set_array("fingerprints", rng.normal(size=(F, 6)))
    node.base.attributes.set("refused", ["fused" if index in refused else None for index in range(F)])
    return node


def settings(window=(0.1, 1.0), budget_now=5, **changes):
    values = SelectionSettings(**changes).model_dump(mode="json")
    return Dict({**values, "window": window and list(window), "budget_now": budget_now})


def choose(candidates, data, given, **marks):
    return select_frames.run_get_node(candidates=candidates, deviation=data, settings=given, seed=Int(3), **marks)


def to_train_on(outputs):
    """Return the frames that were chosen to train on; each says itself what it is for."""
    node = outputs["chosen"]
    frames = dict(zip(node.ids, node.get_frames(), strict=True))
    assert [frame.info["origin"]["chosen"]["use"] for frame in frames.values()] == node.base.attributes.get("uses")
    return [frames[identity] for identity in ids_by_use(node)["train"]]


@pytest.mark.parametrize("criterion", list(Criterion))
def test_each_choice_says_why(candidates, criterion):
    given = settings(criterion=criterion, diversity=Diversity.CUR)
    outputs, node = choose(candidates, deviation(refused=(4,)), given)
    assert node.is_finished_ok
    frames = to_train_on(outputs)
    assert len(frames) == 5
    for frame in frames:
        note = frame.info["origin"]["chosen"]
        assert note["criterion"] == criterion
        assert note["window"] == [0.1, 1.0]
        assert note["selected_from"] == candidates.uuid
        assert note["rank"] >= 1
        assert f"rank {note['rank']}" in note["reason"]
        assert frame.info["origin"]["sampler"] == "rattle"
    assert outputs["selection"]["criterion"] == criterion
    assert outputs["selection"]["window"] == [0.1, 1.0]
    assert outputs["selection"]["counts"]["refused"] == 1


def test_the_window_decides_what_may_be_chosen(candidates):
    data = deviation()
    outputs, _ = choose(candidates, data, settings((0.4, 0.6), budget_now=F))
    inside = ((data.get_array("disagreement") >= 0.4) & (data.get_array("disagreement") <= 0.6)).sum()
    assert outputs["selection"]["counts"]["candidate"] == inside
    assert all(0.4 <= frame.info["origin"]["chosen"]["disagreement"] <= 0.6 for frame in to_train_on(outputs))


def test_without_an_ensemble_nothing_is_accurate_yet(candidates):
    outputs, _ = choose(candidates, deviation(ensemble=False, grade=False), settings(window=None))
    assert outputs["selection"]["accurate_share"] is None
    assert outputs["selection"]["window"] is None
    assert {frame.info["origin"]["chosen"]["criterion"] for frame in to_train_on(outputs)} == {"diversity"}


def test_what_was_chosen_before_is_not_chosen_again(candidates):
    data = deviation()
    first, _ = choose(candidates, data, settings())
    second, _ = choose(candidates, data, settings(budget_now=F), iteration_01=first["fingerprints"])
    assert first["fingerprints"].get_array("fingerprints").shape == (5, 6)
    before = set(first["chosen"].ids)
    assert set(first["fingerprints"].base.attributes.get("ids")) == before
    assert not before & set(second["chosen"].ids)
    assert second["selection"]["counts"]["known"] == len(before)


def test_a_description_without_grades_or_species_serves_the_disagreement(candidates):
    whole, short = deviation(), ArrayData()
    for name in ("disagreement", "fingerprints"):
        short.set_array(name, whole.get_array(name))
    short.base.attributes.set("refused", [None] * F)
    assert choose(candidates, short, settings())[0]["chosen"].ids == choose(candidates, whole, settings())[0]["chosen"].ids


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"criterion": Criterion.GRADE}, "criterion 'grade' expects a number for each candidate"),
        ({"window": (0.6, 0.4)}, "lower trust level below the upper one, got 0.6 and 0.4 eV/A"),
        ({"budget_now": -1}, "budget of zero frames or more, got -1"),
    ],
)
def test_what_contradicts_itself_is_refused(candidates, changes, message):
    outputs, node = choose(candidates, deviation(grade=False), settings(**changes))
    assert node.exit_status == 210
    assert message in node.exit_message
    assert not outputs
