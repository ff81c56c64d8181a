"""What every class of models does, and what fits it, so that an ensemble may mix them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from ase import Atoms

from alworkflows.deadline import Deadline
from alworkflows.models.batches import FrameSource
from alworkflows.models.calculator import ModelCalculator
from alworkflows.models.evaluation import SKIN, Evaluation, Evaluator, Prediction
from alworkflows.models.predictions import Evaluations

__all__ = ["Committee", "Job", "Model", "OneAfterAnother", "Reweighting", "Trainer", "TrainingData"]


class Model(ABC):
    """A potential.

    Attributes
    ----------
    class_name
        What files and settings call its class.
    species
        Chemical symbols it is made for.
    """

    class_name: ClassVar[str]
    species: tuple[str, ...]

    @property
    @abstractmethod
    def make(self) -> str:
        """Its class and what tells it from others of it, such as ``linear (plip)``: for messages, and the names of members."""

    @abstractmethod
    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what it says of a frame, as one model: neighbours are found anew.

        Raises
        ------
        InputError
            If the frame has no atoms, a species that the model was not made for, or positions that are not finite.
        """

    @abstractmethod
    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return what follows one structure through dynamics, on neighbour lists that reach ``skin`` (A) beyond the cutoff."""

    @abstractmethod
    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return all that it is made of: a header of plain JSON types, and arrays of numbers by name."""

    @classmethod
    @abstractmethod
    def unpack(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], species: tuple[str, ...], where: str) -> Model:
        """Return the model that was packed; nothing is run yet.

        Raises
        ------
        InputError
            If header and arrays do not belong together, or hold numbers that are not finite; it begins with ``where``.
        """

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Return what it is, as plain JSON types.

        ``class``; ``make``; ``parameters``: how many numbers were fitted; ``cost``: ``microseconds_per_atom`` of an evaluation in
        dynamics on one core, and ``basis``: whether that is estimated or was measured, and on what; ``terms`` where it has any.
        """

    def check_installed(self) -> None:  # noqa: B027 - most run on what is always there
        """Raise :class:`.errors.MissingExtraError` if what it runs on is not installed."""

    def predict(self, frames: Sequence[Atoms]) -> list[Prediction]:
        """Return what it says of each frame; raises as :meth:`evaluate`."""
        return [Prediction.of(self.evaluate(atoms), atoms) for atoms in frames]

    def calculator(self, skin: float = SKIN) -> ModelCalculator:
        """Return an ASE calculator made for dynamics."""
        return ModelCalculator(self.evaluator(skin))


class Committee(ABC):
    """Models of one make that are evaluated together; what only some makes can do is asked of it by :mod:`.capabilities`.

    Attributes
    ----------
    make
        That of each of its models.
    species
        Chemical symbols.
    """

    make: str
    species: tuple[str, ...]

    @abstractmethod
    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of a frame; raises as :meth:`Model.evaluate`."""

    def evaluate_each(self, frames: Sequence[Atoms]) -> Evaluations:
        """Return what each model says of each of some frames, at least one; raises as :meth:`Model.evaluate`."""
        return Evaluations.of([self.evaluate(atoms) for atoms in frames])

    @abstractmethod
    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return what follows one structure through dynamics; see :meth:`Model.evaluator`."""


class OneAfterAnother(Committee):
    """A model alone: of a class whose models cannot be evaluated together, each is a committee of one."""

    def __init__(self, model: Model) -> None:
        self.model, self.make, self.species = model, model.make, model.species

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what the model says of a frame."""
        return self.model.evaluate(atoms)

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return the model's own evaluator."""
        return self.model.evaluator(skin)


@dataclass(frozen=True)
class TrainingData:
    """What a model is fitted to and judged on.

    ``frames``: with labels, in batches (see :class:`.batches.Batches`); ``atoms.info["weight"]`` multiplies the squared errors
    of one; ``tests`` and ``transfers``: sets to judge on, by name, of the kind that is trained on and of others; ``references``:
    frames whose energies decide the reference energies of the species.
    """

    frames: FrameSource
    tests: Mapping[str, FrameSource] = field(default_factory=dict)
    transfers: Mapping[str, FrameSource] = field(default_factory=dict)
    references: Sequence[Atoms] = ()


@dataclass(frozen=True)
class Job:
    """Where and how long a fit runs.

    ``say``: called with a line of text now and then; ``cache``: whether what was summed before, by any fit of this computer, is
    taken from there; ``checkpoint``: folder for what is done, made when something is stored, None: nothing is kept;
    ``deadline``: when to stop.
    """

    say: Callable[[str], None] = lambda line: None
    cache: Any = "default"
    checkpoint: Path | None = None
    deadline: Deadline = field(default_factory=Deadline)


class Trainer(ABC):
    """What fits the models of one group.

    Parameters
    ----------
    settings
        Of the group.
    species
        Chemical symbols.
    seed
        Of all that is drawn, such as the folds that members leave out.

    Attributes
    ----------
    models_
        As many as the settings have members.
    report_
        What the models are and how good, as plain JSON types: the same for the same data, whatever interrupted the fit.
        ``held_out_rmse``: force error (eV/A) on frames that a model did not see, and ``held_out_frames``: how many there were.
    course_
        How the fit went, such as its seconds.
    left_out_
        Frames that at least one model left out: a sample that does not grow with the data.
    """

    #: whether there is anything to fit
    is_trained: ClassVar[bool] = True

    models_: list[Model]
    report_: dict[str, Any]
    course_: dict[str, Any]
    left_out_: list[Atoms]

    def __init__(self, settings: Any, species: Sequence[str], seed: int) -> None:
        self.settings, self.species, self.seed = settings, tuple(species), seed

    @abstractmethod
    def fit(self, data: TrainingData, job: Job) -> Self:
        """Fit the models.

        A fit on data that grew by batches at the end does again only what it must. One that was interrupted goes on from its
        checkpoint to the same models, to the last bit; where it had ended, it takes them from there.

        Raises
        ------
        InputError
            If the data cannot be fitted.
        TimeIsUp
            If the deadline came first; what was done is in the checkpoint.
        """

    def unseen_by(self, atoms: Atoms) -> Sequence[int]:
        """Return the numbers of those of ``models_`` that a training frame was kept from."""
        return ()


@runtime_checkable
class Reweighting(Protocol):
    """A trainer that fits again with other weights of some frames for less than it took."""

    models_: list[Model]
    report_: dict[str, Any]

    def reweighted(self, weights: Mapping[int, float]) -> Self:
        """Return the trainer as if the squared errors of some frames had these weights; 0: as if they had not been there.

        Frames are named by their place in the stream that was fitted; weights are of at most 1, and multiply their own.
        """
