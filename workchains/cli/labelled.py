"""Labels for a file on their way and at their end: what the terminal shows, and what is written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import print_json, print_table
from alworkflows.cli.progress import progress
from workchains.cli.common import state_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.provenance import LabelTally

__all__ = ["conclude", "failure_rows", "now", "watch_labels"]

INTERVAL = 1.0
#: looks at the database between two looks at the daemon
DAEMON_EVERY = 15
#: most frames named in a line of the table of failures
NAMED = 8


def now(tally: LabelTally) -> str:
    """Return where a set of labels stands, in a line."""
    parts = [f"{tally.done} of {tally.total} labels done"]
    if tally.live:
        parts += [f"{tally.in_flight} in flight", f"{tally.queued} queued"]
    for number, word in ((tally.reused, "taken over"), (tally.failed, "failed")):
        if number:
            parts.append(f"{number} {word}")
    return ", ".join(parts)


def watch_labels(node: ProcessNode, quiet: bool = False) -> bool:
    """Show a line whenever something changed until all labels are there; return whether they are, or the user left (Ctrl-C)."""
    from workchains.machines.daemon import daemon_status
    from workchains.provenance import label_tally

    looks, said = 0, ""
    try:
        with progress(quiet) as show:
            while not node.is_terminated:
                line = now(label_tally(node))
                if looks % DAEMON_EVERY == DAEMON_EVERY - 1 and not daemon_status().running:
                    line += "; the daemon does not run, so nothing moves; start it with: alworkflows setup"
                if line != said:
                    show(line)
                    said = line
                looks += 1
                time.sleep(INTERVAL)
    except KeyboardInterrupt:
        return False
    return True


def conclude(node: ProcessNode, target: Path, as_json: bool) -> int:
    """Write what came, tell what failed, and return the exit status: 0 if every frame has its label, else 1."""
    from alworkflows import frames as frames_io
    from workchains.provenance import label_tally, labelled_frames

    frames, engine = labelled_frames(node)
    if frames:
        frames_io.write(target, frames, engine)
    tally = label_tally(node)
    failures = node.outputs.failures["failures"] if "failures" in node.base.links.get_outgoing().all_link_labels() else []
    if as_json:
        summary = {
            "pk": node.pk,
            "uuid": node.uuid,
            "state": state_of(node),
            "exit_status": node.exit_status,
            "exit_message": node.exit_message,
            "labels": tally,
            "failures": failures,
            "output": target if frames else None,
        }
        print_json(summary)
    else:
        _tell(node, tally, failures, target if frames else None)
    return 0 if len(frames) == tally.total else 1


def _tell(node: ProcessNode, tally: LabelTally, failures: list[dict[str, Any]], written: Path | None) -> None:
    recovered = f"; {tally.recovered} of them at a second try" if tally.recovered else ""
    click.echo(f"{now(tally)}{recovered}")
    if failures:
        print_table(("kind", "frames", "", "reason"), failure_rows(failures), left=4)
    if not node.is_terminated:
        click.echo(f"More is to come: alworkflows label --fetch {node.pk} -o ...")
    elif not node.is_finished:
        click.echo(f"It was {state_of(node)}: what came before is kept.", err=True)
    elif not node.is_finished_ok and not failures:
        click.echo(f"[{node.exit_status}] {node.exit_message}", err=True)
    click.echo(f"written: {written}, {tally.labels} frames" if written is not None else "written: nothing, no label came")
    if failures:
        click.echo(f"\nMore on one: alworkflows lineage {failures[0]['id']}")


def failure_rows(failures: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return failures by kind and reason: kind, how many, which frames, reason."""
    groups: dict[tuple[str, str], list[int]] = {}
    for item in failures:
        groups.setdefault((item["kind"], item["reason"].strip().splitlines()[0]), []).append(item["index"])
    rows = []
    for (kind, reason), indices in sorted(groups.items()):
        named = ", ".join(map(str, indices[:NAMED])) + (", ..." if len(indices) > NAMED else "")
        rows.append((kind, len(indices), f"#{named}", reason))
    return rows
