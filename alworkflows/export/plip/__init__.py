"""PLIP models as files for LAMMPS: a plugin that runs the whole model, and the stock styles that hold parts of it."""
