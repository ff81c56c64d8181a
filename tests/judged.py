"""What an ensemble shows of test frames, for tests: columns from numbers and arrays."""

import numpy as np

from alworkflows.frame_errors import FrameErrors


def frame_errors(disagreement, largest_error, *, rms_error=0.1, largest_force=5.0, force_rms=1.0, atoms=4, name="f", first=0):
    """Return the columns of as many frames as there are disagreements; what is one number holds for all (eV/A)."""
    count = len(disagreement)
    columns = {"rms_error": rms_error, "largest_force": largest_force, "force_rms": force_rms, "largest_error": largest_error}
    return FrameErrors(
        id=tuple(f"{name}{first + index:015x}" for index in range(count)),
        disagreement=tuple(float(value) for value in disagreement),
        atoms=tuple(int(value) for value in np.broadcast_to(atoms, count)),
        **{key: tuple(float(value) for value in np.broadcast_to(values, count)) for key, values in columns.items()},
    )
