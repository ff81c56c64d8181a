"""Active learning of interatomic potentials: the science, free of any workflow engine."""

__all__ = ["__version__"]

__version__ = "0.1.0"
