"""What goes into a campaign and what comes out: ports, their checks, and the exit codes of :class:`ActiveLearningWorkChain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import ArrayData, Data, Dict, InstalledCode

from alworkflows.errors import InputError
from alworkflows.settings import Campaign, parse
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.labelling import engine
from workchains.loop.state import KEPT

__all__ = ["EXIT_CODES", "STEPS", "declare"]

#: what each iteration makes: its type, and what it is
MADE: dict[str, tuple[type[Data], str]] = {
    "batches": (FramesData, "labelled frames to train on"),
    "tests": (FramesData, "labelled random frames, never trained on"),
    "transfers": (FramesData, "labelled frames of transfer sets"),
    "ensembles": (EnsembleData, "fitted ensembles"),
    "reports": (Dict, "reports of the fits"),
    "selections": (Dict, "counts, levels (eV/A) and reasons"),
    "fingerprints": (ArrayData, "of the frames to train on, and the ids of all that were chosen"),
    "decisions": (Dict, "has the stage converged, and why"),
    "levels": (Dict, "trust levels and their calibration"),
    "candidates": (FramesData, "what was sampled"),
    "failures": (Dict, "frames without a label, and why"),
}

#: steps that run jobs, each with options of its own
STEPS = ("sample", "describe", "label", "fit", "evaluate")

EXIT_CODES = (
    (201, "ERROR_STRUCTURES_REFUSED", "the starting structures cannot be used: {message}"),
    (422, "ERROR_GIVEN_DATA_REFUSED", "the labelled frames to begin with cannot be used: {source}: {message}"),
    (410, "ERROR_SAMPLING_FAILED", "stage {stage}: sampling failed: {message}"),
    (411, "ERROR_NO_CANDIDATES", "stage {stage}: none of {total} candidates may be labelled; see the selection's counts"),
    (412, "ERROR_DEVIATION_FAILED", "stage {stage}: describing the candidates failed: {message}"),
    (413, "ERROR_ALL_LABELS_FAILED", "stage {stage}: all labels failed: {message}"),
    (414, "ERROR_TRAINING_FAILED", "stage {stage}: training failed: {message}"),
    (415, "ERROR_EVALUATION_FAILED", "judging the ensembles failed: {message}"),
    (416, "ERROR_SELECTION_FAILED", "stage {stage}: choosing frames failed: {message}"),
    (
        417,
        "ERROR_BEYOND_TRUST",
        "stage {stage}: on all {total} candidates the ensemble disagrees by more than the upper trust level of {upper} eV/A; "
        "raise selection.levels.upper, or give levels of kind absolute",
    ),
    (418, "ERROR_TOO_MANY_LABELS_FAILED", "stage {stage}: too many labels failed: {message}"),
    (419, "ERROR_COMMITTEE_TOO_SMALL", "the ensemble would have too few members to disagree: {message}"),
    (420, "ERROR_LABELLING_FAILED", "stage {stage}: labelling failed: {message}"),
    (421, "ERROR_LEVELS_UNUSABLE", "stage {stage}: the trust levels cannot be used: {message}"),
    (423, "ERROR_JUDGEMENT_FAILED", "stage {stage}: judging whether it converged failed: {message}"),
    (701, "WARNING_BUDGET_EXHAUSTED", "stage {stage}: the budget is used up: {used}"),
    (702, "WARNING_STOPPED", "stage {stage}: stopped as asked, with {labels} labels; what was in flight was waited for"),
    (703, "WARNING_NOT_APPROVED", "stage {stage}: {labels} labels were not approved"),
    (704, "WARNING_NOT_CONVERGED", "all stages are done with {labels} labels, but not all converged: {stages}"),
    (705, "WARNING_TIME_USED_UP", "stage {stage}: the {hours} hours given to it are over, with {labels} labels"),
)


def declare(spec: WorkChainSpec) -> None:
    """Declare inputs, outputs and exit codes."""
    spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
    spec.input("label_code", valid_type=InstalledCode, required=False, help="the program that labels; default: code")
    spec.input("campaign", valid_type=Dict, validator=validate_campaign, help="the whole campaign file, protocol merged")
    spec.input_namespace("files", valid_type=FramesData, dynamic=True, required=False, help="structures read from files, by name")
    spec.input_namespace("given", valid_type=FramesData, dynamic=True, required=False, help="labelled frames to begin with")
    spec.input("resumed", valid_type=Dict, required=False, help="where the campaign stood that this one goes on from")
    for name in KEPT:
        spec.input_namespace(f"previous.{name}", valid_type=Data, dynamic=True, required=False, help="of its finished iterations")
    spec.input_namespace(
        "unfinished",
        valid_type=Data,
        dynamic=True,
        required=False,
        help="what was chosen in its last iteration, if labels were begun",
    )
    spec.inputs["previous"].required = False
    spec.input(
        "options",
        valid_type=Dict,
        default=lambda: Dict({}),
        validator=validate_options,
        help="metadata.options per step, laid over those of the machine",
    )
    spec.output("structures", valid_type=FramesData, required=False, help="starting structures")
    spec.output("ensemble", valid_type=EnsembleData, required=False, help="the last ensemble")
    for name in KEPT:
        kind, about = MADE[name]
        spec.output_namespace(name, valid_type=kind, dynamic=True, help=f"{about}, by iteration")
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
