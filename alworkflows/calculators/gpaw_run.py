"""One single point with GPAW: states on disk while it converges, and an orderly end when the job's time is over."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alworkflows.atomic import replacing, write_text
from alworkflows.deadline import OutOfTime

if TYPE_CHECKING:
    from alworkflows.calculators.contract import Work

__all__ = ["GpawInput", "GpawSinglePoint"]

#: Steps of the self-consistent field that must still fit when the next one is begun: itself, and the writing of the state.
SPARE = 2.0


class GpawInput(Protocol):
    """What a single point has to be told."""

    @property
    def threads(self) -> int:
        """Threads of linear algebra."""

    @property
    def checkpoint_every(self) -> int:
        """Steps of the self-consistent field between two states on disk."""

    def keywords(self, frame: Atoms) -> dict[str, Any]:
        """Return GPAW's keywords for a frame, which carries its initial moments."""


class GpawSinglePoint(Calculator):
    """A fresh GPAW for every configuration, so that nothing of one reaches the next."""

    implemented_properties = ["energy", "free_energy", "forces", "stress", "magmom", "magmoms"]  # noqa: RUF012

    def __init__(self, settings: GpawInput, work: Work | None = None) -> None:
        super().__init__()
        self.settings, self.work = settings, work
        #: Whether the last self-consistent field converged; None before the first.
        self.converged: bool | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Fill the results.

        Raises
        ------
        gpaw.KohnShamConvergenceError
            If it does not converge.
        OutOfTime
            If the time of the job is over; the state is on disk then.
        """
        from threadpoolctl import threadpool_limits

        super().calculate(atoms, properties, system_changes)
        self.converged = False
        frame: Atoms = self.atoms.copy()  # type: ignore[union-attr]
        with threadpool_limits(self.settings.threads):
            self._run(self._begin(frame), frame)
        self.converged = True

    def _begin(self, frame: Atoms) -> Any:
        """Return GPAW, from a state on disk if there is one of the same settings."""
        from gpaw.dft import GPAW

        text = None if self.work is None else str(self.work.folder / f"{self.work.name}.gpaw.txt")
        state, note = self._state()
        if self.work is not None and state is not None and note is not None and state.exists() and note.exists():
            stored = json.loads(note.read_text())
            if stored["settings"] == self._fingerprint(frame):
                try:
                    program = GPAW(state, txt=text)
                except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                    pass  # cut off while it was written: from the beginning then
                else:
                    self.work.notes["resumed"] = True
                    self._before = float(stored["seconds"])
                    return program
        self._before = 0.0
        return GPAW(txt=text, **self.settings.keywords(frame))

    def _run(self, program: Any, frame: Atoms) -> None:
        began = last = time.monotonic()
        longest = 0.0

        def watch(step: Any) -> None:
            nonlocal last, longest
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            deadline = self.work.deadline if self.work is not None else None
            over = deadline is not None and not deadline.allows(SPARE * longest)
            if over or step.niter % self.settings.checkpoint_every == 0:
                self._keep(program, frame, now - began)
            if over:
                raise OutOfTime

        program.hooks["scf_step"] = watch
        self.results = {"energy": program.get_potential_energy(frame), "forces": program.get_forces(frame)}
        if frame.pbc.all():
            self.results["stress"] = program.get_stress(frame)
        results = program.results
        self.results["free_energy"] = float(results["free_energy"])
        self.results["magmom"], self.results["magmoms"] = float(results["magmom"]), results["magmoms"]
        if self.work is not None and self._before:
            self.work.notes["seconds_before"] = round(self._before, 3)

    def _keep(self, program: Any, frame: Atoms, seconds: float) -> None:
        """Write density and wave functions, whole or not at all."""
        state, note = self._state()
        if state is None or note is None:
            return
        state.parent.mkdir(exist_ok=True)
        with replacing(state) as part:
            program.write(part, mode="all")
        # the state without its settings is no use, and the other way round: the order does not matter
        write_text(note, json.dumps({"settings": self._fingerprint(frame), "seconds": self._before + seconds}))

    def _state(self) -> tuple[Path | None, Path | None]:
        """Return the places of the state and of what it belongs to."""
        if self.work is None or self.work.checkpoint is None:
            return None, None
        return self.work.checkpoint / f"{self.work.name}.gpw", self.work.checkpoint / f"{self.work.name}.json"

    def _fingerprint(self, frame: Atoms) -> str:
        """Return what a state must have been made with: all keywords, and GPAW's version."""
        import gpaw

        moments = frame.get_initial_magnetic_moments().tolist()
        text = json.dumps({"gpaw": gpaw.__version__, "moments": moments, **self.settings.keywords(frame)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
