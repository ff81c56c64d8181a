"""Watching a campaign from a terminal that can leave at any time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

import click

from alworkflows.cli.output import console, table
from workchains.cli.show import show
from workchains.cli.summary import COLUMNS, CampaignSummary, campaign_summary, details, rows
from workchains.processes.exit_statuses import is_warning

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

__all__ = ["exit_code", "follow", "follow_or_leave", "watch"]

INTERVAL = 1.0
#: looks at the database between two looks at the daemon
DAEMON_EVERY = 15


def watch(node: ProcessNode) -> CampaignSummary | None:
    """Show a campaign until it ends; return how it ended, or None if the user left (Ctrl-C), which it survives.

    On a terminal: a display that is drawn anew each second. Elsewhere: a line whenever something changed.
    """
    screen = console()
    try:
        now = _live(node, screen) if screen.is_terminal else _lines(node)
    except KeyboardInterrupt:
        click.echo(f"\nLeft; the campaign goes on. To watch it again: alworkflows status {node.pk} --wait")
        return None
    return now


def follow(node: ProcessNode, as_json: bool) -> NoReturn:
    """Watch a campaign to its end, show how it stands, and leave with the exit status of a command that waited."""
    ended = watch(node)
    if ended is not None:
        show(ended, as_json)
    sys.exit(exit_code(ended))


def follow_or_leave(node: ProcessNode, wait: bool, as_json: bool) -> None:
    """End a command that submitted a campaign: watch it to its end, or say how to."""
    if wait:
        follow(node, as_json)
    elif not as_json:
        click.echo(f"\nNext: alworkflows status {node.pk} --wait   watch it")


def exit_code(ended: CampaignSummary | None) -> int:
    """Return the exit status of a command that waited.

    0 if the campaign is done or ended with an accepted warning (7xx), 1 if not; 130, as for any interrupted program, if the user
    left.
    """
    if ended is None:
        return 130
    return 0 if ended.exit_status is not None and (ended.exit_status == 0 or is_warning(ended.exit_status)) else 1


def _live(node: ProcessNode, screen: Any) -> CampaignSummary:
    from rich.live import Live

    looks = 0
    daemon = ""
    now = campaign_summary(node)
    with Live(_picture(node, now, daemon), console=screen, refresh_per_second=2, transient=True) as live:
        while not node.is_terminated:
            time.sleep(INTERVAL)
            looks += 1
            if looks % DAEMON_EVERY == 0:
                daemon = _trouble()
            now = campaign_summary(node)
            live.update(_picture(node, now, daemon))
    return campaign_summary(node)


def _picture(node: ProcessNode, now: CampaignSummary, daemon: str) -> Any:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = [Text(f"campaign {now.pk} {now.name}", style="bold"), Text(now.sentence)]
    if now.iterations:
        last = now.iterations[-1]
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text("jobs of this iteration"),
            ProgressBar(max(last.jobs, 1), last.jobs_done, width=30),
            f"{last.jobs_done}/{last.jobs}",
        )
        tally = last.labelling
        if tally is not None and tally.live:
            coming = f"{tally.labels}/{tally.total}, {tally.in_flight} in flight, {tally.queued} queued"
            bar.add_row(Text("labels of this iteration"), ProgressBar(max(tally.total, 1), tally.labels, width=30), coming)
        parts += [bar, table(COLUMNS, rows(now.iterations[-12:]), left=3)]
        parts += [Text(line) for line in details(now)]
    message = last_message(node)
    if message:
        parts.append(Text(f"last message: {message}", style="dim"))
    if daemon:
        parts.append(Text(daemon, style="red"))
    parts.append(Text("Ctrl-C leaves the campaign running.", style="dim"))
    return Group(*parts)


def last_message(node: ProcessNode) -> str:
    """Return the last message that the campaign wrote."""
    from aiida.orm import Log

    logs = Log.collection.get_logs_for(node)
    if not logs:
        return ""
    text = str(max(logs, key=lambda log: log.time).message)
    return text.partition("]: ")[2] or text


def _lines(node: ProcessNode) -> CampaignSummary:
    shown = ""
    looks = 0
    while True:
        now = campaign_summary(node)
        line = now.sentence.rpartition(", ")[0] if not node.is_terminated else ""
        live = now.labelling
        if line and live is not None and live.live:
            line += f"; labelling: {live.labels} of {live.total} done, {live.in_flight} in flight, {live.queued} queued"
        if line and line != shown:
            click.echo(line)
            shown = line
        if node.is_terminated:
            return campaign_summary(node)
        looks += 1
        if looks % DAEMON_EVERY == 0 and (trouble := _trouble()):
            click.echo(trouble, err=True)
        time.sleep(INTERVAL)


def _trouble() -> str:
    """Say what is wrong with the daemon, and what to type."""
    from workchains.machines.daemon import daemon_status, lost_broker

    status = daemon_status()
    if not status.running:
        return "The daemon does not run, so nothing moves; start it with: alworkflows setup"
    return f"{lost_broker(status)}; start it anew with: alworkflows setup" if status.unresponsive else ""
