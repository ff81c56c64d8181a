"""``decide_convergence``: has a stage converged, as a step of the record."""

from __future__ import annotations

from aiida.engine import ExitCode, calcfunction
from aiida.orm import Dict

from alworkflows.errors import InputError
from alworkflows.selection.convergence import decide
from alworkflows.settings import Convergence, parse
from workchains.processes.exit_statuses import FunctionStatus
from workchains.steps.trust_levels import errors_on_tests

__all__ = ["decide_convergence"]


@calcfunction
def decide_convergence(selection: Dict, settings: Dict, **more: Dict) -> Dict | ExitCode:
    """Decide about a stage after one of its iterations.

    Parameters
    ----------
    selection
        What was decided about the candidates.
    settings
        ``convergence``, ``iterations``, ``stage`` (name), ``stage_iteration``, ``iteration``, ``tests`` (names of the stage's own
        test batches in the reports), ``labels`` (added to the training set in this iteration).
    more
        ``now``, ``before``: reports of the fits of this iteration and of the one before, if there are; ``decision_000``, ...:
        earlier decisions of the stage.
    """
    values = settings.get_dict()
    try:
        errors = {name: errors_on_tests(more[name].get_dict()) if name in more else {} for name in ("now", "before")}
        decision = decide(
            parse(Convergence, values["convergence"], "convergence"),
            selection["accurate_share"],
            errors["now"],
            errors["before"],
            values["tests"],
            values["labels"],
            [more[name].get_dict() for name in sorted(more) if name.startswith("decision_")],
            values["iterations"],
        )
    except InputError as error:
        return ExitCode(FunctionStatus.INPUT_REFUSED.value, str(error))
    about = {name: values[name] for name in ("stage", "stage_iteration", "iteration")}
    return Dict({**about, **decision.as_dict()})
