"""Starting structures, and which geometries may be labelled."""

from __future__ import annotations

from pydantic import Field, model_validator

from alworkflows.schema import Count, PositiveLength, Settings

__all__ = ["GeometryLimits", "StructureSettings"]


class StructureSettings(Settings):
    """Where one starting structure comes from: a crystal prototype by name, or a file; then supercell or slab."""

    prototype: str | None = Field(None, description="name of a built-in crystal, such as zno-wurtzite")
    file: str | None = Field(None, description="a file that ASE or pymatgen reads")
    supercell: tuple[Count, Count, Count] = (1, 1, 1)
    miller: tuple[int, int, int] | None = Field(None, description="Miller indices of a slab's surface; none: bulk")
    layers: Count = Field(4, description="thickness of a slab in unit repeats along its normal")
    vacuum: PositiveLength = Field(12.0, description="empty space of a slab, in all, A")

    @model_validator(mode="after")
    def _one_source(self) -> StructureSettings:
        if (self.prototype is None) == (self.file is None):
            raise ValueError("expected exactly one of 'prototype' and 'file'")
        if self.miller is not None and not any(self.miller):
            raise ValueError("expected Miller indices that are not all zero, got (0, 0, 0)")
        return self


class GeometryLimits(Settings):
    """Which frames may be labelled: nothing fused, nothing flown apart."""

    shortest: PositiveLength = Field(0.6, description="shortest allowed distance over the sum of covalent radii (ratio)")
    volume_per_atom: tuple[float, float] = Field((3.0, 400.0), description="allowed range, A^3 (slabs include their vacuum)")

    @model_validator(mode="after")
    def _range(self) -> GeometryLimits:
        low, high = self.volume_per_atom
        if not 0 <= low < high:
            raise ValueError(f"expected volume_per_atom as [smallest, largest], got {[low, high]}")
        return self
