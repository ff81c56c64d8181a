"""``alworkflows convert``: frames from any files into one, in our units and under known keys, once they are screened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from alworkflows.cli.reading import read_options, read_settings, read_told

__all__ = ["convert"]

#: names of formats that are written
FORMATS = ("npz", "extxyz", "mtp-cfg", "deepmd")


@click.command()
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="FILE", help="File to write, or folder of DeePMD.")
@click.option("--to", "form", type=click.Choice(FORMATS), help="Format of it; default: .npz and .cfg by the ending, else extxyz.")
@click.option(
    "--keys",
    type=click.Choice(["plain", "REF"]),
    default="plain",
    show_default=True,
    help="Keys of labels in extended XYZ: energy, forces, stress, or REF_energy, REF_forces, REF_stress.",
)
@read_options
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
def convert(frames: tuple[str, ...], output: str, form: str | None, keys: str, overwrite: bool, **options: Any) -> None:
    """Write frames from any files into one, in eV, A, eV/A and eV/A^3.

    FRAMES are files, patterns, folders or - for standard input, in any format that is read: extended XYZ, .npz, outputs of
    VASP, Quantum ESPRESSO, CP2K and GPAW, databases, folders of DeePMD, MLIP's .cfg, input.data, JSON of FitSNAP and pymatgen,
    and what else ASE reads. Frames that cannot be used stop everything, or are left out with --skip-bad.

    \b
    Examples:
      alworkflows convert runs/*/OUTCAR -o train.xyz --skip-bad
      alworkflows convert train.npz -o train.xyz --keys REF
      alworkflows convert train.cfg -o deepmd/ --to deepmd --types Zn,O
    """
    from alworkflows.cli.files import count, new_file
    from alworkflows.errors import InputError
    from alworkflows.frames.sources import expand
    from alworkflows.frames.writing import format_of, left_behind, write

    target = Path(output)
    form = form or format_of(target)
    if keys != "plain" and form != "extxyz":
        raise InputError(f"--keys {keys}: only extended XYZ has keys, and {output} is {form}")
    if any(Path(path).exists() and target.exists() and target.samefile(path) for path in expand(list(frames))):
        raise InputError(f"{output}: is one of the files that are read; give another name")
    if form != "deepmd":
        new_file(output, overwrite)
    elif target.exists():
        raise InputError(f"{output}: exists; a folder of DeePMD is written as a new one: give another name")
    reading = read_told(frames, read_settings(options))
    write(target, reading.frames, reading.engine, form, "" if keys == "plain" else f"{keys}_")
    for what in left_behind(reading.frames, reading.engine, form):
        click.echo(f"note: {form} has no place for {what}: left behind", err=True)
    click.echo(f"{output}: {count(len(reading.frames), 'frame')} from {count(len(reading.files), 'file')}")
