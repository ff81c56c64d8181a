"""How a campaign stands, printed: what ``status`` says at once, and what watching it ends with."""

from __future__ import annotations

from alworkflows.cli.output import console, print_json, print_table
from workchains.cli.summary import COLUMNS, LEGEND, CampaignSummary, details, rows, size

__all__ = ["show"]


def show(now: CampaignSummary, as_json: bool) -> None:
    """Print how a campaign stands."""
    from rich.text import Text

    if as_json:
        print_json(now)
        return
    screen = console()
    screen.print(Text(f"campaign {now.pk} {now.name}", style="bold"))
    if now.iterations:
        print_table(COLUMNS, rows(now.iterations), left=3)
        screen.print(Text(LEGEND, style="dim"))
        screen.print()
    screen.print(Text(now.sentence))
    for line in details(now):
        screen.print(Text(line))
    if now.failures:
        print_table(("failed", "count", "for example"), [(item.what, item.count, item.example) for item in now.failures], left=3)
    if any(item.disk for item in now.folders):
        _show_disks(now)
    for index, line in enumerate(now.advice):
        screen.print(Text(("Next: " if index == 0 else "      ") + line), soft_wrap=True)


def _show_disks(now: CampaignSummary) -> None:
    columns = ("folders on", "folders", "size", "files", "free", "free files")
    lines = [
        (item.machine, item.count, size(item.disk.used_bytes), item.disk.used_inodes, size(item.disk.free_bytes),
         "-" if item.disk.free_inodes is None else item.disk.free_inodes)
        for item in now.folders
        if item.disk
    ]  # fmt: skip
    print_table(columns, lines)
