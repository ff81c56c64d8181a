"""A campaign as a file to read and edit: every key with its value, its unit and what it means, taken from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, get_args

import yaml
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from alworkflows.schema import NOT_WRITTEN
from alworkflows.settings import Campaign
from workchains.campaigns.protocols import inputs, materials, protocols

__all__ = ["render", "template"]

COMMENT_COLUMN = 52
PLACEHOLDERS = {"generic"}  # materials whose values have to be replaced first


def template(material: str, protocol: str | None = None) -> str:
    """Return the complete, commented campaign file of a material and protocol.

    Raises
    ------
    InputError
        If the material or protocol is unknown.

    """
    data = inputs(material, protocol)
    known = protocols(material)
    name = protocol or next(iter(known))
    head = [
        f"# {materials()[material]}",
        f"# protocol {name}: {known[name].description}",
        "#",
        "# Units: eV, A, fs, K (GPa, g/cm^3, K/ps); a text such as '10 ps' or '1 nm' is converted. Keys left out have a default.",
    ]
    if material in PLACEHOLDERS:
        head.append("# TO BE REPLACED: the species A and B, the file crystal.cif, and each null of the pair potential.")
    else:
        head.append(f"# A short file does as well: 'material: {material}', 'protocol: {name}', and only the keys that differ.")
    return "\n".join([*head, "", *render(Campaign, data)]) + "\n"


def render(model: type[BaseModel], data: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """Yield the YAML lines of ``data`` in the schema's order, defaults included, with the schema's descriptions as comments."""
    for field, info in model.model_fields.items():
        if info.json_schema_extra == NOT_WRITTEN:
            continue
        name = info.alias or field
        value = _plain(data[name] if name in data else info.get_default(call_default_factory=True))
        nested = _nested(info, value) if value else []
        if indent == 0 and nested:
            yield ""
        if (
            isinstance(value, Mapping)
            and nested
            and all(isinstance(item, Mapping) for item in value.values())
            and _is_table(info)
        ):
            yield from _table(name, value, info, indent)
        elif isinstance(value, list) and nested:
            yield from _items(name, value, nested, indent)
        elif isinstance(value, Mapping) and nested:
            chosen = _chosen(nested, value)
            yield _line(f"{name}:", _summary(chosen), indent)
            yield from render(chosen, value, indent + 2)
        elif isinstance(value, Mapping) and any(isinstance(item, Mapping) for item in value.values()):
            yield _line(f"{name}:", info.description, indent)
            yield from _block(value, indent + 2)
        else:
            yield _line(f"{name}: {_flow(value)}", info.description, indent)
    known = {info.alias or field for field, info in model.model_fields.items()}
    for name in data:
        if name not in known:
            # an unknown key is shown, and then refused, rather than dropped
            yield _line(f"{name}: {_flow(data[name])}", None, indent)


def _table(name: str, value: Mapping[str, Any], info: FieldInfo, indent: int) -> Iterator[str]:
    """Yield a mapping of short entries, one a line, with only the keys that were given."""
    yield _line(f"{name}:", info.description, indent)
    for key, entry in value.items():
        yield _line(f"{key}: {_flow(entry)}", None, indent + 2)


def _block(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    """Yield a free mapping, its innermost mappings on one line each."""
    for key, entry in value.items():
        if isinstance(entry, Mapping) and any(isinstance(item, Mapping) for item in entry.values()):
            yield _line(f"{key}:", None, indent)
            yield from _block(entry, indent + 2)
        else:
            yield _line(f"{key}: {_flow(entry)}", None, indent)


def _items(name: str, values: list[Any], nested: list[type[BaseModel]], indent: int) -> Iterator[str]:
    """Yield a list of mappings."""
    yield _line(f"{name}:", _summary(nested[0]), indent)
    for value in values:
        lines = list(render(_chosen(nested, value), value, indent + 4))
        yield " " * (indent + 2) + "- " + lines[0].lstrip()
        yield from lines[1:]


def _line(text: str, comment: str | None, indent: int) -> str:
    line = " " * indent + text
    return f"{line:<{COMMENT_COLUMN}}  # {comment}" if comment else line


def _summary(model: type[BaseModel]) -> str | None:
    """Return the first line of a schema's docstring as a comment."""
    return model.__doc__.strip().splitlines()[0].rstrip(".").replace("``", "") if model.__doc__ else None


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    """Return a value as YAML types: models as dictionaries, tuples as lists, enums as their values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _nested(info: FieldInfo, value: Any) -> list[type[BaseModel]]:
    """Return the schemas a field's value may follow; none for plain values."""
    return _models(info.annotation) if isinstance(value, Mapping | list) else []


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _models(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _is_table(info: FieldInfo) -> bool:
    """Return whether a field is a mapping from free names to a schema."""
    return getattr(info.annotation, "__origin__", None) is dict


def _chosen(nested: list[type[BaseModel]], value: Mapping[str, Any]) -> type[BaseModel]:
    """Return the schema of a union that a value's ``class`` or ``name`` belongs to; the first, if it says neither."""
    for tag in ("class", "name"):
        for model in nested:
            tags = [info.default for field, info in model.model_fields.items() if (info.alias or field) == tag]
            if tag in value and value[tag] in tags:
                return model
    return nested[0]
