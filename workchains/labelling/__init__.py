"""Labelling: one contract, one module an engine."""

from workchains.labelling.engines import ENGINES, LabelEngine, engine
from workchains.labelling.workchain import LabelWorkChain

__all__ = ["ENGINES", "LabelEngine", "LabelWorkChain", "engine"]
