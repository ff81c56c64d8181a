"""Every calculator a campaign may name, each in a line; their parameters, and how each is made, are in the modules beside.

A new one is a class of parameters with a ``make`` method, and a line here. Nothing is imported until it is made.
"""

from __future__ import annotations

from alworkflows.calculators.any_ase import AnyAse
from alworkflows.calculators.contract import CalculatorParameters
from alworkflows.calculators.cp2k import Cp2k
from alworkflows.calculators.gpaw import Gpaw
from alworkflows.calculators.pretrained import Chgnet, EnsembleMean, Mace, Sevennet
from alworkflows.calculators.tight_binding import Tblite
from alworkflows.calculators.trials import Classical, Emt, LennardJones, Morse

__all__ = ["CALCULATORS", "CalculatorParameters"]

CALCULATORS: dict[str, type[CalculatorParameters]] = {
    "ase": AnyAse,
    "chgnet": Chgnet,
    "classical": Classical,
    "cp2k": Cp2k,
    "emt": Emt,
    "ensemble": EnsembleMean,
    "gpaw": Gpaw,
    "lennard-jones": LennardJones,
    "mace": Mace,
    "morse": Morse,
    "sevennet": Sevennet,
    "tblite": Tblite,
}
