"""What ``input.json`` of each verb holds: written by whoever prepares a job's folder, read by the verb that runs in it.

Both sides import these classes, so neither can mean another key than the other. Names of files are relative to the job's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from alworkflows.errors import InputError
from alworkflows.schema import Settings, parse
from alworkflows.settings import GeometryLimits, LabelSettings, ModelSettings, SamplerSettings

__all__ = ["DescribeSpec", "EvaluateSpec", "FitSpec", "JobSpec", "LabelSpec", "SampleSpec"]


def _named(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the names in a value - a name, a list, a mapping of lists - each with the key it stands at."""
    if isinstance(value, str):
        yield place, value
    elif value is not None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _named(f"{place}.{key}".removeprefix("."), item)


def _stay_inside(value: Any) -> Any:
    for place, name in _named("", value):
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            at = f"{place}: " if place else ""
            raise ValueError(f"{at}expected the name of a file in the job's folder, got '{name}'")
    return value


#: marks a field that names files
_FILES = AfterValidator(_stay_inside)
FileName = Annotated[str, _FILES]
FileNames = Annotated[tuple[str, ...], _FILES]
#: files by the name of the group they belong to
FileGroups = Annotated[dict[str, tuple[str, ...]], _FILES]

# JSON knows integers and truth values: a text that looks like one is a mistake
Integer = Annotated[int, Field(strict=True)]
Seed = Annotated[int, Field(strict=True, ge=0)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, gt=0)]
Species = Annotated[tuple[str, ...], Field(min_length=1)]


class JobSpec(Settings):
    """What every verb takes."""

    max_seconds: Number | None = Field(None, description="walltime of the job, s; none: no end")

    @classmethod
    def of(cls, where: str, owner: str, /, **values: Any) -> Self:
        """Return the checked input of a verb.

        Parameters
        ----------
        where
            Where the values come from; errors begin with it.
        owner
            Who expects them, such as "the verb 'fit'".

        Raises
        ------
        InputError
            If a key is missing or unknown, or a value is wrong.
        """
        missing = [name for name, field in cls.model_fields.items() if field.is_required() and name not in values]
        # a key that is unknown may be a missing one misspelt: then all is told, with the nearest names
        if missing and set(values) <= set(cls.model_fields):
            wanted = "; ".join(f"'{name}' ({cls.model_fields[name].description})" for name in missing)
            plural = "s" if len(missing) > 1 else ""
            raise InputError(
                f"{where}: {owner} expects the key{plural} {wanted}; got {', '.join(map(repr, sorted(values))) or 'none'}"
            )
        return parse(cls, values, where)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the names of all files, each with the key it stands at."""
        for name, field in type(self).model_fields.items():
            if _FILES in field.metadata:
                yield from _named(name, getattr(self, name))

    def require_files(self, folder: Path) -> None:
        """Raise an :class:`~alworkflows.errors.InputError` if a file is not in the job's folder."""
        for place, name in self.files():
            if not (folder / name).is_file():
                raise InputError(f"{place}: expected the file '{name}' in the job's folder {folder.resolve()}, found none")


class SampleSpec(JobSpec):
    """Input of the verb ``sample``: one sampler, one structure."""

    sampler: SamplerSettings = Field(description="settings of the sampler; times in fs, temperatures in K")
    structures: FileName = Field(description="file of starting structures, each named in its origin")
    structure: str = Field(description="name of the one to start from")
    seed: Seed = Field(description="of all that is drawn at random")
    ensemble: Annotated[str | None, _FILES] = Field(None, description="file of the ensemble that drives the dynamics")
    upper: Number | None = Field(None, description="disagreement at which a driven run stops, eV/A; none: it is not watched")


class DescribeSpec(JobSpec):
    """Input of the verb ``describe``: candidates, and the ensemble to ask about them."""

    candidates: FileNames = Field(min_length=1, description="files of frames")
    species: Species = Field(description="chemical symbols, in the ensemble's order")
    geometry: GeometryLimits = Field(description="which frames may be labelled")
    ensemble: Annotated[str | None, _FILES] = Field(None, description="file of the ensemble whose disagreement is meant")
    grade: Flag = Field(False, description="whether the extrapolation grade is asked for")
    batches: FileNames = Field((), description="files of what the ensemble was trained on; for the grade")

    @model_validator(mode="after")
    def _grade_of_something(self) -> Self:
        if self.grade and self.ensemble is None:
            raise ValueError("extrapolation grade: expected the ensemble it is of, got none")
        if self.grade and not self.batches:
            raise ValueError("extrapolation grade: expected the batches that the ensemble was trained on, got none")
        return self


class LabelSpec(JobSpec):
    """Input of the verb ``label``: frames, and what labels them."""

    frames: FileName = Field(description="file of frames")
    label: LabelSettings = Field(description="what labels them, and which labels are believed")
    indices: tuple[Integer, ...] | None = Field(None, description="which of the frames, by their place in the file; none: all")
    remedy: str | None = Field(None, description="name of a remedy of the calculator to label with")


class FitSpec(JobSpec):
    """Input of the verb ``fit``: labelled batches, and what is fitted to them."""

    batches: FileNames = Field(min_length=1, description="files of labelled frames to train on")
    tests: FileNames = Field((), description="files of labelled frames that are never trained on")
    transfers: FileGroups = Field(default_factory=dict, description="files of labelled frames by the name of a transfer set")
    references: FileNames = Field((), description="files of frames whose energies those of the species are shifted to meet")
    model: ModelSettings = Field(description="settings of the model")
    species: Species = Field(description="chemical symbols")
    seed: Seed = Field(description="of the folds")


class EvaluateSpec(JobSpec):
    """Input of the verb ``evaluate``: ensembles, and frames that none was trained on."""

    ensembles: FileNames = Field(min_length=1, description="files of ensembles, oldest first")
    tests: FileGroups = Field(description="files of labelled frames by the name of a group, such as a stage")

    @model_validator(mode="after")
    def _some_frames(self) -> Self:
        if not any(self.tests.values()):
            raise ValueError("tests: expected at least one file of test frames, got none")
        return self
