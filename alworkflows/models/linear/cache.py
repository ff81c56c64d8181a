"""Sums over frames kept on the computer, so that a fit adds only what is new; all of it can be made again.

Files lie in ``$ALWORKFLOWS_CACHE``, else ``$XDG_CACHE_HOME/alworkflows``, else ``~/.cache/alworkflows``;
``ALWORKFLOWS_CACHE=off`` keeps none. The least recently used go when all together exceed ``$ALWORKFLOWS_CACHE_LIMIT``
bytes (4 GiB).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alworkflows.atomic import replacing
from alworkflows.errors import InputError
from alworkflows.npz import open_arrays

__all__ = ["Cache"]

LIMIT = 4 * 2**30
SUFFIX = ".sums.npz"
#: the array that says of which key a file is, should it have got another's name
KEY = "key"


class Cache:
    """Arrays by key, in files that appear whole or not at all, for any number of processes at a time.

    Parameters
    ----------
    folder
        Made when something is stored.
    limit
        Bytes.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder, self.limit = folder, limit

    @classmethod
    def of_environment(cls) -> Cache | None:
        """Return the cache of this computer, None if it is switched off.

        Raises
        ------
        InputError
            If the limit is not a number of bytes.
        """
        folder = os.environ.get("ALWORKFLOWS_CACHE", "")
        if folder.lower() == "off":
            return None
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        limit = os.environ.get("ALWORKFLOWS_CACHE_LIMIT", str(LIMIT))
        if not limit.isdigit():
            raise InputError(f"ALWORKFLOWS_CACHE_LIMIT: expected a number of bytes, got '{limit}'")
        return cls(Path(folder) if folder else Path(home) / "alworkflows", int(limit))

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def __contains__(self, key: str) -> bool:
        return self._file(key).is_file()

    def load(self, key: str, say: Callable[[str], None]) -> dict[str, np.ndarray] | None:
        """Return the arrays of a key, None if there are none or the file is damaged or another's, which is told and removed."""
        file = self._file(key)
        try:
            with open_arrays(file) as stored:
                arrays = {name: stored[name] for name in stored.files}
            os.utime(file)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever a damaged zip raises, the sums are made again
            self.discard(key, f"is damaged ({type(error).__name__})", say)
            return None
        if arrays.pop(KEY, np.zeros(0)).tobytes() != key.encode():
            self.discard(key, "holds sums of something else", say)
            return None
        return arrays

    def discard(self, key: str, why: str, say: Callable[[str], None]) -> None:
        """Remove a file that is of no use, and tell why."""
        say(f"cache: {self._file(key).name} {why}, its sums are made again")
        self.remove(key)

    def store(self, key: str, arrays: dict[str, np.ndarray], say: Callable[[str], None], instead_of: str | None = None) -> None:
        """Keep arrays under a key; ``instead_of`` goes first where room is short. A disk that is full or read-only is told."""
        if sum(array.nbytes for array in arrays.values()) > self.limit:
            return
        owner = {KEY: np.frombuffer(key.encode(), dtype=np.uint8)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._file(key)) as part, part.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **arrays, **owner)
        except OSError as error:
            say(f"cache: sums are not kept, {self.folder} cannot be written ({error.strerror})")
            return
        self._make_room(key, instead_of)

    def remove(self, key: str) -> None:
        """Forget a key."""
        file = self._file(key)
        with contextlib.suppress(OSError):
            file.unlink() if not file.is_dir() else file.rmdir()

    def _make_room(self, newest: str, instead_of: str | None) -> None:
        """Remove what was used least recently until all fits, the newest last."""
        files = []
        for file in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):  # another process may have removed it
                state = file.stat()
                rank = {newest: 1, instead_of: -1}.get(file.name.removesuffix(SUFFIX), 0)
                files.append((rank, state.st_mtime, state.st_size, file))
        excess = sum(size for _, _, size, _ in files) - self.limit
        for _, _, size, file in sorted(files):
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                file.unlink()
            excess -= size
