"""``alworkflows new`` and ``alworkflows check``: a campaign file to edit, and what it would do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import console, json_option, plain, print_json, print_table
from alworkflows.cli.terminal import say
from workchains.cli.common import allow_import_option, duration, profile_option, say_allowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from alworkflows.settings import Campaign
    from workchains.cli.dryrun import DryRun, Item
    from workchains.cli.forecast import Forecast
    from workchains.cli.ready import Codes

__all__ = ["check", "new"]


@click.command()
@click.argument("material", required=False)
@click.option("--protocol", metavar="NAME", default=None, help="quick, balanced or stringent; default: the material's first.")
@click.option("--list", "show_list", is_flag=True, help="List materials and protocols.")
@json_option
def new(material: str | None, protocol: str | None, show_list: bool, as_json: bool) -> None:
    """Print a campaign file for a MATERIAL, to be edited.

    \b
    Examples:
      alworkflows new zno > zno.yaml
      alworkflows new zno --protocol quick > quick.yaml
      alworkflows new --list
    """
    from workchains import campaigns

    if show_list:
        _list(as_json)
        return
    if material is None:
        raise click.UsageError("give a material, or --list to see which there are")
    text = campaigns.template(material, protocol)
    if as_json:
        import yaml

        print_json(yaml.safe_load(text))
        return
    click.echo(text, nl=not text.endswith("\n"))


def _list(as_json: bool) -> None:
    from workchains import campaigns

    offered: dict[str, Any] = {
        name: {"title": title, "protocols": {key: item.description for key, item in campaigns.protocols(name).items()}}
        for name, title in campaigns.materials().items()
    }
    if as_json:
        print_json(offered)
        return
    for name, entry in offered.items():
        print_table((name, entry["title"]), entry["protocols"].items(), left=2)
    click.echo("The first protocol of each is its default. Next: alworkflows new zno > zno.yaml")


@click.command()
@click.argument("file", type=click.Path())
@click.option("--run/--no-run", default=True, help="Run samplers and calculator for real, but tiny.  [default: run]")
@click.option("--code", "label", metavar="LABEL", help="Code that would run the jobs, as for launch.")
@allow_import_option
@profile_option
@json_option
def check(file: str, run: bool, label: str | None, allow_import: bool, profile: str | None, as_json: bool) -> None:
    """Check a campaign FILE: is it valid, what will it take, does each part work.

    Predicts jobs and labels (upper bounds), builds all structures, sees whether the label settings suit them, labels a frame,
    and runs each stage's sampler for a few hundred steps; stages that an ensemble drives get a toy one. Nothing is stored or
    submitted. Exit status 2 if something is wrong.

    A file does not run code of its own: a calculator that is neither ours nor ASE's is refused without --allow-import.

    A file that names a machine, or an engine such as vasp, is also checked against the profile: machines, programs, and the
    potentials that the label settings name. What vasp and quantum-espresso would say is not tried: they run as jobs.

    \b
    Examples:
      alworkflows check zno.yaml
      alworkflows check zno.yaml --no-run      the file and its structures only
    """
    from workchains import campaigns
    from workchains.cli.dryrun import dry_run
    from workchains.cli.forecast import forecast

    campaign = campaigns.load(file, allow_import)
    say_allowed(campaign.label)
    _known_names(campaign)
    expected = forecast(campaign)
    if not as_json:
        _show_forecast(campaign, expected)
    find = _finder(campaign, label, profile)
    result = dry_run(campaign, Path(file).parent, (lambda item: None) if as_json else _show_item, run, find)
    if as_json:
        print_json(
            {
                "campaign": campaign.name,
                "forecast": plain(expected),
                "items": result.items,
                "ok": result.ok,
                **_cost(campaign, expected, result),
            }
        )
    else:
        _show_verdict(campaign, expected, result, file)
    sys.exit(0 if result.ok else 2)


def _finder(campaign: Campaign, label: str | None, profile: str | None) -> Callable[[], Codes] | None:
    """Return what finds the campaign's codes; None for a campaign that names no machine: it needs no profile to be checked."""
    named = [campaign.machine, campaign.label.machine, label, profile]
    if campaign.label.engine == "ase" and not any(named) and not campaign.start:
        return None

    def find() -> Codes:
        from workchains.cli.ready import find_codes
        from workchains.machines.session import activate

        activate(profile)
        return find_codes(campaign, label)

    return find


def _known_names(campaign: Campaign) -> None:
    """Refuse an engine, calculator or parameter that does not exist, before anything is tried."""
    from alworkflows.calculators import parameters

    if campaign.label.engine == "ase":
        parameters(campaign.label.calculator)
    else:
        # the registry of engines is part of the AiiDA layer, which is slow to import
        from workchains.labelling import label_program

        label_program(campaign.label.engine)


def _show_forecast(campaign: Campaign, expected: Forecast) -> None:
    click.echo(
        f"{campaign.name}: {', '.join(campaign.species)}; {len(campaign.stages)} stages, labels by {_labeller(campaign)}\n"
    )
    lines: list[tuple[Any, ...]] = [
        (
            stage.stage,
            stage.sampler,
            stage.structures,
            stage.iterations,
            stage.candidates,
            f"{stage.labels}+{stage.test_labels}",
            stage.jobs,
        )
        for stage in expected.stages
    ]
    columns = ("stage", "sampler", "structures", "iterations", "candidates", "labels+test", "jobs")
    print_table(columns, lines, title="Upper bounds: iterations of a stage, the rest per iteration", left=2)
    click.echo(
        f"In all at most {expected.iterations} iterations, {expected.candidates} candidates, {expected.labels} labels, "
        f"{expected.jobs} jobs.\nLabels that are there already are not bought again; failed ones may be tried once more.\n"
    )


def _labeller(campaign: Campaign) -> str:
    return campaign.label.calculator.name if campaign.label.engine == "ase" else campaign.label.engine


def _show_item(item: Item) -> None:
    from rich.text import Text

    mark = Text("  ok   ", style="green") if item.ok else Text("  WRONG ", style="bold red")
    lines = Text(f"{item.what}: {item.message}" + (f" ({duration(item.seconds)})" if item.seconds >= 1 else ""))
    console().print(mark + lines)


def _cost(campaign: Campaign, expected: Forecast, result: DryRun) -> dict[str, float | None]:
    """Return what a label costs in the mean and all together; time is taken to grow as the number of atoms.

    Keys: ``seconds_per_label`` and ``label_seconds`` (one after another, as timed here), ``label_core_hours`` (of all, as labels
    of the same settings took before); None where it is not known.
    """
    atoms = labels = 0.0
    for stage, bounds in zip(campaign.stages, expected.stages, strict=True):
        sizes = [result.atoms[name] for name in stage.structures if name in result.atoms]
        if sizes:
            labels += bounds.total_labels
            atoms += bounds.total_labels * sum(sizes) / len(sizes)
    mean = atoms / labels if labels else 0.0
    each = None if result.seconds_per_atom is None else result.seconds_per_atom * mean
    hours = result.core_hours_per_atom
    return {
        "seconds_per_label": each,
        "label_seconds": None if each is None else each * expected.labels,
        "label_core_hours": None if hours is None else hours * mean * expected.labels,
    }


def _show_verdict(campaign: Campaign, expected: Forecast, result: DryRun, file: str) -> None:
    cost = _cost(campaign, expected, result)
    if cost["label_seconds"] is not None and cost["seconds_per_label"] is not None:
        click.echo(
            f"\nLabels: {cost['seconds_per_label']:.2f} s each on this machine, "
            f"at most {duration(cost['label_seconds'])} one after another."
        )
    if cost["label_core_hours"] is not None:
        click.echo(f"\nLabels: at most {cost['label_core_hours']:.3g} core-hours, going by those that are there.")
    wrong = sum(not item.ok for item in result.items)
    if wrong:
        say(f"\n{wrong} of {len(result.items)} checks failed.", "red", stderr=True)
    else:
        click.echo(f"\nAll {len(result.items)} checks passed. Next: alworkflows launch {file} --wait")
