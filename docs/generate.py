"""Pages of the reference that follow from the code: campaign, machine, jobs, commands, calculators, potentials, exit codes.

A default, a description or an exit code is written once, in the code; Sphinx calls :func:`generate` before it reads its sources.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

__all__ = ["generate"]

NAMES = {"str": "text", "int": "integer", "float": "number", "bool": "true or false", "Any": "anything", "NoneType": "none"}


def generate(folder: Path) -> None:
    """Write all generated pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {
        "campaign": campaign,
        "machine": machine,
        "jobs": jobs,
        "commands": commands,
        "calculators": calculators,
        "potentials": potentials,
        "exit-codes": exit_codes,
    }.items():
        text = "\n".join(make()) + "\n"
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:  # a page that did not change is not built again
            path.write_text(text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


# ------------------------------------------------------------------------------------------------ settings


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings classes a field's value may follow."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def type_text(annotation: Any) -> str:
    """Return a field's type in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(parts[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(part) for part in parts))
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is tuple:
        return f"list of {type_text(parts[0])}" if parts[-1] is Ellipsis else f"list of {len(parts)}: {type_text(parts[0])}"
    if origin is dict:
        return f"mapping of names to {type_text(parts[1])}"
    if origin is list:
        return f"list of {type_text(parts[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{item.value}`" for item in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    name = getattr(annotation, "__name__", str(annotation))
    return NAMES.get(name, name)


def default_text(info: FieldInfo) -> str:
    """Return a field's default."""
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see there"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    return "none" if value is None else "empty" if value in ("", {}, []) else f"`{value}`"


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Yield the table of a class's keys; what has no keys of its own is one of others, or a list of them."""
    if issubclass(model, RootModel):
        several = type_text(model.model_fields["root"].annotation)
        yield f"{several.removeprefix('list of ')}, or a {several}"
        yield ""
        return
    rows = [
        (f"`{info.alias or name}`", type_text(info.annotation), default_text(info), info.description or "")
        for name, info in model.model_fields.items()
    ]
    yield from table(("key", "value", "default", "meaning"), rows)


def campaign() -> Iterator[str]:
    """Yield the page on the campaign file."""
    from alworkflows import schema
    from alworkflows.settings import Campaign

    yield "# The campaign file"
    yield ""
    yield "A YAML file, read with every key checked: an unknown key, name, unit or species is an error that suggests the nearest."
    yield "`alworkflows new MATERIAL` prints a complete one. A short one holds `material`, `protocol`, and only the keys that"
    yield "differ; in it, `stages` may be a mapping from a stage's name to what changes in it."
    yield ""
    yield "Quantities are numbers in the unit given here, or a text with a unit, which is converted:"
    yield ""
    units = [(kind, ", ".join(f"`{unit}`" for unit in known)) for kind, known in schema._UNITS.items()]
    yield from table(("quantity", "units"), units)
    yield from classes([Campaign])


def machine() -> Iterator[str]:
    """Yield the page on the files of a machine."""
    from workchains.machines.files import CodeFile, ComputerFile, ProfileFile
    from workchains.machines.options import OptionsFile

    yield "# The files of a machine"
    yield ""
    yield "Four kinds of YAML files in a folder, read with every key checked. `alworkflows setup --copy NAME DIR` copies those of"
    yield "a built-in machine; [the how-to](../../howto/machines.md) says what to do with them."
    yield ""
    yield from classes([ProfileFile, ComputerFile, CodeFile, OptionsFile])


def jobs() -> Iterator[str]:
    """Yield the page on what jobs are given and hand back."""
    from alworkflows.frame_errors import FrameErrors
    from alworkflows.jobs import VERBS, results

    yield "# Jobs"
    yield ""
    yield "A job is `alworkflows run VERB input.json` in a folder. Names of files in `input.json` are relative to it. The verb"
    yield "writes `output.json`: the keys of its result and those of Usage, or, of an input that is refused, a Refusal. A key"
    yield "that a verb did not set is left out. Both files are checked by whoever reads them: a key that is missing, unknown or"
    yield "wrong is an error."
    yield ""
    for name, verb in VERBS.items():
        yield f"## {name}"
        yield ""
        yield f"{verb.title[0].upper()}{verb.title[1:]}."
        yield ""
        for model in dict.fromkeys((verb.spec, verb.result, verb.unfinished)):
            yield f"### {model.__name__}"
            yield ""
            yield (model.__doc__ or "").strip()
            yield ""
            yield from _linked(fields(model), "campaign.md")
    yield "## What results are made of"
    yield ""
    for made in (results.Usage, results.Refusal, results.LabelFailure, results.ErrorSummary, FrameErrors):
        yield f"### {made.__name__}"
        yield ""
        yield (made.__doc__ or "").strip()
        yield ""
        yield from fields(made)


def _linked(lines: Iterable[str], page: str) -> Iterator[str]:
    """Yield lines in which links to settings lead to the page that has them."""
    for line in lines:
        yield re.sub(r"\]\(#(\w+settings|geometrylimits)\)", rf"]({page}#\1)", line)


def classes(queue: list[type[BaseModel]]) -> Iterator[str]:
    """Yield a section for each class, and for those that their fields follow."""
    queue = list(queue)
    done: list[type[BaseModel]] = []
    while queue:
        model = queue.pop(0)
        if model in done:
            continue
        done.append(model)
        yield f"## {model.__name__}"
        yield ""
        yield (model.__doc__ or "").strip()
        yield ""
        yield from fields(model)
        queue += [found for info in model.model_fields.values() for found in models_in(info.annotation)]


def calculators() -> Iterator[str]:
    """Yield the page on the calculators that label."""
    from alworkflows.calculators.registry import CALCULATORS

    yield "# Calculators"
    yield ""
    yield "What `label.calculator.name` of a campaign may be, with its `parameters`. A calculator whose package is not installed"
    yield "is refused with the pip command that installs it."
    yield ""
    for name, engine in sorted(CALCULATORS.items()):
        yield f"## {name}"
        yield ""
        package = f" Package: `{engine.packages[0]}`" + (f", installed by the extra `{engine.extra}`." if engine.extra else ".")
        yield engine.title[0].upper() + engine.title[1:] + "." + package
        yield ""
        if engine.model_fields:
            yield from fields(engine)
        if engine.remedies:
            yield "What is tried when a label fails, one at a time; none changes what a label is:"
            yield ""
            rows = [(f"`{key}`", ", ".join(remedy.kinds), remedy.title) for key, remedy in engine.remedies.items()]
            yield from table(("remedy", "against", "what it changes"), rows)


def potentials() -> Iterator[str]:
    """Yield the page on classical potentials and crystals."""
    from alworkflows.potentials import forms
    from alworkflows.potentials.published import PUBLISHED
    from alworkflows.structures import PROTOTYPES

    yield "# Classical potentials and crystals"
    yield ""
    yield "## Published potentials"
    yield ""
    yield "Names that `potential` of the melt sampler takes."
    yield ""
    yield from table(
        ("name", "style", "source"), [(f"`{name}`", f"`{item['style']}`", item["source"]) for name, item in PUBLISHED.items()]
    )
    yield "## Potentials of your own"
    yield ""
    yield "`potential` may also be a mapping with `style` and the parameters of that style."
    yield ""
    for style, model in forms.STYLES.items():
        yield f"### {style}"
        yield ""
        yield from fields(model)
        for found in dict.fromkeys(found for info in model.model_fields.values() for found in models_in(info.annotation)):
            yield f"#### {found.__name__}"
            yield ""
            yield (found.__doc__ or "").strip()
            yield ""
            yield from fields(found)
    yield "## Crystals by name"
    yield ""
    yield from _prototypes(PROTOTYPES)


def _prototypes(known: dict[str, Any]) -> Iterator[str]:
    rows = []
    for name, item in known.items():
        cell = ", ".join(f"{value:g}" for value in item.cell)
        rows.append((f"`{name}`", item.title, str(item.group), cell, item.source))
    yield from table(("name", "crystal", "space group", "a, b, c (Å), angles (°)", "cell from"), rows)


# ------------------------------------------------------------------------------------------------ commands and processes


def commands() -> Iterator[str]:
    """Yield the page on the commands, as they describe themselves."""
    from alworkflows.cli.main import group

    yield "# Commands"
    yield ""
    yield "Errors that a user can act on are one message on standard error and exit status 2."
    yield ""
    context = click.Context(group, info_name="alworkflows", terminal_width=100)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        yield f"## alworkflows {name}"
        yield ""
        yield "```text"
        yield command.get_help(click.Context(command, info_name=name, parent=context, terminal_width=100))
        yield "```"
        yield ""


def exit_codes() -> Iterator[str]:
    """Yield the page on exit codes, of all processes."""
    from importlib.metadata import entry_points

    yield "# Exit codes"
    yield ""
    yield "Of the processes, as `verdi process list` and `alworkflows status` show them: 2xx input that was refused, 3xx output"
    yield "that is missing or cannot be read, 4xx a step that failed, 7xx an end with a warning whose results stand. Codes from"
    yield "100 to 199 are AiiDA's own: a scheduler that ended a job, for instance."
    yield ""
    for kind in ("workflows", "calculations"):
        for point in sorted(entry_points(group=f"aiida.{kind}"), key=lambda item: item.name):
            if not point.name.startswith("alworkflows."):
                continue
            process: Any = point.load()
            if not hasattr(process, "spec"):
                continue
            known = process.spec().exit_codes
            labels = {code.status: label for label, code in known.items() if code.status >= 200}
            yield f"## {process.__name__}"
            yield ""
            yield f"Entry point `{point.name}`. {(process.__doc__ or '').strip().splitlines()[0]}"
            yield ""
            rows = [(str(status), f"`{label}`", known[label].message) for status, label in sorted(labels.items())]
            yield from table(("status", "label", "message"), rows)
