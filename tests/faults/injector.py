"""The executable of a machine whose jobs go wrong as a plan says: it runs the real one, and does harm before, meanwhile or after.

A plan is a JSON file: ``program`` (the real executable), ``ledger`` (a folder: what was begun and ended is noted there) and
``faults``, each with ``verb``, ``what`` and which jobs it meets: ``nth`` (numbers of jobs of that verb, the first is 1; those
that are run again count) or ``rate`` and ``seed`` (drawn from the content of the frame or of the input, never from a number).

``delay``
    Wait ``seconds`` before the job, drawn from 0 to that.
``die``
    The job ends without a result and without a word, after ``seconds``.
``truncate``, ``garbage``, ``delete``
    The job's ``file`` is cut in half, filled with nonsense, removed, after the job has ended well.
``fail``
    Labels of some frames fail: they are taken out of the job's results, and reported as failures.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

__all__ = ["begun", "draw", "install", "labelled"]


def install(folder, program, faults=()):
    """Write a plan and the program that follows it; return the program's path."""
    folder = Path(folder)
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    plan = {"program": str(program), "ledger": str(folder / "ledger"), "faults": list(faults)}
    (folder / "plan.json").write_text(json.dumps(plan))
    path = folder / "alworkflows"
    given = {"PLAN": str(folder / "plan.json")}
    path.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({__file__!r}, {given!r}, '__main__')\n")
    path.chmod(0o755)
    return path


def begun(folder):
    """Return what was begun: a dictionary a start of a job, with ``verb``, ``content`` (of all its input) and ``folder``."""
    return [json.loads(path.read_text()) for path in sorted(Path(folder, "ledger").glob("*.begun"))]


def labelled(folder):
    """Return the ids of the frames that jobs labelled, as often as they were labelled."""
    ended = [json.loads(path.read_text()) for path in sorted(Path(folder, "ledger").glob("*.ended"))]
    return [identity for item in ended for identity in item["labelled"]]


def draw(seed, text):
    """Return a number from 0 to 1 that follows from a text."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{text}".encode()).digest()[:6], "little") / 2**48


def main():
    plan = json.loads(Path(globals()["PLAN"]).read_text())
    if sys.argv[1:2] != ["run"]:
        os.execv(plan["program"], [plan["program"], *sys.argv[1:]])
    verb, content = sys.argv[2], _content(Path.cwd())
    number, entry = _note(Path(plan["ledger"]), {"verb": verb, "content": content, "folder": os.getcwd()})
    faults = [fault for fault in plan["faults"] if fault["verb"] == verb and _meets(fault, number, content)]
    for fault in faults:
        if fault["what"] == "delay":
            time.sleep(fault["seconds"] * draw(fault.get("seed", 0), content))
    job = subprocess.Popen([plan["program"], *sys.argv[1:]])
    for fault in faults:
        if fault["what"] == "die":
            time.sleep(fault.get("seconds", 1.0))
            job.kill()
    status = job.wait()
    made = _ids(Path("labelled.npz")) if verb == "label" else []
    entry.with_suffix(".ended").write_text(json.dumps({"verb": verb, "content": content, "labelled": made}))
    for fault in faults:
        if fault["what"] in HARM and status == 0:
            HARM[fault["what"]](fault)
    return status


def _content(folder):
    """Return a hash of a job's input; the walltime and the checkpoint it goes on from are no part of it."""
    digest = hashlib.sha256()
    values = json.loads((folder / "input.json").read_text())
    digest.update(json.dumps({name: value for name, value in values.items() if name != "max_seconds"}, sort_keys=True).encode())
    for path in sorted(folder.glob("*.npz")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _note(ledger, values):
    """Note that a job begins; return its number among those of its verb."""
    number = 1
    while True:
        path = ledger / f"{values['verb']}_{number:04d}.begun"
        try:
            with path.open("x") as handle:
                json.dump(values, handle)
            return number, path
        except FileExistsError:
            number += 1


def _meets(fault, number, content):
    if "nth" in fault:
        return number in fault["nth"]
    return fault["what"] in ("fail", "delay") or draw(fault.get("seed", 0), content) < fault.get("rate", 1.0)


def _ids(path):
    from alworkflows import frames

    return [frames.frame_id(frame) for frame in frames.load(path)[0]] if path.exists() else []


# ------------------------------------------------------------------------------------------------ what is done to results


def _truncate(fault):
    path = Path(fault["file"])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _garbage(fault):
    Path(fault["file"]).write_bytes(np.random.default_rng(0).bytes(2000))


def _delete(fault):
    Path(fault["file"]).unlink()


def _fail(fault):
    """Take labels out of the result, as if the calculator had not made them."""
    from alworkflows import frames

    path, report = Path("labelled.npz"), json.loads(Path("output.json").read_text())
    if not path.exists():
        return
    given = {frames.frame_id(frame): index for index, frame in enumerate(frames.load("frames.npz")[0])}
    made, header = frames.load(path)
    kept = [frame for frame in made if draw(fault.get("seed", 0), frames.frame_id(frame)) >= fault["rate"]]
    lost = [frames.frame_id(frame) for frame in made if draw(fault.get("seed", 0), frames.frame_id(frame)) < fault["rate"]]
    reason = {"kind": "convergence", "reason": "on purpose", "seconds": 0.0}
    report["failures"] = [*report["failures"], *({"id": identity, "index": given[identity], **reason} for identity in lost)]
    report["labelled"] = len(kept)
    path.unlink()
    if kept:
        frames.save(path, kept, header)
    Path("output.json").write_text(json.dumps(report))


HARM = {"truncate": _truncate, "garbage": _garbage, "delete": _delete, "fail": _fail}

if __name__ == "__main__":
    sys.exit(main())
