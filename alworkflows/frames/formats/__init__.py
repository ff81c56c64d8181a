"""Readers of files, one module a program or family of formats; what they give is not believed until it is screened."""

from alworkflows.frames.formats.contract import RawFrame, Reader
from alworkflows.frames.formats.registry import READERS, reader_of

__all__ = ["READERS", "RawFrame", "Reader", "reader_of"]
