"""Programs that give energies and forces, by name: how each is made, what defines its labels, what helps when it fails."""

from alworkflows.calculators.contract import Engine, Remedy, Work
from alworkflows.calculators.factory import available, check_frames, configured, create, describe, parameters, remedies
from alworkflows.calculators.failures import FailureKind, LabelError, classify
from alworkflows.calculators.registry import ENGINES

__all__ = [
    "ENGINES",
    "Engine",
    "FailureKind",
    "LabelError",
    "Remedy",
    "Work",
    "available",
    "check_frames",
    "classify",
    "configured",
    "create",
    "describe",
    "parameters",
    "remedies",
]
