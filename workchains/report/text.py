"""Numbers as a reader wants them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["duration", "moment", "number", "percent", "plural", "significant"]

ABSENT = "–"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with ``digits`` decimals, but a small one with as many significant ones; a dash for None."""
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}" if abs(value) >= 0.1 or value == 0 else f"{value:.{max(digits, 1)}g}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as per cent; a dash for None."""
    return ABSENT if share is None else f"{100 * share:.{digits}f} %"


def significant(value: float | None) -> str:
    """Return a number with three significant figures, a large one with all; a dash for None."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Return a time as a person says it: ``42 s``, ``4 min 12 s``, ``3 h 05 min``."""
    if seconds is None:
        return ABSENT
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(value: datetime) -> str:
    """Return a time in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, word: str) -> str:
    """Return ``1 label``, ``2 labels``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")
