"""Folders that jobs leave on their machines: removed once what they made is stored, and counted where they stay."""

from __future__ import annotations

from aiida.orm import CalcJobNode, ProcessNode, RemoteData

from workchains.processes.aiida_private import remove_folder

__all__ = ["clean", "remote_folders"]


def remote_folders(node: ProcessNode) -> list[RemoteData]:
    """Return the folders that a job, or the jobs below a work chain, left on their machines and that are still there."""
    jobs = [node] if isinstance(node, CalcJobNode) else [job for job in node.called_descendants if isinstance(job, CalcJobNode)]
    folders = [job.outputs.remote_folder for job in jobs if "remote_folder" in job.outputs]
    return [folder for folder in folders if not folder.is_cleaned]


def clean(node: ProcessNode) -> str | None:
    """Remove what a finished process left on its machine.

    Returns
    -------
    message : str or None
        Why a folder stays, if one does: nothing that was stored is lost by that.
    """
    for folder in remote_folders(node):
        try:
            remove_folder(folder)
        except Exception as error:  # whatever a transport raises: the labels are stored, and the folder is no reason to stop
            return f"{folder.get_remote_path()}: {type(error).__name__}: {error}"
    return None
