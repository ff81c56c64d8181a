"""How an iteration, and with it the campaign, may end early: statuses and messages, each written once."""

from __future__ import annotations

from aiida.engine.processes.workchains.workchain import WorkChainSpec

from workchains.processes.exit_statuses import CampaignStatus, declare

__all__ = ["OF_CAMPAIGN", "OF_GIVEN", "OF_ITERATION", "declare_exit_codes"]

#: of an iteration; a campaign that one of them ended ends with the same
OF_ITERATION = (
    (CampaignStatus.SAMPLING_FAILED, "stage {stage}: sampling failed: {message}"),
    (CampaignStatus.NO_CANDIDATES, "stage {stage}: none of {total} candidates may be labelled; see the selection's counts"),
    (CampaignStatus.DEVIATION_FAILED, "stage {stage}: describing the candidates failed: {message}"),
    (CampaignStatus.ALL_LABELS_FAILED, "stage {stage}: all labels failed: {message}"),
    (CampaignStatus.TRAINING_FAILED, "stage {stage}: training failed: {message}"),
    (CampaignStatus.SELECTION_FAILED, "stage {stage}: choosing frames failed: {message}"),
    (
        CampaignStatus.BEYOND_TRUST,
        "stage {stage}: on all {total} candidates the ensemble disagrees by more than the upper trust level of {upper} eV/A; "
        "raise selection.levels.upper, or give levels of kind absolute",
    ),
    (CampaignStatus.TOO_MANY_LABELS_FAILED, "stage {stage}: too many labels failed: {message}"),
    (CampaignStatus.COMMITTEE_TOO_SMALL, "the ensemble would have too few members to disagree: {message}"),
    (CampaignStatus.LABELLING_FAILED, "stage {stage}: labelling failed: {message}"),
    (CampaignStatus.LEVELS_UNUSABLE, "stage {stage}: the trust levels cannot be used: {message}"),
    (CampaignStatus.DECISION_FAILED, "stage {stage}: deciding whether it converged failed: {message}"),
    (CampaignStatus.STOPPED, "stage {stage}: stopped as asked, with {labels} labels; what was in flight was waited for"),
    (CampaignStatus.NOT_APPROVED, "stage {stage}: {labels} labels were not approved"),
)

_OF_CAMPAIGN = (
    (CampaignStatus.STRUCTURES_REFUSED, "the starting structures cannot be used: {message}"),
    (CampaignStatus.EVALUATION_FAILED, "evaluating the ensembles failed: {message}"),
    (CampaignStatus.ITERATION_FAILED, "{what} broke off: {message}"),
    (CampaignStatus.BUDGET_EXHAUSTED, "stage {stage}: the budget is used up: {used}"),
    (CampaignStatus.NOT_CONVERGED, "all stages are done with {labels} labels, but not all converged: {stages}"),
    (CampaignStatus.TIME_USED_UP, "stage {stage}: the {hours} hours given to it are over, with {labels} labels"),
)

_GIVEN_DATA_REFUSED = (CampaignStatus.GIVEN_DATA_REFUSED, "the labelled frames to begin with cannot be used: {source}: {message}")
#: of a campaign alone
OF_CAMPAIGN = (*_OF_CAMPAIGN, _GIVEN_DATA_REFUSED)
#: of what a campaign does with given data
OF_GIVEN = (
    _GIVEN_DATA_REFUSED,
    *(
        (status, message)
        for status, message in OF_ITERATION
        if status in (CampaignStatus.TRAINING_FAILED, CampaignStatus.COMMITTEE_TOO_SMALL, CampaignStatus.STOPPED)
    ),
)


def declare_exit_codes(spec: WorkChainSpec, codes: tuple[tuple[CampaignStatus, str], ...]) -> None:
    """Declare exit codes, none of which may be taken from the cache."""
    for status, message in codes:
        declare(spec, status, message)
