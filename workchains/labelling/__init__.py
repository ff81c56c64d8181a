"""Labelling: one contract, one module an engine."""

from workchains.labelling.chain import LabelWorkChain
from workchains.labelling.contract import ENGINES, LabelEngine, engine

__all__ = ["ENGINES", "LabelEngine", "LabelWorkChain", "engine"]
