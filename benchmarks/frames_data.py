"""500 melt frames through ``FramesData``: store, load and query times, and size on disk.

The limit it is compared with is writing the same arrays to a plain file. Runs in a temporary AiiDA directory.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from common import arguments, last_line


def melt_frames(count):
    """Frames of a classical melt, spread over a run each of two crystals."""
    from alworkflows.sampling import sample
    from alworkflows.settings import MeltSettings
    from alworkflows.structures import crystal

    frames = []
    for name in ("zno-wurtzite", "zno-zincblende"):
        atoms = crystal(name).repeat((4, 2, 2) if name == "zno-wurtzite" else (2, 2, 2))
        settings = MeltSettings(duration=10.0 * count, snapshots=count // 2)
        sample(settings, atoms, name, 1, frames.append, None, None, None)
    return frames


def timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def main():
    frames = melt_frames(10 if arguments(__doc__).parse_args().smoke else 500)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIIDA_PATH"] = folder
        from workchains.machines import setup
        from workchains.machines.daemon import stop_daemon
        from workchains.machines.session import activate

        setup("laptop")
        activate()
        from aiida.orm import QueryBuilder

        from alworkflows import frames as frames_io
        from workchains.data.frames import FramesData

        _, plain = timed(lambda: np.savez(Path(folder) / "plain.npz", **frames_io.pack(frames)))
        node, packing = timed(lambda: FramesData.from_frames(frames))
        _, storing = timed(node.store)
        repository = [path for path in Path(folder).rglob("*") if path.is_file() and "container" in str(path)]
        size = sum(path.stat().st_size for path in repository)
        loaded, loading = timed(node.get_frames)
        wanted = frames_io.frame_id(frames[len(frames) // 2])
        filters = {"attributes.ids": {"has_key": wanted}}
        rows, query = timed(lambda: QueryBuilder().append(FramesData, filters=filters, project="id").all())
        stop_daemon()
        assert rows == [[node.pk]]
        assert [frames_io.frame_id(frame) for frame in loaded] == node.ids
    atoms = sum(len(frame) for frame in frames)
    print(f"{len(frames)} frames, {atoms} atoms")
    print(f"pack and describe {packing * 1e3:.0f} ms, store {storing * 1e3:.0f} ms, load {loading * 1e3:.0f} ms")
    print(f"find the node that holds a frame by its id {query * 1e3:.1f} ms")
    print(f"on disk {size / 1e6:.2f} MB ({size / atoms:.0f} bytes an atom)")
    print(f"plain file of the same arrays written in {plain * 1e3:.0f} ms")
    last_line("frames_data", (packing + storing) / plain)


if __name__ == "__main__":
    main()
