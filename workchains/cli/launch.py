"""``alworkflows launch``: submit a campaign to the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json
from workchains.cli.common import allow_import_option, profile_option, say_allowed, start_or_find_daemon, submit

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

    from alworkflows.settings import Campaign

__all__ = ["launch"]


@click.command()
@click.argument("file", type=click.Path())
@click.option("--wait", is_flag=True, help="Watch until it ends; Ctrl-C leaves it running.")
@click.option(
    "--code", "label", metavar="LABEL", help="Code that runs the jobs, as `verdi code list` shows it; default: the machine's."
)
@allow_import_option
@profile_option
@json_option
def launch(file: str, wait: bool, label: str | None, allow_import: bool, profile: str | None, as_json: bool) -> None:
    """Run the campaign in FILE under the daemon, and return at once.

    It runs on the machine that the file names (`machine`, and `label: {machine: ...}` for the labels), else on the first one
    that setup made. Labels that are there already, of whichever campaign of the profile, are taken over and not bought again.

    What --allow-import allows is kept with the campaign: its jobs run that and nothing else, also after resume.

    The daemon is started if it does not run. With --wait the exit status is 0 if the campaign ends well or with a warning
    (7xx), 1 if not, 130 if you leave.

    \b
    Examples:
      alworkflows launch zno.yaml
      alworkflows launch zno.yaml --wait
    """
    from workchains import campaigns
    from workchains.machines import session

    campaign = campaigns.load(file, allow_import)
    say_allowed(campaign.label)
    session.activate(profile)
    builder = _builder(campaign, label, Path(file).resolve().parent)
    given: Any = builder  # its ports are attributes that nobody declares
    for source in dict(given.given.get("sources") or {}).values():
        for line in source.base.attributes.get("reading", {}).get("lines", ()):
            click.echo(f"note: {source.label}: {line}", err=True)
    # a profile that cannot run it must be known before anything is stored
    started, workers = start_or_find_daemon()
    node = submit(builder, file)
    if as_json:
        print_json({"pk": node.pk, "uuid": node.uuid, "name": campaign.name, "daemon_started": started})
    else:
        if started:
            click.echo(f"started the daemon, {workers} worker{'s' if workers != 1 else ''}")
        click.echo(f"submitted campaign {campaign.name}, PK {node.pk}")
    from workchains.cli.watch import follow_or_leave

    follow_or_leave(node, wait, as_json)


def _builder(campaign: Campaign, label: str | None, base: Path) -> ProcessBuilder:
    """Return what is to be submitted; what can be wrong with codes, structures and label settings is known before."""
    from workchains.cli.ready import find_codes, require_labels, starting_frames
    from workchains.loop.active_learning import ActiveLearningWorkChain

    codes = find_codes(campaign, label)
    require_labels(campaign, starting_frames(campaign, base), codes.label_code)
    builder = ActiveLearningWorkChain.get_builder_from_campaign(codes.code, campaign, base=base)
    builder.label_code = codes.label_code
    return builder
