"""What a compute node runs: ``alworkflows run VERB input.json``.

A job's folder holds ``input.json`` and the files it names; the verb writes ``output.json`` and its own files there. What the two
hold is a class of :mod:`.specs` and one of :mod:`.results`, which whoever prepares and collects a job imports too. Each verb is a
module ``run_*`` with a function ``run(spec, folder)`` that returns its result. An :class:`~alworkflows.errors.InputError` is
reported in ``output.json`` under ``error`` (exit status 2); anything else that goes wrong leaves a traceback (exit status 1).

A verb may be given ``max_seconds``, its walltime. One that cannot end in time stops before, keeps what is needed to go on in the
folder ``checkpoint``, and says ``out_of_time`` in its result; the same verb on the same input, with that folder, goes on from it.
"""

from alworkflows.jobs.runner import run
from alworkflows.jobs.verbs import VERBS, Verb, read_result

__all__ = ["VERBS", "Verb", "read_result", "run"]
