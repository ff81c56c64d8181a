"""Files that are whole or not there."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from alworkflows.atomic import filling, replacing, write_text

#: what stops a writer in the middle: a full disk, Ctrl-C, an error of its own
STOPS = {"full": (OSError, (errno.ENOSPC, "No space left on device")), "Ctrl-C": (KeyboardInterrupt, ()), "bug": (ValueError, ())}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def half(writing, stop, inside=""):
    """Write half of a file, and stop there; return the error."""
    kind, arguments = STOPS[stop]
    with pytest.raises(kind) as raised, writing as part:
        write_and_raise(part / inside, kind(*arguments))
    return raised.value


def write_and_raise(path, error):
    path.write_text("half")
    raise error


def test_what_is_written_takes_its_place(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as part:
        assert part.parent == tmp_path
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    write_text(path, "Å")
    assert path.read_bytes() == "Å".encode()
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("before", ["old", None])
def test_a_stop_in_the_middle_leaves_what_was_there(stop, before, tmp_path):
    path = tmp_path / "a.txt"
    if before:
        path.write_text(before)
    error = half(replacing(path), stop)
    assert names(tmp_path) == (["a.txt"] if before else [])
    assert not before or path.read_text() == before
    assert stop != "full" or error.filename == str(path)


def test_a_disk_that_is_full_is_told_with_the_name_of_the_file(tmp_path):
    """The kernel refuses to let files grow beyond a limit, as it does on a full disk."""
    program = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from alworkflows.atomic import replacing\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "with replacing(sys.argv[1]) as part, open(part, 'wb') as handle:\n"
        "    np.savez(handle, a=np.zeros(10_000))\n"
    )
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(f"File too large: '{path}'")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.npz"]


def test_what_cannot_be_copied_is_told_with_the_name_it_would_have_had(tmp_path):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", source, None, str(target))

    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'copy'}'$"), replacing(tmp_path / "copy") as part:
        full("original", part)


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    fresh = tmp_path / "fresh.txt"
    write_text(fresh, "new")
    plain = tmp_path / "plain.txt"
    plain.write_text("new")
    assert fresh.stat().st_mode == plain.stat().st_mode


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o444)
    if os.access(path, os.W_OK):  # root may write everything
        monkeypatch.setattr(os, "access", lambda *_: False)
        monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def refuse(path, *_):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_device_is_written_to_and_stays_one(tmp_path):
    reader, writer = os.pipe()
    write_text(f"/dev/fd/{writer}", "through")
    os.close(writer)
    assert os.read(reader, 100) == b"through"
    write_text("/dev/null", "away")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_longest_name_that_a_file_system_allows_can_be_written(tmp_path):
    path = tmp_path / ("a" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    write_text(path, "new")
    assert path.read_text() == "new"
    with pytest.raises(OSError, match="too long"):
        write_text(f"{path}a", "new")
    assert names(tmp_path) == [path.name]


def test_a_folder_is_filled_at_once(tmp_path):
    folder = tmp_path / "new" / "export"
    with filling(folder) as part:
        (part / "a.txt").write_text("a")
        (part / "plugin").mkdir()
        (part / "plugin" / "b.txt").write_text("b")
        assert not (folder / "a.txt").exists()
    assert names(folder) == ["a.txt", "plugin"]
    with filling(folder) as part:
        (part / "a.txt").write_text("other")
        (part / "plugin").mkdir()
        (part / "plugin" / "c.txt").write_text("c")
    assert (folder / "a.txt").read_text() == "other"
    assert names(folder / "plugin") == ["b.txt", "c.txt"]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("before", [True, False])
def test_a_stop_leaves_a_folder_as_it_was(stop, before, tmp_path):
    folder = tmp_path / "new" / "export"
    if before:
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("old")
    error = half(filling(folder), stop, "a.txt")
    if before:
        assert (folder / "a.txt").read_text() == "old"
        assert names(folder) == ["a.txt"]
    else:
        assert names(tmp_path) == []
    assert stop != "full" or error.filename == str(folder)


def test_an_error_in_a_folder_names_the_file_that_it_would_have_been(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, filling(tmp_path / "export") as part:
        (part / "none" / "a.txt").write_text("a")
    assert raised.value.filename == str(tmp_path / "export" / "none" / "a.txt")
