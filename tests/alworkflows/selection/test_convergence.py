"""When a stage has converged: each criterion, their combination, rows of iterations, and the sentences."""

import numpy as np
import pytest
from judged import frame_errors

from alworkflows.selection.convergence import Ending, decide, stage_error
from alworkflows.settings import Convergence


def points(*errors, atoms=4, first=0):
    """What a fit's report says of test frames, from the RMS error of each."""
    return frame_errors([0.1] * len(errors), 3 * np.array(errors), rms_error=errors, atoms=atoms, first=first)


def decided(rule=None, share=0.5, now=None, before=None, labels=10, history=(), iterations=5, tests=("a",)):
    return decide(Convergence(**(rule or {})), share, now or {}, before or {}, tests, labels, history, iterations)


def test_the_error_of_a_stage_weighs_frames_by_their_atoms_and_takes_its_own_only():
    mixed = {"a": points(1.0, 3.0, atoms=[1, 3]), "b": points(100.0)}
    assert stage_error(mixed, ["a"]) == pytest.approx(((1 * 1 + 3 * 9) / 4) ** 0.5)
    assert stage_error(mixed, ["c"]) is None
    assert stage_error(mixed, ["a"], {mixed["a"].id[1]}) == pytest.approx(3.0)


@pytest.mark.parametrize(("share", "converged"), [(0.94, False), (0.95, True), (None, False)])
def test_agreement(share, converged):
    assert decided(share=share).converged is converged


@pytest.mark.parametrize(
    ("combine", "share", "error", "converged"),
    [
        ("all", 0.99, 0.2, False),
        ("all", 0.99, 0.05, True),
        ("any", 0.99, 0.2, True),
        ("any", 0.1, 0.05, True),
        ("any", 0.1, 0.2, False),
    ],
)
def test_criteria_combine(combine, share, error, converged):
    decision = decided({"test_error": 0.1, "combine": combine}, share=share, now={"a": points(error)})
    assert decision.converged is converged
    assert decision.criteria["test_error"]["holds"] is (error < 0.1)


def test_an_error_that_nobody_measured_does_not_hold():
    assert not decided({"accurate_share": None, "test_error": 0.1}, share=1.0).converged


def test_criteria_must_hold_over_iterations_in_a_row():
    rule = {"over": 2}
    first = decided(rule, share=0.99)
    assert first.held
    assert first.ending is None
    second = decided(rule, share=0.97, history=[first.as_dict()])
    assert second.ending is Ending.CONVERGED
    assert "converged over 2 iterations: 97% of the candidates" in second.sentence
    broken = decided(rule, share=0.5, history=[first.as_dict()])
    assert decided(rule, share=0.99, history=[first.as_dict(), broken.as_dict()]).ending is None


def test_the_gain_of_labels_is_measured_on_frames_that_both_fits_know():
    before, now = {"a": points(0.4)}, {"a": points(0.3, 9.0)}
    decision = decided(now=now, before=before, labels=20)
    assert decision.gain == pytest.approx(100 * 0.1 / 20)
    assert decided(now=now, labels=20).gain is None
    assert decided(now=now, before=before, labels=0).gain is None


def test_a_stage_whose_labels_gain_too_little_ends_unconverged():
    before, now = {"a": points(0.400)}, {"a": points(0.399)}
    decision = decided({"least_gain": 0.01}, now=now, before=before, labels=20)
    assert decision.ending is Ending.NO_GAIN
    assert not decision.converged
    assert "more labels gain too little" in decision.sentence
    assert "0.005 eV/A off that error (wanted: at least 0.01)" in decision.sentence
    # one iteration is not two
    assert decided({"least_gain": 0.01, "over": 2}, now=now, before=before, labels=20).ending is None


def test_iterations_that_are_used_up_are_told_from_a_stage_of_one():
    history = [decided().as_dict()] * 4
    assert decided(history=history).ending is Ending.ITERATIONS
    assert decided(share=None, iterations=1).ending is Ending.FIXED
    assert decided(share=0.2, iterations=1).sentence == (
        "not converged after its only iteration: 20% of the candidates are accurate (wanted: 95%)"
    )


def test_a_stage_without_a_criterion_has_its_iterations_for_a_plan_and_says_how_far_it_got():
    rule, now = {"accurate_share": None}, {"a": points(0.123)}
    first = decided(rule, share=0.2, now=now, iterations=2)
    assert first.ending is None
    last = decided(rule, share=0.62, now=now, history=[first.as_dict()], iterations=2)
    assert last.ending is Ending.FIXED
    assert not last.converged
    assert last.sentence == (
        "done: its 2 iterations, as planned: 62% of the candidates are accurate; force error on its test frames 0.123 eV/A"
    )
    # labels that gain nothing end it before
    before = {"a": points(0.1231)}
    assert decided({**rule, "least_gain": 0.01}, now=now, before=before, labels=20).ending is Ending.NO_GAIN
