"""Monitors name what ended a run, with the numbers."""

import numpy as np
import pytest

from alworkflows.simulation.monitors import DISAGREEMENT, EXPLODED, DisagreementMonitor, ExplosionMonitor
from alworkflows.structures import crystal


class Members:
    def __init__(self, *values):
        self.values = np.array(values)

    def disagreement(self, atoms):
        return self.values


@pytest.fixture
def explosion():
    return ExplosionMonitor(hottest=4.0, shortest=0.55)


@pytest.mark.parametrize(
    ("kinetic", "message"),
    [(1201.0, "kinetic temperature 1201 K is above 4 times the target of 300 K"), (np.nan, "not finite"), (np.inf, "not finite")],
)
def test_too_hot(explosion, kinetic, message):
    stop = explosion.hot(kinetic, 300.0)
    assert stop.reason == EXPLODED
    assert message in stop.message


def test_warm_and_whole_goes_on(explosion):
    assert explosion.hot(1199.0, 300.0) is None
    assert explosion.fused(crystal("zno-wurtzite")) is None


def test_fused(explosion):
    atoms = crystal("zno-wurtzite")
    atoms.positions[2] = atoms.positions[0] + [0.0, 0.0, 1.0]
    stop = explosion.fused(atoms)
    assert stop.reason == EXPLODED
    assert "atoms 0 (Zn) and 2 (O) are 1.000 A apart" in stop.message
    atoms.positions[0] = np.nan
    assert explosion.fused(atoms).message == "positions are not finite"


def test_disagreement_is_the_largest_over_atoms():
    value, stop = DisagreementMonitor(Members(0.1, 0.9, 0.2), 1.0).look(crystal("zno-wurtzite"))
    assert (value, stop) == (0.9, None)
    value, stop = DisagreementMonitor(Members(0.1, 0.9, 0.2), 0.8).look(crystal("zno-wurtzite"))
    assert stop.reason == DISAGREEMENT
    assert "disagrees by 0.9 eV/A, above the upper level" in stop.message
    assert DisagreementMonitor(Members(0.1, np.nan), 0.8).look(crystal("zno-wurtzite"))[1].reason == DISAGREEMENT
