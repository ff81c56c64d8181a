"""Classical pair potentials: published parameters by name, or the user's own."""

from alworkflows.potentials.forms import AnyPotential, BuckinghamCoulomb, LennardJones, Morse, PairPotential
from alworkflows.potentials.published import PUBLISHED, resolve

__all__ = ["PUBLISHED", "AnyPotential", "BuckinghamCoulomb", "LennardJones", "Morse", "PairPotential", "resolve"]
