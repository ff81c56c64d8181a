"""Which campaigns this version reads: those whose record has the structure that this version gives it."""

from __future__ import annotations

from aiida import orm

from alworkflows import __version__
from alworkflows.errors import InputError

__all__ = ["check_version", "version_of"]


def version_of(campaign: orm.Node) -> str | None:
    """Return the version of alworkflows that made a campaign; None if it was not told."""
    versions = campaign.base.attributes.get("version", None) or {}
    version: str | None = versions.get("plugin")
    return version


def check_version(campaign: orm.Node) -> None:
    """Raise an ``InputError`` if another version made a campaign; those that differ in the last number alone are one."""
    version = version_of(campaign)
    if version is not None and version.split(".")[:2] != __version__.split(".")[:2]:
        raise InputError(
            f"campaign {campaign.pk} was made by alworkflows {version}, whose records this version ({__version__}) does not "
            f"read: install alworkflows {version} to read it, or launch its file anew; labels that are there are not paid for "
            "again"
        )
