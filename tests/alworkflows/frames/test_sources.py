"""What a user may name: compressed files under any name, standard input, patterns, folders of runs."""

import bz2
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames import read_files
from alworkflows.frames.sources import expand
from alworkflows.frames.writing import write


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    write(tmp_path / "plain.xyz", [Atoms("Cu", positions=[[0, 0, number]]) for number in range(200)])
    return (tmp_path / "plain.xyz").read_bytes()


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz")])
class TestCompressed:
    def test_by_ending_and_without(self, tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes], ending: str) -> None:
        for name in (f"a.xyz.{ending}", "a.xyz", "a"):
            (tmp_path / name).write_bytes(pack(content))
            assert len(read_files([str(tmp_path / name)]).frames) == 200

    def test_by_standard_input(
        self, monkeypatch: pytest.MonkeyPatch, content: bytes, pack: Callable[[bytes], bytes], ending: str
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(content))))
        assert len(read_files(["-"]).frames) == 200

    @pytest.mark.parametrize("broken", [lambda data: data[: len(data) // 2], lambda data: data[:60] + b"\0\0\0\0" + data[64:]])
    def test_broken(
        self, tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes], ending: str, broken: Callable[[bytes], bytes]
    ) -> None:
        (tmp_path / f"a.xyz.{ending}").write_bytes(broken(pack(content)))
        with pytest.raises(InputError, match="cannot be uncompressed"):
            read_files([str(tmp_path / f"a.xyz.{ending}")])

    def test_an_ending_that_is_not_true(
        self, tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes], ending: str
    ) -> None:
        (tmp_path / f"a.xyz.{ending}").write_bytes(content)
        with pytest.raises(InputError, match="cannot be uncompressed"):
            read_files([str(tmp_path / f"a.xyz.{ending}")])


class TestFolders:
    def test_of_runs(self, tmp_path: Path) -> None:
        for name in ("b/OUTCAR", "a/vasprun.xml", "a/OUTCAR", "c/POTCAR"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert expand([str(tmp_path)]) == [str(tmp_path / "a/vasprun.xml"), str(tmp_path / "b/OUTCAR")]
        assert expand([str(tmp_path / "*" / "OUTCAR")]) == [str(tmp_path / "a/OUTCAR"), str(tmp_path / "b/OUTCAR")]

    def test_of_nothing_known(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(InputError, match=r"it holds notes\.txt; give its files"):
            expand([str(tmp_path)])

    def test_a_pattern_that_matches_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no file matches"):
            expand([str(tmp_path / "*.xyz")])
