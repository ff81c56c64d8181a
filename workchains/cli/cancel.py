"""``alworkflows cancel``: end a campaign, or labels for a file; what came is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.files import count
from alworkflows.cli.output import json_option, print_json
from alworkflows.cli.progress import progress
from alworkflows.errors import InputError
from workchains.cli.common import load_run, profile_option, state_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.provenance import LabelTally, Step

__all__ = ["cancel"]

#: s after which a machine that does not answer is suspected
LONG = 60.0


@click.command()
@click.argument("run", metavar="PK")
@click.option(
    "--leave-jobs", is_flag=True, help="Begin nothing new, but let jobs in flight run to their end and keep what they make."
)
@profile_option
@json_option
def cancel(run: str, leave_jobs: bool, profile: str | None, as_json: bool) -> None:
    """End a campaign or labels, and their jobs.

    Labels that came are kept in the profile, and no later campaign with the same label settings pays for them again. A job
    that is killed in the middle of a label loses that label: --leave-jobs lets those end by themselves. The campaign then ends
    with exit status 702 and fits nothing more; one launched meanwhile waits for the labels in flight and takes them over.

    \b
    Examples:
      alworkflows cancel 1234                 now; waits until all jobs are gone
      alworkflows cancel 1234 --leave-jobs    returns at once
    """
    from workchains.machines import daemon, session

    session.activate(profile)
    node = load_run(run)
    if node.is_terminated:
        raise InputError(f"{_what(node)} {node.pk} has ended already: {state_of(node)}")
    daemon.require_daemon()
    if leave_jobs:
        _stop(node, as_json)
    else:
        _kill(node, as_json)


def _stop(node: ProcessNode, as_json: bool) -> None:
    from workchains.cli.control import play
    from workchains.loop.approval import open_question
    from workchains.processes.queueing import ask_to_stop, load_process
    from workchains.provenance import steps_below

    question = open_question(node)
    ask_to_stop(node)
    # an iteration that asks is woken, and ends
    still = [process for process in (node, *([load_process(question["process"])] if question else ())) if process.paused]
    unresponsive = [process for process in still if not play(process)]
    jobs = sum(step.kind == "job" and not step.ended for step in steps_below(node))
    tally = _labels(node)
    if as_json:
        print_json({"pk": node.pk, "left": jobs, "labels": tally.labels, "labels_to_come": tally.in_flight})
        return
    click.echo(
        f"{_what(node)} {node.pk} begins nothing new; {count(jobs, 'job')} in flight, {_amount(tally.labels)} so far, "
        f"{tally.in_flight} to come from these jobs."
    )
    if unresponsive:
        pks = " ".join(str(process.pk) for process in unresponsive)
        click.echo(f"It is paused and does not answer; let it go on with: verdi process play {pks}", err=True)
    click.echo(f"\nNext: {_next(node)}")


def _kill(node: ProcessNode, as_json: bool) -> None:
    from workchains.cli.control import kill_all

    ended: list[int] = []
    hinted: list[bool] = []
    with progress(quiet=as_json) as show:
        said = ""

        def tell(living: list[Step], waited: float) -> None:
            nonlocal said
            jobs = sum(step.kind == "job" for step in living)
            ended.append(jobs)
            text = f"waiting for the end of {count(jobs, 'job')} and {len(living) - jobs} other processes"
            if text != said:
                show(text)
                said = text
            if waited > LONG and not hinted:
                hinted.append(True)
                pks = " ".join(str(step.pk) for step in living[:10])
                show(
                    f"{len(living)} of them did not end in {LONG:.0f} s: can the machine be reached? To give jobs up "
                    f"without asking it: verdi process kill --force {pks}"
                )

        try:
            kill_all(node, tell)
        except KeyboardInterrupt:
            click.echo(f"\nLeft; what was asked to end goes on ending. To see: alworkflows status {node.pk}", err=True)
            raise SystemExit(130) from None
    tally = _labels(node)
    if as_json:
        print_json({"pk": node.pk, "ended": max(ended, default=0), "labels": tally.labels})
        return
    click.echo(f"{_what(node)} {node.pk} is cancelled, {count(max(ended, default=0), 'job')} of it ended.")
    click.echo(f"Kept: {_amount(tally.labels)}; the same label settings do not pay for them again.")
    click.echo(f"\nNext: {_next(node)}")


def _labels(node: ProcessNode) -> LabelTally:
    """Return what became of all frames to be labelled, of a campaign or of a file."""
    from workchains.provenance import is_campaign, is_labelling, label_tallies, label_tally, steps_below, together

    if not is_campaign(node):
        return label_tally(node)
    steps = steps_below(node)
    return together(list(label_tallies([step for step in steps if is_labelling(step)], steps).values()))


def _what(node: ProcessNode) -> Any:
    from workchains.provenance import is_campaign

    return "campaign" if is_campaign(node) else "labelling"


def _next(node: ProcessNode) -> str:
    from workchains.provenance import is_campaign

    if is_campaign(node):
        return f"alworkflows status {node.pk}         what it has"
    return f"alworkflows label --fetch {node.pk} -o labels.xyz   what came"


def _amount(labels: int) -> str:
    return count(labels, "label")
