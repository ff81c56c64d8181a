"""What may still be spent."""

import pytest

from alworkflows.settings import Budget
from workchains.loop.budget import Spent, labels_left, what_is_used_up


@pytest.mark.parametrize(
    ("budget", "spent", "said"),
    [
        ({}, Spent(10**6, 10**6, 1.0, 1e6), None),
        ({"labels": 10}, Spent(9, 0.0, None, 0.0), None),
        ({"labels": 10}, Spent(10, 0.0, None, 0.0), "10 labels of 10"),
        ({"core_hours": 2.5}, Spent(0, 2.6, None, 0.0), "2.6 core-hours of 2.5"),
    ],
)
def test_what_is_used_up(budget, spent, said):
    assert what_is_used_up(Budget(**budget), spent) == said


@pytest.mark.parametrize(
    ("budget", "spent", "each", "left"),
    [
        ({}, Spent(5, 0.0, None, 0.0), None, 40),
        ({"labels": 30}, Spent(5, 0.0, None, 0.0), None, 25),
        ({"core_hours": 3.0}, Spent(5, 1.0, 0.3, 0.0), None, 6),
        ({"core_hours": 3.0}, Spent(0, 1.0, None, 0.0), None, 40),
        ({"core_hours": 3.0}, Spent(5, 4.0, 0.3, 0.0), None, 0),
        ({}, Spent(5, 1.0, 0.3, 0.0), 1.0, 3),
    ],
)
def test_labels_left(budget, spent, each, left):
    assert labels_left(40, Budget(**budget), spent, each) == left
