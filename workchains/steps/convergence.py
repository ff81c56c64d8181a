"""``decide_convergence``: has a stage converged, as a step of the record."""

from __future__ import annotations

from aiida.engine import ExitCode, calcfunction
from aiida.orm import Dict

from alworkflows.errors import InputError
from alworkflows.selection.convergence import judge
from alworkflows.settings import Convergence, parse

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
        ``now``, ``before``: reports of the fits of this iteration and of the one before, if there are; ``decision_01``, ...:
        earlier decisions of the stage.
    """
    values = settings.get_dict()
    reports = {
        name: more[name]["test_points"] if name in more and "test_points" in more[name] else {} for name in ("now", "before")
    }
    try:
        decision = judge(
            parse(Convergence, values["convergence"], "convergence"),
            selection["accurate_share"],
            reports["now"],
            reports["before"],
            values["tests"],
            values["labels"],
            [more[name].get_dict() for name in sorted(more) if name.startswith("decision_")],
            values["iterations"],
        )
    except InputError as error:
        return ExitCode(210, str(error))
    about = {name: values[name] for name in ("stage", "stage_iteration", "iteration")}
    return Dict({**about, **decision.as_dict()})
