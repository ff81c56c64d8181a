"""Complexity against transfer: alloys and pure particles in training, Janus and core-shell particles outside it.

The question of Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron
interactions with linearized potentials", Figs. 4 and 5: does the error on particles of another kind have a minimum along the
path, and does mixing families of functions flatten it? Every set is melted by a pair potential and labelled by a many-body one:

    python benchmarks/transfer.py                     gold and copper by ASE's effective medium theory, seconds a set
    python benchmarks/transfer.py --full              larger particles, more frames
    python benchmarks/transfer.py --full --reference chgnet    gold and iron by CHGNet
    python benchmarks/transfer.py --plot transfer.png
"""

import time

import numpy as np
from common import arguments, last_line

from alworkflows.labelling import label
from alworkflows.models import Fit
from alworkflows.sampling import parse_sampler, sample
from alworkflows.settings import CalculatorSettings, LabelSettings, LinearSettings, PlipSettings, StructureSettings, parse
from alworkflows.structures import build

FAMILIES = {
    "gaussian": [{"family": "gaussian", "centres": [1, 2, 3, 4, 5, 6], "widths": [0.5, 1.0, 1.5]}],
    "lorentzian": [{"family": "lorentzian"}],
    "slater": [{"family": "slater"}],
}
FAMILIES["mixed"] = [family for families in FAMILIES.values() for family in families]

#: pair potentials that melt, and lattice constants (A) of the metals and of what holds both
METALS = {
    "emt": {
        "species": ("Au", "Cu"),
        "lattices": ("fcc", "fcc"),
        "constants": (4.08, 3.61, 3.85),
        "potential": {
            "style": "mixed",
            "pairs": {
                "Au-Au": {"epsilon": 0.4606, "sigma": 2.6419},
                "Au-Cu": {"epsilon": 0.43, "sigma": 2.49},
                "Cu-Cu": {"d": 0.3429, "alpha": 1.3588, "r0": 2.866},
            },
            "core": [0.8, 1.5],
        },
    },
    "chgnet": {"species": ("Au", "Fe"), "lattices": ("fcc", "bcc"), "constants": (4.08, 2.87, 3.80), "potential": "au-fe"},
}


def particles(system, atoms):
    """Return the settings of each set: alloy and pure metals to train on, others to transfer to."""
    first, second = system["species"]
    a, b, both = system["constants"]
    half = atoms // 2

    def mixed(order):
        # the smaller atoms make the core
        return {"lattice": "fcc", "a": both, "species": {second: half, first: atoms - half}, "order": order, "seed": 1}

    return {
        first: {"lattice": system["lattices"][0], "a": a, "species": {first: atoms}},
        second: {"lattice": system["lattices"][1], "a": b, "species": {second: atoms}},
        "alloy": mixed("random"),
        "janus": mixed("janus"),
        "core-shell": mixed("core-shell"),
    }


def labelled(frames, reference):
    labelled = []
    settings = LabelSettings(calculator=CalculatorSettings(name=reference), largest_force=1e4)
    failures = label(frames, settings, labelled.append)
    assert not failures, failures
    return labelled


def data(system, reference, atoms, count):
    """Return labelled frames of each set; those to train on are compressed too, and dimers come with them."""
    sets = {}
    for number, (name, settings) in enumerate(particles(system, atoms).items()):
        start = build(parse(StructureSettings, {"particle": settings}), name)
        hottest = 1400 if name not in ("janus", "core-shell") else 700  # demixed ones must stay so
        frames = []
        melt = {
            "name": "melt",
            "potential": system["potential"],
            "temperature": [300, hottest],
            "duration": 1e4,
            "snapshots": count,
        }
        sample(parse_sampler(melt), start, name, number, frames.append)
        if hottest == 1400:
            sample(parse_sampler({"name": "compress", "smallest": 0.75}), start, name, number, frames.append)
        sets[name] = labelled(frames, reference)
    first, second = system["species"]
    for pair in ((first, first), (first, second), (second, second)):
        frames = []
        start = build(parse(StructureSettings, {"dimer": pair}), "-".join(pair))
        sample(parse_sampler({"name": "dimer", "snapshots": 12}), start, "-".join(pair), 0, frames.append)
        sets["-".join(pair)] = labelled(frames, reference)
    return sets


def path(frames, transfers, families, species, terms):
    settings = parse(
        LinearSettings,
        {
            "descriptors": parse(PlipSettings, {"functions": FAMILIES[families], "l": [1, 2, 3, 4, 5]}).model_dump(mode="json"),
            "fit": {"force_limit": 5.0, "max_terms": terms, "rows_per_term": 1.0},
        },
    )
    return Fit(frames, settings, species, 0, transfers=transfers, cache=None)


def main():
    parser = arguments(__doc__, full="particles of 80 atoms, 100 frames each, paths to 600 terms")
    parser.add_argument("--reference", choices=sorted(METALS), default="emt")
    parser.add_argument("--plot", metavar="PNG")
    options = parser.parse_args()
    system = METALS[options.reference]
    atoms, count, terms = (16, 5, 20) if options.smoke else (80, 100, 600) if options.full else (40, 40, 300)
    begin = time.perf_counter()
    sets = data(system, options.reference, atoms, count)
    transfers = {name: sets.pop(name) for name in ("janus", "core-shell")}
    frames = [frame for members in sets.values() for frame in members]
    others = sum(map(len, transfers.values()))
    print(f"{len(frames)} frames to train on, {others} to transfer to, by {options.reference}, {atoms} atoms")
    print(f"made in {time.perf_counter() - begin:.0f} s; errors of forces, eV/A\n")
    head = f"{'families':11}{'set':12}{'lowest':>8}{'terms':>7}{'at the end':>12}{'terms':>7}{'end/lowest':>12}"
    print(head)
    curves, rises = {}, {}
    for families in FAMILIES:
        fit = path(frames, transfers, families, system["species"], terms)
        rows = [(np.mean(row.terms), row.errors) for row in fit.path]
        for name in ("held-out", *transfers):
            errors = [row_errors.held_out_mean if name == "held-out" else row_errors.transfers[name] for _, row_errors in rows]
            lowest = int(np.argmin(errors))
            rises[families, name] = errors[-1] / errors[lowest]
            curves[families, name] = [size for size, _ in rows], errors
            print(
                f"{families:11}{name:12}{errors[lowest]:8.3f}{rows[lowest][0]:7.0f}{errors[-1]:12.3f}{rows[-1][0]:7.0f}"
                f"{rises[families, name]:12.2f}"
            )
    if options.plot:
        plot(curves, options.plot)
    worst = {families: max(rises[families, name] for name in transfers) for families in FAMILIES}
    text = ", ".join(f"{name} {value:.2f}" for name, value in worst.items())
    print(f"\nworst rise past the minimum: {text}; {time.perf_counter() - begin:.0f} s")
    last_line("transfer", worst["gaussian"] / worst["mixed"], 2)


def plot(curves, target):
    """Draw error against number of terms, a panel for each family."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(FAMILIES), figsize=(3.2 * len(FAMILIES), 3.2), sharey=True, layout="constrained")
    for axis, families in zip(axes, FAMILIES, strict=True):
        for (whose, name), (terms, errors) in curves.items():
            if whose == families:
                axis.plot(terms, errors, label=name, marker=".", lw=1.2)
        axis.set(title=families, xlabel="terms", xscale="log")
    axes[0].set(ylabel="force error, eV/A", yscale="log")
    axes[0].legend(fontsize=8)
    figure.savefig(target, dpi=150)


if __name__ == "__main__":
    main()
