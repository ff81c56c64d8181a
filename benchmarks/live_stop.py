"""What watching a run costs, and what the live stop saves, on the surface stage of zinc oxide.

The ensembles are those that begin a campaign's surface stage: one fitted to a melt of bulk crystals, as the quick campaign does,
one to its coldest frames, as one that begins with displaced crystals would have it; labels by CHGNet. The stop's level is the
calibrated one that a campaign uses for the first iteration of a stage, from random test frames of what was trained on.

Cost: CPU time of a step at the default `watch_every`, with and without looks, by its parts. Saving: the surface-melt runs of the
quick campaign over some seeds, at its own temperatures and hotter; with the stop, and with the explosion monitor alone.
"""

import time

import numpy as np
from common import arguments, last_line
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from alworkflows.frame_errors import FrameErrors
from alworkflows.frames import frame_id
from alworkflows.labelling import run_labels
from alworkflows.models import force_errors
from alworkflows.models.train import train
from alworkflows.sampling import sample
from alworkflows.selection.window import TestBatch, find_window
from alworkflows.settings import TrustLevels
from alworkflows.simulation.dynamics import Langevin, evaluator, initial_state, step
from alworkflows.simulation.monitors import ExplosionMonitor
from alworkflows.structures import build
from workchains.campaigns import resolve

ALL, COLD = 80, 32
HOTTER = (1.0, 3.0)
#: what --smoke changes of the quick campaign
SMOKE = {
    "stages": {
        "melt": {"structures": ["zincblende"], "sampler": {"duration": 300.0, "snapshots": 10}},
        "surfaces": {"structures": ["zincblende-110"], "sampler": {"duration": 100.0, "snapshots": 4}},
    },
    "structures": {"zincblende": {"supercell": [2, 1, 1]}},
    "model": {"fit": {"max_terms": 20}, "members": 2, "folds": 2},
}


def melt(campaign, count, coldest):
    """Return labelled frames of the first stage: in random order, and the coldest of them in random order."""
    stage, frames, labelled = campaign.stages[0], [], []
    for index, name in enumerate(stage.structures):
        sample(stage.sampler, build(campaign.structures[name], name), name, index, frames.append)
    order = np.random.default_rng(1).permutation(len(frames))[:count]
    run_labels([frames[index] for index in order], campaign.label, labelled.append)
    heat = np.argsort([frame.info["origin"]["temperature"] for frame in labelled])
    return {"melt": labelled, "cold crystals": [labelled[index] for index in sorted(heat[:coldest])]}


def fitted(campaign, frames):
    """Return an ensemble, and the calibrated window of the surface stage; a fifth of the frames is set apart."""
    apart = len(frames) // 5
    ensemble = train([frames[apart:]], campaign.model, campaign.species, campaign.seed)[0]
    by_frame = force_errors(ensemble, frames[:apart])
    names = ("disagreement", "largest_error", "rms_error", "largest_force", "force_rms")
    errors = FrameErrors(
        id=tuple(map(frame_id, frames[:apart])),
        atoms=tuple(map(len, frames[:apart])),
        **{name: by_frame[name].tolist() for name in names},
    )
    batch = TestBatch(campaign.stages[0].name, errors)
    return ensemble, find_window(TrustLevels(), ensemble.reference_disagreement, [batch], campaign.stages[1].name)


def cpu(function, count, repeats=5):
    """Return the least CPU time of a call, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(count):
            function()
        times.append((time.process_time() - start) / count)
    return min(times)


def cost(ensemble, atoms, settings):
    """Return CPU seconds of: a step, a step that evaluates the members, the look at the geometry."""
    calculator = ensemble.calculator()
    langevin = Langevin(atoms.get_masses(), settings.timestep, settings.friction)
    plain, watched = (evaluator(calculator, atoms, also=also) for also in ((), ("disagreement",)))
    state = initial_state(atoms, langevin, plain, 600.0, np.random.default_rng(0))

    def advance(evaluate):
        nonlocal state
        state = step(state, langevin, evaluate, 300.0)

    monitor, scratch = ExplosionMonitor(settings.hottest, settings.shortest), atoms.copy()
    for _ in range(20):
        advance(plain)
    scratch.positions = state.positions
    return cpu(lambda: advance(plain), 60), cpu(lambda: advance(watched), 20), cpu(lambda: monitor.fused(scratch), 20)


def costs(campaign, ensemble, console):
    """Print what looks cost on each slab; return the largest share of a run."""
    stage, shares = campaign.stages[1], []
    table = Table("slab", "atoms", "step, us", "with members, us", "geometry, us", "looks cost")
    for name in stage.structures:
        atoms = build(campaign.structures[name], name)
        plain, watched, geometry = cost(ensemble, atoms, stage.sampler)
        shares.append((watched - plain + geometry) / (plain * stage.sampler.watch_every))
        row = [f"{value * 1e6:.0f}" for value in (plain, watched, geometry)]
        table.add_row(name, str(len(atoms)), *row, f"{shares[-1]:.1%}")
    console.print(f"watching every {stage.sampler.watch_every} steps, {len(ensemble.members)} members")
    console.print(table)
    return max(shares)


def surfaces(campaign, ensemble, upper, seeds, hotter):
    """Return CPU seconds, steps, runs by their ends, and frames of the surface stage."""
    stage = campaign.stages[1]
    low, high = stage.sampler.temperature
    settings = stage.sampler.model_copy(update={"temperature": (low, high * hotter)})
    begin, steps, ends, frames = time.process_time(), 0, {}, []
    for name in stage.structures:
        for seed in range(seeds):
            atoms = build(campaign.structures[name], name)
            report = sample(settings, atoms, name, seed, frames.append, ensemble.calculator(), upper)
            steps += report.steps
            ends[report.stopped] = ends.get(report.stopped, 0) + 1
    return time.process_time() - begin, steps, ends, frames


def worst(ensemble, campaign, frames):
    """Return the largest force error on the last frames that runs which ended early kept, as text."""
    last, labelled = [frame for frame in frames if "stopped" in frame.info["origin"]][-8:], []
    if not last:
        return "-"
    run_labels(last, campaign.label, labelled.append)
    return f"{force_errors(ensemble, labelled)['largest_error'].max():.2g}"


def main():
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each of the two slabs")
    options = parser.parse_args()
    seeds, count, coldest = (1, 10, 6) if options.smoke else (options.seeds, ALL, COLD)
    console = Console(width=150)
    campaign = resolve("zno", "quick", SMOKE if options.smoke else {})
    with threadpool_limits(1):
        sets = {kind: fitted(campaign, frames) for kind, frames in melt(campaign, count, coldest).items()}
        share = costs(campaign, sets["melt"][0], console)
        columns = ("trained on", "hottest, K", "upper, eV/A", "stop", "CPU s", "steps", "ended", "frames", "largest error, eV/A")
        table = Table(*columns)
        for kind, (ensemble, window) in sets.items():
            for hotter in HOTTER:
                for upper in (None, window.upper):
                    seconds, steps, ends, frames = surfaces(campaign, ensemble, upper, seeds, hotter)
                    ended = ", ".join(f"{number} {reason or 'as planned'}" for reason, number in ends.items())
                    row = [kind, f"{campaign.stages[1].sampler.temperature[1] * hotter:.0f}", f"{window.upper:.2f}"]
                    row += ["no" if upper is None else "yes", f"{seconds:.1f}", str(steps), ended, str(len(frames))]
                    table.add_row(*row, worst(ensemble, campaign, frames))
        console.print(table)
        console.print("largest error: of the last frames that runs which ended early kept; core-hours: CPU s over 3600")
        last_line("live_stop", 1.0 + share, 2)


if __name__ == "__main__":
    main()
