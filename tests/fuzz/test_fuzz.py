"""Some spoiled files of each format, always the same ones; ``make fuzz`` tries others for as long as one likes."""

import pytest

from fuzz.__main__ import spoil_all
from fuzz.formats import FORMATS
from fuzz.trial import trial

ROUNDS = {"lammps-plip": 60}


@pytest.mark.parametrize("name", list(FORMATS))
def test_spoiled_files_end_in_a_result_or_a_sentence(name, tmp_path):
    endings, wrong = spoil_all([name], 1, tmp_path, rounds=ROUNDS.get(name, 30))
    assert not wrong, "\n\n".join(f"{path}:\n{said}" for path, said in wrong.items())
    assert min(endings[name][ending] for ending in ("result", "refused")) > 0  # else they were spoiled too little, or too much


def _boundless(path):
    list(range(10**10))


def _killed(path):
    import ctypes

    ctypes.string_at(1)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda path: None, "result"),
        (_killed, "killed by SIGSEGV"),
        (_boundless, "MemoryError"),
        (lambda path: {}["x"], "KeyError: 'x'"),
    ],
)
def test_a_trial_says_how_it_ended(use, said, tmp_path):
    assert said in trial(use, tmp_path)


def test_a_trial_without_end_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr("fuzz.trial.SECONDS", 1)

    def endless(path):
        while True:
            pass

    assert trial(endless, tmp_path) == "more than 1 s"
