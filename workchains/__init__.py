"""The AiiDA layer: data types, jobs, work chains, queries and the user's commands."""

from alworkflows import __version__

__all__ = ["__version__"]
