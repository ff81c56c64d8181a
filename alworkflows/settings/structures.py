"""Starting structures, and which geometries may be labelled."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alworkflows.schema import Count, Density, Length, PositiveLength, Seed, Settings

__all__ = ["MOST_ATOMS", "CrystalSettings", "GeometryLimits", "ParticleSettings", "StructureSettings"]

#: lattices, and how many species each has
LATTICES = {
    "fcc": 1,
    "bcc": 1,
    "sc": 1,
    "hcp": 1,
    "diamond": 1,
    "rocksalt": 2,
    "cesiumchloride": 2,
    "zincblende": 2,
    "wurtzite": 2,
    "fluorite": 2,
}
Lattice = Literal["fcc", "bcc", "sc", "hcp", "diamond", "rocksalt", "cesiumchloride", "zincblende", "wurtzite", "fluorite"]
#: of one structure: more are no training data, and fill a memory
MOST_ATOMS = 10**6
Index = Annotated[int, Field(ge=-20, le=20)]
SOURCES = ("prototype", "file", "crystal", "particle", "dimer")


class CrystalSettings(Settings):
    """A crystal by its lattice: the conventional cell, cubic where there is one."""

    lattice: Lattice
    species: tuple[str, ...] = Field(min_length=1, max_length=2, description="chemical symbols, as many as the lattice has sites")
    a: PositiveLength = Field(description="lattice constant, A")
    c: PositiveLength | None = Field(None, description="of hcp and wurtzite, A; none: ideal")

    @model_validator(mode="after")
    def _species(self) -> CrystalSettings:
        if len(self.species) != LATTICES[self.lattice]:
            raise ValueError(f"species: expected {LATTICES[self.lattice]} for {self.lattice}, got {list(self.species)}")
        if self.c is not None and self.lattice not in ("hcp", "wurtzite"):
            raise ValueError(f"c: {self.lattice} has one lattice constant")
        return self


class ParticleSettings(Settings):
    """A particle cut from one lattice: its sites nearest to a point, filled with species (Benoit et al., 2020)."""

    lattice: Literal["fcc", "bcc"] = "fcc"
    a: PositiveLength = Field(description="lattice constant, A; of unlike metals, their mean")
    species: dict[str, Count] = Field(min_length=1, max_length=8, description="atoms of each species")
    order: Literal["random", "janus", "core-shell"] = Field(
        "random",
        description="random: an alloy, drawn by the seed; janus: species side by side; core-shell: the first is innermost",
    )
    seed: Seed = Field(0, description="of a random order")

    @model_validator(mode="after")
    def _size(self) -> ParticleSettings:
        if (atoms := sum(self.species.values())) > MOST_ATOMS:
            raise ValueError(f"species: expected at most {MOST_ATOMS} atoms, got {atoms}")
        return self


class StructureSettings(Settings):
    """Where one starting structure comes from: one source; then supercell or slab."""

    prototype: str | None = Field(None, description="name of a built-in crystal, such as zno-wurtzite")
    file: str | None = Field(None, description="a file that ASE or pymatgen reads")
    frames: str | None = Field(
        None, description="which frames of the file, as a slice such as '::10', for the sampler 'frames'; none: the last one"
    )
    crystal: CrystalSettings | None = Field(None, description="a crystal by its lattice")
    particle: ParticleSettings | None = Field(None, description="a nanoparticle in a box")
    dimer: tuple[str, str] | None = Field(None, description="two atoms in a box, by their symbols")
    supercell: tuple[Count, Count, Count] = (1, 1, 1)
    miller: tuple[Index, Index, Index] | None = Field(
        None, description="Miller indices of a slab's surface, along the axes of the conventional cell; none: bulk"
    )
    layers: Annotated[int, Field(ge=1, le=1000)] = Field(4, description="thickness of a slab in unit repeats along its normal")
    vacuum: PositiveLength = Field(12.0, description="empty space of a slab, in all, or between images of a particle or dimer, A")

    @model_validator(mode="after")
    def _one_source(self) -> StructureSettings:
        sources = [name for name in SOURCES if getattr(self, name) is not None]
        if len(sources) != 1:
            raise ValueError(f"expected exactly one of {', '.join(SOURCES)}, got {', '.join(sources) or 'none'}")
        if self.frames is not None and self.file is None:
            raise ValueError("frames: only a file holds several")
        if math.prod(self.supercell) > MOST_ATOMS:
            raise ValueError(f"supercell: expected at most {MOST_ATOMS} cells, got {' x '.join(map(str, self.supercell))}")
        if self.isolated and (self.miller is not None or self.supercell != (1, 1, 1)):
            raise ValueError(f"{sources[0]}: expected no supercell and no slab of something in a box")
        if self.miller is not None and not any(self.miller):
            raise ValueError("expected Miller indices that are not all zero, got (0, 0, 0)")
        return self

    @property
    def isolated(self) -> bool:
        """Whether it stands in a box, with nothing around."""
        return self.particle is not None or self.dimer is not None


class GeometryLimits(Settings):
    """Which frames may be labelled: nothing fused, nothing flown apart."""

    shortest: PositiveLength = Field(0.6, description="shortest allowed distance over the sum of covalent radii (ratio)")
    pairs: dict[str, PositiveLength] = Field(
        default_factory=dict,
        description="shortest allowed distance of a pair of species, such as 'O-Zn: 1.4 A', in place of shortest",
    )
    volume_per_atom: tuple[float, float] = Field((3.0, 400.0), description="allowed range, A^3 (slabs include their vacuum)")
    density: tuple[Density, Density] | None = Field(None, description="allowed range, g/cm^3; none: any")
    vacuum: tuple[Length, Length] | None = Field(
        None, description="allowed range of the widest empty slice between two planes of atoms, A; none: any"
    )

    @model_validator(mode="after")
    def _range(self) -> GeometryLimits:
        for name in ("volume_per_atom", "density", "vacuum"):
            limits = getattr(self, name)
            if limits is not None and not 0 <= limits[0] < limits[1]:
                raise ValueError(f"expected {name} as [smallest, largest], got {list(limits)}")
        for pair in self.pairs:
            from ase.data import atomic_numbers  # a schema with defaults alone needs none

            symbols = pair.split("-")
            if len(symbols) != 2 or any(symbol not in atomic_numbers for symbol in symbols):
                raise ValueError(f"pairs: expected two chemical symbols such as 'O-Zn', got '{pair}'")
        return self

    def in_a_box(self) -> GeometryLimits:
        """Return limits for what stands in a box of empty space, however large."""
        return self.model_copy(update={"volume_per_atom": (self.volume_per_atom[0], 1e9)})
