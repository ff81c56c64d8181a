"""YAML of users: what is too large, too deep or ambiguous is refused at once."""

import os
import threading

import pytest

from alworkflows.errors import InputError
from alworkflows.yaml_text import DEPTH, LARGEST, VALUES, dotted, read_yaml, yaml_value

#: a billion values in nine lines
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 10))


def value(text):
    return yaml_value(text, "--set a", "--set a: not a value")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAUGHS, f"at most {VALUES} values"),
        (MERGED, f"at most {VALUES} values"),
        ("[x, " * 2 + "[" + "x, " * VALUES + "]]]", f"at most {VALUES} values"),
        ("a: &a [*a]", r"the alias \*a stands in what it stands for"),
        ("a: &a {b: {c: *a}}", r"the alias \*a stands in what it stands for"),
        ("[" * 10**5, f"at most {DEPTH} levels"),
        ("{a: " * 10**5, f"at most {DEPTH} levels"),
        ("- " * 10**5, f"at most {DEPTH} levels"),
        ("a: &b [[[[[[[[[[1]]]]]]]]]]\nc: " + "[" * (DEPTH - 5) + "*b" + "]" * (DEPTH - 5), f"at most {DEPTH} levels"),
        ("a" * (LARGEST + 1), "at most 1 MiB of YAML, got more"),
        ("*b", "not a value: found undefined alias"),
        ("9" * 5000, "not a value: Exceeds the limit"),
        ("2026-99-99", "not a value: month must be in"),
        ("010", "'010' may be one number or another"),
        (".5e400", "'.5e400' is too large for a number"),
        ("1e400", "'1e400' is too large for a number"),
        ("-12e45678", "'-12e45678' is too large for a number"),
        ("1:30", "'1:30' may be one number or another"),
        ("-0_17", "'-0_17' may be one number or another"),
        ("1:30.5", "'1:30.5' may be one number or another"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
        ("!!python/name:os.system", "not a value"),
        ("\x00", "not a value"),
        ("--- 1\n--- 2", "not a value: expected a single document"),
        ("{[a]: 1}", "not a value"),
    ],
)
def test_what_nobody_writes_is_refused(text, says):
    with pytest.raises(InputError, match=rf"(?s)--set a: .*{says}"):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("9" * 400, 10**400 - 1),
        ("-5", -5),
        ("0.5", 0.5),
        ("-0.5", -0.5),
        ("0x1f", 31),
        ("1_000", 1000),
        ("1.5e+3", 1500.0),
        ("1e3", 1000.0),
        ("-1E-5", -1e-5),
        ("{a: .5e2}", {"a": 50.0}),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1e3 fs", "1e3 fs"),
        ("'1e3'", "1e3"),
        (".inf", float("inf")),
        ("'010'", "010"),
        ("", None),
        ("a: &a [1, 2]\nb: *a\nc: *a", {"a": [1, 2], "b": [1, 2], "c": [1, 2]}),
        ("a: &a 1\nb: [*a, *a]", {"a": 1, "b": [1, 1]}),
        ("a: &a {x: 1}\nb: {<<: *a, y: 2}", {"a": {"x": 1}, "b": {"x": 1, "y": 2}}),
    ],
)
def test_what_people_write_is_read(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1\r\nb: [1,\r\n 2]\r\n", "a: 1\nb: [1, 2]\n".encode("utf-16")])
def test_marks_of_other_systems_are_no_harm(content, tmp_path):
    (tmp_path / "a.yaml").write_bytes(content)
    assert read_yaml(tmp_path / "a.yaml") == {"a": 1, "b": [1, 2]}


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01\x01\x00\x00", b"PK\x03\x04", b"\xff\xd8\xff\xe0", b"caf\xe9: 1"])
def test_binary_files_are_not_yaml(content, tmp_path):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"(?s)a.yaml: (not valid YAML|expected a mapping)"):
        read_yaml(tmp_path / "a.yaml")


def test_a_large_file_is_not_read_to_its_end():
    with pytest.raises(InputError, match="/dev/zero: expected at most 1 MiB of YAML"):
        read_yaml("/dev/zero")


def test_folders_and_files_that_may_not_be_read_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="expected a file, got a folder"):
        read_yaml(tmp_path)
    (tmp_path / "a.yaml").write_text("")
    with pytest.raises(InputError, match=r"a.yaml/b: cannot be read: Not a directory"):
        read_yaml(tmp_path / "a.yaml" / "b")
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_yaml("a" * 300)

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(InputError, match=r"a.yaml: cannot be read: Permission denied"):
        read_yaml(tmp_path / "a.yaml")


def test_a_pipe_is_read_and_one_that_nobody_writes_to_is_empty(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe: expected a mapping of keys, got nothing: the file is empty"):
        read_yaml(pipe)
    reader, writer = os.pipe()
    thread = threading.Timer(0.1, lambda: (os.write(writer, b"a: 1"), os.close(writer)))
    thread.start()
    assert read_yaml(f"/dev/fd/{reader}") == {"a": 1}
    thread.join()


def test_keys_with_dots():
    assert dotted(" fit.terms ", "--set") == ["fit", "terms"]
    for key in (".", "a..b", ".a", "a.", "a." * 10**5 + "a"):
        with pytest.raises(InputError, match=r"--set: expected a key such as fit.terms, got"):
            dotted(key, "--set")
