"""What every settings class stands on: quantities with units, strictness, and errors that say where and what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, overload

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, TypeAdapter, ValidationError
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
    "Settings",
    "Temperature",
    "Time",
    "merge",
    "parse",
    "read_yaml",
    "untagged",
    "variants",
]

_UNITS: dict[str, dict[str, float]] = {
    "time (fs)": {"fs": 1.0, "ps": 1e3, "ns": 1e6},
    "length (A)": {"A": 1.0, "Å": 1.0, "nm": 10.0, "pm": 0.01},
    "temperature (K)": {"K": 1.0},
    "pressure (GPa)": {"GPa": 1.0, "MPa": 1e-3, "kbar": 0.1, "bar": 1e-4, "eV/A^3": 160.21766208},
    "density (g/cm^3)": {"g/cm^3": 1.0, "g/cm3": 1.0, "kg/m^3": 1e-3},
    "rate (K/ps)": {"K/ps": 1.0, "K/fs": 1e3, "K/ns": 1e-3},
    "force (eV/A)": {"eV/A": 1.0, "meV/A": 1e-3},
}


def _quantity(kind: str) -> BeforeValidator:
    units = _UNITS[kind]

    def convert(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"\s*([-+0-9.eE]+?)\s*([A-Za-zÅ/^0-9]*)\s*", value)
        try:
            number = float(match.group(1)) if match else None
        except ValueError:
            number = None
        if match is None or number is None:
            raise ValueError(f"expected a {kind}, a number or a text like '1 {next(iter(units))}', got '{value}'")
        unit = match.group(2)
        if unit and unit not in units:
            raise ValueError(f"unknown unit '{unit}' for a {kind}{suggest(unit, units)}; known: {', '.join(units)}")
        return number * units.get(unit, 1.0)

    return BeforeValidator(convert)


Time = Annotated[float, _quantity("time (fs)"), Field(gt=0)]
Length = Annotated[float, _quantity("length (A)")]
PositiveLength = Annotated[float, _quantity("length (A)"), Field(gt=0)]
Temperature = Annotated[float, _quantity("temperature (K)"), Field(gt=0)]
Pressure = Annotated[float, _quantity("pressure (GPa)")]
Density = Annotated[float, _quantity("density (g/cm^3)"), Field(gt=0)]
Rate = Annotated[float, _quantity("rate (K/ps)"), Field(gt=0)]
Force = Annotated[float, _quantity("force (eV/A)"), Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


#: marks a field that no person writes into a file
NOT_WRITTEN: dict[str, Any] = {"written": False}

Model = TypeVar("Model", bound="Settings")


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values are checked, nothing changes after."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=False, allow_inf_nan=False)


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
        shown = f", got {'a mapping' if isinstance(value, dict) else repr(value)}"
    return f"{before}{message}{shown}"


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


def read_yaml(path: str | Path, list_too: bool = False) -> Any:
    """Return the mapping in a YAML file, or, if that is allowed too, the list.

    Raises
    ------
    InputError
        If the file is missing, is not YAML (with line and column), or is not a mapping.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML itself would let the last of two equal keys win, without a word."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key '{key.value}' is given twice", key.start_mark)
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

    try:
        data = yaml.load(Path(path).read_text(), Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(data, dict) and not (list_too and isinstance(data, list)):
        raise InputError(f"{path}: expected a mapping of keys, got {type(data).__name__}")
    return data
