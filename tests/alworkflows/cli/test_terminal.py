"""What reaches a terminal: no control character of anybody's names or messages, whoever prints them."""

import io
import os
import pty
import subprocess
import sys

import pytest
from rich.text import Text

from alworkflows.cli import terminal
from alworkflows.cli.output import console, table
from alworkflows.cli.terminal import Guarded, printable, say

#: a colour, a title, a bell, a return to the line's beginning, C1, a turned text, a line end of Unicode, half of a pair
HOSTILE = "a\x1b[31mb\x1b]0;title\x07c\rd\x9b2Je\u202ef\u2028g\udc80\x7f"
SHOWN = r"a\x1b[31mb\x1b]0;title\ac\rd\x9b2Je\u202ef\u2028g\udc80\x7f"


def test_control_characters_are_written_out():
    assert printable(HOSTILE) == SHOWN
    assert printable("Å, é, 氧\n\tb") == "Å, é, 氧\n\tb"
    assert printable("a\nb\tc", lines=False) == r"a\nb\tc"


def test_a_guarded_stream_is_otherwise_the_stream():
    stream = io.StringIO()
    guarded = Guarded(stream)
    assert guarded.write(HOSTILE) == len(HOSTILE)
    guarded.writelines(["\x1b", "x"])
    print("\a", file=guarded)
    assert stream.getvalue() == SHOWN + "\\x1bx\\a\n"
    assert guarded.getvalue() == stream.getvalue()


def test_a_table_keeps_each_cell_to_its_row(capsys):
    console().print(table(["name"], [[f"{HOSTILE}\nerror: all is lost"]], title=HOSTILE))
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\a\r\x9b\u202e")
    assert "error" not in [line.strip()[:5] for line in out.splitlines()]


def test_text_on_a_console_has_no_markup_and_no_control_characters(capsys):
    console().print(Text(HOSTILE), f"[link=http://x]y[/link]{HOSTILE}")
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\a\r\x9b\u202e")
    assert "[link=http://x]" in out


def test_further_lines_of_a_message_are_set_off(capsys):
    say("error: names: got 'a\nerror: something else'", "red", stderr=True)
    assert capsys.readouterr().err == "error: names: got 'a\n  error: something else'\n"


@pytest.mark.parametrize("stderr", [False, True])
def test_the_stream_of_a_console_is_the_one_below(monkeypatch, stderr):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    below = (sys.stdout, sys.stderr)[stderr]
    terminal.guard_streams()
    terminal.guard_streams()
    assert isinstance((sys.stdout, sys.stderr)[stderr], Guarded)
    assert terminal.unguarded(stderr) is below


def on_a_terminal(*command, cwd):
    """Run a program on a terminal, and return what it wrote."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # all that held the other side have closed it
            break
        if not part:
            break
        written += part
    process.wait()
    os.close(ours)
    return written.decode()


EVIL = "\x1b]0;owned\x07\x1b[2J\rok"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "evil.yaml"],
        ["run", f"fit{EVIL}", "input.json"],
        ["run", "label", "input.json"],
        ["fit", f"no{EVIL}.xyz"],
        ["fit", "evil.xyz"],
        ["evaluate", "evil.npz", "evil.xyz"],
        [f"no{EVIL}command"],
    ],
)
def test_what_files_say_never_reaches_a_terminal_as_it_is(tmp_path, arguments):
    (tmp_path / "evil.yaml").write_text(
        'name: "a\\e]0;owned\\a\\e[2J\\rok"\n"k\\e]0;owned\\a\\e[2J\\rok": 1\ndescription: "\\e]0;owned\\a\\e[2J\\rok"\n'
        "species: [Cu]\nstructures: {}\nstages: []\n"
    )
    (tmp_path / "input.json").write_text('{"frames": "\\u001b]0;owned\\u0007", "k\\u001b]0;owned\\u0007": 1}')
    (tmp_path / "evil.xyz").write_text(f'1\nProperties=species:S:1:pos:R:3 config="{EVIL}"\n{EVIL} 0 0 0\n')
    (tmp_path / "evil.npz").write_text(EVIL)
    text = on_a_terminal(sys.executable, "-c", "from alworkflows.cli.main import main; main()", *arguments, cwd=tmp_path)
    assert text.strip()
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b[2J" not in text
    assert "\rok" not in text
