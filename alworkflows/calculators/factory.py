"""Make a calculator from its settings, and say what defines the labels it gives."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.calculators.contract import CalculatorParameters, Work
from alworkflows.calculators.failures import FailureKind
from alworkflows.calculators.registry import CALCULATORS
from alworkflows.errors import InputError, MissingExtraError, unknown
from alworkflows.frames.state import moments_of, require_neutral, require_state
from alworkflows.settings import CalculatorSettings, LabelSettings, parse

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

__all__ = ["available", "bare", "check_frames", "configured", "create", "describe", "make", "parameters", "remedies"]


def parameters(settings: CalculatorSettings) -> CalculatorParameters:
    """Return the checked parameters of a calculator, defaults filled in.

    Raises
    ------
    InputError
        If the calculator, a parameter or its value is unknown, or a file it names does not exist.
    """
    if settings.name not in CALCULATORS:
        raise unknown("calculator", settings.name, CALCULATORS)
    calculator = parse(CALCULATORS[settings.name], settings.parameters, f"calculator {settings.name}")
    for key in calculator.files:
        path = Path(getattr(calculator, key))
        if not path.is_file():
            raise InputError(f"calculator {settings.name}: {key}: no such file: {path}")
    return calculator


def available() -> dict[str, tuple[str, bool]]:
    """Return for every calculator its title, and whether the package or program it needs is installed."""
    return {name: (calculator.title, calculator.found()) for name, calculator in CALCULATORS.items()}


def remedies(settings: CalculatorSettings, kind: FailureKind | str) -> list[str]:
    """Return the names of what may help against a kind of failure, in the order in which to try them, one at a time."""
    return parameters(settings).remedies_for(FailureKind(kind))


def configured(settings: LabelSettings, remedy: str | None = None) -> CalculatorParameters:
    """Return the checked parameters of the calculator that labels, with a remedy applied, once it is known to be installed.

    Raises
    ------
    InputError
        As :func:`create`; and if there is no such remedy, or the calculator takes no moments but some are given.
    MissingExtraError
        As :func:`create`.
    """
    calculator = _installed(settings.calculator)
    if settings.moments and not calculator.magnetic:
        raise InputError(f"label: moments: the calculator '{settings.calculator.name}' has no magnetic moments; leave them out")
    return calculator.with_remedy(remedy) if remedy else calculator


def bare(frame: Atoms, moments: Mapping[str, float] | None = None) -> Atoms:
    """Return the configuration alone, with initial magnetic moments (mu_B): its own, or else those of the species."""
    from ase import Atoms

    atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    own = moments_of(frame)
    if own is not None:
        atoms.set_initial_magnetic_moments(own)
    elif moments:
        atoms.set_initial_magnetic_moments([moments.get(symbol, 0.0) for symbol in atoms.get_chemical_symbols()])
    return atoms


def check_frames(
    parameters: CalculatorParameters, frames: Sequence[Atoms], settings: LabelSettings, indices: Sequence[int] | None = None
) -> None:
    """Raise if settings contradict a frame, before any frame is paid for.

    Raises
    ------
    InputError
        One error for all: the first frame that is contradicted and why, and how many there are.
    """
    name = f"the calculator '{settings.calculator.name}'"
    if parameters.magnetic:
        require_state(frames, name, moments=True)
    else:
        require_neutral(frames, name)
    problems = []
    for number, frame in enumerate(frames):
        try:
            parameters.check(bare(frame, settings.moments))
        except InputError as error:
            problems.append((indices[number] if indices is not None else number, str(error)))
    if problems:
        index, reason = problems[0]
        more = f" ({len(problems)} of {len(frames)} frames have such a problem)" if len(problems) > 1 else ""
        raise InputError(f"label: frame {index}: {reason}{more}")


def create(settings: CalculatorSettings, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
    """Return the ASE calculator that ``settings`` names; some are made for one frame.

    Raises
    ------
    InputError
        As :func:`parameters`; and if it would run code that nobody has allowed.
    MissingExtraError
        If its package is not installed; the message is the pip command.
    """
    return make(_installed(settings), frame, work)


def make(parameters: CalculatorParameters, frame: Atoms | None = None, work: Work | None = None) -> Calculator:
    """Return the calculator of checked parameters.

    Raises
    ------
    MissingExtraError
        If a package that its package needs is not installed.
    """
    try:
        return parameters.make(frame, work)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the calculator '{type(parameters).__name__}'", error.name or parameters.packages[0]) from error


def describe(settings: CalculatorSettings, moments: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return what defines a label, as a JSON dictionary: labels whose dictionaries differ must not be mixed.

    It holds the calculator's name, which energy it gives, all its parameters that change a label (a file by the SHA-256 of its
    content), initial moments if there are any, and the versions of its packages and data. Nothing heavy is imported.

    Raises
    ------
    InputError, MissingExtraError
        As :func:`create`.
    """
    calculator = _installed(settings)
    values = calculator.model_dump(mode="json", exclude=set(calculator.neutral))
    for key in calculator.files:
        values[key] = "sha256:" + hashlib.sha256(Path(values[key]).read_bytes()).hexdigest()
    definition = {
        "engine": "ase",
        "calculator": settings.name,
        "energy": calculator.which_energy(),
        "parameters": values,
        "packages": {package: _version(package) for package in calculator.distributions()},
        **calculator.identity(),
    }
    if moments:
        definition["moments"] = dict(sorted(moments.items()))
    return definition


def _installed(settings: CalculatorSettings) -> CalculatorParameters:
    calculator = parameters(settings)
    calculator.require_permission(settings.name, settings.allowed)
    if not calculator.installed():
        raise calculator.missing(settings.name)
    return calculator


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # ours, imported from a checkout that was never installed
        from alworkflows import __version__

        return __version__
