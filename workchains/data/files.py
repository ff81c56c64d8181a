"""What data nodes that hold one of our files share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiida.orm import Data

from alworkflows.atomic import replacing

__all__ = ["FileData"]


class FileData(Data):
    """A node with a single file in its repository, in a format of the science package."""

    FILENAME: str

    def put_file(self, path: Path) -> None:
        """Copy a file into the node's repository."""
        with open(path, "rb") as handle:
            self.base.repository.put_object_from_filelike(handle, self.FILENAME)

    @contextmanager
    def as_path(self) -> Iterator[Path]:
        """Give the file a path for as long as the context lasts."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.FILENAME
            with self.base.repository.open(self.FILENAME, "rb") as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
            yield path

    def export_file(self, path: Path) -> None:
        """Write the file to ``path``."""
        with self.base.repository.open(self.FILENAME, "rb") as source, replacing(path) as part, part.open("wb") as target:
            shutil.copyfileobj(source, target)
