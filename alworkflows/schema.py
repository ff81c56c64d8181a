"""What every settings class stands on: quantities with units, strictness, and errors that say where and what was expected."""

from __future__ import annotations

import re
import types
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, overload

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from alworkflows.errors import InputError, suggest

__all__ = [
    "NOT_WRITTEN",
    "Count",
    "Density",
    "Force",
    "Fraction",
    "Length",
    "PositiveLength",
    "Pressure",
    "Rate",
    "Seed",
    "Settings",
    "Temperature",
    "Time",
    "merge",
    "parse",
    "untagged",
    "variants",
]

_UNITS: dict[str, dict[str, float]] = {
    "time (fs)": {"fs": 1.0, "ps": 1e3, "ns": 1e6},
    "length (A)": {"A": 1.0, "nm": 10.0, "pm": 0.01},
    "temperature (K)": {"K": 1.0},
    "pressure (GPa)": {"GPa": 1.0, "MPa": 1e-3, "kbar": 0.1, "bar": 1e-4, "eV/A^3": 160.21766208},
    "density (g/cm^3)": {"g/cm^3": 1.0, "g/cm3": 1.0, "kg/m^3": 1e-3},
    "rate (K/ps)": {"K/ps": 1.0, "K/fs": 1e3, "K/ns": 1e-3},
    "force (eV/A)": {"eV/A": 1.0, "meV/A": 1e-3},
}


#: a number, with an exponent where digits follow its e (in '1 eV/A' none do), and a unit
_QUANTITY = re.compile(
    r"\s*([-+]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-zµμ/^][A-Za-zµμ/^0-9]*)?\s*"
)


def _quantity(kind: str) -> BeforeValidator:
    units = _UNITS[kind]

    def convert(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        # letters as keyboards and programs write them: a power as a raised digit, the sign of the unit angstrom, µ of two kinds
        match = _QUANTITY.fullmatch(unicodedata.normalize("NFKC", value).replace("Å", "A"))
        if match is None:
            raise ValueError(f"expected a {kind}, a number or a text like '1 {next(iter(units))}', got '{value:.60}'")
        number, unit = float(match.group(1)), match.group(2)
        if unit and unit not in units:
            raise ValueError(f"unknown unit '{unit:.60}' for a {kind}{suggest(unit, units)}; known: {', '.join(units)}")
        return number * units.get(unit, 1.0)

    return BeforeValidator(convert)


Time = Annotated[float, _quantity("time (fs)"), Field(gt=0, le=1e12)]
Length = Annotated[float, _quantity("length (A)")]
PositiveLength = Annotated[float, _quantity("length (A)"), Field(gt=0)]
Temperature = Annotated[float, _quantity("temperature (K)"), Field(gt=0, le=1e6)]
Pressure = Annotated[float, _quantity("pressure (GPa)"), Field(ge=-1e6, le=1e6)]
Density = Annotated[float, _quantity("density (g/cm^3)"), Field(gt=0)]
Rate = Annotated[float, _quantity("rate (K/ps)"), Field(gt=0)]
Force = Annotated[float, _quantity("force (eV/A)"), Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Fraction = Annotated[float, Field(ge=0, le=1)]


#: marks a field that no person writes into a file
NOT_WRITTEN: dict[str, Any] = {"written": False}

Model = TypeVar("Model", bound="Settings")


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values are checked, nothing changes after."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=False, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, data: Any) -> Any:
        """Refuse true and false where a number is expected: Python counts them as 1 and 0."""
        for name, field in cls.model_fields.items() if isinstance(data, dict) else ():
            key = field.alias or name
            if _holds_truth(data.get(key)) and _counts(field.annotation) and not _takes_truth(field.annotation):
                raise ValueError(f"{key}: expected a valid number, got {data[key]!s:.60}")
        return data


def _holds_truth(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return any(_holds_truth(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)


def _counts(annotation: Any) -> bool:
    """Whether numbers are among what an annotation allows."""
    return annotation in (int, float) or any(_counts(part) for part in get_args(annotation))


def _takes_truth(annotation: Any) -> bool:
    """Whether true and false are among what an annotation allows, or a model of its own sees to it."""
    if annotation in (bool, Any, object):
        return True
    if get_origin(annotation) is Literal:
        return any(isinstance(value, bool) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_takes_truth(part) for part in get_args(annotation) if not isinstance(part, types.EllipsisType))


@overload
def parse(model: type[Model], data: Any, where: str = "settings") -> Model: ...


@overload
def parse(model: object, data: Any, where: str = "settings") -> Any: ...


def parse(model: object, data: Any, where: str = "settings") -> Any:
    """Return ``data`` as a checked ``model``: a settings class, or a union of such classes that a key of theirs tells apart.

    Raises
    ------
    InputError
        One line a problem: where it is, what was expected, what came, and the nearest known key.
    """
    form: Any = model
    single = isinstance(model, type) and issubclass(model, BaseModel)
    try:
        return form.model_validate(data) if single else TypeAdapter(form).validate_python(data)
    except ValidationError as error:
        problems = error.errors()
        places = [item["loc"] for item in problems]
        # a list whose entry is wrong is then too short as well, which says nothing new
        roots = [
            item
            for item in problems
            if not (item["type"] == "too_short" and any(place[: len(item["loc"])] == item["loc"] != place for place in places))
        ]
        raise InputError(f"{where}: " + ("\n" + " " * 2).join(_explain(item, model, data) for item in roots)) from None


def untagged(key: str, value: str) -> BeforeValidator:
    """Return what a tagged union takes a mapping without its tag for: one whose ``key`` is ``value``."""

    def complete(data: Any) -> Any:
        return {key: value, **data} if isinstance(data, dict) and key not in data else data

    return BeforeValidator(complete)


def variants(union: object) -> dict[str, type[BaseModel]]:
    """Return the classes of a union of settings, by the value of the key that tells them apart."""
    return {value: model for model, tag in _models_in(union) if tag for value in _literals(model, tag)}


def _explain(item: Any, model: object, data: Any) -> str:
    path = [str(part) for part in item["loc"]]
    place = ".".join(_written(item, data))
    before = f"{place}: " if place else ""
    context = item.get("ctx", {})
    if item["type"] == "extra_forbidden":
        keys = _keys_at(model, path[:-1])
        return f"unknown key '{place}'{suggest(path[-1], keys)}" + (f"; known: {', '.join(sorted(keys))}" if keys else "")
    if item["type"] == "union_tag_invalid":
        options = re.findall(r"'([^']+)'", context["expected_tags"])
        return (
            f"{before}unknown {_tag(context)} '{context['tag']}'{suggest(context['tag'], options)}; known: {', '.join(options)}"
        )
    message = {
        "missing": "missing",
        "union_tag_not_found": f"expected a '{_tag(context)}'",
        "too_short": f"expected at least {context.get('min_length')} entry",
        "too_long": f"expected at most {context.get('max_length')} entries",
        "tuple_type": "expected a list",
        "dict_type": "expected a mapping of keys",
        "model_type": "expected a mapping of keys",
        "model_attributes_type": "expected a mapping of keys",
    }.get(item["type"], item["msg"].removeprefix("Value error, ").replace("Input should be", "expected"))
    value = item.get("input")
    if item["type"] in ("literal_error", "enum"):
        message += suggest(value, re.findall(r"'([^']+)'", context["expected"]))
    names_input = item["type"] in ("missing", "union_tag_not_found") or "got " in message or message.startswith("unknown")
    if names_input or (isinstance(value, dict) and item["type"] == "value_error"):
        shown = ""  # a check of a whole mapping says itself what it met
    else:
        shown = f", got {'a mapping' if isinstance(value, dict) else _shown(value)}"
    return f"{before}{message}{shown}"


def _shown(value: Any, most: int = 200) -> str:
    """Return a value as Python writes it, cut where it is long; a number of too many digits by how many."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[:most]}..."


def _written(item: Any, data: Any) -> list[str]:
    """Return the place of a problem as the file has it.

    What was not written is left out: the tag of a mapping that names none, the index of one that stands for a list of one.
    """
    place: list[str] = []
    for part in item["loc"]:
        if isinstance(data, dict):
            is_key = part in data or (item["type"] == "missing" and part == item["loc"][-1])
            if not is_key and part not in [value for value in data.values() if isinstance(value, str)]:
                continue
            data = data.get(part, data)
        elif isinstance(data, list | tuple) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        place.append(str(part))
    return place


def _tag(context: dict[str, Any]) -> str:
    """Return the key that tells the classes of a union apart, as a file has it: pydantic names the attribute first."""
    return (re.findall(r"'([^']+)'", str(context.get("discriminator", ""))) or [""])[-1]


def _keys_at(model: object, path: list[str]) -> set[str]:
    """Return the keys known at a place of the schema, following names, list indices and union tags."""
    current = list(_models_in(model))
    for part in path:
        fields = [candidate.model_fields[part] for candidate, _ in current if part in candidate.model_fields]
        following = [pair for field in fields for pair in _models_in(field.annotation, field.discriminator)]
        current = following or [(m, None) for m, tag in current if tag and part in _literals(m, tag)] or current
    return {info.alias or key for candidate, _ in current for key, info in candidate.model_fields.items()}


def _models_in(annotation: Any, tag: Any = None) -> Iterator[tuple[type[BaseModel], str | None]]:
    """Yield the models that an annotation allows, each with the key that tells it from the others of its union, if one does."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _models_in(annotation.model_fields["root"].annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, tag if isinstance(tag, str) else None
    tags = [item.discriminator for item in getattr(annotation, "__metadata__", ()) if isinstance(item, FieldInfo)]
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part, next(filter(None, tags), tag))


def _literals(model: type[BaseModel], tag: str) -> tuple[Any, ...]:
    """Return the values of the tag that stand for this model."""
    return get_args(model.model_fields[tag].annotation)


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``override`` laid over it: dictionaries are merged key by key, everything else replaces."""
    merged = dict(base)
    for key, value in override.items():
        merged[key] = merge(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
    return merged
