"""Which code a calculator may run that is neither ours nor ASE's: what a person has allowed, and nothing else.

A campaign file comes from anywhere, and reading or checking it must not run what its author wrote. Settings that would import a
package, start a command or load a file that may hold code are refused until a person allows it (``--allow-import``). What was
allowed is kept with the settings, word for word, so that jobs run that and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alworkflows.calculators.contract import ALLOW
from alworkflows.calculators.factory import parameters
from alworkflows.errors import InputError
from alworkflows.settings import CalculatorSettings, LabelSettings

__all__ = ["permit", "refuse_written", "with_permission"]


def permit(settings: CalculatorSettings) -> CalculatorSettings:
    """Return the settings with what their calculator runs allowed, as a person has said.

    Raises
    ------
    InputError
        As :func:`~alworkflows.calculators.factory.parameters`.
    """
    return settings.model_copy(update={"allowed": parameters(settings).foreign()})


def with_permission(label: LabelSettings, allow: bool, where: str) -> LabelSettings:
    """Return label settings that nothing stands against: with ``allow``, what their calculator runs is allowed.

    What was allowed before, word for word, is still.

    Raises
    ------
    InputError
        If the calculator would run code that is not allowed, or there is no such calculator; it begins with ``where``.
    """
    if label.engine != "ase":
        return label
    try:
        calculator = permit(label.calculator) if allow else label.calculator
        parameters(calculator).require_permission(calculator.name, calculator.allowed)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return label.model_copy(update={"calculator": calculator})


def refuse_written(data: Mapping[str, Any], where: str) -> None:
    """Raise an ``InputError`` if label settings, or those of a campaign, say themselves what is allowed.

    Parameters
    ----------
    data
        As a person or a file gave them, before they are checked.
    where
        Where they come from; the error begins with it.
    """
    label = data.get("label", data)
    calculator = label.get("calculator") if isinstance(label, Mapping) else None
    if isinstance(calculator, Mapping) and calculator.get("allowed") is not None:
        raise InputError(f"{where}: calculator.allowed: a person says that, with {ALLOW}; take it out")
