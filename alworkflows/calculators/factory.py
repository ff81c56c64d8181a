"""Make a calculator from its settings, and say what defines the labels it gives."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.calculators.engines import ENGINES, Engine
from alworkflows.errors import InputError, MissingExtraError, unknown
from alworkflows.settings import CalculatorSettings, parse

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["available", "create", "describe", "parameters"]


def parameters(settings: CalculatorSettings) -> Engine:
    """Return the checked parameters of a calculator, defaults filled in.

    Raises
    ------
    InputError
        If the calculator, a parameter or its value is unknown, or a file it names does not exist.
    """
    if settings.name not in ENGINES:
        raise unknown("calculator", settings.name, ENGINES)
    engine = parse(ENGINES[settings.name], settings.parameters, f"calculator {settings.name}")
    for key in engine.files:
        path = Path(getattr(engine, key))
        if not path.is_file():
            raise InputError(f"calculator {settings.name}: {key}: no such file: {path}")
    return engine


def available() -> dict[str, tuple[str, bool]]:
    """Return for every calculator its title, and whether the package it needs is installed."""
    return {name: (engine.title, importlib.util.find_spec(engine.module) is not None) for name, engine in ENGINES.items()}


def create(settings: CalculatorSettings) -> Calculator:
    """Return the ASE calculator that ``settings`` names.

    Raises
    ------
    InputError
        As :func:`parameters`.
    MissingExtraError
        If its package is not installed; the message is the pip command.
    """
    engine = _installed(settings)
    try:
        return engine.make()
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the calculator '{settings.name}'", error.name or engine.packages[0]) from error


def describe(settings: CalculatorSettings) -> dict[str, Any]:
    """Return what defines a label, as a JSON dictionary: labels whose dictionaries differ must not be mixed.

    It holds the calculator's name, all its parameters that change a label (a file by the SHA-256 of its content), and the
    versions of its packages. Nothing heavy is imported.

    Raises
    ------
    InputError, MissingExtraError
        As :func:`create`.
    """
    engine = _installed(settings)
    values = engine.model_dump(mode="json", exclude=set(engine.neutral))
    for key in engine.files:
        values[key] = "sha256:" + hashlib.sha256(Path(values[key]).read_bytes()).hexdigest()
    versions = {package: _version(package) for package in engine.packages}
    return {"engine": "ase", "calculator": settings.name, "parameters": values, "packages": versions}


def _installed(settings: CalculatorSettings) -> Engine:
    engine = parameters(settings)
    if importlib.util.find_spec(engine.module) is None:
        raise MissingExtraError(f"the calculator '{settings.name}'", engine.packages[0], engine.extra)
    return engine


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # ours, imported from a checkout that was never installed
        from alworkflows import __version__

        return __version__
