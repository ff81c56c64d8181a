"""Labels from VASP through aiida-vasp: one frame, one work chain of one job.

aiida-vasp writes the files, runs the job and reads what it wrote. Its handlers that would run a job again are switched off: what
is tried after a failure, and what goes on after the walltime, is decided once, by the labelling work chain, and recorded there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida.orm import Bool, Dict, InstalledCode, Int, ProcessNode, Str, load_node
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.calculators.factory import bare
from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError, unknown
from alworkflows.frames.state import require_state
from alworkflows.settings import VaspSettings
from workchains.data.frames import FramesData
from workchains.labelling.contract import Call, Outcome, Task
from workchains.labelling.programs.vasp.incar import REMEDIES, by_species, defining, merged, remedied
from workchains.labelling.programs.vasp.inputs import (
    describe_potential,
    kpoints,
    potentials,
    stop_in_time,
)
from workchains.labelling.programs.vasp.results import diagnose, read_run, vasp_labels
from workchains.labelling.single_point import (
    SinglePointProgram,
    converted,
    failed,
    frame_of,
    frame_structure,
    last_job,
    remember_version,
    require_box,
    require_mesh,
    sorted_atoms,
)

__all__ = ["VaspProgram"]

#: handlers of aiida-vasp that run a job again, or let pass what did not converge
_SWITCHED_OFF = (
    "handler_calculation_did_not_run",
    "handler_electronic_conv",
    "handler_ionic_conv",
    "handler_unfinished_calc_generic",
    "handler_unfinished_calc_ionic",
    "ignore_nelm_breach_relax",
)
#: for aiida-vasp's parser: both energies, the atoms they belong to, and a missing file is an exit code, not an exception;
#: no monitors, each of which opens a connection at every look at a job
_SETTINGS = {
    "parser_settings": {
        "energy_type": ["energy_free", "energy_extrapolated"],
        "omit_structure": False,
        "check_completeness": False,
    },
    "poscar_precision": 14,
    "no_default_monitors": True,
}


class VaspProgram(SinglePointProgram):
    """One frame is one ``VaspWorkChain`` with one job."""

    @property
    def code_name(self) -> str:
        """Name of the program."""
        return "vasp"

    @property
    def vasp(self) -> VaspSettings:
        """The settings of VASP."""
        assert self.settings.vasp is not None  # a check of the settings themselves
        return self.settings.vasp

    # ------------------------------------------------------------------------------------------------- before spending

    def check(self, frames: Sequence[Atoms], code: InstalledCode | None = None) -> None:
        """Raise an ``InputError`` if settings contradict each other, the frames, or what the profile holds."""
        incar, mapping = merged(self.settings), self.vasp.potential_mapping
        for symbol in mapping:
            if symbol not in atomic_numbers:
                raise unknown("species in label.vasp.potential_mapping", symbol, list(atomic_numbers)[1:])
        for symbol in self.settings.moments:
            if symbol not in mapping:
                raise unknown("species in label.moments (expected those of label.vasp.potential_mapping)", symbol, mapping)
        by_species(incar, sorted(mapping))
        require_box(frames, "VASP")
        require_state(frames, "VASP", moments=incar["ISPIN"] == 2, why="label.moments, by species, would turn spin on")
        for index, frame in enumerate(frames):
            missing = sorted(set(frame.get_chemical_symbols()) - set(mapping))
            if missing:
                raise InputError(
                    f"label.vasp.potential_mapping: expected the POTCAR of each species, got none for {', '.join(missing)}, "
                    f"which frame {index} has; such as {missing[0]}: {missing[0]}"
                )
        require_mesh(frames, self.vasp.kpoints, "label.vasp.kpoints")
        if code is not None:
            potentials(self.vasp, incar.get("GGA"))

    def definition(self, used: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what defines the labels, the version of VASP apart.

        Tags that only say how a label is reached (mixing, algorithm, steps, cores, files) are left out, and so are remedies.
        ``used``: the potentials of a job, over those that the family holds now.
        """
        return {
            "engine": "vasp",
            "energy": "free",
            "incar": defining(merged(self.settings)),
            "kpoints_spacing": self.vasp.kpoints_spacing,
            "kpoints": list(self.vasp.kpoints) if self.vasp.kpoints else None,
            "potentials": {**potentials(self.vasp), **(used or {})},
            "moments": dict(self.settings.moments),
        }

    # -------------------------------------------------------------------------------------------------------- spending

    def process(
        self, frames: FramesData, task: Task, settings: Dict, code: InstalledCode, options: dict[str, Any], call: Call
    ) -> tuple[type, dict[str, Any]]:
        """Return the work chain of one frame, with the last remedy in force and the state of the job before, if there is one."""
        from aiida.plugins import WorkflowFactory

        (index,) = task.indices
        identity = frames.ids[index]
        atoms = sorted_atoms(frame_of(frames, index))
        source = {"frames": frames, "choice": Dict({"index": index, "sorted": True})}
        symbols = atoms.get_chemical_symbols()
        incar = by_species(
            remedied(merged(self.settings), task.remedies[-1] if task.remedies else None), list(dict.fromkeys(symbols))
        )
        if incar["ISPIN"] == 2:
            incar["MAGMOM"] = bare(atoms, self.settings.moments).get_initial_magnetic_moments().tolist()
        inputs: dict[str, Any] = {
            "code": code,
            "structure": call(
                f"structure_{index}", frame_structure, label=f"structure of frame {index}", **source
            ).outputs.result,
            "kpoints": kpoints(atoms, self.vasp),
            "parameters": Dict({"incar": {tag.lower(): value for tag, value in incar.items()}}),
            "potential_family": Str(self.vasp.potential_family),
            "potential_mapping": Dict(dict(self.vasp.potential_mapping)),
            "settings": Dict(_SETTINGS),
            "calc": {"metadata": {"options": stop_in_time(options, self.vasp.stop_margin)}},
            # one more than are made: at the last, aiida-vasp says that there were too many, whatever the failure
            "max_iterations": Int(2),
            "handler_overrides": Dict({name: {"enabled": False} for name in _SWITCHED_OFF}),
            # a job that was stopped looks finished to aiida-vasp, which would remove the wave functions with its folder
            "clean_workdir": Bool(False),
            "metadata": {"label": f"label frame {index}", "description": f"frame {identity}"},
        }
        before: Any = load_node(task.parent) if task.parent is not None else None
        if before is not None and (job := last_job(before)) is not None:
            inputs["restart_folder"] = job.outputs.remote_folder
        chain: Any = WorkflowFactory("vasp.v2.vasp")
        return chain, inputs

    # -------------------------------------------------------------------------------------------------- after spending

    def outcome(self, node: ProcessNode, frames: FramesData, task: Task, call: Call) -> Outcome:
        """Return the label of the frame, or that it was stopped and can go on, or why it failed."""
        (index,) = task.indices
        job = last_job(node)
        run = read_run(job.outputs.retrieved) if job is not None and "retrieved" in job.outputs else None
        if job is not None and run is not None and run.stopped and run.finished and not run.converged:
            if merged(self.settings)["LWAVE"]:
                return Outcome(interrupted=index)
            reason = "VASP was stopped before the walltime, and LWAVE is false: nothing to go on from"
            return failed(frames, index, FailureKind.WALLTIME, reason)
        # of the job, not of the chain: a chain may be killed after its job has done all that was asked
        if job is None or not job.is_finished_ok:
            return failed(frames, index, *diagnose(node, job, run))
        outputs = {name: job.outputs[name] for name in ("misc", "structure", "retrieved") if name in job.outputs}
        if len(outputs) < 3:
            return failed(frames, index, FailureKind.TRUNCATED, "aiida-vasp could not read what VASP wrote")
        used = {name: describe_potential(potential) for name, potential in job.inputs.potential.items()}
        about = self.about(task, node, job, used)
        conversion = call(f"read_{node.pk}", vasp_labels, label=f"label of frame {index}", frames=frames, about=about, **outputs)
        remember_version(node.inputs.code, outputs["misc"].get_dict().get("version"))
        return converted(conversion, frames, index)

    def remedy(self, kind: str, used: Sequence[str]) -> str | None:
        """Return the next remedy for a failure of this kind, or None if there is none left."""
        if not self.settings.remedies:
            return None
        return next((name for name, (cures, _) in REMEDIES.items() if cures == kind and name not in used), None)
