"""Unions of settings classes that a key of theirs tells apart, and numbers as people write them."""

import datetime as dt
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, model_validator

from alworkflows.errors import InputError
from alworkflows.schema import Density, Force, Length, Settings, Time, parse, untagged
from alworkflows.settings import LabelSettings, LinearSettings, MeltSettings, StructureSettings
from alworkflows.settings.structures import ParticleSettings


class Kernel(Settings):
    shape: Literal["round", "square"] = "round"


class Ridge(Settings):
    kind: Literal["ridge"] = Field(alias="class", default="ridge")
    penalty: float = 1.0
    kernel: Kernel = Kernel()


class Forest(Settings):
    kind: Literal["forest", "wood"] = Field(alias="class", default="forest")
    trees: int = 10

    @model_validator(mode="after")
    def _some(self) -> "Forest":
        if self.trees < 1:
            raise ValueError(f"expected at least one tree, got {self.trees}")
        return self


Machine = Annotated[Ridge | Forest, Field(discriminator="kind"), untagged("class", "ridge")]


class Group(Settings):
    machine: Machine = Ridge()
    others: tuple[Machine, ...] = ()


def test_the_tag_tells_which_class() -> None:
    assert parse(Machine, {"class": "forest", "trees": 3}) == Forest(trees=3)
    assert parse(Machine, {"class": "wood"}).trees == 10
    assert parse(Group, {"others": [{"class": "forest"}, {}]}).others == (Forest(), Ridge())


def test_without_a_tag_it_is_the_default_one() -> None:
    assert parse(Machine, {"penalty": 2.0}) == parse(Group, {"machine": {"penalty": 2.0}}).machine == Ridge(penalty=2.0)


def test_what_is_parsed_already_stays() -> None:
    assert parse(Machine, Forest(trees=2)) == Forest(trees=2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"class": "forrest"}, "where: unknown class 'forrest' (did you mean 'forest'?); known: ridge, forest, wood"),
        (
            {"class": "ridge", "penaltie": 1.0},
            "where: unknown key 'ridge.penaltie' (did you mean 'penalty'?); known: class, kernel, penalty",
        ),
        ({"class": "wood", "penalty": 1.0}, "where: unknown key 'wood.penalty'; known: class, trees"),
        ({"kernel": {"shap": "round"}}, "where: unknown key 'kernel.shap' (did you mean 'shape'?); known: shape"),
        ({"kernel": {"shape": "rund"}}, "where: kernel.shape: expected 'round' or 'square' (did you mean 'round'?)"),
        ({"class": "forest", "trees": 0}, "where: forest: expected at least one tree, got 0"),
        ("ridge", "where: expected a mapping of keys, got 'ridge'"),
    ],
)
def test_bad_input_is_one_line_that_says_where_and_what(data: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(Machine, data, "where")
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_a_place_within_a_larger_one() -> None:
    with pytest.raises(InputError) as caught:
        parse(Group, {"machine": {"class": "forst"}, "others": [{"class": "forest", "tres": 2}]})
    assert str(caught.value).splitlines() == [
        "settings: machine: unknown class 'forst' (did you mean 'forest'?); known: ridge, forest, wood",
        "  unknown key 'others.0.forest.tres' (did you mean 'trees'?); known: class, trees",
    ]


def test_a_union_without_a_default_asks_for_the_tag() -> None:
    with pytest.raises(InputError, match=r"^settings: expected a 'class'$"):
        parse(Annotated[Ridge | Forest, Field(discriminator="kind")], {"penalty": 1.0})


# ------------------------------------------------------------------------------------------------ numbers as people write them


@pytest.mark.parametrize(
    ("text", "femtoseconds"),
    [
        ("1e3", 1e3),
        ("1E3", 1e3),
        ("1e+3 fs", 1e3),
        ("1.5e3 fs", 1.5e3),
        ("1e3ps", 1e6),
        ("1e-3 ns", 1e3),
        (" 5 ps ", 5e3),
        ("5ps", 5e3),
        ("+2", 2.0),
        (".5 ps", 500.0),
        ("5. ps", 5e3),
        ("1_000", 1e3),
    ],
)
def test_a_duration_in_any_writing(text: str, femtoseconds: float) -> None:
    assert TypeAdapter(Time).validate_python(text) == pytest.approx(femtoseconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *(
            (text, "expected a time")
            for text in ("inf", "nan", "-inf ps", "", " ", "ps", "1,5 ps", "1 ps 2 ps", "1__0", "e3", "1e3.5")
        ),
        ("1 e3", "unknown unit 'e3' for a time"),
        ("1e ps", "expected a time"),
        ("1 eV", "unknown unit 'eV' for a time"),
        ("1e400", "finite number"),
        ("-1 ps", "greater than 0"),
        ("0", "greater than 0"),
        ("1" * 10_000, "finite number"),
        ("x" * 10_000, "expected a time"),
    ],
)
def test_what_is_no_duration(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        parse(MeltSettings, {"duration": text})
    assert len(str(raised.value)) < 500


def test_units_in_letters_of_other_keyboards() -> None:
    assert TypeAdapter(Length).validate_python("5 \u00c5") == TypeAdapter(Length).validate_python("5 \u212b") == 5.0
    assert TypeAdapter(Force).validate_python("1 eV/\u00c5") == TypeAdapter(Force).validate_python("1eV/A") == 1.0
    assert TypeAdapter(Density).validate_python("2 g/cm³") == 2.0


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [
        (LinearSettings, {"members": True}, "members: expected a valid number, got True"),
        (LinearSettings, {"folds": False}, "folds: expected a valid number, got False"),
        (LinearSettings, {"descriptors": {"l": [0, True]}}, "descriptors: l: expected a valid number"),
        (MeltSettings, {"duration": True}, "duration: expected a valid number"),
        (MeltSettings, {"temperature": [True, 300]}, "temperature: expected a valid number"),
        (LabelSettings, {"moments": {"Fe": True}}, "moments: expected a valid number"),
        (StructureSettings, {"prototype": "zno-wurtzite", "supercell": [1, 1, True]}, "supercell: expected a valid number"),
        (LinearSettings, {"members": 10**5000}, "members: .* got a number of thousands of digits"),
        (LinearSettings, {"members": float("inf")}, "members: expected a finite number"),
        (LinearSettings, {"members": float("nan")}, "members: expected a finite number"),
        (LinearSettings, {"members": "1e400"}, "members: expected a valid integer"),
        (LinearSettings, {"members": [3]}, "members: expected a valid integer"),
        (LinearSettings, {"members": ""}, "members: expected a valid integer"),
        (LinearSettings, {"members": -1}, "members: expected greater than or equal to 1"),
        (LinearSettings, {"members": dt.date(2026, 1, 1)}, "members: expected a valid integer"),
        (LabelSettings, {"chunk": 10**30}, "chunk: expected"),
        (LabelSettings, {"machine": "x" * 10**5, "jobs": "x" * 10**5}, "jobs: expected"),
        (MeltSettings, {"temperature": [300, 1e30]}, "temperature.1: expected less than"),
        (StructureSettings, {"prototype": "zno-wurtzite", "supercell": [10**5] * 3}, "supercell: expected at most 1000000 cells"),
        (StructureSettings, {"prototype": "zno-wurtzite", "miller": [1, 0, 10**6]}, "miller.2: expected less than"),
        (StructureSettings, {"prototype": "zno-wurtzite", "layers": 10**6}, "layers: expected less than"),
        (ParticleSettings, {"a": 4, "species": {"Cu": 10**6, "Ag": 1}}, "species: expected at most 1000000 atoms, got 1000001"),
    ],
)
def test_numbers_that_nobody_means(model: type[Settings], data: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        parse(model, data)
    assert len(str(raised.value)) < 500


def test_truth_is_taken_where_it_is_asked_for() -> None:
    assert parse(LabelSettings, {"remedies": False}).remedies is False
    assert parse(LabelSettings, {"calculator": {"name": "emt", "parameters": {"a": True}}}).calculator.parameters == {"a": True}
