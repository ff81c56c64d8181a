"""Samplers: each makes candidate frames, with their origin, handing them over one by one."""

from alworkflows.sampling.base import Driver, SampleReport
from alworkflows.sampling.checkpoint import OUT_OF_TIME
from alworkflows.sampling.registry import SAMPLERS, check_sampler, parse_sampler, sample
from alworkflows.sampling.suitability import notes, require_suited, takes

__all__ = [
    "OUT_OF_TIME",
    "SAMPLERS",
    "Driver",
    "SampleReport",
    "check_sampler",
    "notes",
    "parse_sampler",
    "require_suited",
    "sample",
    "takes",
]
