"""One engine a data set: what may stand side by side."""

import pytest

from alworkflows.errors import InputError
from alworkflows.frames import GIVEN, require_one_engine

EMT, OTHER, VOUCHED = {"name": "emt"}, {"name": "chgnet"}, {GIVEN: "a.xyz"}


@pytest.mark.parametrize(
    ("engines", "expected"),
    [
        ({}, None),
        ({"a": None, "b": None}, None),
        ({"a": EMT, "b": dict(EMT)}, EMT),
        ({"a": VOUCHED, "b": EMT, "c": EMT}, EMT),
        ({"a": EMT, "b": {GIVEN: "b.xyz"}, "c": VOUCHED}, EMT),
        ({"a": VOUCHED, "b": {GIVEN: "b.xyz"}}, VOUCHED),
    ],
)
def test_labels_of_one_engine_and_those_that_a_person_vouches_for(engines, expected):
    assert require_one_engine(engines) == expected


@pytest.mark.parametrize(
    ("engines", "first", "other"),
    [
        ({"a": EMT, "b": EMT, "c": OTHER}, "a", "c"),
        ({"a": VOUCHED, "b": EMT, "c": OTHER}, "b", "c"),
        ({"a": None, "b": EMT}, "a", "b"),
        ({"a": VOUCHED, "b": None}, "b", "a"),
    ],
)
def test_both_sources_are_named(engines, first, other):
    with pytest.raises(InputError, match=rf"^start: labels of two engines or settings: {first} has .*, {other} has .*"):
        require_one_engine(engines, "start")


def test_one_node_names_one_engine():
    with pytest.raises(InputError, match=r"a has .*given.*, b has .*emt"):
        require_one_engine({"a": VOUCHED, "b": EMT}, vouched=False)
    assert require_one_engine({"a": VOUCHED, "b": dict(VOUCHED)}, vouched=False) == VOUCHED
