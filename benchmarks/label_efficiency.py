"""Labels that each way of choosing needs to reach the errors that random choosing has with half a pool.

    python benchmarks/label_efficiency.py --cache FOLDER            zinc oxide labelled by CHGNet, made if FOLDER lacks it
    python benchmarks/label_efficiency.py --cache FOLDER --full     each criterion with each rule of diversity, five seeds
    python benchmarks/label_efficiency.py --vasp FILE               a set of hot cells and volume scans, judged on each apart
    python benchmarks/label_efficiency.py --vasp FILE --hot         its hot cells alone
    python benchmarks/label_efficiency.py ... --plot pool.png --json pool.json

The pool is uneven, and full of near-copies, as the candidates of a campaign are: its three stages one after the other, each with
all frames labelled - six crystals melted by the classical potential, seven slabs melted by a committee fitted to those, a liquid
quenched by one fitted to both. Most are calm frames of slabs and of the cooling liquid; the hottest are few.

Errors are of the mean of the committee on frames that are never chosen: RMS of the force components, and the 99.9 % quantile of
their absolute errors. The last line compares random choosing with the defaults of a campaign, by the quantile.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import arguments, last_line

from alworkflows import frames as frames_io
from alworkflows.calculators import describe
from alworkflows.cli.files import assign
from alworkflows.cli.pool import print_comparison
from alworkflows.frames import labels
from alworkflows.labelling import label
from alworkflows.models import Fit
from alworkflows.plotting import save
from alworkflows.plotting.label_efficiency import plot_efficiency
from alworkflows.potentials import resolve as resolve_potential
from alworkflows.retrospective.efficiency import compare, name_of, rules
from alworkflows.retrospective.pool import LabelledSet
from alworkflows.sampling import sample
from alworkflows.settings import (
    Criterion,
    Diversity,
    FitSettings,
    LinearSettings,
    MeltSettings,
    PlipSettings,
    SelectionSettings,
    merge,
    parse,
)
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import build, crystal, geometry_flags

#: Gaussians a third as many as by default, so that fifteen refits take seconds; the number of terms grows with the data
MODEL = LinearSettings(
    descriptors=PlipSettings.gaussians(tuple(1 + 0.5 * k for k in range(11)), cutoff=6.0),
    fit=FitSettings(rule="best", max_terms=300),
)
#: frames with a larger force, eV/A, are hot
HOT = 1.0
#: frames from each structure of a stage
SNAPSHOTS = {"melt": 40, "surfaces": 100, "amorphous": 180}
#: terms of the committees that drive
TERMS = 100


def zno_pool(folder):
    """Return the labelled frames (1300 or a few less), from ``folder`` if they are there; 9 minutes on one busy core if not."""
    file = Path(folder) / "zno-chgnet.npz"
    if file.is_file():
        return frames_io.load(file)[0]
    from workchains.campaigns import resolve

    start = time.perf_counter()
    stages = {name: {"sampler": {"snapshots": number}} for name, number in SNAPSHOTS.items()}
    campaign = resolve("zno", "balanced", {"stages": stages})
    labelled = []
    for stage in campaign.stages:
        driver = None
        if stage.sampler.needs_ensemble:
            model = campaign.model.linear("the pool of frames")
            driver = Fit(labelled, model, campaign.species, campaign.seed).ensemble(terms=TERMS).calculator()
        sampled = []
        for name in stage.structures:
            atoms = build(campaign.structures[name], name)
            sample(stage.sampler, atoms, name, campaign.seed, sampled.append, driver, None, None)
        reasons = geometry_flags(sampled, campaign.limits(stage))
        before = len(labelled)
        label([frame for frame, reason in zip(sampled, reasons, strict=True) if reason is None], campaign.label, labelled.append)
        seconds = time.perf_counter() - start
        say(f"{stage.name}: {len(labelled) - before} of {len(sampled)} frames labelled, {seconds:.0f} s since the start")
    file.parent.mkdir(parents=True, exist_ok=True)
    frames_io.save(file, labelled, {"engine": describe(campaign.label.calculator)})
    return labelled


def small_pool():
    """Return some labelled frames of one melting crystal, under the potential that melted it."""
    labeller, snapshots = LammpsCalculator(resolve_potential("zno-binks-grimes")), []
    sample(MeltSettings(duration=300.0, snapshots=40), crystal("zno-zincblende"), "zincblende", 1, snapshots.append)
    for atoms in snapshots:
        atoms.calc = labeller
    return [frames_io.attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces()) for atoms in snapshots]


def apart(frames, share, seed=0):
    """Return pool and held-out frames, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(frames))
    held = round(share * len(frames))
    return [frames[index] for index in order[held:]], [frames[index] for index in order[:held]]


def sets(frames, share, changes):
    model = parse(LinearSettings, merge(MODEL.model_dump(mode="json"), assign(changes, "--set")), "--set")
    return [LabelledSet(part, model, ("Zn", "O")) for part in apart(frames, share)]


def largest_force(frame):
    return float(np.linalg.norm(labels(frame).forces, axis=1).max())


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    parser = arguments(__doc__, full="each criterion with each rule of diversity")
    parser.add_argument("--cache", help="folder for the labelled frames; default: a temporary one")
    parser.add_argument(
        "--vasp", help="file of labelled frames to take instead, hot ones (largest force above 1 eV/A) judged apart"
    )
    parser.add_argument("--hot", action="store_true", help="of that file the hot frames alone")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--start", type=int, default=20)
    parser.add_argument("--step", type=int, default=20)
    parser.add_argument("--most", type=int, help="labels at which all but the control stop; default: half the pool")
    parser.add_argument("--set", action="append", default=[], help="a setting of the model, such as fit.rows_per_term=10")
    parser.add_argument("--pool", type=float, help="diversity picks among this times the budget; default: as in a campaign")
    parser.add_argument("--plot")
    parser.add_argument("--json")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if options.smoke:
            frames, options.seeds, options.start, options.step, options.most = small_pool(), 1, 10, 5, 15
            options.set += ["fit.max_terms=5", "members=2", "folds=2"]
        else:
            frames = frames_io.read(options.vasp) if options.vasp else zno_pool(options.cache or folder)
    if options.hot:
        frames = [frame for frame in frames if largest_force(frame) > HOT]
    pool, held = sets(frames, 0.25, options.set)
    defaults = SelectionSettings() if options.pool is None else SelectionSettings(pool=options.pool)
    default = (defaults.criterion, defaults.diversity)
    if options.full:
        others = [(one, defaults.diversity) for one in Criterion] + [(defaults.criterion, one) for one in Diversity]
        pairs = rules([], []) + [pair for pair in dict.fromkeys([default, *others]) if pair[0] is not Criterion.RANDOM]
    else:
        pairs = rules([default[0]], [default[1]])
    most = options.most or len(pool) // 2
    seeds = range(1, options.seeds + 1)
    comparison = compare(pool, held, pairs, defaults, seeds, options.start, options.step, most, say)
    print_comparison(comparison, len(pool), len(held))
    if options.vasp and not options.hot:
        hot = [index for index, frame in enumerate(held.frames) if largest_force(frame) > HOT]
        rest = [index for index in range(len(held)) if index not in hot]
        for name, some in (("hot frames", hot), ("the others (volume scans)", rest)):
            print(f"\njudged on {name} alone:")
            print_comparison(comparison.evaluated_on(held, some), len(pool), len(some))
    if options.plot:
        save(plot_efficiency(comparison), Path(options.plot))
    if options.json:
        Path(options.json).write_text(json.dumps(comparison.as_dict()))
    refits = sum(len(curve.labels) for curves in comparison.curves.values() for curve in curves)
    print(f"{refits} refits, {time.perf_counter() - began:.0f} s")
    rule, ratios = name_of(*default), {}
    for name in ("force_rmse", "force_q999"):
        reached = comparison.ratio(rule, name)
        ratios[name] = comparison.control(name) / most if reached is None else reached
        if reached is None:
            print(f"{name}: most seeds of {rule} do not get there for good with {most} labels; the ratio is at most what is told")
    print(f"{rule}: random's labels over its own by RMSE {ratios['force_rmse']:.1f}")
    last_line("label_efficiency", ratios["force_q999"])


if __name__ == "__main__":
    main()
