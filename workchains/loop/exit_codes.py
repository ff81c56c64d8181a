"""How an iteration, and with it the campaign, may end early: statuses, labels and messages, each written once."""

from __future__ import annotations

from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ["OF_CAMPAIGN", "OF_GIVEN", "OF_ITERATION", "declare_exit_codes"]

#: of an iteration; a campaign that one of them ended ends with the same
OF_ITERATION = (
    (410, "ERROR_SAMPLING_FAILED", "stage {stage}: sampling failed: {message}"),
    (411, "ERROR_NO_CANDIDATES", "stage {stage}: none of {total} candidates may be labelled; see the selection's counts"),
    (412, "ERROR_DEVIATION_FAILED", "stage {stage}: describing the candidates failed: {message}"),
    (413, "ERROR_ALL_LABELS_FAILED", "stage {stage}: all labels failed: {message}"),
    (414, "ERROR_TRAINING_FAILED", "stage {stage}: training failed: {message}"),
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
    (702, "WARNING_STOPPED", "stage {stage}: stopped as asked, with {labels} labels; what was in flight was waited for"),
    (703, "WARNING_NOT_APPROVED", "stage {stage}: {labels} labels were not approved"),
)

_OF_CAMPAIGN = (
    (201, "ERROR_STRUCTURES_REFUSED", "the starting structures cannot be used: {message}"),
    (415, "ERROR_EVALUATION_FAILED", "judging the ensembles failed: {message}"),
    (424, "ERROR_ITERATION_FAILED", "{what} broke off: {message}"),
    (701, "WARNING_BUDGET_EXHAUSTED", "stage {stage}: the budget is used up: {used}"),
    (704, "WARNING_NOT_CONVERGED", "all stages are done with {labels} labels, but not all converged: {stages}"),
    (705, "WARNING_TIME_USED_UP", "stage {stage}: the {hours} hours given to it are over, with {labels} labels"),
)

_GIVEN_DATA_REFUSED = (422, "ERROR_GIVEN_DATA_REFUSED", "the labelled frames to begin with cannot be used: {source}: {message}")
#: of a campaign alone
OF_CAMPAIGN = (*_OF_CAMPAIGN, _GIVEN_DATA_REFUSED)
#: of what a campaign does with given data
OF_GIVEN = (_GIVEN_DATA_REFUSED, *(code for code in OF_ITERATION if code[0] in (414, 419, 702)))


def declare_exit_codes(spec: WorkChainSpec, codes: tuple[tuple[int, str, str], ...]) -> None:
    """Declare exit codes, none of which may be taken from the cache."""
    for status, label, message in codes:
        spec.exit_code(status, label, message=message, invalidates_cache=True)
