"""Molecular dynamics drivers and the monitors that stop a run."""
