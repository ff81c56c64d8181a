"""The rule by which labels are said to be off, on made-up residuals of frames of several kinds."""

import numpy as np
import pytest

from alworkflows.models.likeness import Likeness
from alworkflows.models.outliers import find, is_serious, score, suspects
from alworkflows.models.residuals import Place, Residuals

ALL = ("forces", "net force", "energy", "stress")


def kinds(cold=60, hot=60, rare=0, seed=0):
    """Return residuals and fingerprints of cold crystals, hot melts and a few frames unlike both; and which kind each is of."""
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1, 2], [cold, hot, rare])
    size = np.array([0.1, 4.0, 1.0])[kind] * rng.lognormal(0, 0.2, len(kind))
    force = np.array([0.003, 0.3, 0.8])[kind] * rng.lognormal(0, 0.3, len(kind))
    table = Residuals(
        places=[Place(0, number, f"{number:016x}", "Cu8", 8) for number in range(len(kind))],
        force=force.tolist(),
        largest=(2.5 * force).tolist(),
        size=size.tolist(),
        largest_size=(2.5 * size).tolist(),
        predicted=(2.5 * size).tolist(),
        net=[1e-4] * len(kind),
        energy=(np.array([0.001, 0.01, 0.5])[kind] * rng.normal(size=len(kind))).tolist(),
        stress=[np.full(6, np.nan)] * len(kind),
        seen=[False] * len(kind),
    )
    centres = np.array([[0.0, 0.0, 0.0], [9.0, 9.0, 0.0], [0.0, 60.0, 60.0]])
    points = centres[kind] + rng.normal(size=(len(kind), 3))
    return table, Likeness.of(points), kind


def found(table, likeness, first=None, apart=(0.0, 0.0)):
    scores = score(table, likeness)
    findings = find(table, scores, first or scores, likeness, dict.fromkeys(range(len(table)), apart))
    return {item.number: item for item in findings}


def test_frames_of_different_kinds_without_fault_are_not_named():
    for seed in range(20):
        table, likeness, _ = kinds(seed=seed)
        assert not found(table, likeness), seed


def test_a_cold_frame_is_named_for_a_residual_that_is_usual_in_hot_ones():
    table, likeness, _ = kinds()
    table.force[5] = table.largest[5] = 0.3
    (item,) = found(table, likeness).values()
    assert (item.number, item.contradicts, item.off[0].what) == (5, True, "forces")
    assert item.off[0].amount == pytest.approx(0.3)
    assert item.off[0].alike == pytest.approx(np.median(np.array(table.force)[likeness.neighbours[5]]))
    assert item.off[0].beyond > 5
    assert item.place.id == f"{5:016x}"
    assert item.nearest == f"{likeness.neighbours[5, 0]:016x}"


def test_the_worst_atom_of_a_large_frame_is_seen():
    table, likeness, _ = kinds()
    table.largest[70], table.force[70] = 15.0, 0.6
    assert list(found(table, likeness)) == [70]


def test_a_frame_with_forces_as_large_as_its_residual_is_hard_and_not_wrong():
    table, likeness, _ = kinds()
    table.force[70], table.largest[70], table.size[70], table.largest_size[70] = 6.0, 15.0, 80.0, 200.0
    assert not found(table, likeness)


def test_an_energy_is_held_against_the_offset_of_its_kind():
    table, likeness, kind = kinds()
    table.energy = [value + 0.2 * (number == 1) for value, number in zip(table.energy, kind, strict=True)]  # a model's own fault
    assert not found(table, likeness)
    table.energy[80] += 0.25
    (item,) = found(table, likeness).values()
    assert (item.number, item.contradicts, [off.what for off in item.off]) == (80, True, ["energy"])
    assert item.strength(("forces",)) == 0.0 < item.strength(("energy",))


def test_frames_of_a_rare_kind_are_alone_and_never_suspects():
    table, likeness, kind = kinds(rare=3)
    items = found(table, likeness)
    assert set(items) <= set(np.flatnonzero(kind == 2))
    assert items
    assert not any(item.contradicts for item in items.values())
    alone = likeness.alone >= 2.5
    assert not is_serious(score(table, likeness), ALL, alone)
    assert suspects(score(table, likeness), ALL, alone, 10) == []


def test_where_members_are_as_far_apart_nothing_is_contradicted():
    table, likeness, _ = kinds()
    table.force[5] = table.largest[5] = 0.3
    assert not found(table, likeness, apart=(0.1, 0.0))[5].contradicts
    assert found(table, likeness, apart=(0.01, 0.0))[5].contradicts


def test_what_a_fit_could_make_good_is_not_wrong():
    table, likeness, _ = kinds()
    first = score(table, likeness)
    table.force[5] = table.largest[5] = 0.3
    assert not found(table, likeness, first)[5].contradicts


def test_a_prediction_beyond_all_forces_nearby_is_of_a_frame_that_is_not_like_them():
    table, likeness, _ = kinds()
    table.force[70] = table.largest[70] = 40.0
    table.predicted[70] = 100.0
    assert not found(table, likeness)[70].contradicts


def test_neighbours_whose_forces_are_zero_by_symmetry_have_no_say():
    table, likeness, _ = kinds()
    for number in (number for number in range(60) if number % 3):
        table.force[number] = table.largest[number] = table.predicted[number] = 1e-12
        table.size[number] = table.largest_size[number] = 1e-12
    assert not found(table, likeness)


def test_forces_that_do_not_add_up_need_no_model():
    table, likeness, _ = kinds()
    table.net[70] = 2.0
    (item,) = found(table, likeness).values()
    assert [off.what for off in item.off] == ["net force"]
    table.net = [2.0] * len(table)  # all do, such as slabs on a fixed ground
    assert not found(table, likeness)


def test_labels_that_frames_lack_are_not_looked_at():
    table, likeness, _ = kinds()
    nothing = [float("nan")] * len(table)
    table.energy = nothing
    assert not found(table, likeness)
    table.force = table.largest = table.size = table.largest_size = table.net = nothing
    assert not found(table, likeness)


def test_the_worst_are_suspected_first_and_no_more_than_may_be():
    table, likeness, _ = kinds()
    for number, value in ((5, 0.3), (7, 0.6), (9, 0.15)):
        table.force[number] = table.largest[number] = value
    none = np.zeros(len(table), dtype=bool)
    assert suspects(score(table, likeness), ("forces",), none, 10) == [5, 7, 9]
    assert suspects(score(table, likeness), ("forces",), none, 1) == [7]
    assert not {5, 7, 9} & set(suspects(score(table, likeness), ("energy",), none, 10))
