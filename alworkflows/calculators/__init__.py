"""Programs that give energies and forces, by name: how each is made, what defines its labels, what helps when it fails."""

from alworkflows.calculators.contract import CalculatorParameters, Remedy, Work
from alworkflows.calculators.factory import available, check_frames, configured, create, describe, parameters, remedies
from alworkflows.calculators.failures import FailureKind, LabelError, classify
from alworkflows.calculators.permission import permit, refuse_written, with_permission
from alworkflows.calculators.registry import CALCULATORS

__all__ = [
    "CALCULATORS",
    "CalculatorParameters",
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
    "permit",
    "refuse_written",
    "remedies",
    "with_permission",
]
