"""Classical pair potentials: published parameters by name, or the user's own."""

from alworkflows.potentials.forms import STYLES, BuckinghamCoulomb, LennardJones, Mixed, Morse, PairPotential
from alworkflows.potentials.published import PUBLISHED, resolve

__all__ = ["PUBLISHED", "STYLES", "BuckinghamCoulomb", "LennardJones", "Mixed", "Morse", "PairPotential", "resolve"]
