"""The mean of linear models on PLIP descriptors as files for LAMMPS.

``pair_style plip``, a plugin built from ``plugin/``, runs the whole model at the speed of our own kernels. Without three-body
terms nothing needs to be built: ``table`` and ``eam/fs`` (and ``zbl`` for a baseline) hold the rest, in any LAMMPS with MANYBODY.
With them the stock styles are written too, for an overlay in which the plugin adds the three-body terms alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from alworkflows.atomic import replacing, write_text
from alworkflows.errors import InputError
from alworkflows.export.plip.model_file import write_model
from alworkflows.export.plip.stock import POINTS, pack_densities, write_pair_table, write_setfl

if TYPE_CHECKING:
    from alworkflows.descriptors.plip.blocks import Blocks
    from alworkflows.models.linear.plip_terms import PlipTerms

__all__ = ["Written", "write_lammps"]

PLUGIN = Path(__file__).parent / "plugin"
#: with more files of densities than these, N-body terms go with the three-body ones
MOST_DENSITIES = 12
KERNELS = ("sizes.h", "lanes.h", "angles.h", "model.h", "functions.h", "centre.h")


@dataclass(frozen=True)
class Written:
    """Names of the files, whether a model needs the plugin (it has three-body terms), and which members are not in it."""

    files: list[str]
    needs_plugin: bool
    left_out: tuple[str, ...] = ()


def write_lammps(committee: PlipTerms, folder: Path) -> Written:
    """Write the mean of a committee for LAMMPS into a folder.

    Always: ``model.plip`` and ``in.plip`` (the whole model by the plugin), ``plugin/`` (its source, ``sh plugin/build.sh``), and
    ``in.stock`` with the files of the stock styles it names.

    Raises
    ------
    InputError
        If the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, got a file")
    folder.mkdir(parents=True, exist_ok=True)
    mean = committee.mean()
    blocks = mean.descriptors.blocks(mean.weights)
    files = ["model.plip", "in.plip", *_copy_plugin(folder)]
    _write_plip(folder / "model.plip", mean, replace(blocks, fixed=mean.fixed), mean.reference_energies[0])
    write_text(folder / "in.plip", _head(committee.species, "plugin load plugin/plip.so") + _whole(committee.species))
    stock, lines = _write_stock(folder, mean, blocks, committee.species)
    load = "plugin load plugin/plip.so" if blocks.three.any() else None
    write_text(folder / "in.stock", _head(committee.species, load) + "\n".join(lines) + "\n")
    write_text(folder / "README.md", _readme(committee, blocks))
    return Written([*files, "in.stock", *stock, "README.md"], bool(blocks.three.any()))


def _copy_plugin(folder: Path) -> list[str]:
    """Copy the plugin's source, kernels included, so that the folder builds on a machine without this package."""
    from alworkflows import descriptors

    kernels = Path(descriptors.__file__).parent / "kernels"
    sources = [*((path, path.relative_to(PLUGIN)) for path in sorted(PLUGIN.rglob("*")) if path.is_file())]
    sources += [(kernels / name, Path(name)) for name in KERNELS]
    copies = []
    for source, name in sources:
        target = folder / "plugin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as part:
            shutil.copyfile(source, part)
        copies.append(str(Path("plugin") / name))
    return copies


def _write_plip(path: Path, mean: PlipTerms, blocks: Blocks, energies: np.ndarray) -> None:
    from alworkflows.descriptors.plip.folding import flatten

    write_model(path, flatten(blocks), mean.descriptors.species, energies)


def _head(species: Sequence[str], load: str | None) -> str:
    masses = [f"# mass {number} {atomic_masses[atomic_numbers[symbol]]:.4f}" for number, symbol in enumerate(species, start=1)]
    types = ", ".join(f"{number} {symbol}" for number, symbol in enumerate(species, start=1))
    lines = [
        f"# Atom types: {types}. Include this after read_data or create_box, with `units metal` and `newton on`;",
        "# start LAMMPS in this folder, or write the paths in full.",
        *masses,
    ]
    return "\n".join([*lines, *([load] if load else [])]) + "\n"


def _whole(species: Sequence[str]) -> str:
    return f"pair_style plip\npair_coeff * * model.plip {' '.join(species)}\n"


def _write_stock(folder: Path, mean: PlipTerms, blocks: Blocks, species: Sequence[str]) -> tuple[list[str], list[str]]:
    """Write the files of the stock styles; return their names and the lines of the input."""
    files, styles, coefficients = ["pair.table"], [f"table spline {POINTS}"], []
    symbols = " ".join(species)
    sections = write_pair_table(folder / "pair.table", blocks, species)
    coefficients += [f"pair_coeff {s + 1} {t + 1} table pair.table {name}" for s, t, name in sections]
    if not sections:
        (folder / "pair.table").unlink()
        files, styles = [], []
    densities = pack_densities(blocks)
    if blocks.three.any() and len(densities) > MOST_DENSITIES:
        densities = []  # the plugin, which is needed anyway, takes them
    energies = None if blocks.three.any() else mean.reference_energies[0]
    for number, each in enumerate(densities, start=1):
        name = f"density{number}.eam.fs"
        write_setfl(folder / name, blocks, each, species, energies if number == 1 else None)
        files.append(name)
        styles.append("eam/fs")
        which = f" {number}" if len(densities) > 1 else ""
        coefficients.append(f"pair_coeff * * eam/fs{which} {name} {symbols}")
    if mean.baseline:
        styles.append(f"zbl {float(mean.baseline.inner)!r} {float(mean.baseline.outer)!r}")
        charges = [atomic_numbers[symbol] for symbol in species]
        coefficients += [f"pair_coeff {s + 1} {t + 1} zbl {charges[s]} {charges[t]}" for s, t in mean.baseline.pairs]
    if blocks.three.any() or not styles:
        many = np.zeros_like(blocks.many) if densities else blocks.many
        three_body = replace(blocks, two=np.zeros_like(blocks.two), many=many, fixed=None)
        _write_plip(folder / "three.plip", mean, three_body, mean.reference_energies[0])
        files.append("three.plip")
        styles.append("plip")
        coefficients.append(f"pair_coeff * * plip three.plip {symbols}")
    notes = []
    if not densities and not blocks.three.any() and mean.reference_energies.any():
        lacking = ", ".join(map(_energy, species, mean.reference_energies[0].tolist()))
        notes = [f"# Energies lack a constant of each species: {lacking}"]
    # lists cut to each style's own reach: LAMMPS fails to put so many in order
    return files, [*notes, f"pair_style hybrid/overlay {' '.join(styles)}", "pair_modify neigh/trim no", *coefficients]


def _readme(committee: PlipTerms, blocks: Blocks) -> str:
    three = bool(blocks.three.any())
    needs = "needs the plugin for its three-body terms" if three else "needs no plugin: it has no three-body terms"
    core = ", `zbl` the baseline" if committee.baseline else ""
    return f"""# The mean of an ensemble for {", ".join(committee.species)}, for LAMMPS

Units metal; atom types in the order {" ".join(committee.species)}. The files are those of this ensemble alone.

## The whole model, by a plugin (fastest)

    sh plugin/build.sh          # once, for the LAMMPS that python3 imports; see the file for another one
    # in your input, after read_data or create_box:
    include in.plip

A LAMMPS with PLUGIN, `units metal` and `newton on` is needed, and gcc and g++ (with MPI: CXX=mpicxx) to build it. Forces are
those of the calculator for ASE to 1e-6 eV/A. `compute pe/atom`, `stress/atom` and `pair_style hybrid` work; KOKKOS does not.

## By LAMMPS' own styles

    include in.stock

`table` holds the two-body terms, one `eam/fs` each density of the N-body terms{core};
this model {needs}. Forces are those above to 1e-4 eV/A. Every `eam/fs` is an interaction of its own: this is slower than
the plugin.
"""


def _energy(symbol: str, energy: float) -> str:
    return f"{symbol} {energy!r} eV"
