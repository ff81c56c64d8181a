"""Where campaigns live: the AiiDA directory, and the profile in it.

AiiDA decides on its directory when it is first imported, so this module imports it only inside functions, and every command
calls :func:`activate` before anything that imports AiiDA. The directory is that of ``AIIDA_PATH`` if it is set, else
``~/.alworkflows``: campaigns stay out of an AiiDA directory that is used for other work, unless ``AIIDA_PATH=~`` asks for it.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alworkflows.errors import InputError, suggest

if TYPE_CHECKING:
    from aiida.manage import Profile

__all__ = [
    "HOME",
    "PROFILE",
    "activate",
    "aiida_folder",
    "use_directory",
]

HOME = "~/.alworkflows"
"""The AiiDA directory where ``AIIDA_PATH`` names none."""

PROFILE = "alworkflows"
"""The profile used where none is named."""


def aiida_folder() -> Path:
    """Return AiiDA's configuration folder, by AiiDA's rule: the first of ``AIIDA_PATH`` that exists, else its last; else ours."""
    folder = Path(HOME).expanduser() / ".aiida"
    for entry in filter(None, os.environ.get("AIIDA_PATH", "").split(os.pathsep)):
        path = Path(entry).expanduser()
        folder = path if path.name == ".aiida" else path / ".aiida"
        if folder.is_dir():
            break
    return folder


def use_directory(path: str | Path | None = None) -> Path:
    """Make AiiDA use a directory, for this process and those it starts; return AiiDA's configuration folder in it.

    Parameters
    ----------
    path
        The directory; None: that of ``AIIDA_PATH``, else :data:`HOME`.

    Raises
    ------
    InputError
        If a profile of another directory is loaded already.

    """
    if path is not None:
        os.environ["AIIDA_PATH"] = str(Path(path).expanduser().resolve())
    folder = aiida_folder()
    os.environ["AIIDA_PATH"] = str(folder.parent)
    _find_verdi()
    # AiiDA would warn that it makes the folder; that is what was asked for
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if "aiida.manage.configuration.settings" in sys.modules:
        _switch(folder)
    return folder


def _find_verdi() -> None:
    """Put this Python's programs on the PATH if ``verdi`` is not there: the daemon needs it, even if no venv is active."""
    if shutil.which("verdi") is None:
        os.environ["PATH"] = os.pathsep.join(filter(None, [os.environ.get("PATH"), os.path.dirname(sys.executable)]))


def _switch(folder: Path) -> None:
    """Point an AiiDA that was imported before at another configuration folder."""
    from aiida.manage import get_manager
    from aiida.manage.configuration import reset_config
    from aiida.manage.configuration.settings import AiiDAConfigDir

    if AiiDAConfigDir.get().resolve() == folder.resolve():
        return
    loaded = get_manager().get_profile()
    if loaded is not None:
        raise InputError(f"the profile '{loaded.name}' of {AiiDAConfigDir.get()} is loaded already; start anew to use {folder}")
    AiiDAConfigDir.set(folder)
    reset_config()


def activate(profile: str | None = None) -> Profile:
    """Load a profile, and return it; the one loaded already is kept if it is the one asked for.

    Parameters
    ----------
    profile
        Its name; None: :data:`PROFILE`.

    Raises
    ------
    InputError
        If there is no such profile; the message says where was looked and how to make one.

    """
    name = profile or PROFILE
    folder = aiida_folder()
    if not (folder / "config.json").is_file():
        raise InputError(f"no AiiDA profile '{name}': {folder.parent} holds none yet; make one with: alworkflows setup laptop")
    use_directory()
    from aiida.manage.configuration import get_config, load_profile

    names = get_config().profile_names
    if name not in names:
        raise InputError(
            f"no AiiDA profile '{name}' in {folder}{suggest(name, names)}; it holds: {', '.join(names) or 'none'}; "
            "make one with: alworkflows setup laptop"
        )
    return load_profile(name)
