"""What goes into a campaign and what comes out: ports, their checks, and the exit codes of :class:`ActiveLearningWorkChain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode

from alworkflows.errors import InputError
from alworkflows.settings import Campaign, parse
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.labelling import engine

__all__ = ["EXIT_CODES", "STEPS", "declare"]

#: steps that run jobs, each with options of its own
STEPS = ("sample", "deviate", "label", "fit", "evaluate")

EXIT_CODES = (
    (201, "ERROR_STRUCTURES_REFUSED", "the starting structures cannot be used: {message}"),
    (410, "ERROR_SAMPLING_FAILED", "stage {stage}: sampling failed: {message}"),
    (411, "ERROR_NO_CANDIDATES", "stage {stage}: none of {total} candidates may be labelled; see the selection's counts"),
    (412, "ERROR_DEVIATION_FAILED", "stage {stage}: describing the candidates failed: {message}"),
    (413, "ERROR_LABELLING_FAILED", "stage {stage}: labelling failed: {message}"),
    (414, "ERROR_TRAINING_FAILED", "stage {stage}: training failed: {message}"),
    (416, "ERROR_SELECTION_FAILED", "stage {stage}: choosing frames failed: {message}"),
    (
        417,
        "ERROR_BEYOND_TRUST",
        "stage {stage}: on all {total} candidates the ensemble disagrees by more than the upper trust level of {upper} eV/A; "
        "raise selection.levels.upper, or give levels of kind absolute",
    ),
    (415, "ERROR_EVALUATION_FAILED", "judging the ensembles failed: {message}"),
    (701, "WARNING_BUDGET_EXHAUSTED", "stage {stage}: the budget of {limit} labels is used up ({paid} paid)"),
    (702, "WARNING_STOPPED", "stage {stage}: stopped as asked, with {labels} labels; what was in flight was waited for"),
    (703, "WARNING_NOT_APPROVED", "stage {stage}: {labels} labels were not approved"),
)


def declare(spec: WorkChainSpec) -> None:
    """Declare inputs, outputs and exit codes."""
    spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
    spec.input("label_code", valid_type=InstalledCode, required=False, help="the program that labels; default: code")
    spec.input("campaign", valid_type=Dict, validator=validate_campaign, help="the whole campaign file, protocol merged")
    spec.input_namespace("files", valid_type=FramesData, dynamic=True, required=False, help="structures read from files, by name")
    spec.input(
        "options",
        valid_type=Dict,
        default=lambda: Dict({}),
        validator=validate_options,
        help="metadata.options per step, laid over those of the machine",
    )
    spec.output("structures", valid_type=FramesData, required=False, help="starting structures")
    spec.output("ensemble", valid_type=EnsembleData, required=False, help="the last ensemble")
    spec.output_namespace("candidates", valid_type=FramesData, dynamic=True, help="what was sampled, by iteration")
    spec.output_namespace("batches", valid_type=FramesData, dynamic=True, help="labelled frames to train on, by iteration")
    spec.output_namespace("tests", valid_type=FramesData, dynamic=True, help="labelled random frames, never trained on")
    spec.output_namespace("transfers", valid_type=FramesData, dynamic=True, help="labelled frames of transfer sets")
    spec.output_namespace("selections", valid_type=Dict, dynamic=True, help="counts, levels (eV/A) and reasons, by iteration")
    spec.output_namespace("failures", valid_type=Dict, dynamic=True, help="frames without a label and why, by iteration")
    spec.output_namespace("ensembles", valid_type=EnsembleData, dynamic=True, help="fitted ensembles, by iteration")
    spec.output_namespace("reports", valid_type=Dict, dynamic=True, help="reports of the fits, by iteration")
    spec.output("evaluation", valid_type=Dict, required=False, help="errors of every ensemble on the final test set, per stage")
    for status, label, message in EXIT_CODES:
        spec.exit_code(status, label, message=message, invalidates_cache=True)


def validate_campaign(value: Dict, _: Any) -> str | None:
    """Refuse a campaign that the schema does not know, or that names a sampler or an engine that does not exist."""
    try:
        settings = parse(Campaign, value.get_dict(), "campaign").label
        engine(settings.engine)(settings).check([])
    except InputError as error:
        return str(error)
    return None


def validate_options(value: Dict, _: Any) -> str | None:
    """Refuse options of a step that does not exist."""
    wrong = [key for key, options in value.get_dict().items() if key not in STEPS or not isinstance(options, Mapping)]
    return f"expected options by step ({', '.join(STEPS)}), got {', '.join(wrong)}" if wrong else None
