"""``alworkflows replay``: what another selection would have chosen, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import console, json_option, number, print_json, print_table
from alworkflows.errors import InputError
from alworkflows.settings import Criterion, Diversity
from workchains.cli.common import core_hours, load_campaign_node, profile_option

if TYPE_CHECKING:
    from workchains.provenance.replay import Replayed

__all__ = ["replay"]


@click.command()
@click.argument("campaign", metavar="PK")
@click.option("--criterion", type=click.Choice([str(item) for item in Criterion]), help="What ranks the frames.")
@click.option("--diversity", type=click.Choice([str(item) for item in Diversity]), help="How near-copies are kept out.")
@click.option("--lower", type=float, metavar="E", help="Lower trust level, of the kind that the campaign has.")
@click.option("--upper", type=float, metavar="E", help="Upper trust level, of the kind that the campaign has.")
@click.option(
    "--levels", "file", type=click.Path(path_type=Path, dir_okay=False), help="YAML file with kind, lower, upper, coverage."
)
@click.option("--budget", type=click.IntRange(min=1), help="Frames chosen per iteration.")
@click.option("--pool", type=float, help="Diversity picks among this times the budget.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the campaign.")
@click.option("--output", "-o", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Plot, such as replay.png.")
@profile_option
@json_option
def replay(
    campaign: str,
    criterion: str | None,
    diversity: str | None,
    lower: float | None,
    upper: float | None,
    file: Path | None,
    budget: int | None,
    pool: float | None,
    seed: int | None,
    picture: Path | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Run a campaign's stored candidates through another selection.

    Nothing is simulated, labelled or stored. The table compares, for each iteration, what was chosen with what would have been;
    costs are those of this campaign's labels. Without a change the same frames are chosen again.

    \b
    Examples:
      alworkflows replay 1234 --criterion distance
      alworkflows replay 1234 --lower 0.3 --budget 20 -o replay.png
      alworkflows replay 1234 --seed 2 --json
    """
    from workchains.machines.session import activate

    levels = _levels(lower, upper, file)
    if picture is not None:
        from alworkflows.cli.files import new_picture

        # a picture of an earlier look may be replaced, as the same command is given again
        new_picture(str(picture), overwrite=True, inputs=[str(file)] if file else [])
    activate(profile)
    node = load_campaign_node(campaign)
    from workchains.provenance.replay import replay as run

    changes = {"criterion": criterion, "diversity": diversity, "levels": levels, "budget": budget, "pool": pool, "seed": seed}
    changes = {name: value for name, value in changes.items() if value is not None}
    replayed = run(node, changes)
    if picture is not None:
        from alworkflows.plotting import save
        from workchains.report.replay_plot import draw

        save(draw(replayed), picture)
    if as_json:
        print_json({"campaign": node.pk, "changes": changes, "iterations": [item.summary() for item in replayed]})
        return
    from rich.text import Text

    said = ", ".join(f"{name} {_shown(value)}" for name, value in changes.items()) or "no change"
    console().print(Text(f"campaign {node.pk} {node.label}, replayed with {said}", style="bold"))
    print_table(COLUMNS, _rows(replayed), left=2)
    console().print(Text("Two figures: then / in the replay. Core-hours: of its labels, test frames included.", style="dim"))
    if picture is not None:
        click.echo(f"{picture}: both selections")


def _levels(lower: float | None, upper: float | None, file: Path | None) -> dict[str, Any] | None:
    given = {name: value for name, value in (("lower", lower), ("upper", upper)) if value is not None}
    if file is None:
        return given or None
    if given:
        raise click.UsageError("--levels and --lower or --upper: expected the levels from one place, got both")
    from alworkflows.yaml_text import read_yaml

    levels = read_yaml(file)
    if not isinstance(levels, dict):
        raise InputError(f"{file}: expected the keys of trust levels, such as kind, lower, upper, got {type(levels).__name__}")
    return levels


def _shown(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


COLUMNS = ("#", "stage", "chosen", "common", "accurate", "mean disagr.", "labels", "core-hours")


def _rows(replayed: Sequence[Replayed]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (
            item.number,
            item.stage,
            f"{len(item.then.chosen)} / {len(item.now.chosen)}",
            item.common,
            _two(item.then.accurate_share, item.now.accurate_share, lambda share: f"{share:.0%}"),
            _two(item.then.mean_disagreement, item.now.mean_disagreement, number),
            f"{item.then.labels} / {item.now.labels}",
            _two(item.then.core_hours, item.now.core_hours, _hours),
        )
        for item in replayed
    ]
    sides = [[item.then for item in replayed], [item.now for item in replayed]]
    hours = [
        None if any(side.core_hours is None for side in own) else sum(side.core_hours or 0.0 for side in own) for own in sides
    ]
    rows.append(
        (
            "all",
            "",
            " / ".join(str(sum(len(side.chosen) for side in own)) for own in sides),
            sum(item.common for item in replayed),
            "",
            "",
            " / ".join(str(sum(side.labels for side in own)) for own in sides),
            _two(hours[0], hours[1], _hours),
        )
    )
    return rows


def _hours(value: float) -> str:
    return core_hours(float(f"{value:.2g}"))


def _two(then: float | None, now: float | None, shown: Any) -> str:
    return "-" if then is None and now is None else " / ".join("-" if value is None else shown(value) for value in (then, now))
