"""What another selection would have chosen: the same as was chosen if nothing changes, and nothing is stored."""

import functools
import json

import commands
import numpy as np
import pytest
from judged import frame_errors
from records import begun, iteration, returned, store

from alworkflows.errors import InputError
from alworkflows.selection import select
from alworkflows.settings import SelectionSettings
from workchains.cli.replay import replay as command
from workchains.data.frames import FramesData
from workchains.machines import session
from workchains.processes.naming import derive_seed
from workchains.provenance.replay import replay
from workchains.steps.select import arguments, select_frames
from workchains.steps.trust_levels import find_trust_levels

COUNT = 24


@pytest.fixture(scope="module")
def replayable(aiida_profile, make_frames):
    """Return a campaign of three iterations whose frames the calcfunctions themselves chose; the first has no ensemble."""
    from aiida import orm

    aiida_profile.reset_storage()
    node, rng, marks = begun("to be replayed"), np.random.default_rng(1), {}
    for number in (1, 2, 3):
        key, stage = f"iteration_{number:02d}", "melt" if number == 1 else "surface"
        sampler = {"sampler": orm.Dict({"name": "melt" if number == 1 else "surface-melt"}), "names": orm.List(["copper"])}
        own = iteration(node, number, stage, max(number - 1, 1), state="finished")
        store(orm.WorkChainNode, "SampleWorkChain", caller=own, key="sample", inputs=sampler)
        deviation = orm.ArrayData()
        disagreement = np.full(COUNT, np.nan) if number == 1 else rng.gamma(2.0, 0.1, COUNT)
        deviation.set_array("disagreement", disagreement)
        deviation.set_array("element_disagreement", disagreement[:, None] * [1.0, 0.5])
        deviation.set_array("grade", np.full(COUNT, np.nan))
        deviation.set_array("fingerprints", rng.normal(size=(COUNT, 6)))
        deviation.base.attributes.set("refused", [None] * (COUNT - 1) + ["atoms fused"])
        values = {**SelectionSettings(budget=5, test_share=0.15).model_dump(mode="json"), "budget_now": 5, "window": None}
        if number > 1:
            seen = rng.gamma(2.0, 0.1, 12)
            points = {"test_iteration_01": frame_errors(seen, 2 * seen, largest_force=3.0).model_dump(mode="json")}
            stages = [["test_iteration_01", "melt" if number == 2 else "surface"]]
            settings = {"levels": values["levels"], "stage": stage, "stages": stages, "reference": 0.1}
            given = {"report": orm.Dict({"test_points": points}), "settings": orm.Dict(settings)}
            levels = find_trust_levels.__wrapped__(**given)
            values["window"] = [levels["lower"], levels["upper"]]
            made = {"result": levels}
            store(orm.CalcFunctionNode, "find_trust_levels", caller=own, key="trust_levels", inputs=given, outputs=made)
            returned(own, trust_levels=levels)
        inputs = {
            "candidates": FramesData.from_frames(make_frames(COUNT, first=9800 + COUNT * number)),
            "deviation": deviation,
            "settings": orm.Dict(values),
            "seed": orm.Int(derive_seed(1, stage, max(number - 1, 1), "select")),
            **marks,
        }
        made = select_frames.__wrapped__(**inputs)
        store(orm.CalcFunctionNode, "select_frames", caller=own, key="select", inputs=inputs, outputs=made)
        returned(own, **made)
        marks[key] = made["fingerprints"]
    return node


def test_without_a_change_the_same_frames_are_chosen(replayable):
    replayed = replay(replayable)
    assert [(item.key, item.stage) for item in replayed] == [
        ("iteration_01", "melt"),
        ("iteration_02", "surface"),
        ("iteration_03", "surface"),
    ]
    for item in replayed:
        assert item.now == item.then
        assert item.common == len(item.then.chosen) == 5
        assert item.then.test
    assert replayed[0].disagreement is None
    assert replayed[0].then.accurate_share is None
    assert replayed[1].then.mean_disagreement == pytest.approx(replayed[1].disagreement[replayed[1].then.chosen].mean())


def test_the_same_settings_given_as_changes_change_nothing(replayable):
    changes = {"criterion": "disagreement", "diversity": "farthest-point", "budget": 5, "pool": 3.0, "seed": 1, "levels": {}}
    assert all(item.now == item.then for item in replay(replayable, changes))


def test_nothing_is_stored(replayable):
    from aiida import orm

    before = orm.QueryBuilder().append(orm.Node).count()
    replay(replayable, {"criterion": "distance", "budget": 7, "seed": 5})
    assert orm.QueryBuilder().append(orm.Node).count() == before


def test_the_replay_knows_what_it_chose_itself_and_not_what_was_chosen(replayable):
    """Each iteration equals a call of the pure function with the replay's own earlier picks."""
    from aiida import orm

    replayed = replay(replayable, {"criterion": "distance"})
    own = []
    for item in replayed:
        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": replayable.pk}, tag="campaign")
        query.append(orm.WorkChainNode, with_incoming="campaign", edge_filters={"label": item.key}, tag="iteration")
        query.append(orm.CalcFunctionNode, with_incoming="iteration", edge_filters={"label": "select"})
        chosen = query.first(flat=True)
        settings = {**chosen.inputs.settings.get_dict(), "criterion": "distance"}
        given = arguments(chosen.inputs.candidates, chosen.inputs.deviation, settings, own)
        expected = select(**given, seed=chosen.inputs.seed.value)
        assert item.now.chosen == [choice.index for choice in expected.chosen]
        assert item.reasons[item.now.chosen[0]] == expected.chosen[0].reason
        picks = (given["fingerprints"][item.now.chosen], [item.ids[index] for index in (*item.now.chosen, *item.now.test)])
        own.append(picks)
    assert any(item.now.chosen != item.then.chosen for item in replayed)


def test_another_criterion_without_diversity_takes_the_highest(replayable):
    item = replay(replayable, {"diversity": "none", "levels": {"kind": "absolute", "lower": 0.01, "upper": 10.0}})[1]
    values = np.where(np.isin(np.arange(COUNT), [*item.now.test, COUNT - 1]), -1.0, item.disagreement)
    assert item.now.chosen == list(np.argsort(-values)[:5])
    assert item.now.window == (0.01, 10.0)


def test_levels_are_errors_turned_into_disagreements_as_the_campaign_did(replayable):
    """The largest error is twice the disagreement on all test frames: a lower error of 0.4 is a disagreement near 0.2."""
    first, second, third = replay(replayable, {"levels": {"lower": 0.4}})
    assert first.now.window is None
    assert second.now.window[0] == 0.0  # the first iteration of its stage
    assert third.now.window[0] == pytest.approx(0.2, rel=0.3)
    assert third.now.window[0] != third.then.window[0]
    assert third.now.accurate_share > third.then.accurate_share


def test_budget_and_seed(replayable):
    replayed = replay(replayable, {"budget": 8})
    assert [len(item.now.chosen) for item in replayed] == [8, 8, 8]
    assert replayed[0].now.labels == 8 + len(replayed[0].now.test)
    assert [item.now.test for item in replay(replayable, {"seed": 9})] != [item.then.test for item in replayed]


def test_a_score_that_was_not_stored_is_told(replayable):
    with pytest.raises(InputError, match="iteration_02: the criterion 'grade' cannot be replayed: its score was not stored"):
        replay(replayable, {"criterion": "grade"})
    assert replay(replayable, {"criterion": "element-disagreement"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"criteria": "random"}, "unknown change 'criteria', did you mean 'criterion'"),
        ({"criterion": "randum"}, "unknown criterion 'randum', did you mean 'random'"),
        ({"levels": {"kind": "absolute", "lower": 2.0, "upper": 1.0}}, "expected upper above lower"),
        ({"pool": 0.1}, "pool"),
    ],
)
def test_changes_that_cannot_be(replayable, changes, message):
    with pytest.raises(InputError) as caught:
        replay(replayable, changes)
    assert message in str(caught.value).replace("; did", ", did").replace(" (did", ", did")


def test_a_campaign_that_chose_nothing_yet(replayable):
    with pytest.raises(InputError, match="has not chosen any frames yet"):
        replay(begun("empty"))


# ------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def typed(aiida_profile, monkeypatch):
    """Return a function that types the command, 80 columns wide, and gives what it printed."""
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile)
    return functools.partial(commands.typed, command)


def test_the_table_fits_a_terminal(typed, replayable):
    lines = typed(replayable.pk, "--criterion", "random", "--budget", 4).splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines]
    assert ["5", "/", "4"] in [row[2:5] for row in rows if row[:1] == ["2"]]
    assert any(row[:4] == ["all", "15", "/", "12"] for row in rows)


def test_the_figures_as_json_and_the_plot(typed, replayable, tmp_path):
    picture = tmp_path / "replay.png"
    output = json.loads(typed(replayable.pk, "--lower", 0.4, "-o", picture, "--json"))
    assert output["changes"] == {"levels": {"lower": 0.4}}
    assert len(output["iterations"]) == 3
    assert len(output["iterations"][1]["now"]["chosen"]) == len(output["iterations"][1]["reasons"])
    assert picture.stat().st_size > 10_000


def test_levels_from_a_file_or_as_numbers_but_not_both(typed, replayable, tmp_path):
    path = tmp_path / "levels.yaml"
    path.write_text("{kind: absolute, lower: 0.01, upper: 5.0}")
    output = json.loads(typed(replayable.pk, "--levels", path, "--json"))
    assert output["iterations"][1]["now"]["window"] == [0.01, 5.0]
    assert "from one place" in typed(replayable.pk, "--levels", path, "--lower", 1, code=2)


def test_a_plot_that_cannot_be_written(typed, replayable, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        typed(replayable.pk, "-o", tmp_path / "none" / "replay.png")
