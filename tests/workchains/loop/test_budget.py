"""What may still be spent."""

import pytest

from alworkflows.settings import Budget
from workchains.loop.budget import Spent, most_labels, share_out, what_is_used_up


@pytest.mark.parametrize(
    ("budget", "spent", "said"),
    [
        ({}, Spent(10**6, 10**6, 1.0, 1e6), None),
        ({"labels": 10}, Spent(9, 0.0, None, 0.0), None),
        ({"labels": 10}, Spent(10, 0.0, None, 0.0), "10 labels of 10"),
        ({"core_hours": 2.5}, Spent(0, 2.6, None, 0.0), "2.6 core-hours of 2.5"),
        ({"core_hours": 2.5}, Spent(5, 2.4, 0.2, 0.0), "a label takes 0.2 core-hours, and 0.1 are left for it"),
    ],
)
def test_what_is_used_up(budget, spent, said):
    assert what_is_used_up(Budget(**budget), spent) == said


def test_a_label_that_takes_more_than_an_iteration_may_is_not_waited_for():
    assert what_is_used_up(Budget(), Spent(5, 2.4, 0.2, 0.0), 1.0) is None
    assert "0.1 are left" in what_is_used_up(Budget(), Spent(5, 2.4, 0.2, 0.0), 0.1)


@pytest.mark.parametrize(
    ("budget", "spent", "each", "left"),
    [
        ({}, Spent(5, 0.0, None, 0.0), None, None),
        ({"labels": 30}, Spent(5, 0.0, None, 0.0), None, 25),
        ({"core_hours": 3.0}, Spent(5, 1.0, 0.3, 0.0), None, 6),
        ({"core_hours": 3.0}, Spent(0, 1.0, None, 0.0), None, None),
        ({"core_hours": 3.0}, Spent(5, 4.0, 0.3, 0.0), None, 0),
        ({}, Spent(5, 1.0, 0.3, 0.0), 1.0, 3),
        ({"labels": 7, "core_hours": 3.0}, Spent(5, 1.0, 0.3, 0.0), 1.0, 2),
        ({"labels": 5}, Spent(9, 0.0, None, 0.0), None, 0),
    ],
)
def test_the_most_labels_that_may_be_bought(budget, spent, each, left):
    assert most_labels(Budget(**budget), spent, each) == left


@pytest.mark.parametrize(
    ("most", "wanted", "share", "expected"),
    [
        (40, 20, 0.2, (20, 0.2)),  # both are paid for
        (10, 30, 0.2, (8, 0.02)),
        (3, 30, 0.2, (3, 0.0)),
        (10, 8, 0.03, (8, 0.02)),  # one test frame less
        (6, 0, 0.2, (0, 0.06)),  # a transfer set: all of it is drawn at random
        (0, 30, 0.2, (0, 0.0)),
    ],
)
def test_what_there_is_goes_to_training_and_test_frames(most, wanted, share, expected):
    """Of 100 candidates: a fifth at most goes to test frames where they must be cut."""
    chosen, tests = share_out(most, wanted, share, 100)
    assert (chosen, tests) == pytest.approx(expected)
    assert chosen + round(tests * 100) <= most
