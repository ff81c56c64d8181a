"""Pretrained potentials for many elements: they predict and drive dynamics, and are not fitted."""
