"""``alworkflows export``: an ensemble as files that run without AiiDA, for ASE and LAMMPS, with what is known of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.atomic import filling, write_text
from alworkflows.cli.output import json_option, print_json
from alworkflows.errors import InputError
from workchains.cli.common import profile_option

if TYPE_CHECKING:
    from aiida.orm import Node

    from workchains.data.ensemble import EnsembleData

__all__ = ["export", "export_ensemble"]

EXAMPLE = '''"""Energy, forces and trust of a structure, by the ensemble beside this file; needs the package alworkflows."""

import sys
from pathlib import Path

import ase.io
import numpy as np

from alworkflows.models import Ensemble

here = Path(__file__).parent
ensemble = Ensemble.load(here / "ensemble.npz")
atoms = ase.io.read(sys.argv[1] if len(sys.argv) > 1 else here / "structure.xyz")

atoms.calc = ensemble.calculator()  # an ASE calculator: use it for dynamics, relaxation, ...
forces = atoms.get_forces()
print(f"{atoms.get_chemical_formula()}: energy {atoms.get_potential_energy():.6f} eV")
print(f"largest force {np.linalg.norm(forces, axis=1).max():.4f} eV/A")

# how far the members disagree: the largest deviation of an atom's force, eV/A
(prediction,) = ensemble.predict([atoms])
print(f"disagreement {prediction.deviation.max():.4f} eV/A ({ensemble.reference_disagreement:.4f} on frames left out of the fit)")
'''


@click.command()
@click.argument("what", metavar="PK|FILE")
@click.option(
    "--output", "-o", required=True, metavar="DIR", type=click.Path(file_okay=False), help="Folder to write; new, or empty."
)
@click.option("--iteration", "-i", type=int, metavar="N", help="Ensemble of this iteration of a campaign; default: the last.")
@click.option("--frames", is_flag=True, help="Also write the training and test frames, as extended XYZ.")
@click.option("--leave-out", is_flag=True, help="For LAMMPS, the mean without members that cannot be written: another potential.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds something.")
@profile_option
@json_option
def export(
    what: str,
    output: str,
    iteration: int | None,
    frames: bool,
    leave_out: bool,
    overwrite: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Write the ensemble of a campaign, an ensemble node, or a model file, as files for ASE and LAMMPS.

    The folder gets ensemble.npz, structure.xyz, example.py (runs as it is), provenance.json (PKs and UUIDs) and README.md with
    the errors; in lammps/ the mean of the ensemble for LAMMPS: in.plip runs it by a plugin, in.stock by LAMMPS' own styles
    as far as they go, and README.md says how; it is left out, with the reason, if there are members that LAMMPS cannot run. Of a
    model file (fit by hand), lammps/ alone.

    \b
    Examples:
      alworkflows export 1234 -o potential/
      alworkflows export 1234 -o potential/ --iteration 2 --frames
      alworkflows export model.npz -o potential/
      python potential/example.py my-structure.cif
      cd potential/lammps && sh plugin/build.sh
    """
    from alworkflows.cli.files import new_folder

    folder = new_folder(output, overwrite)
    if Path(what).suffix == ".npz":
        if iteration is not None or frames:
            raise InputError(f"--iteration and --frames are for a campaign, and {what} is a model file")
        exported = Exported()
        with filling(folder) as part:
            exported.add_lammps(Path(what), part, leave_out)
    else:
        from workchains.machines.session import activate

        activate(profile)
        from workchains.provenance import load_node

        with filling(folder) as part:
            exported = export_ensemble(_ensemble(load_node(what), iteration), part, frames, leave_out)
    if as_json:
        print_json({"folder": str(folder), **asdict(exported)})
        return
    for name in exported.files:
        if not name.startswith("lammps/plugin/"):
            click.echo(str(folder / name))
    click.echo("")
    if exported.left_out:
        click.echo(f"Not in the files for LAMMPS, whose mean is another potential: {', '.join(exported.left_out)}\n")
    if "example.py" in exported.files:
        click.echo(f"Next, with ASE:    python {folder / 'example.py'}")
    if exported.not_for_lammps:
        click.echo(f"Not for LAMMPS: {exported.not_for_lammps}")
        return
    click.echo(
        f"Next, with LAMMPS: sh {folder / 'lammps/plugin/build.sh'}, then include in.plip; see {folder / 'lammps/README.md'}"
    )


@dataclass
class Exported:
    """What was written: names of the files, why LAMMPS' are not there, and which members are not in them."""

    files: list[str] = field(default_factory=list)
    not_for_lammps: str | None = None
    left_out: tuple[str, ...] = ()

    def add_lammps(self, path: Path, folder: Path, leave_out: bool) -> None:
        """Write a model file for LAMMPS."""
        from alworkflows.export import export_lammps
        from alworkflows.models import Ensemble

        written = export_lammps(Ensemble.load(path), folder / "lammps", leave_out)
        self.files += [f"lammps/{name}" for name in written.files]
        self.left_out = written.left_out


def _ensemble(node: Node, iteration: int | None) -> EnsembleData:
    """Return the ensemble that a campaign made, or the node itself."""
    from aiida import orm

    from workchains.data.ensemble import EnsembleData
    from workchains.processes.naming import in_order, numbered
    from workchains.provenance import check_version, is_campaign
    from workchains.provenance.ancestry import describe
    from workchains.provenance.tree import outputs_in, pk_of

    if isinstance(node, EnsembleData):
        if iteration is not None:
            raise InputError(f"--iteration is for a campaign, and {node.pk} is an ensemble")
        return node
    if not is_campaign(node):
        raise InputError(f"expected a campaign or an ensemble, got {describe(node)} <{node.pk}>")
    check_version(node)
    ensembles = outputs_in(pk_of(node), "ensembles")
    if not ensembles:
        raise InputError(f"campaign {node.pk} has no ensemble {'yet' if not node.is_terminated else '; see alworkflows status'}")
    keys = in_order(ensembles)
    key = keys[-1] if iteration is None else numbered("iteration", iteration)
    if key not in ensembles:
        raise InputError(f"campaign {node.pk} has no ensemble of {key}; it has: {', '.join(keys)}")
    ensemble = orm.load_node(ensembles[key])
    assert isinstance(ensemble, EnsembleData)  # what the port takes
    return ensemble


def export_ensemble(node: EnsembleData, folder: Path, frames: bool = False, leave_out: bool = False) -> Exported:
    """Write an ensemble and what is known of it into a folder.

    Parameters
    ----------
    frames
        Whether to write the frames it was trained and tested on.
    leave_out
        Whether members that LAMMPS cannot run are left out there.
    """
    from alworkflows import frames as frames_io

    folder.mkdir(parents=True, exist_ok=True)
    known = _provenance(node)
    batches = {kind: [batch.get_frames() for batch in nodes] for kind, nodes in known.pop("nodes").items()}
    exported = Exported(["ensemble.npz", "example.py", "provenance.json", "README.md"])
    node.export_file(folder / "ensemble.npz")
    try:
        exported.add_lammps(folder / "ensemble.npz", folder, leave_out)
    except InputError as error:
        exported.not_for_lammps = str(error)
    write_text(folder / "example.py", EXAMPLE)
    write_text(folder / "provenance.json", json.dumps(known, indent=2) + "\n")
    write_text(folder / "README.md", _readme(node, known, exported))
    if batches["batches"]:
        exported.files.append("structure.xyz")
        frames_io.write(folder / "structure.xyz", [batches["batches"][0][0]])
    if frames:
        for kind, name in (("batches", "training.xyz"), ("tests", "test.xyz")):
            if batches[kind]:
                exported.files.append(name)
                frames_io.write(folder / name, [frame for batch in batches[kind] for frame in batch])
    return exported


def _provenance(node: EnsembleData) -> dict[str, Any]:
    """Return what made an ensemble: PKs and UUIDs, engine, errors; ``nodes`` holds the batches themselves."""
    from workchains.processes.naming import in_order
    from workchains.provenance import campaign_of, evaluation
    from workchains.provenance.tree import outputs_in, pk_of

    def names(item: Node) -> dict[str, Any]:
        return {"pk": item.pk, "uuid": item.uuid, "label": item.label}

    record: dict[str, Any] = {
        "ensemble": names(node),
        "attributes": node.base.attributes.all,
        "nodes": {"batches": [], "tests": []},
    }
    job, campaign = node.creator, campaign_of(node)
    if campaign is not None:
        record["campaign"] = names(campaign)
        judged = evaluation(campaign)
        ensembles = outputs_in(pk_of(campaign), "ensembles")
        pks = [ensembles[key] for key in in_order(ensembles)]
        if judged is not None and node.pk in pks:
            record["final_errors"] = judged["errors"][pks.index(node.pk)]
    if job is None or job.process_label != "FitJob":
        return record
    record["fit"] = {**names(job), "report": job.outputs.report.get_dict() if job.is_finished_ok else None}
    for kind in ("batches", "tests"):
        batches = dict(job.inputs[kind]) if kind in job.inputs else {}
        nodes = [batches[key] for key in in_order(batches)]
        record["nodes"][kind] = nodes
        record[kind] = [{**names(batch), "frames": len(batch)} for batch in nodes]
        for batch in nodes:
            record["engine"] = batch.engine
    return record


def _readme(node: EnsembleData, known: dict[str, Any], exported: Exported) -> str:
    attributes = known["attributes"]
    lines = [
        f"# Ensemble of {attributes.get('members')} potentials for {', '.join(attributes.get('species', []))}",
        "",
        f"Trained by alworkflows{_of_campaign(known)}. Members:",
        "",
        *_member_lines(attributes),
        "",
        f"Labels: {json.dumps(known['engine'])}." if "engine" in known else "The labels' engine is not on record.",
        "",
        "Units: eV, A; stress in eV/A^3 with ASE's sign and Voigt order.",
        "",
        "    python example.py                 the structure that comes with it",
        "    python example.py my-file.cif     yours",
        "",
        f"Not for LAMMPS: {exported.not_for_lammps}" if exported.not_for_lammps else "For LAMMPS: see lammps/README.md.",
        *([f"Not in the files for LAMMPS: {', '.join(exported.left_out)}."] if exported.left_out else []),
        "",
        "## Errors",
        "",
    ]
    lines += _error_lines(known)
    if attributes.get("reference_disagreement"):
        lines += [
            "",
            f"Members disagree by {attributes['reference_disagreement']:.4f} eV/A (median) on frames they had not seen:",
            "where they disagree much more, do not trust the forces.",
        ]
    lines += ["", "## Where it comes from", "", f"- ensemble: node {node.pk}, UUID {node.uuid}"]
    if "fit" in known:
        lines.append(f"- fitted by job {known['fit']['pk']}, UUID {known['fit']['uuid']}")
    for kind, word in (("batches", "trained on"), ("tests", "tested on")):
        lines += [f"- {word} {item['frames']} frames: node {item['pk']}, UUID {item['uuid']}" for item in known.get(kind, [])]
    return "\n".join(lines) + "\n"


def _member_lines(attributes: dict[str, Any]) -> list[str]:
    """Return a line a member: its name, and how many parameters it has."""
    names, sizes = attributes.get("names", []), attributes.get("parameters", [])
    return [f"- {name}: {size:,} parameters" for name, size in zip(names, sizes, strict=True)]


def _of_campaign(known: dict[str, Any]) -> str:
    return f" in the campaign {known['campaign']['label']} (UUID {known['campaign']['uuid']})" if "campaign" in known else ""


def _error_lines(known: dict[str, Any]) -> list[str]:
    if "final_errors" in known:
        groups, on = known["final_errors"], "the campaign's final test frames, which were never trained on"
    else:
        test = ((known.get("fit") or {}).get("report") or {}).get("test")
        groups, on = ({"all": test} if test else {}), "the test frames there were, which were never trained on"
    if not groups:
        return ["No test frames: no errors are known."]
    lines = [
        f"RMS force error on {on}:",
        "",
        "| frames of | error, eV/A | spread of the forces, eV/A | ratio |",
        "|---|---|---|---|",
    ]
    for name, errors in groups.items():
        error, spread = errors["force_rmse"], errors["force_std"]
        lines.append(f"| {name} | {error:.4f} | {spread:.4f} | {error / spread if spread else float('nan'):.1%} |")
    return lines
