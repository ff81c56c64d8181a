import numpy as np
import pytest
from ase.constraints import FixAtoms

from alworkflows import frames as fr
from alworkflows.cli.convert import FORMATS
from alworkflows.frames import writing


def test_the_formats_are_those_that_are_written():
    # listed twice, since the command's help is told without loading numpy
    assert FORMATS == writing.FORMATS


@pytest.mark.parametrize(
    ("output", "options"), [("o.xyz", ()), ("o.xyz", ("--keys", "REF")), ("o.npz", ()), ("o.cfg", ()), ("o", ("--to", "deepmd"))]
)
def test_convert_writes_what_is_read_back(run, files, output, options):
    done = run("convert", files / "frames.npz", "-o", output, *options)
    assert done.status == 0, done.err
    assert done.out == f"{output}: 24 frames from 1 file\n"
    given, read = fr.read(files / "frames.npz"), fr.read(output)
    if output == "o":
        # frames of the same atoms lie together there
        given.sort(key=lambda frame: fr.labels(frame).energy)
        read.sort(key=lambda frame: fr.labels(frame).energy)
    for frame, expected in zip(read, given, strict=True):
        np.testing.assert_allclose(fr.labels(frame).forces, fr.labels(expected).forces, rtol=0, atol=1e-12)
        assert fr.frame_id(frame) == fr.frame_id(expected)


def test_keys_are_those_of_other_programs(run, files, tmp_path):
    assert run("convert", files / "frames.npz", "-o", "o.xyz", "--keys", "REF").status == 0
    header = (tmp_path / "o.xyz").read_text().splitlines()[1]
    assert ":REF_forces:R:3" in header
    assert "REF_energy=" in header
    assert " energy=" not in header


def test_what_a_format_has_no_place_for_is_told(run, files, tmp_path):
    frame = fr.read(files / "frames.npz")[0]
    frame.set_constraint(FixAtoms([0]))
    fr.write(tmp_path / "held.xyz", [frame])
    done = run("convert", "held.xyz", "-o", "o.cfg")
    assert done.status == 0, done.err
    assert "note: mtp-cfg has no place for fixed: left behind" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("o.npz", "-o", "o.npz", "--overwrite"), "is one of the files that are read"),
        (("o.npz", "-o", "there.xyz"), "there.xyz: exists; add --overwrite"),
        (("o.npz", "-o", "folder", "--to", "deepmd"), "written as a new one"),
        (("o.npz", "-o", "o.cfg", "--keys", "REF"), "only extended XYZ has keys"),
        (("none.xyz", "-o", "o.cfg"), "none.xyz: no such file"),
    ],
)
def test_convert_refuses(run, files, tmp_path, arguments, words):
    fr.write(tmp_path / "o.npz", fr.read(files / "frames.npz"))
    (tmp_path / "there.xyz").touch()
    (tmp_path / "folder").mkdir()
    done = run("convert", *arguments)
    assert done.status == 2
    assert words in done.err
    assert not list(tmp_path.glob("*.part"))
