"""Labels made wrong on purpose, in copies of frames."""

import numpy as np

from alworkflows.frames import attach_labels, labels

__all__ = ["spoil"]


def spoil(frames, numbers, kind):
    """Return frames of which some have their forces shuffled among the atoms, or an energy that is 2 eV too high."""
    again = list(frames)
    for number in numbers:
        stored = labels(frames[number])
        energy, forces = stored.energy, np.array(stored.forces)
        if kind == "shuffled":
            forces = np.roll(forces, 1, axis=0)
        elif kind == "high":
            energy = energy + 2.0
        elif kind == "absurd":
            forces[0, 0] += 1e6
        again[number] = attach_labels(frames[number].copy(), energy, forces, stored.stress)
    return again
