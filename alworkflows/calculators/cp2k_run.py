"""One single point with CP2K: what it says in its output decides whether a label is believed."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alworkflows.calculators.failures import FailureKind, LabelError

if TYPE_CHECKING:
    from alworkflows.calculators.contract import Work

__all__ = ["Cp2kInput", "Cp2kSinglePoint", "check_output"]

#: Characters of a reason that is kept from CP2K's own words.
LONGEST_REASON = 300


class Cp2kInput(Protocol):
    """What a single point has to be told."""

    @property
    def threads(self) -> int:
        """Threads of a process."""

    def launch(self) -> str:
        """Return the command that starts CP2K's shell."""

    def keywords(self, frame: Atoms) -> dict[str, Any]:
        """Return the keywords of ASE's calculator for a frame."""


class Cp2kSinglePoint(Calculator):
    """A fresh CP2K for every configuration, in the job's folder, through ASE's calculator."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, settings: Cp2kInput, work: Work | None = None) -> None:
        super().__init__()
        self.settings, self.work = settings, work
        self.converged: bool | None = None
        self._program: Any = None
        self._own: tempfile.TemporaryDirectory[str] | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Fill the results.

        Raises
        ------
        LabelError
            If CP2K does not converge, refuses its input, or dies.
        """
        from ase.calculators.cp2k import CP2K

        super().calculate(atoms, properties, system_changes)
        self.converged = False
        if self.work is None:
            self._own = self._own or tempfile.TemporaryDirectory()
        folder = self.work.folder if self.work is not None else Path(self._own.name if self._own else ".")
        name = f"{self.work.name if self.work is not None else 'frame'}.cp2k"
        output = folder.resolve() / f"{name}.out"
        output.unlink(missing_ok=True)  # CP2K would append, and an earlier run's words be taken for this one's
        frame: Atoms = self.atoms.copy()  # type: ignore[union-attr]
        frame.pbc = True  # it repeats its cell; the frame has been checked for vacuum where it is open
        environment = f"cd {shlex.quote(str(output.parent))} && OMP_NUM_THREADS={self.settings.threads}"
        try:
            self._program = CP2K(
                # exec: the process that is ended is CP2K, and no shell around it
                command=f"{environment} exec {self.settings.launch()}",
                label=name,
                **self.settings.keywords(frame),
            )
            frame.calc = self._program
            forces = frame.get_forces()
        except (AssertionError, OSError, ValueError, RuntimeError) as error:
            raise self._death(output, error) from error
        text = output.read_text(errors="replace")
        check_output(text)
        results = self._program.results
        self.results = {
            "energy": results["energy"],
            "free_energy": results["free_energy"],
            "forces": forces,
            "stress": results["stress"],
        }
        self.converged = True
        self.end()

    def end(self) -> None:
        """End CP2K: in order if it waits for a word, else at once."""
        program, self._program = self._program, None
        shell = getattr(program, "_shell", None)
        if shell is not None:
            if shell.isready:
                program.close()
            else:
                shell._child.kill()
                shell._child.communicate()
                shell._child = program._shell = None

    def _death(self, output: Path, error: BaseException) -> LabelError:
        """Return why CP2K is gone, from its last words if there are any."""
        text = output.read_text(errors="replace") if output.exists() else ""
        self.end()
        try:
            check_output(text)
        except LabelError as reason:
            return reason
        return LabelError(FailureKind.CRASH, f"CP2K ended without a result: {type(error).__name__} {error}".strip())


def check_output(text: str) -> None:
    """Raise a :class:`LabelError` if CP2K's output says that there is no label to believe."""
    if "SCF run NOT converged" in text:
        steps = re.findall(r"Leaving inner SCF loop after reaching\s+(\d+) steps", text)
        after = f" after {steps[-1]} steps" if steps else ""
        raise LabelError(FailureKind.UNCONVERGED, f"CP2K: SCF run not converged{after}")
    aborted = re.search(r"\[ABORT\](.*?)(?:===== |\Z)", text, re.S)
    if aborted:
        # the message stands in a box of asterisks with the drawing of a broken kettle
        lines = [re.sub(r"^[\s*]*[\\_/|oO0() ]*", "", line).rstrip(" *") for line in aborted.group(1).splitlines()]
        words = " ".join(line for line in lines if line)[:LONGEST_REASON]
        if "memory" in words.lower() or "allocat" in words.lower():
            raise LabelError(FailureKind.MEMORY, f"CP2K: {words}")
        raise LabelError(FailureKind.REFUSED, f"CP2K stopped: {words}")
