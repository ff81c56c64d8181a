"""A campaign that GPAW labelled: labels, failures, time, errors; and how far CHGNet is from GPAW on the same frames.

    alworkflows launch benchmarks/zno_gpaw.yaml --wait        # prints the PK; some twenty minutes on two free cores
    python benchmarks/gpaw_labels.py PK

The ratio is of CHGNet's force error over that of the campaign's last ensemble on its test frames.
"""

import os
import tempfile

import numpy as np
from common import arguments, last_line, tiny_campaign, with_tests


def labelled_frames(node):
    """Return the frames of the campaign by output and stage."""
    frames = []
    for name in ("batches", "tests"):
        for key, batch in sorted(dict(node.outputs[name]).items()):
            frames += [(name, key, frame) for frame in batch.get_frames()]
    return frames


def campaign_pk(folder):
    """Run a tiny campaign in this process, its frames those of zinc oxide labelled by a pair potential; return its PK."""
    with_tests()
    from aiida.engine import run_get_node

    from alworkflows.settings import Campaign, parse
    from workchains.loop.active_learning import ActiveLearningWorkChain
    from workchains.machines import load_code, setup

    setup("laptop", aiida_path=folder)
    builder = ActiveLearningWorkChain.get_builder_from_campaign(load_code(), parse(Campaign, tiny_campaign()))
    return str(run_get_node(builder).node.pk)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def main():
    parser = arguments(__doc__)
    parser.add_argument("pk", nargs="?", help="of a campaign that has ended; --smoke makes one, labelled by something cheap")
    options = parser.parse_args()
    if options.smoke:
        with tempfile.TemporaryDirectory() as folder:
            compare(campaign_pk(folder))
            os.chdir("/")
    elif options.pk is None:
        parser.error("expected the PK of a campaign")
    else:
        compare(options.pk)


def compare(pk):
    """Print what GPAW's labels took, and how far CHGNet is from them."""
    from workchains.machines.session import activate

    activate()
    from alworkflows.calculators import create
    from alworkflows.labelling import label_frame
    from alworkflows.settings import CalculatorSettings
    from workchains.cli.common import load_campaign_node
    from workchains.provenance import idle_share, iterations, span

    node = load_campaign_node(pk)
    begin, end = span(node)
    records = iterations(node)
    wall = (end - begin).total_seconds() / 60
    lost = sum(record.failed_labels for record in records)
    frames = labelled_frames(node)
    took = [frame.info["origin"]["label"]["seconds"] for _, _, frame in frames]
    engine = next(iter(dict(node.outputs.batches).values())).engine
    print(f"{node.label}: exit {node.exit_status}, {len(frames)} labels, {lost} failed, {wall:.1f} min of wall time")
    print(f"  by {engine['calculator']} {engine['packages']}, {engine['parameters']}; {np.mean(took):.1f} s a label")
    print(f"  share of wall time in which no job ran: {idle_share(node).share:.1%}")
    last = node.outputs.evaluation["errors"][-1]
    for group, errors in last.items():
        share = errors["force_rmse"] / errors["force_std"]
        print(f"  last ensemble on test frames, {group}: {errors['force_rmse']:.3f} eV/A, {share:.1%} of the spread")
    calculator = create(CalculatorSettings(name="chgnet"))
    differences, energies = {}, []
    for name, key, frame in frames:
        other = label_frame(frame, calculator)
        differences.setdefault(key, []).append(other.get_forces() - frame.get_forces())
        differences.setdefault(name, []).append(other.get_forces() - frame.get_forces())
        energies.append((other.get_potential_energy() - frame.get_potential_energy()) / len(frame))
    for name, values in differences.items():
        print(f"  CHGNet against GPAW, {name}: {rms(np.concatenate(values)):.3f} eV/A in {len(values)} frames")
    spread = rms(np.concatenate([frame.get_forces() for _, _, frame in frames]))
    print(f"  RMS force of GPAW: {spread:.3f} eV/A; energies differ by {np.std(energies) * 1000:.0f} meV/atom about their mean")
    last_line("gpaw_labels", rms(np.concatenate(differences["tests"])) / last["all"]["force_rmse"])


if __name__ == "__main__":
    main()
