"""``alworkflows label``: labels for a file of frames, outside a campaign but by the same path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json
from alworkflows.cli.reading import read_options, read_settings
from alworkflows.errors import InputError, suggest
from workchains.cli.common import (
    allow_import_option,
    load_labelling,
    profile_option,
    say_allowed,
    start_or_find_daemon,
    submit,
)

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from ase import Atoms

    from alworkflows.settings import LabelSettings, ReadSettings

__all__ = ["label"]

ENDINGS = (".xyz", ".extxyz", ".npz")


@click.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path())
@click.option("--engine", metavar="NAME", help="ase, vasp or quantum-espresso.  [default: ase]")
@click.option("--calculator", metavar="NAME", help="Of the engine ase, as `alworkflows calculators` lists them.")
@click.option("--settings", "source", metavar="FILE", type=click.Path(), help="The keys of `label` of a campaign, or a campaign.")
@click.option(
    "--set", "-s", "pairs", multiple=True, metavar="KEY=VALUE", help="A label setting, such as calculator.parameters.cutoff=500."
)
@click.option("--limit", "limits", multiple=True, metavar="KEY=VALUE", help="Which frames may be labelled: a key of `geometry`.")
@click.option("--machine", metavar="NAME", help="Where to compute; default: that of the settings, else the first one set up.")
@click.option("--output", "-o", metavar="OUT", type=click.Path(dir_okay=False), help=".npz (exact) or .xyz for the labels.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--wait/--no-wait", default=True, help="Wait for the labels, or return at once.  [default: wait]")
@click.option("--fetch", metavar="PK", help="Submit nothing: write the labels of an earlier call.")
@read_options
@allow_import_option
@profile_option
@json_option
def label(
    files: tuple[str, ...],
    engine: str | None,
    calculator: str | None,
    source: str | None,
    pairs: tuple[str, ...],
    limits: tuple[str, ...],
    machine: str | None,
    output: str | None,
    overwrite: bool,
    wait: bool,
    fetch: str | None,
    allow_import: bool,
    profile: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Label the frames of FILEs: energy, forces, stress.

    Frames go the way of a campaign's: those with fused atoms are refused, labels that are there already are taken over, jobs
    queue under the machine's cap, failed labels are tried again with the program's remedies, and jobs that reach their walltime
    go on in a new one. Everything is recorded. Ctrl-C leaves the labels on their way; --fetch writes them later.

    The exit status is 0 if every frame has its label, 1 if some have none (the others are written), 130 if you leave.

    \b
    Examples:
      alworkflows label frames.xyz --calculator emt -o labelled.npz
      alworkflows label frames.npz --settings zno.yaml --machine cluster -o labelled.npz
      alworkflows label frames.xyz --calculator gpaw -s jobs=4 --no-wait
      alworkflows label --fetch 1234 -o labelled.xyz
    """
    if fetch is not None:
        given = {"FILE": files, "--engine": engine, "--calculator": calculator, "--settings": source, "--set": pairs}
        if wrong := [name for name, value in given.items() if value]:
            raise click.UsageError(f"--fetch goes without {', '.join(wrong)}: nothing is submitted")
        if output is None:
            raise click.UsageError("--fetch needs -o, the file to write")
    elif not files:
        raise click.UsageError("give a file of frames, or --fetch PK")
    elif output is None and wait:
        raise click.UsageError("give -o, the file to write; or --no-wait, and --fetch later")
    target = _target(output, overwrite, (*files, source))
    reading = read_settings(options)
    from workchains.machines import session

    if fetch is not None:
        session.activate(profile)
        node = load_labelling(fetch)
    else:
        settings = _settings(engine, calculator, source, pairs, machine, allow_import)
        say_allowed(settings)
        frames = _frames(files, reading)
        session.activate(profile)
        node = _submit(files, frames, settings, limits, as_json)
        if not wait:
            if as_json:
                print_json({"pk": node.pk, "uuid": node.uuid, "frames": len(node.inputs.frames)})
            else:
                click.echo(f"\nNext: alworkflows label --fetch {node.pk} -o labelled.npz   waits, and writes the labels")
            return
    from workchains.cli.labelled import conclude, watch_labels

    assert target is not None
    if wait and not watch_labels(node, quiet=as_json):
        click.echo(
            f"\nLeft; the labels are on their way. To write them: alworkflows label --fetch {node.pk} -o {target}", err=True
        )
        sys.exit(130)
    sys.exit(conclude(node, target, as_json))


def _target(output: str | None, overwrite: bool, inputs: tuple[str | None, ...]) -> Path | None:
    from alworkflows.cli.files import new_file

    if output is None:
        return None
    ending = Path(output).suffix
    if ending not in ENDINGS:
        raise InputError(f"{output}: expected a name that ends in {', '.join(ENDINGS)}, got '{ending}'{suggest(ending, ENDINGS)}")
    return new_file(output, overwrite, inputs)


def _settings(
    engine: str | None,
    calculator: str | None,
    source: str | None,
    pairs: tuple[str, ...],
    machine: str | None,
    allow_import: bool,
) -> LabelSettings:
    """Return the label settings: of the file, with the options laid over it."""
    from alworkflows.calculators import refuse_written, with_permission
    from alworkflows.cli.files import assign
    from alworkflows.settings import LabelSettings, merge, parse

    values = _from_file(source, allow_import) if source is not None else {}
    if calculator is not None:
        if values.get("calculator", {}).get("name", calculator) != calculator:
            values["calculator"] = {}  # parameters of another calculator mean nothing to this one
        values = merge(values, {"calculator": {"name": calculator}})
    for key, value in (("engine", engine), ("machine", machine)):
        if value is not None:
            values[key] = value
    values = merge(values, assign(pairs, "--set"))
    refuse_written(values, source or "label settings")
    settings = parse(LabelSettings, values, source or "label settings")
    if calculator is not None and settings.engine != "ase":
        raise InputError(f"--calculator: is for the engine ase, got it with {settings.engine}")
    return with_permission(settings, allow_import, source or "label settings")


def _from_file(source: str, allow_import: bool) -> dict[str, Any]:
    """Return the label settings in a file: their keys alone, those under ``label``, or those of a whole campaign."""
    from alworkflows.settings import read_yaml

    data = read_yaml(source)
    if "material" in data or "stages" in data:
        from workchains import campaigns

        campaign = campaigns.load(source, allow_import)
        # what is allowed is told of the settings that come of it in the end
        values = campaign.label.model_dump(mode="json", exclude={"calculator": {"allowed"}})
        return {**values, "machine": values["machine"] or campaign.machine}
    inner = data.get("label")
    return inner if set(data) == {"label"} and isinstance(inner, dict) else data


def _frames(files: tuple[str, ...], reading: ReadSettings) -> list[Atoms]:
    """Return the frames of all files without the labels they have, each once; one without origin gets its file's name for it."""
    from alworkflows.cli.files import count
    from alworkflows.cli.reading import read_told
    from alworkflows.frames import duplicates

    frames = []
    for file in read_told(files, reading, labels=False).files:
        for frame in file.frames:
            atoms = frame.copy()  # without its calculator, and so without labels
            atoms.info.setdefault("origin", {"structure": Path(file.path).stem, "sampler": "given"})
            frames.append(atoms)
    repeated = set(duplicates(frames))
    if repeated:
        click.echo(
            f"{count(len(repeated), 'frame')} given more than once (first: frame {min(repeated)}): labelled once", err=True
        )
    return [frame for index, frame in enumerate(frames) if index not in repeated]


def _submit(
    files: tuple[str, ...], frames: list[Atoms], settings: LabelSettings, limits: tuple[str, ...], as_json: bool
) -> ProcessNode:
    """Submit the labels; what can be wrong is known before."""
    from aiida.orm import Dict

    from workchains.data.frames import FramesData
    from workchains.labelling import LabelWorkChain, label_program
    from workchains.labelling.codes import label_code
    from workchains.machines import machine_of

    code = label_code(settings)
    tool = label_program(settings.engine)(settings)
    tool.check(frames, code)
    _tell_moments(frames, settings)
    builder: Any = LabelWorkChain.get_builder()
    builder.code = code
    builder.frames = FramesData.from_frames(frames)
    builder.settings = Dict(settings.model_dump(mode="json"))
    builder.geometry = Dict(_limits(frames, limits))
    names = ", ".join(Path(file).name for file in files)
    builder.metadata.label = f"label {names}"
    started, workers = start_or_find_daemon()
    node = submit(builder, names)
    if not as_json:
        if started:
            click.echo(f"started the daemon, {workers} worker{'s' if workers != 1 else ''}")
        where = machine_of(code.computer) or code.computer.label
        click.echo(f"submitted {len(frames)} frames of {names} to {tool.code_name} on {where}, PK {node.pk}")
    return node


def _tell_moments(frames: list[Atoms], settings: LabelSettings) -> None:
    """Say so where a calculator knows nothing of the moments that frames come with."""
    from alworkflows.calculators import parameters
    from alworkflows.frames.state import moments_of

    number = sum(moments_of(frame) is not None for frame in frames)
    if number and settings.engine == "ase" and not parameters(settings.calculator).magnetic:
        click.echo(f"note: initial moments of {number} frames are not used: {settings.calculator.name} knows of none", err=True)


def _limits(frames: list[Atoms], limits: tuple[str, ...]) -> dict[str, Any]:
    """Return which frames may be labelled: as in a campaign; what stands alone in a box may have a box of any size."""
    from alworkflows.cli.files import assign
    from alworkflows.settings import GeometryLimits, parse
    from alworkflows.structures import is_isolated

    given = parse(GeometryLimits, assign(limits, "--limit"), "--limit")
    if "volume_per_atom" not in given.model_fields_set and any(
        not frame.pbc.any() or (frame.cell.rank == 3 and is_isolated(frame)) for frame in frames
    ):
        given = given.in_a_box()
    return given.model_dump(mode="json")
