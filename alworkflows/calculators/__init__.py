"""Calculators by name, and the labelling of frames with them."""

from alworkflows.calculators.engines import ENGINES
from alworkflows.calculators.factory import available, create, describe, parameters
from alworkflows.calculators.label import label, label_frame

__all__ = ["ENGINES", "available", "create", "describe", "label", "label_frame", "parameters"]
