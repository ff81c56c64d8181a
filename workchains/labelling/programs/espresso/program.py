"""Labels from Quantum ESPRESSO through aiida-quantumespresso: one frame, one work chain of pw.x.

The plug-in writes the input, runs the job and reads what it wrote. Its handlers that change a failed job and run it again are
switched off: what is tried after a failure, and what goes on after the walltime, is decided once, by the labelling work chain,
and recorded there. One handler stays: a converged job whose highest band is occupied had too few bands, and is run again with
more; how many a label was made with is kept with its frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida.orm import Bool, CalcJobNode, Dict, InstalledCode, Int, ProcessNode, load_node
from ase import Atoms

from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames.state import require_state
from alworkflows.settings import EspressoSettings
from workchains.data.frames import FramesData
from workchains.labelling.contract import Call, Outcome, Task
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
)

try:
    from aiida_quantumespresso.workflows.pw.base import PwBaseWorkChain

    from workchains.labelling.programs.espresso import inputs as given
    from workchains.labelling.programs.espresso.results import STOPPED, diagnose, label_from_pw
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("aiida_quantumespresso", "aiida_pseudo"):
        raise
    raise MissingExtraError("the label engine 'quantum-espresso'", "aiida-quantumespresso", "espresso") from error

__all__ = ["EspressoProgram"]

PLUGIN = "quantumespresso.pw"

#: runs of pw.x in one work chain: the first, and two with more bands
RUNS = 3
_STAYS = "sanity_check_insufficient_bands"


class EspressoProgram(SinglePointProgram):
    """One frame is one ``PwBaseWorkChain``."""

    @property
    def code_name(self) -> str:
        """Name of the program."""
        return "pw"

    @property
    def espresso(self) -> EspressoSettings:
        """The settings of Quantum ESPRESSO."""
        assert self.settings.espresso is not None  # a check of the settings themselves
        return self.settings.espresso

    # ------------------------------------------------------------------------------------------------- before spending

    def check(self, frames: Sequence[Atoms], code: InstalledCode | None = None) -> None:
        """Raise an ``InputError`` if settings contradict each other, the frames, or what the profile holds."""
        given.check_parameters(self.settings)
        require_box(frames, "pw.x")
        require_state(frames, "pw.x", moments=False, why="its moments are by species here (label.moments)")
        for index, frame in enumerate(frames):
            missing = sorted(set(frame.get_chemical_symbols()) - set(self.espresso.species))
            if missing:
                raise InputError(
                    f"label.espresso.species: expected all species of the frames, got {', '.join(self.espresso.species)}; "
                    f"frame {index} has {', '.join(missing)} too"
                )
        require_mesh(frames, self.espresso.kpoints, "label.espresso.kpoints")
        if code is None:
            return
        if code.default_calc_job_plugin not in (None, PLUGIN):
            raise InputError(f"code {code.full_label}: expected the plug-in '{PLUGIN}', got '{code.default_calc_job_plugin}'")
        given.check_pseudos(self.settings, frames, given.pseudos(self.espresso))
        given.with_cutoffs(given.merged(self.settings), self.espresso)

    def definition(self, used: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what defines the labels, the version of pw.x apart.

        Tags that only say how a label is reached (mixing, diagonalization, steps, files) are left out, and so are remedies.
        ``used``: MD5 of the pseudopotentials of a job, over those that the family holds now.
        """
        namelists = given.with_cutoffs(given.merged(self.settings), self.espresso)
        return {
            "engine": "quantum-espresso",
            "energy": "free",
            "parameters": given.defining(namelists),
            "kpoints_spacing": self.espresso.kpoints_spacing,
            "kpoints": list(self.espresso.kpoints) if self.espresso.kpoints else None,
            "pseudopotentials": {**{symbol: node.md5 for symbol, node in given.pseudos(self.espresso).items()}, **(used or {})},
            "moments": dict(self.settings.moments),
        }

    # -------------------------------------------------------------------------------------------------------- spending

    def process(
        self, frames: FramesData, task: Task, settings: Dict, code: InstalledCode, options: dict[str, Any], call: Call
    ) -> tuple[type, dict[str, Any]]:
        """Return the work chain of one frame, with the last remedy in force and the state of the job before, if there is one."""
        (index,) = task.indices
        frame, identity = frame_of(frames, index), frames.ids[index]
        atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
        pseudos = given.pseudos(self.espresso)
        before = self.job_before(task)
        namelists = given.remedied(
            given.with_cutoffs(given.merged(self.settings), self.espresso), task.remedies[-1] if task.remedies else None
        )
        present = sorted(set(atoms.get_chemical_symbols()))
        parameters = given.parameters(
            namelists,
            n_atoms=len(atoms),
            magnetization={symbol: self.settings.moments.get(symbol, 0.0) / pseudos[symbol].z_valence for symbol in present}
            if self.settings.moments
            else {},
            walltime=options.get("max_wallclock_seconds"),
            margin=self.espresso.stop_margin,
            restart=before is not None,
        )
        bands = before.inputs.parameters.get_dict()["SYSTEM"].get("nbnd") if before is not None else None
        if bands is not None:
            parameters["SYSTEM"]["nbnd"] = bands
        source = {"frames": frames, "choice": Dict({"index": index, "sorted": False})}
        structure = call(f"structure_{index}", frame_structure, label=f"structure of frame {index}", **source).outputs.result
        kpoints, plugin_settings = given.kpoints(atoms, self.espresso, bool(namelists["SYSTEM"].get("noncolin")))
        job: dict[str, Any] = {
            "code": code,
            "structure": structure,
            "parameters": Dict(parameters),
            "pseudos": {symbol: pseudos[symbol] for symbol in present},
            "metadata": {"options": options},
        }
        if plugin_settings:
            job["settings"] = Dict(plugin_settings)
        if before is not None:
            job["parent_folder"] = before.outputs.remote_folder
        off = sorted(name for name in (handler.__name__ for handler in PwBaseWorkChain.get_process_handlers()) if name != _STAYS)
        return PwBaseWorkChain, {
            "pw": job,
            "kpoints": kpoints,
            "max_iterations": Int(RUNS),
            "handler_overrides": Dict({name: {"enabled": False} for name in off}),
            # the labelling work chain cleans, once nothing goes on from the folder
            "clean_workdir": Bool(False),
            "metadata": {"label": f"label frame {index}", "description": f"frame {identity}"},
        }

    @staticmethod
    def job_before(task: Task) -> CalcJobNode | None:
        """Return the job whose state a task goes on from, or None."""
        if task.parent is None:
            return None
        parent = load_node(task.parent)
        assert isinstance(parent, ProcessNode)
        return last_job(parent)

    # -------------------------------------------------------------------------------------------------- after spending

    def outcome(self, node: ProcessNode, frames: FramesData, task: Task, call: Call) -> Outcome:
        """Return the label of the frame, or that it was stopped and can go on, or why it failed."""
        (index,) = task.indices
        job = last_job(node)
        if job is not None and job.exit_status == STOPPED:
            return Outcome(interrupted=index)
        if job is None or not node.is_finished_ok:
            return failed(frames, index, *diagnose(node, job))
        outputs = {"parameters": "output_parameters", "trajectory": "output_trajectory", "retrieved": "retrieved"}
        missing = [name for name in outputs.values() if name not in node.outputs]
        if missing:
            return failed(frames, index, FailureKind.TRUNCATED, f"PwBaseWorkChain<{node.pk}> has no {', '.join(missing)}")
        conversion = call(
            f"read_{node.pk}",
            label_from_pw,
            label=f"label of frame {index}",
            frames=frames,
            about=self.about(task, node, job, {symbol: used.md5 for symbol, used in job.inputs.pseudos.items()}),
            **{name: getattr(node.outputs, output) for name, output in outputs.items()},
        )
        remember_version(job.inputs.code, node.outputs.output_parameters.get_dict().get("creator_version"))
        return converted(conversion, frames, index)

    def remedy(self, kind: str, used: Sequence[str]) -> str | None:
        """Return the next remedy for a failure of this kind that would change something, or None if there is none left."""
        if not self.settings.remedies:
            return None
        namelists = given.merged(self.settings)
        for name, remedy in given.REMEDIES.items():
            if kind in remedy.kinds and name not in used and (name == "again" or given.remedied(namelists, name) != namelists):
                return name
        return None
