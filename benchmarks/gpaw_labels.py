"""A campaign that GPAW labelled: labels, failures, time, errors; and how far CHGNet is from GPAW on the same frames.

    alworkflows launch benchmarks/zno_gpaw.yaml --wait        # prints the PK; some twenty minutes on two free cores
    python benchmarks/gpaw_labels.py PK

The ratio is of CHGNet's force error over that of the campaign's last ensemble on its test frames.
"""

import argparse

import numpy as np


def labelled_frames(node):
    """Return the frames of the campaign by output and stage."""
    found = []
    for name in ("batches", "tests"):
        for key, batch in sorted(dict(node.outputs[name]).items()):
            found += [(name, key, frame) for frame in batch.get_frames()]
    return found


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pk", help="of a campaign that has ended")
    given = parser.parse_args()

    from workchains.machines.session import activate

    activate()
    from alworkflows.calculators import create
    from alworkflows.labelling import label_frame
    from alworkflows.settings import CalculatorSettings
    from workchains.cli.common import load_campaign_node
    from workchains.provenance import idle_share, iterations, span

    node = load_campaign_node(given.pk)
    begin, end = span(node)
    records = iterations(node)
    wall = (end - begin).total_seconds() / 60
    lost = sum(record.failed_labels for record in records)
    frames = labelled_frames(node)
    took = [frame.info["origin"]["label"]["seconds"] for _, _, frame in frames]
    engine = next(iter(dict(node.outputs.batches).values())).engine
    print(f"{node.label}: exit {node.exit_status}, {len(frames)} labels, {lost} failed, {wall:.1f} min of wall time")
    print(
        f"  by {engine['calculator']} {engine['packages']}, {engine['parameters']['cutoff']:g} eV; {np.mean(took):.1f} s a label"
    )
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
    print(f"gpaw_labels: ratio {rms(np.concatenate(differences['tests'])) / last['all']['force_rmse']:.1f}")


if __name__ == "__main__":
    main()
