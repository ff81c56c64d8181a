"""Campaigns that come with the package: a YAML file a material, in layers, and the file a user edits."""

from workchains.campaigns.protocols import (
    Protocol,
    inputs,
    load,
    materials,
    overlay,
    protocols,
    read_files,
    resolve,
)
from workchains.campaigns.template import template

__all__ = ["Protocol", "inputs", "load", "materials", "overlay", "protocols", "read_files", "resolve", "template"]
