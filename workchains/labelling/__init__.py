"""Labelling: one contract, and the programs that keep it."""

from workchains.labelling.chain import LabelWorkChain
from workchains.labelling.contract import LABEL_PROGRAMS, LabelProgram, label_program

__all__ = ["LABEL_PROGRAMS", "LabelProgram", "LabelWorkChain", "label_program"]
