"""Calculators by name, and the labelling of frames with them."""

from alworkflows.calculators.base import Engine, Remedy, Work
from alworkflows.calculators.deadline import LabelDeadline
from alworkflows.calculators.engines import ENGINES
from alworkflows.calculators.factory import available, check_frames, configured, create, describe, parameters, remedies
from alworkflows.calculators.failures import FailureKind, LabelError, classify
from alworkflows.calculators.label import label_frame
from alworkflows.calculators.run import LabelReport, label, run_labels

__all__ = [
    "ENGINES",
    "Engine",
    "FailureKind",
    "LabelDeadline",
    "LabelError",
    "LabelReport",
    "Remedy",
    "Work",
    "available",
    "check_frames",
    "classify",
    "configured",
    "create",
    "describe",
    "label",
    "label_frame",
    "parameters",
    "remedies",
    "run_labels",
]
