"""Samplers: each makes candidate frames, with their origin, handing them over one by one."""

from alworkflows.sampling.base import Driver, SampleReport
from alworkflows.sampling.checkpoint import OUT_OF_TIME
from alworkflows.sampling.registry import SAMPLERS, check_sampler, parse_sampler, sample

__all__ = ["OUT_OF_TIME", "SAMPLERS", "Driver", "SampleReport", "check_sampler", "parse_sampler", "sample"]
