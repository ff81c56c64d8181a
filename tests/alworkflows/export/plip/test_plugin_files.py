"""Model files that the plugin for LAMMPS must not follow: numbers that lead beyond its arrays, or ask for all memory."""

import pytest
from fuzz.formats import FORMATS, plugin
from fuzz.trial import trial

FORM = FORMATS["lammps-plip"]


@pytest.fixture(scope="module")
def sound():
    plugin()  # built here, not in each trial's process
    return FORM.sound().decode()


def changed(text, name, change):
    """Return the file with the numbers of one array changed."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[0] == name)
    count = int(lines[start].split()[1])
    end = start + 1 + -(-count // 8)
    values = change(" ".join(lines[start + 1 : end]).split())
    return "\n".join([*lines[:start], f"{name} {len(values)}", " ".join(values), *lines[end:]]) + "\n"


def put(at, value):
    return lambda values: [*values[:at], str(value), *values[at:][1:]]


def test_a_sound_file(sound, tmp_path):
    (tmp_path / "model.plip").write_text(sound)
    assert trial(FORM.use, tmp_path / "model.plip") == "result"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("size", put(5, 8), "its arrays do not belong together"),  # fewer moments than there are
        ("size", put(5, 2**31 - 1), "its arrays do not belong together"),
        ("size", put(5, 10**12), "number 5, 1e[+]12, is no index"),
        ("size", put(1, 2**30), "too large: 1073741824 bins"),
        ("size", put(3, 2**30), "too large"),
        ("size", put(0, -1), "is no index"),
        ("size", put(1, "nan"), "number 1 is not finite"),
        ("range", put(0, 1e12), "expected a cutoff up to 100 A"),
        ("range", put(0, 0.0), "expected a cutoff up to 100 A"),
        ("range", put(1, 50.0), "a switch that rises"),
        ("table", put(7, "inf"), "table: number 7 is not finite"),
        ("place", put(0, 10**6), "its arrays do not belong together"),
        ("place", put(0, 40), "its arrays do not belong together"),  # a row of another centre
        ("column", put(0, 40), "its arrays do not belong together"),
        ("rows", put(1, 60), "its arrays do not belong together"),
        ("power", put(0, 0), "its arrays do not belong together"),
        ("power", put(0, 2**31 - 1), "its arrays do not belong together"),  # a loop of minutes
        ("own", put(-1, 10**9), "its arrays do not belong together"),
        ("slot", put(0, 8), "its arrays do not belong together"),
        ("weight", lambda values: values[:-1], "its arrays do not belong together"),
    ],
)
def test_numbers_that_lead_nowhere(sound, tmp_path, name, change, message):
    path = tmp_path / "model.plip"
    path.write_text(changed(sound, name, change))
    assert trial(FORM.use, path) == "refused"
    with pytest.raises(ValueError, match=message):
        FORM.use(path)


@pytest.mark.parametrize("claimed", ["999999999", "9" * 18, "9" * 30, "-1"])
def test_counts_that_no_file_of_its_size_holds(sound, tmp_path, claimed):
    path = tmp_path / "model.plip"
    path.write_text(sound.replace("\nslots 4\n", f"\nslots {claimed}\n"))
    with pytest.raises(ValueError, match=r"more than a file of its size holds|not a whole model file"):
        FORM.use(path)
