"""A batch of 50 frames for VASP, of which 10 fail in five different ways: what was kept, tried again, and given up.

VASP is a stand-in at its file interface (`tests/standins/vasp`), driven by aiida-vasp's work chain through a daemon. The ratio is
of labels that came over frames that do not fail beyond help (44 of 50): 1.0 if nothing was lost but what had to be.
"""

import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from common import arguments, last_line, with_tests

with_tests("standins")

SETTINGS = {
    "engine": "vasp",
    "vasp": {
        "protocol": "pbe",
        "incar": {"ENCUT": 400, "NELM": 60},
        "potential_family": "standin",
        "potential_mapping": {"Mg": "Mg", "O": "O"},
        "stop_margin": 0.5,
    },
    "restarts": 4,
}
#: what two frames each do; the others are well-behaved
WAYS = ("mixing", "slow", "never", "truncated", "crash")
#: of which nothing makes a label
HOPELESS = ("never", "truncated", "crash")


def frames(count):
    from ase.build import bulk

    rattled = []
    for seed in range(count):
        atoms = bulk("MgO", "rocksalt", a=4.21, cubic=True)
        atoms.rattle(0.08, seed=seed)
        rattled.append(atoms[np.random.default_rng(seed).permutation(len(atoms))])
    return rattled


def main():
    from services.machines import write_machine
    from shell import set_up
    from vasp import install, upload_potcars, write_modes

    from workchains.machines.session import activate

    count, ways, each = (4, ("mixing", "crash"), 1) if arguments(__doc__).parse_args().smoke else (50, WAYS, 2)
    configurations, apart = frames(count), count // (2 * len(ways))
    failing = {apart * index + number: way for index, way in enumerate(ways) for number in range(each)}
    modes = {way: [configurations[index] for index, one in failing.items() if one == way] for way in ways}
    sound = count - sum(way in HOPELESS for way in failing.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        executable = install(folder, write_modes(folder / "modes.json", modes))
        computer = {
            "scheduler": "core.direct",
            "mpirun_command": "",
            "max_jobs": 3,
            "transport_config": {"use_login_shell": False},
        }
        options = {"default": {"walltime": "10 min", "threads": 1}, "label": {"walltime": "20 s"}}
        codes = {"vasp": {"executable": str(executable), "with_mpi": False}}
        machine = write_machine(folder / "machine", computer=computer, options=options, codes=codes)
        with set_up(folder, machine) as shell:
            os.environ.update(shell.environment)
            activate()
            upload_potcars(["Mg", "O"])
            node, seconds = run(configurations)
            tell(node, seconds, failing)
            last_line("failing_labels", len(node.outputs.batch) / sound, 2)
            os.chdir("/")


def run(configurations):
    from aiida.engine import submit
    from aiida.orm import Dict

    from alworkflows.settings import LabelSettings, parse
    from workchains.data.frames import FramesData
    from workchains.labelling import LabelWorkChain
    from workchains.machines import load_code

    settings = Dict(parse(LabelSettings, SETTINGS).model_dump(mode="json"))
    start = time.perf_counter()
    node = submit(
        LabelWorkChain, code=load_code(program="vasp"), frames=FramesData.from_frames(configurations), settings=settings
    )
    while not node.is_terminated:
        time.sleep(1)
    return node, time.perf_counter() - start


def tell(node, seconds, ways):
    tally = node.outputs.failures.get_dict()
    jobs = Counter(child.exit_status for child in node.called if child.process_label == "VaspWorkChain")
    count = len(node.inputs.frames)
    print(
        f"{count} frames, {len(ways)} of them failing: {seconds:.0f} s, exit {node.exit_status}, {len(node.outputs.batch)} labels"
    )
    print(
        f"  work chains by exit status: {dict(sorted(jobs.items()))}; recovered {tally['recovered']}, given up {tally['failed']}"
    )
    failed = {item["index"]: item for item in tally["failures"]}
    for index, way in sorted(ways.items()):
        if index in failed:
            tries = " -> ".join(item["remedy"] or "as set" for item in failed[index]["attempts"])
            print(f"  frame {index:2d} ({way}): given up, {failed[index]['kind']} [{tries}]: {failed[index]['reason'][:100]}")
    by_id = dict(zip(node.inputs.frames.ids, range(count), strict=True))
    for identity, frame in zip(node.outputs.batch.ids, node.outputs.batch.get_frames(), strict=True):
        if by_id[identity] in ways:
            label = frame.info["origin"]["label"]
            print(f"  frame {by_id[identity]:2d} ({ways[by_id[identity]]}): label, remedy {label['remedy']}")


if __name__ == "__main__":
    main()
