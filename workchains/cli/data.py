"""``verdi data alworkflows.frames`` and ``verdi data alworkflows.ensemble``: list, show, export."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from aiida.cmdline.utils.decorators import with_dbenv

from alworkflows.cli.output import json_option, number, print_json, print_table
from alworkflows.cli.refusals import refused
from alworkflows.cli.terminal import guard_streams, say
from alworkflows.errors import InputError

if TYPE_CHECKING:
    import datetime as dt

    from aiida.orm import Data

__all__ = ["ensemble", "frames"]

Function = TypeVar("Function", bound=Callable[..., Any])

limit_option = click.option(
    "--limit", "-n", type=click.IntRange(1, 10**6), default=50, show_default=True, help="Most rows to print."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace a file that exists.")


def output_option(text: str) -> Callable[[Function], Function]:
    """Return the option of a file to write, with its help."""
    return click.option("--output", "-o", required=True, metavar="FILE", type=click.Path(dir_okay=False), help=text)


def command(function: Function) -> Function:
    """Load the profile; errors a user can act on, and what the system refuses, are one message and exit status 2."""

    @with_dbenv()
    @functools.wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        guard_streams()
        try:
            return function(*arguments, **options)
        except InputError as error:
            say(f"error: {error}", "red", stderr=True)
            raise SystemExit(2) from None
        except BrokenPipeError:
            raise  # whom click tells nothing
        except OSError as error:
            say(f"error: {refused(error)}", "red", stderr=True)
            raise SystemExit(2) from None

    return wrapped


@click.group("alworkflows.frames")
def frames() -> None:
    """Frames: atomic configurations with labels and origin."""


@click.group("alworkflows.ensemble")
def ensemble() -> None:
    """Ensembles of interatomic potentials."""


def _nodes(kind: type[Data], limit: int) -> list[Any]:
    from aiida.orm import QueryBuilder

    query = QueryBuilder().append(kind, tag="data")
    return query.order_by({"data": {"id": "desc"}}).limit(limit).all(flat=True)


def _load(pk: str, kind: type[Data]) -> Any:
    from workchains.provenance import load_node
    from workchains.provenance.ancestry import describe

    node = load_node(pk)
    if not isinstance(node, kind):
        raise InputError(f"expected a node of type {kind.__name__}, got {describe(node)} <{node.pk}>")
    return node


def _time(created: dt.datetime) -> str:
    return created.astimezone().strftime("%m-%d %H:%M")


def _engine(node: Any) -> str:
    engine = node.engine
    if not engine:
        return ""
    return str(engine.get("calculator") or engine.get("engine")) if isinstance(engine, dict) else str(engine)


# ------------------------------------------------------------------------------------------------ frames


@frames.command("list")
@limit_option
@json_option
@command
def frames_list(limit: int, as_json: bool) -> None:
    """List nodes of frames, newest first.

    \b
    Example:
      verdi data alworkflows.frames list -n 10
    """
    from workchains.data.frames import FramesData

    rows = [
        {
            "pk": node.pk,
            "created": node.ctime,
            "frames": len(node),
            "atoms": node.base.attributes.get("n_atoms"),
            "species": node.base.attributes.get("species"),
            "labels": _engine(node),
            "origins": node.base.attributes.get("origins"),
            "label": node.label,
            "uuid": node.uuid,
        }
        for node in _nodes(FramesData, limit)
    ]
    if as_json:
        print_json(rows)
        return
    lines = [
        (
            item["pk"],
            _time(item["created"]),
            item["frames"],
            item["atoms"],
            " ".join(item["species"]),
            item["labels"],
            item["label"] or ", ".join(item["origins"]),
        )
        for item in rows
    ]
    print_table(("PK", "created", "frames", "atoms", "species", "labels by", "what"), lines, left=7)


@frames.command("show")
@click.argument("pk")
@limit_option
@json_option
@command
def frames_show(pk: str, limit: int, as_json: bool) -> None:
    """Show the frames of a node, one a line.

    \b
    Example:
      verdi data alworkflows.frames show 1234
    """
    import numpy as np

    from alworkflows.frames import labels
    from workchains.data.frames import FramesData

    node = _load(pk, FramesData)
    shown = []
    for identity, frame in list(zip(node.ids, node.get_frames(), strict=True))[:limit]:
        stored = labels(frame)
        shown.append(
            {
                "id": identity,
                "formula": frame.get_chemical_formula(),
                "energy_per_atom": None if stored.energy is None else stored.energy / len(frame),
                "largest_force": None if stored.forces is None else float(np.linalg.norm(stored.forces, axis=1).max()),
                "origin": frame.info.get("origin", {}),
            }
        )
    if as_json:
        print_json({"pk": node.pk, "uuid": node.uuid, "label": node.label, "engine": node.engine, "frames": shown})
        return
    lines = [
        (
            item["id"],
            item["formula"],
            number(item["energy_per_atom"]),
            number(item["largest_force"]),
            "{sampler} {structure} {step}".format_map({"sampler": "", "structure": "", "step": "", **item["origin"]}),
        )
        for item in shown
    ]
    print_table(("frame", "formula", "eV/atom", "max eV/A", "origin"), lines, left=2)
    if len(node) > limit:
        click.echo(f"{limit} of {len(node)} frames; more with --limit")


@frames.command("export")
@click.argument("pk")
@output_option(".xyz, or .npz (exact).")
@overwrite_option
@command
def frames_export(pk: str, output: str, overwrite: bool) -> None:
    """Write the frames of a node: extended XYZ, or exactly as .npz.

    \b
    Example:
      verdi data alworkflows.frames export 1234 -o batch.xyz
    """
    from alworkflows.cli.files import new_file
    from alworkflows.frames import write
    from workchains.data.frames import FramesData

    node = _load(pk, FramesData)
    path = new_file(output, overwrite)
    if path.suffix == ".npz":
        node.export_file(path)
    else:
        write(path, node.get_frames(), node.engine)
    click.echo(f"{path}: {len(node)} frames")


# ------------------------------------------------------------------------------------------------ ensembles


@ensemble.command("list")
@limit_option
@json_option
@command
def ensemble_list(limit: int, as_json: bool) -> None:
    """List ensembles, newest first.

    \b
    Example:
      verdi data alworkflows.ensemble list
    """
    from workchains.data.ensemble import EnsembleData

    rows = [_ensemble(node) for node in _nodes(EnsembleData, limit)]
    if as_json:
        print_json(rows)
        return
    lines = [
        (
            item["pk"],
            _time(item["created"]),
            item.get("members"),
            "/".join(map(str, item.get("terms") or [])),
            number(item.get("reference_disagreement"), 4),
            " ".join(item.get("species") or []),
            item["label"],
        )
        for item in rows
    ]
    print_table(("PK", "created", "members", "terms", "eV/A", "species", "label"), lines, left=7)
    click.echo("eV/A: median disagreement on frames that members had not seen")


def _ensemble(node: Any) -> dict[str, Any]:
    return {"pk": node.pk, "created": node.ctime, "label": node.label, "uuid": node.uuid, **node.base.attributes.all}


@ensemble.command("show")
@click.argument("pk")
@json_option
@command
def ensemble_show(pk: str, as_json: bool) -> None:
    """Show what an ensemble is made of.

    \b
    Example:
      verdi data alworkflows.ensemble show 1234
    """
    from workchains.data.ensemble import EnsembleData

    values = _ensemble(_load(pk, EnsembleData))
    if as_json:
        print_json(values)
    else:
        print_table(("", "value"), [(key, value) for key, value in values.items()], left=2)


@ensemble.command("export")
@click.argument("pk")
@output_option("File to write (.npz).")
@overwrite_option
@command
def ensemble_export(pk: str, output: str, overwrite: bool) -> None:
    """Write an ensemble as the file that `alworkflows.models.Ensemble.load` reads.

    \b
    Example:
      verdi data alworkflows.ensemble export 1234 -o ensemble.npz
    """
    from alworkflows.cli.files import new_file
    from workchains.data.ensemble import EnsembleData

    node = _load(pk, EnsembleData)
    path = new_file(output, overwrite)
    node.export_file(path)
    click.echo(str(path))
