"""Unions of settings classes that a key of theirs tells apart, parsed by themselves and as parts."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from alworkflows.errors import InputError
from alworkflows.schema import Settings, parse, untagged


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
