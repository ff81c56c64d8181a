"""Sums of rows over a stream of batches; what was summed before comes from the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np
from ase import Atoms
from scipy.linalg.lapack import dtpttr, dtrttp
from threadpoolctl import threadpool_limits

from alworkflows.models.batches import Batches, batch_hash
from alworkflows.models.cache import Cache
from alworkflows.models.normal import BLOCK, Gatherer, Normal
from alworkflows.models.rows import RowMaker

__all__ = ["accumulate"]

#: changes whenever rows or sums change their meaning
VERSION = 1
#: groups that are added to at a time; further threads work inside them
WORKERS = 2

Say = Callable[[str], None]


def accumulate(
    batches: Batches,
    maker: RowMaker,
    group: Callable[[Atoms], int],
    groups: int,
    say: Say,
    cache: Cache | None = None,
    key: dict[str, Any] | None = None,
) -> list[Normal]:
    """Return one set of accumulators for each group of frames; memory does not grow with the frames.

    Frames are added in the order of their batches, within a batch group by group; so the sums are the same to the last bit
    whether the first batches come from the cache or not.

    Parameters
    ----------
    key
        All that the rows and groups depend on besides the frames.
    """
    total = [Normal.empty(maker.descriptors.size, len(maker.descriptors.species)) for _ in range(groups)]
    if cache is None or batches.once:
        _add(batches, 0, total, maker, group, say)
    else:
        chain = _chain(batches, {"version": VERSION, "groups": groups, **(key or {})})
        known, loaded = _longest(chain, cache, say)
        if loaded is not None:
            _unpack(loaded, total)
            say(f"{batches.where}: sums of the first {known} of {len(chain)} batches are known")
        if known < len(chain):
            _add(batches, known, total, maker, group, say)
            cache.store(chain[-1], _pack(total), say, instead_of=chain[known - 1] if known else None)
    for normal in total:
        _mirror(normal.xx)
    return total


def _add(batches: Batches, known: int, total: list[Normal], maker: RowMaker, group: Callable[[Atoms], int], say: Say) -> None:
    """Add all batches but the first ``known``: the groups of a batch side by side, each with its share of the threads."""
    fitted = "energy" in maker.settings.quantities and maker.fixed is None
    threads = _processors()
    workers = min(threads, len(total), WORKERS)
    buffers = [np.empty((BLOCK, maker.descriptors.size)) for _ in range(workers)]
    done, of = 0, "" if batches.total is None else f" of {batches.total}"

    def add(index: int, frames: list[Atoms]) -> int:
        buffer = buffers.pop()
        try:
            gatherer = Gatherer(total[index], buffer, fitted)
            for frame in frames:
                gatherer.add(maker(frame))
            gatherer.flush()
        finally:
            buffers.append(buffer)
        return len(frames)

    share = max(1, threads // workers)
    # the number of OpenMP threads is that of the calling thread, so each worker sets its own
    pool = ThreadPoolExecutor(workers, initializer=threadpool_limits, initargs=(share, "openmp"))
    with threadpool_limits(share, "blas"), pool:
        for number, batch in enumerate(batches):
            if number < known:
                done += len(batch)
                continue
            parts: dict[int, list[Atoms]] = {}
            for frame in batch:
                parts.setdefault(group(frame), []).append(frame)
            largest_first = sorted(parts, key=lambda index: (-len(parts[index]), index))
            for count in pool.map(add, largest_first, [parts[index] for index in largest_first]):
                done += count
                say(f"{batches.where}: normal equations of {done}{of} frames")


def _processors() -> int:
    """Return the number of threads to use: ``OMP_NUM_THREADS``, else the processors that this process may run on."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, int(given)) if given.isdigit() else len(os.sched_getaffinity(0))


def _mirror(xx: np.ndarray, width: int = 128) -> None:
    """Copy the upper triangle below the diagonal, block by block: rows of the one are columns of the other."""
    for start in range(0, len(xx), width):
        block = slice(start, start + width)
        square = np.triu(xx[block, block])
        xx[block, block] = square + np.triu(square, 1).T
        xx[start + width :, block] = xx[block, start + width :].T


def _chain(batches: Batches, key: dict[str, Any]) -> list[str]:
    """Return for each batch the key of the sums over it and all before."""
    last = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    found = []
    for batch in batches:
        last = hashlib.sha256((last + batch_hash(batch)).encode()).hexdigest()
        found.append(last)
    return found


def _longest(chain: list[str], cache: Cache, say: Say) -> tuple[int, dict[str, np.ndarray] | None]:
    """Return how many batches the largest known sum covers, and that sum."""
    for count in range(len(chain), 0, -1):
        if chain[count - 1] in cache and (arrays := cache.load(chain[count - 1], say)) is not None:
            return count, arrays
    return 0, None


def _pack(total: list[Normal]) -> dict[str, np.ndarray]:
    """Return the sums as flat arrays, of each Gram matrix the upper triangle."""
    arrays = {f"xx{index}": dtrttp(normal.xx.T, uplo="L")[0] for index, normal in enumerate(total)}
    for item in fields(Normal):
        if item.name != "xx":
            arrays[item.name] = np.array([getattr(normal, item.name) for normal in total])
    return arrays


def _unpack(arrays: dict[str, np.ndarray], total: list[Normal]) -> None:
    for index, normal in enumerate(total):
        normal.xx = dtpttr(len(normal.xy), arrays[f"xx{index}"], uplo="L")[0].T
        for item in fields(Normal):
            if item.name != "xx":
                value = arrays[item.name][index]
                setattr(normal, item.name, value.copy() if value.ndim else value.item())
