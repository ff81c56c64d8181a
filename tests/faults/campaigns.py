"""The campaign that faults are let loose on, and what is asked of it afterwards."""

import json
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path

from services.machines import write_machine
from shell import EXECUTABLE, set_up

from faults.injector import begun, install, labelled
from faults.killer import Killer

__all__ = ["SMALL", "Bench", "bench", "twice"]

#: two stages, the second driven by the ensemble; one thread a job
SMALL = """\
name: faults
description: two stages, as small as they go
seed: 7
species: [Zn, O]
structures:
  zincblende: {prototype: zno-zincblende, supercell: [2, 1, 1]}
  wurtzite-10-10: {prototype: zno-wurtzite, miller: [1, 0, 0], layers: 3, supercell: [2, 1, 1], vacuum: 10}
stages:
  - name: melt
    sampler: {name: melt, temperature: [300, 3000], duration: 1 ps, snapshots: 16}
    structures: [zincblende]
    iterations: 1
    budget: 8
  - name: surface
    sampler: {name: surface-melt, temperature: [300, 1200], duration: 300, snapshots: 6}
    structures: [wurtzite-10-10]
    iterations: 1
    budget: 3
model:
  descriptors: {functions: [{family: gaussian, centres: [1.0, 2.0, 3.0, 4.0, 5.0], widths: [1.0]}], l: [0, 1, 2, 3], m: [4]}
  fit: {max_terms: 40}
label:
  jobs: 2
  chunk: 4
  calculator:
    name: ase
    parameters:
      class: ase.calculators.lj:LennardJones
      arguments: {sigma: 1.75, epsilon: 0.1, rc: 5.0, smooth: true}
      package: ase
      energy: potential
selection: {levels: {lower: 0.1, upper: 500}, test_share: 0.2}
"""

#: prints what a campaign handed over: a hash of each batch's frames and labels, bit by bit
DATA = """
import hashlib
import numpy as np
from aiida.orm import load_node
from alworkflows.frames import frame_id, labels
node = load_node({pk})
hashes, ids = {{}}, []
for kind in ("batches", "tests"):
    for key, frames in dict(node.outputs[kind] if kind in node.outputs else {{}}).items():
        digest = hashlib.sha256()
        for frame in frames.get_frames():
            found = labels(frame)
            digest.update(frame_id(frame).encode())
            digest.update(np.float64(found.energy).tobytes() + np.asarray(found.forces, dtype=float).tobytes())
            ids.append(frame_id(frame))
        hashes[kind + "." + key] = digest.hexdigest()
print(json.dumps(dict(hashes=hashes, ids=ids, status=node.exit_status, message=node.exit_message)))
"""

#: prints what still looks alive
ALIVE = """
from aiida.orm import ProcessNode, QueryBuilder
query = QueryBuilder().append(ProcessNode, filters={"attributes.process_state": {"!in": ["finished", "excepted", "killed"]}})
print(json.dumps([node.pk for node in query.all(flat=True)]))
"""


class Bench:
    """A machine whose jobs go through the injector, and a killer of what runs there."""

    def __init__(self, shell, machine, folder, work):
        self.shell, self.machine, self.folder, self.work = shell, machine, folder, work
        self.killer = Killer(shell, work)
        self.verdi = EXECUTABLE.with_name("verdi")

    def submit(self, text=SMALL):
        """Launch a campaign and return its PK."""
        (self.shell.folder / "campaign.yaml").write_text(text)
        return json.loads(self.shell("launch", "campaign.yaml", "--json"))["pk"]

    def revive(self):
        """Start the daemon again, as a person would."""
        return self.shell("setup", self.machine)

    def ended(self, pk):
        """Whether a campaign has ended; asked of the database's file, since a Python a look would slow what is looked at."""
        (path,) = self.shell.folder.glob("aiida/.aiida/repository/*/database.sqlite")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            ((text,),) = database.execute("select attributes from db_dbnode where id = ?", (pk,)).fetchall()
        return json.loads(text).get("process_state") in ("finished", "excepted", "killed")

    def wait(self, pk, seconds=600):
        """Wait for a campaign's end; return what it handed over."""
        deadline = time.monotonic() + seconds
        while not self.ended(pk):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the campaign {pk} did not end within {seconds} s:\n{self.shell('status', pk)}")
            time.sleep(0.5)
        return self.data(pk)

    def data(self, pk):
        """Return hashes of batches and tests, the ids of their frames, and how the campaign ended."""
        return self.shell.python(DATA.format(pk=pk))

    def alive(self):
        """Return the PKs of processes that look alive."""
        return self.shell.python(ALIVE)

    def begun(self):
        """Return the jobs that were begun."""
        return begun(self.folder)

    def labelled(self):
        """Return the ids of the frames that were labelled, as often as they were."""
        return labelled(self.folder)

    def resume(self, pk):
        """Go on with a campaign that stopped; return the new one's PK."""
        return json.loads(self.shell("resume", pk, "--json"))["pk"]


def twice(items):
    """Return how many of the items are there again."""
    return len(items) - len(set(items))


@contextmanager
def bench(folder, faults=(), computer=None, work=None, workers=2):
    """Set up a machine of one's own whose jobs meet faults; its daemon is ended on the way out."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(work) if work is not None else folder / "scratch"
    program = install(folder / "injector", EXECUTABLE, faults)
    computer = {"scheduler": "core.direct", "mpirun_command": "", "work_dir": str(work), "max_jobs": 4, **(computer or {})}
    machine = write_machine(
        folder / "machine",
        profile={"daemon_workers": workers},
        computer=computer,
        options={"default": {"walltime": "10 min", "threads": 1}},
        codes={"alworkflows": {"executable": str(program)}},
    )
    with set_up(folder, machine) as shell:
        yield Bench(shell, machine, folder / "injector", work)
