"""``alworkflows sample``: run one sampler by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.finite import Finite
from alworkflows.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["sample"]


def _list(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print samplers with their settings, and the crystals, as the code has them."""
    if not wanted or ctx.resilient_parsing:
        return
    from alworkflows.sampling import takes
    from alworkflows.schema import variants
    from alworkflows.settings import SamplerSettings
    from alworkflows.settings.samplers import Sampler
    from alworkflows.structures import PROTOTYPES

    for name, model in variants(SamplerSettings).items():
        click.echo(f"{name}: {(model.__doc__ or '').strip().splitlines()[0]}")
        assert issubclass(model, Sampler)
        click.echo(f"  takes {takes(model)}")
        for key, field in model.model_fields.items():
            if key != "name":
                default = "required" if field.is_required() else field.get_default(call_default_factory=True)
                shown = list(default) if isinstance(default, tuple) else "none" if default is None else default
                click.echo(f"  {f'{key}={shown}':42} {field.description or ''}".rstrip())
        click.echo()
    click.echo(f"Crystals: {', '.join(sorted(PROTOTYPES))}")
    ctx.exit()


@click.command()
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List samplers, settings, crystals."
)
@click.argument("sampler", metavar="SAMPLER")
@click.argument("structures", metavar="STRUCTURE...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="FILE", help="Frames to write: .npz (exact), or .xyz.")
@click.option("--model", "-m", metavar="MODEL", help="Model that drives the sampler, for those that want one.")
@click.option("--set", "-s", "changes", metavar="KEY=VALUE", multiple=True, help="A setting of the sampler; may be repeated.")
@click.option("--supercell", nargs=3, type=int, metavar="A B C", help="Repeat each structure along its lattice vectors.")
@click.option(
    "--build",
    "-b",
    "building",
    metavar="KEY=VALUE",
    multiple=True,
    help="A key of the structure: miller, layers, ...; may be repeated.",
)
@click.option(
    "--upper",
    type=Finite(0, min_open=True),
    metavar="EV/A",
    help="Disagreement at which a driven run stops; default: it is not watched.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of random numbers: the same seed gives the same frames."
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@json_option
def sample(
    sampler: str,
    structures: tuple[str, ...],
    output: str,
    model: str | None,
    changes: tuple[str, ...],
    supercell: tuple[int, int, int] | None,
    building: tuple[str, ...],
    upper: float | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make frames from structures with one sampler.

    A STRUCTURE is the name of a crystal (zno-wurtzite, ...) or a file that ASE or pymatgen reads (the last structure in it).
    `alworkflows sample --list` shows the samplers, what may be set, and the crystals. Frames have no labels yet.

    \b
    Examples:
      alworkflows sample melt zno-wurtzite --supercell 3 2 2 -o melt.npz
      alworkflows sample melt *.cif -s duration="5 ps" -s snapshots=30 -s "temperature=[300, 4000]" -o melt.npz
      alworkflows sample quench zno-wurtzite --supercell 3 3 2 --model model.npz --upper 0.8 -o glass.npz
    """
    from alworkflows import frames as frames_io
    from alworkflows.cli.files import assign, count, load_model, new_file
    from alworkflows.cli.progress import progress
    from alworkflows.sampling import check_sampler, notes, parse_sampler
    from alworkflows.sampling import sample as run

    target = new_file(output, overwrite, (*structures, model))
    settings = parse_sampler({**assign(changes, "--set"), "name": sampler}, "--set")
    built = _build(structures, supercell, building)
    driver = load_model(model).calculator() if model else None
    planned = {name: check_sampler(settings, atoms, name) for name, atoms in built.items()}
    for name, atoms in built.items():
        for note in [*atoms.info.get("notes", ()), *notes(settings, atoms)]:
            click.echo(f"{name}: {note}", err=True)
    sampled: list[Atoms] = []
    reports = []
    try:
        with progress(as_json) as say:
            for name, atoms in built.items():
                say(f"{sampler} {name}: {len(atoms)} atoms, {planned[name]} steps")
                report = run(settings, atoms, name, seed, sampled.append, driver, upper, say)
                reports.append({"structure": name, "atoms": len(atoms), **report.as_dict()})
    finally:  # what was made before an error or Ctrl-C is kept
        if sampled:
            frames_io.write(target, sampled)
    if as_json:
        print_json({"output": str(target), "frames": len(sampled), "runs": reports})
        return
    columns = ["atoms", "frames", "steps", "seconds"]
    cells = [[row["structure"], *(row[key] for key in columns), row["stopped"] or "as planned"] for row in reports]
    print_table(["structure", *columns, "ended"], cells)
    for row in reports:
        if row["message"]:
            click.echo(f"{row['structure']}: {row['message']}")
    click.echo(f"written: {target}, {count(len(sampled), 'frame')} without labels")


def _build(structures: tuple[str, ...], supercell: tuple[int, int, int] | None, building: tuple[str, ...]) -> dict[str, Atoms]:
    """Return the structures by name, checked: that of the crystal, or of the file without its ending."""
    from alworkflows import frames as frames_io
    from alworkflows.cli.files import assign
    from alworkflows.errors import InputError, unknown
    from alworkflows.settings import GeometryLimits, StructureSettings, parse
    from alworkflows.structures import PROTOTYPES, build, check, check_cell, count_open_directions, shape

    more: dict[str, Any] = assign(building, "--build")
    if supercell:
        more["supercell"] = supercell
    built: dict[str, Atoms] = {}
    for text in structures:
        is_file = Path(text).is_file()
        if not is_file and text not in PROTOTYPES:
            if "." in text or "/" in text:
                raise InputError(f"{text}: no such file")
            raise unknown("crystal, and no file of that name:", text, PROTOTYPES)
        name = Path(text).stem if is_file else text
        if name in built:
            raise InputError(f"two structures are called '{name}': frames would not tell them apart; rename a file")
        settings = parse(StructureSettings, {"file" if is_file else "prototype": text, **more}, f"--build ({text})")
        # the last of our own frames, as of any file that holds many
        ours = is_file and Path(text).suffix == ".npz"
        atoms = shape(frames_io.read(text)[-1], settings, name) if ours else build(settings, name)
        check_cell(atoms, name)
        limits = GeometryLimits()
        # empty space is no part of a volume by atom
        check(atoms, limits=limits.in_a_box() if count_open_directions(atoms) else limits, name=name)
        built[name] = atoms
    return built
