"""Sums of rows over a stream of batches; what was summed before comes from the cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from ase import Atoms
from scipy.linalg.lapack import dtpttr, dtrttp
from threadpoolctl import threadpool_limits

from alworkflows.deadline import TimeIsUp
from alworkflows.models.batches import Batches, batch_hash
from alworkflows.models.linear.cache import Cache
from alworkflows.models.linear.normal import BLOCK, Gatherer, Normal
from alworkflows.models.linear.rows import RowMaker
from alworkflows.models.linear.unfinished import Unfinished

__all__ = ["accumulate"]

#: changes whenever rows or sums change their meaning
VERSION = 1
#: groups that are added to at a time; further threads work inside them
WORKERS = 2

#: ending of the key of sums that hold only some groups of the last batch, and the array that says which
PART, DONE = "-part", "done"

Say = Callable[[str], None]


def accumulate(
    batches: Batches,
    maker: RowMaker,
    group: Callable[[Atoms], int],
    groups: int,
    say: Say,
    cache: Cache | None = None,
    key: dict[str, Any] | None = None,
    unfinished: Unfinished | None = None,
) -> list[Normal]:
    """Return one set of accumulators for each group of frames; memory does not grow with the frames.

    Frames are added in the order of their batches, within a batch group by group; so the sums are the same to the last bit
    whether the first batches come from the cache or not, and whether another process began.

    Parameters
    ----------
    key
        All that the rows and groups depend on besides the frames.
    unfinished
        Checkpoint of the job: what is summed goes there now and then, and when the deadline comes.

    Raises
    ------
    TimeIsUp
        If the deadline came first; what was done is in the checkpoint.
    """
    total = [Normal.empty(maker.descriptors.size, len(maker.descriptors.species)) for _ in range(groups)]
    stores = [] if batches.once else [store for store in (unfinished and unfinished.files, cache) if store]
    if not stores:
        _add(_Work(batches, total, maker, group, say))
    else:
        chain = _chain(batches, {"version": VERSION, "groups": groups, **(key or {})})
        known, done, loaded = _longest(chain, stores, total, say)
        if loaded is not None:
            _unpack(loaded, total)
            more = f", and {len(done)} groups of the next" if done else ""
            say(f"{batches.where}: sums of the first {known} of {len(chain)} batches are known{more}")
        if known < len(chain):
            kept = chain[known] + PART if done else chain[known - 1] if known else None
            if unfinished is not None and (kept is None or kept not in unfinished.files):
                kept = None
            _add(_Work(batches, total, maker, group, say, chain, known, done, unfinished, kept))
            if cache is not None:
                cache.store(chain[-1], _pack(total), say, instead_of=chain[known - 1] if known else None)
    for normal in total:
        _mirror(normal.xx)
    return total


@dataclass
class _Work:
    """Batches to add: all but the first ``known``, and of the next one all groups but those ``done``."""

    batches: Batches
    total: list[Normal]
    maker: RowMaker
    group: Callable[[Atoms], int]
    say: Say
    chain: list[str] = field(default_factory=list)
    known: int = 0
    done: set[int] = field(default_factory=set)
    unfinished: Unfinished | None = None
    #: key of what the checkpoint holds of these batches
    kept: str | None = None

    def keep(self, key: str) -> None:
        """Put the sums so far into the checkpoint."""
        if self.unfinished is not None and key != self.kept:
            arrays = _pack(self.total) | {DONE: np.array(sorted(self.done), dtype=int)}
            self.unfinished.store(key, arrays, self.say, instead_of=self.kept)
            self.kept = key

    def after(self, number: int, left: bool) -> None:
        """Keep what is due after batch ``number``, of which groups are ``left``; stop if the deadline has come.

        Raises
        ------
        TimeIsUp
            If it has.
        """
        if self.unfinished is None:
            return
        last = number + 1 == len(self.chain)
        stop = left or self.unfinished.ends()
        if left:
            if self.done:
                self.keep(self.chain[number] + PART)
            elif number:
                self.keep(self.chain[number - 1])
        elif stop or self.unfinished.due(complete=last):
            self.done = set()
            self.keep(self.chain[number])
        if stop and (left or not last):
            raise TimeIsUp(f"{self.batches.where}: out of time in batch {number + 1} of {len(self.chain)}, to be gone on with")


def _add(work: _Work) -> None:
    """Add the batches: the groups of a batch side by side, each with its share of the threads."""
    batches, total, maker, unfinished = work.batches, work.total, work.maker, work.unfinished
    fitted = "energy" in maker.settings.quantities and maker.fixed is None
    threads = _processors()
    workers = min(threads, len(total), WORKERS)
    buffers = [np.empty((BLOCK, maker.descriptors.size)) for _ in range(workers)]
    count, of = 0, "" if batches.total is None else f" of {batches.total}"

    def add(index: int, frames: list[Atoms]) -> bool:
        if unfinished is not None and unfinished.ends(len(frames)):
            return False
        began = time.monotonic()
        buffer = buffers.pop()
        try:
            gatherer = Gatherer(total[index], buffer, fitted)
            for frame in frames:
                gatherer.add(maker(frame))
            gatherer.flush()
        finally:
            buffers.append(buffer)
        if unfinished is not None:
            unfinished.took(len(frames), time.monotonic() - began)
        return True

    share = max(1, threads // workers)
    # the number of OpenMP threads is that of the calling thread, so each worker sets its own
    pool = ThreadPoolExecutor(workers, initializer=threadpool_limits, initargs=(share, "openmp"))
    with threadpool_limits(share, "blas"), pool:
        for number, batch in enumerate(batches):
            if number < work.known:
                count += len(batch)
                continue
            parts: dict[int, list[Atoms]] = {}
            for frame in batch:
                parts.setdefault(work.group(frame), []).append(frame)
            if number > work.known:
                work.done = set()
            count += sum(len(parts.pop(index, [])) for index in work.done)
            largest_first = sorted(parts, key=lambda index: (-len(parts[index]), index))
            for index, added in zip(
                largest_first, pool.map(add, largest_first, [parts[index] for index in largest_first]), strict=True
            ):
                if added:
                    work.done.add(index)
                    count += len(parts.pop(index))
                    work.say(f"{batches.where}: normal equations of {count}{of} frames")
            work.after(number, left=bool(parts))


def _processors() -> int:
    """Return the number of threads to use: ``OMP_NUM_THREADS``, else the processors that this process may run on."""
    value = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, int(value)) if value.isdigit() else len(os.sched_getaffinity(0))


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
    keys = []
    for batch in batches:
        last = hashlib.sha256((last + batch_hash(batch)).encode()).hexdigest()
        keys.append(last)
    return keys


def _longest(
    chain: list[str], stores: list[Cache], total: list[Normal], say: Say
) -> tuple[int, set[int], dict[str, np.ndarray] | None]:
    """Return how many batches the largest known sum covers, which groups of the next one, and that sum; ``total`` is its form."""
    for count in range(len(chain), -1, -1):
        # with a part of the next batch is more than without
        keys = [chain[count] + PART] if count < len(chain) else []
        for key in [*keys, chain[count - 1]] if count else keys:
            for store in stores:
                if key in store and (arrays := store.load(key, say)) is not None:
                    if (misfit := _misfit(arrays, total, parted=key in keys)) is not None:
                        store.discard(key, misfit, say)
                        continue
                    done = arrays.get(DONE, np.zeros(0, dtype=int))
                    return count, set(done.tolist()) if key in keys else set(), arrays
    return 0, set(), None


def _pack(total: list[Normal]) -> dict[str, np.ndarray]:
    """Return the sums as flat arrays, of each Gram matrix the upper triangle."""
    arrays = {f"xx{index}": dtrttp(normal.xx.T, uplo="L")[0] for index, normal in enumerate(total)}
    for item in fields(Normal):
        if item.name != "xx":
            arrays[item.name] = np.array([getattr(normal, item.name) for normal in total])
    return arrays


def _misfit(arrays: dict[str, np.ndarray], total: list[Normal], parted: bool) -> str | None:
    """Return what is wrong with arrays that are no such sums as ``total``, None if they are; ``parted``: of some groups only."""
    expected = _pack(total) | ({DONE: np.zeros(0, dtype=int)} if parted else {})
    for name, like in expected.items():
        if name not in arrays:
            return f"lacks '{name}'"
        array = arrays[name]
        if array.dtype != like.dtype or (array.shape != like.shape and name != DONE):
            return f"holds '{name}' of another form"
        if not np.isfinite(array).all():
            return f"holds numbers in '{name}' that are not finite"
    if parted and not set(arrays[DONE].ravel().tolist()) <= set(range(len(total))):
        return f"holds groups in '{DONE}' that there are not"
    return None


def _unpack(arrays: dict[str, np.ndarray], total: list[Normal]) -> None:
    for index, normal in enumerate(total):
        normal.xx = dtpttr(len(normal.xy), arrays[f"xx{index}"], uplo="L")[0].T
        for item in fields(Normal):
            if item.name != "xx":
                value = arrays[item.name][index]
                setattr(normal, item.name, value.copy() if value.ndim else value.item())
