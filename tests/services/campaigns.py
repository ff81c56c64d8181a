"""Campaigns for the tests on services, and what they left in the database."""

import re
import time
from pathlib import Path

__all__ = ["JOBS", "SMALL", "TINY", "ask", "launch"]

#: of every part one, as small as it goes
TINY = (Path(__file__).parents[1] / "integration" / "campaign.yaml").read_text()

#: one stage: sample, label, fit
SMALL = """\
name: small
description: one stage
seed: 7
species: [Zn, O]
structures:
  zincblende: {prototype: zno-zincblende, supercell: [2, 1, 1]}
stages:
  - name: melt
    sampler: {name: melt, temperature: [300, 3000], duration: 1 ps, snapshots: 12}
    structures: [zincblende]
    budget: 8
model:
  descriptors: {functions: [{family: gaussian, centres: [1.0, 2.0, 3.0, 4.0, 5.0], widths: [1.0]}], l: [0, 1, 2, 3], m: [4]}
  fit: {max_terms: 40}
label: {chunk: 20}
selection: {test_share: 0.2}
"""

#: prints every job: what it was, where it ran, how it ended
JOBS = """
from aiida.orm import CalcJobNode, QueryBuilder
print(json.dumps([
    dict(label=node.process_label, id=node.get_job_id(), status=node.exit_status,
         scheduler=node.computer.scheduler_type, transport=node.computer.transport_type)
    for node in QueryBuilder().append(CalcJobNode).all(flat=True)
]))
"""


def launch(shell, text):
    """Run a campaign to its end, and return its PK and the seconds it took."""
    (shell.folder / "campaign.yaml").write_text(text)
    start = time.monotonic()
    told = shell("launch", "campaign.yaml", "--wait")
    return int(re.search(r"\b(?:PK|pk)\D{0,3}(\d+)", told).group(1)), time.monotonic() - start


def ask(shell, code, **values):
    """Run a piece of Python with these variables and the profile loaded; it prints JSON."""
    return shell.python("".join(f"{name} = {value!r}\n" for name, value in values.items()) + code)
