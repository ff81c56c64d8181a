"""The contract of a calculator that labels: what it needs, how it is made, what defines its labels, what helps when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError, MissingExtraError, unknown
from alworkflows.schema import Settings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from alworkflows.labelling.label_deadline import LabelDeadline

__all__ = ["ALLOW", "CalculatorParameters", "EnergyKind", "Remedy", "Work"]

#: Which energy a label is: the free energy of smeared electrons, of which the forces are the derivative; the energy extrapolated
#: to no smearing; or a potential's energy, where there is no such difference.
EnergyKind = Literal["free", "extrapolated", "potential"]

#: the option with which a person allows what a calculator runs that is neither ours nor ASE's
ALLOW = "--allow-import"


@dataclass(frozen=True)
class Remedy:
    """One thing to try on a frame that failed; it changes how a label is reached, never what it is."""

    title: str
    #: Failures it may help against.
    kinds: tuple[FailureKind, ...]
    #: Parameters to lay over those given; they are neutral, all of them.
    change: Callable[[Any], dict[str, Any]]


@dataclass
class Work:
    """What a calculator may use while it labels one frame."""

    #: Where its files go: the job's folder.
    folder: Path
    #: Name of the frame, for files: its id.
    name: str
    #: Where a state to restart from is kept; None: nowhere.
    checkpoint: Path | None = None
    deadline: LabelDeadline | None = None
    #: Filled by the calculator: what is worth to be kept with the label, such as ``resumed``.
    notes: dict[str, Any] = field(default_factory=dict)


class CalculatorParameters(Settings):
    """Parameters of one calculator; the class says what it needs, the instance makes it."""

    #: One line for a list of calculators.
    title: ClassVar[str]
    #: Packages whose version is part of what defines a label; the first is the one to install.
    packages: ClassVar[tuple[str, ...]] = ("ase",)
    #: Module whose presence tells that the calculator can be made.
    module: ClassVar[str] = "ase"
    #: Our extra that installs it, if there is one.
    extra: ClassVar[str | None] = None
    #: Parameters that do not change a label beyond rounding or convergence, and so are no part of its fingerprint.
    neutral: ClassVar[tuple[str, ...]] = ("threads",)
    #: Parameters that name a file; its content, not its place, is part of the fingerprint.
    files: ClassVar[tuple[str, ...]] = ()
    #: Which energy its labels are.
    energy_kind: ClassVar[EnergyKind] = "potential"
    #: Whether it takes magnetic moments.
    magnetic: ClassVar[bool] = False
    #: Whether one calculator serves all frames of a job; otherwise each frame gets its own, and no state leaks.
    reusable: ClassVar[bool] = True
    #: What may help, in the order in which it is tried.
    remedies: ClassVar[dict[str, Remedy]] = {}

    def make(self, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
        """Return the calculator; one that is not reusable is made for a frame, which carries its initial moments."""
        raise NotImplementedError

    def installed(self) -> bool:
        """Return whether the program can be run here."""
        return self.found()

    @classmethod
    def found(cls) -> bool:
        """Return whether what the class needs is installed."""
        import importlib.util

        return importlib.util.find_spec(cls.module) is not None

    def missing(self, name: str) -> Exception:
        """Return the error that says how to install what it needs."""
        return MissingExtraError(f"the calculator '{name}'", self.packages[0], self.extra)

    def foreign(self) -> str | None:
        """Return what it runs that is neither ours nor ASE's, after "it would"; None if there is no such thing.

        It needs a person's permission, see :mod:`alworkflows.calculators.permission`; so nothing is imported to tell.
        """
        return None

    def require_permission(self, name: str, allowed: str | None) -> None:
        """Raise if it would run code that nobody has allowed; nothing of that is imported or started to tell.

        Parameters
        ----------
        name
            Of the calculator.
        allowed
            What was allowed, as :meth:`foreign` told it then.

        Raises
        ------
        InputError
            Naming what would run, and how to allow it.
        """
        foreign = self.foreign()
        if foreign is None or allowed == foreign:
            return
        other = f", and what was allowed is another thing ({allowed})" if allowed else ""
        raise InputError(
            f"calculator {name}: it would {foreign}, which may run any program{other}; settings "
            f"may not ask for that by themselves. If you trust it, allow it: {ALLOW}"
        )

    def distributions(self) -> tuple[str, ...]:
        """Return the packages whose version is part of what defines a label."""
        return self.packages

    def which_energy(self) -> EnergyKind:
        """Return which energy its labels are."""
        return self.energy_kind

    def identity(self) -> dict[str, Any]:
        """Return what else defines a label: programs and data that are no Python package, such as pseudopotentials."""
        return {}

    def check(self, frame: Atoms) -> None:
        """Raise an ``InputError`` if the settings contradict the frame; called for all frames before any is paid for."""

    def converged(self, calculator: Calculator) -> bool | None:
        """Return whether the last label is converged; None if the calculator has no notion of it."""
        state = getattr(calculator, "converged", None)
        return bool(state) if isinstance(state, bool | np.bool_) else None

    def cores(self) -> int:
        """Return the cores that a label keeps busy."""
        return int(getattr(self, "threads", 1))

    def close(self, calculator: Calculator) -> None:
        """End what the calculator holds open, such as a program's process."""

    def with_remedy(self, name: str) -> Self:
        """Return the parameters with one remedy applied.

        Raises
        ------
        InputError
            If there is no remedy of that name.
        """
        if name not in self.remedies:
            raise unknown("remedy", name, self.remedies)
        return type(self).model_validate({**self.model_dump(), **self.remedies[name].change(self)})

    @classmethod
    def remedies_for(cls, kind: FailureKind) -> list[str]:
        """Return the names of the remedies for a kind of failure, in the order in which to try them."""
        return [name for name, remedy in cls.remedies.items() if kind in remedy.kinds]
