"""What careless hands do: outputs that are inputs, full disks, folders for files, terminals of ASCII, readers that leave."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from shell import EXECUTABLE
from sqlalchemy.exc import OperationalError

from alworkflows.cli.files import new_file, new_folder
from alworkflows.cli.main import main
from alworkflows.cli.refusals import refused
from alworkflows.errors import InputError

FIT = ("--settings", "small.yaml", "--overwrite")


@pytest.fixture
def here(files, tmp_path):
    """Return the folder that commands run in, with copies of the files."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "link.npz").symlink_to("frames.npz")
    (tmp_path / "hard.npz").hardlink_to(tmp_path / "frames.npz")
    return tmp_path


# ------------------------------------------------------------------------------------------------------ outputs that are inputs


@pytest.mark.parametrize(
    "output", ["frames.npz", "./frames.npz", "link.npz", "hard.npz", "{here}/frames.npz", "../{name}/frames.npz"]
)
@pytest.mark.parametrize(
    "command",
    [
        ("fit", "frames.npz", *FIT),
        ("fit", "test.xyz", "--transfer", "x=frames.npz", *FIT),
        ("sample", "rattle", "frames.npz", "--overwrite"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_read_is_not_replaced(command, output, here, run):
    before = (here / "frames.npz").read_bytes()
    done = run(*command, "-o", output.format(here=here, name=here.name))
    assert done.status == 2
    assert "is read by this command" in done.err
    assert (here / "frames.npz").read_bytes() == before
    assert (here / "link.npz").is_symlink()


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (("fit", "frames.npz", "--test", "test.xyz", *FIT, "-o"), "test.xyz"),
        (("fit", "frames.npz", *FIT, "-o"), "small.yaml"),
        (("fit", "frames.npz", "--reference", "test.xyz", *FIT, "-o"), "test.xyz"),
        (("sample", "rattle", "test.xyz", "--model", "model.npz", "--overwrite", "-o"), "model.npz"),
        (("evaluate", "frames.png", "test.xyz", "--overwrite", "--plot"), "frames.png"),
        (("pool", "frames.npz", "--test", "frames.png", "--overwrite", "--plot"), "frames.png"),
    ],
)
def test_every_input_is_known(command, output, here, run):
    shutil.copy(here / "model.npz", here / "frames.png")
    before = (here / output).read_bytes()
    done = run(*command, output)
    assert done.status == 2
    assert f"{output}: is read by this command" in done.err
    assert (here / output).read_bytes() == before


def test_patterns_are_filled_in(here):
    with pytest.raises(InputError, match=r"link.npz: is read by this command \(as .*frames.npz\)"):
        new_file(str(here / "link.npz"), True, [None, "zno-wurtzite", str(here / "f*.npz")])
    assert new_file(str(here / "other.npz"), True, [str(here / "*.npz")]) == here / "other.npz"


# ------------------------------------------------------------------------------------------------------ what the system refuses


def limited(here, *arguments):
    """Run the executable where no file may grow beyond some bytes, as on a full disk."""
    program = (
        "import resource, signal, sys\n"
        "from alworkflows.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "main()\n"
    )
    environment = {**os.environ, "ALWORKFLOWS_CACHE": "off"}
    return subprocess.run([sys.executable, "-c", program, *arguments], cwd=here, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (("fit", "frames.npz", *FIT, "-o"), "model.npz"),
        (("evaluate", "model.npz", "test.xyz", "--overwrite", "--plot"), "old.svg"),
    ],
)
def test_a_full_disk_takes_nothing(command, output, here):
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    done = limited(here, *command, output)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"error: {output}: File too large"
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.parametrize("command", [("insight", "model.npz", "frames.npz", "-o"), ("export", "model.npz", "-o")])
def test_a_folder_is_whole_or_not_there(command, here):
    done = limited(here, *command, "new/folder")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: new/folder/")
    assert done.stderr.splitlines()[-1].endswith(": File too large")
    assert not (here / "new").exists()


def test_names_that_no_file_can_have_are_one_line(here, run):
    for command in (
        ("fit", "frames.npz", "-o", f"{'a' * 300}.npz"),
        ("evaluate", "model.npz", f"{'a' * 300}.npz"),
        ("run", "fit", "."),
    ):
        done = run(*command)
        assert done.status == 2
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith("error: ")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a.npz"), "a.npz: Permission denied"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, b"b"), "a -> b: Invalid cross-device link"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("said by a library"), "said by a library"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_the_system_says_is_one_line(error, says, run, monkeypatch):
    assert refused(error) == says

    def fail():
        raise error

    monkeypatch.setattr("alworkflows.cli.main.group", fail)
    done = run()
    assert (done.status, done.err) == (2, f"error: {says}\n")


def test_what_a_database_says_is_one_line_and_the_rest_keeps_its_traceback(run, monkeypatch):
    said = sqlite3.OperationalError("attempt to write a readonly database")

    def fail():
        raise OperationalError("UPDATE x", {}, said)

    monkeypatch.setattr("alworkflows.cli.main.group", fail)
    assert run().err == "error: the database of the profile refuses: attempt to write a readonly database\n"

    def err():
        raise ZeroDivisionError

    monkeypatch.setattr("alworkflows.cli.main.group", err)
    with pytest.raises(ZeroDivisionError):
        main()


def test_too_little_memory_is_one_line(run, monkeypatch):
    def fail():
        raise MemoryError

    monkeypatch.setattr("alworkflows.cli.main.group", fail)
    assert run().err == "error: this computer has not enough memory for that\n"


def test_a_folder_that_cannot_be_written_to_is_known_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=f"the folder {tmp_path} cannot be written to"):
        new_file(str(tmp_path / "a.npz"), False)
    with pytest.raises(InputError, match=f"the folder {tmp_path} cannot be written to"):
        new_folder(str(tmp_path / "new" / "folder"), False)


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        new_folder(str(tmp_path / "file" / "folder"), False)


# ------------------------------------------------------------------------------------------------------------------- terminals


def test_who_stops_reading_is_told_nothing(here):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [EXECUTABLE, "evaluate", "model.npz", "test.xyz"], cwd=here, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert done.stderr == ""


def test_a_broken_pipe_beyond_click_is_silent(here):
    program = (
        "from alworkflows.cli import main\n"
        "def fail():\n"
        "    print('in the buffer')\n"
        "    raise BrokenPipeError\n"
        "main.group = fail\n"
        "main.main()\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_of_ascii_gets_plain_letters(here):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    program = "from alworkflows.cli import main\nmain.group = lambda: print('∞ × Å – 木')\nmain.main()\n"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "inf x A - ?\n")
    done = subprocess.run(
        [EXECUTABLE, "evaluate", "model.npz", "test.xyz"], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "test.xyz" in done.stdout


# --------------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--seed", "-1"), "Invalid value for '--seed'"),
        (("--upper", "nan"), "expected a finite number, got nan"),
        (("--upper", "-1"), "Invalid value for '--upper'"),
        (
            ("--supercell", "100000", "100000", "100000"),
            "supercell: expected at most 1000000 cells, got 100000 x 100000 x 100000",
        ),
        (("--supercell", "100", "100", "100"), "expected a structure of at most 1000000 atoms, got 4000000"),
        (("--supercell", "0", "1", "1"), "supercell.0: expected greater than or equal to 1"),
        (("-s", "snapshots=-1"), "snapshots: expected greater than"),
        (("-s", "snapshots=1e400"), "'1e400' is too large for a number"),
        (("-s", f"snapshots={'9' * 5000}"), "--set snapshots: expected a YAML value"),
        (("-s", f"snapshots={'9' * 4000}"), "snapshots: expected less than"),
        (("-s", "snapshots=true"), "snapshots: expected a valid number"),
        (("-s", f"snapshots={'[' * 10**5}"), "--set snapshots: expected at most 50 levels"),
        (("-s", f"{'a.' * 10**4}a=1"), "--set: expected a key such as fit.terms"),
        (("-s", "snapshots=010"), "'010' may be one number or another"),
        (("-b", "miller=[1, 0, 100000]"), "miller.2: expected less than"),
    ],
)
def test_numbers_out_of_range_are_one_sentence(options, says, run):
    done = run("sample", "rattle", "zno-wurtzite", "-o", "a.npz", *options)
    assert done.status == 2
    assert says in done.err
    assert len(done.err) < 500
    assert "Traceback" not in done.err
