"""Data types: frames and ensembles, each one file in the repository and what queries need as attributes."""
