"""A class of models that the package does not know: eight neurons on descriptors, fitted by torch to energies and forces.

E = sum_i E0 + v . softplus(W (B_i - m) / s + b): forces follow from dE/dB by ``vjp``. The gradient of |F - F_ref|^2 by the
parameters needs no Jacobian either: with g = 2 (F - F_ref), it is that of -sum(dE/dB * jvp(g)), the second factor held fixed.
"""

from typing import ClassVar, Literal

import numpy as np
import torch
from ase import Atoms
from pydantic import Field

from alworkflows.deadline import TimeIsUp
from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import frame_id, labels
from alworkflows.models.batches import Batches
from alworkflows.models.contract import Model, Trainer
from alworkflows.models.evaluation import Evaluation, Still, check_frame
from alworkflows.models.sample import Checked, Sample, fold_of
from alworkflows.settings import DescriptorSettings, PlipSettings, parse
from alworkflows.settings.model import GroupSettings

NEURONS = 8
NAMES = ("mean", "scale", "w", "b", "v", "reference")


class TinySettings(GroupSettings):
    class_: Literal["tiny"] = Field("tiny", alias="class")
    descriptors: DescriptorSettings = PlipSettings()
    members: int = 2
    epochs: int = 30


class TinyNetwork(Model):
    class_name: ClassVar[str] = "tiny"

    def __init__(self, species, settings, arrays):
        self.species, self.settings, self.arrays = tuple(species), settings, arrays
        self.descriptors = build(settings, self.species)

    @property
    def make(self):
        return f"tiny ({self.settings.name})"

    def energies(self, values, parameters):
        """Energy of each atom, torch."""
        mean, scale, w, b, v, reference = parameters
        return torch.nn.functional.softplus((values - mean) / scale @ w + b) @ v + reference

    def evaluate(self, atoms):
        check_frame(atoms, self.species)
        values = torch.tensor(self.descriptors.values(atoms), requires_grad=True)
        energies = self.energies(values, [torch.tensor(self.arrays[name]) for name in NAMES])
        (slopes,) = torch.autograd.grad(energies.sum(), values)
        forces, stress = self.descriptors.vjp(atoms, slopes.numpy())
        virial = stress * atoms.get_volume() if atoms.pbc.all() else np.zeros(6)
        return Evaluation.of_atoms(energies.detach().numpy()[None], forces[None], virial[None])

    def evaluator(self, skin=0.6):
        return Still(self.evaluate)

    def pack(self):
        return {"descriptors": self.settings.model_dump(mode="json")}, self.arrays

    @classmethod
    def unpack(cls, header, arrays, species, where):
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise InputError(f"{where}: expected finite weights, got NaN or infinity")
        return cls(species, parse(DescriptorSettings, header["descriptors"], where), dict(arrays))

    def summary(self):
        return {
            "class": "tiny",
            "make": self.make,
            "parameters": sum(self.arrays[name].size for name in ("w", "b", "v")),
            "cost": {"microseconds_per_atom": 100.0, "basis": "estimated"},
        }

    def features(self, frames: list[Atoms]):
        """Latent features: what the neurons say."""
        mean, scale, w, b = (self.arrays[name] for name in NAMES[:4])
        return [np.logaddexp(0.0, (self.descriptors.values(atoms) - mean) / scale @ w + b) for atoms in frames]


class TinyTrainer(Trainer):
    def fit(self, data, job):
        torch.set_num_threads(1)  # on so few numbers more are slower
        sample = Sample(self.seed, 5, self.settings.members)
        batches = Checked(Batches(data.frames, "training frames"), ("energy", "forces"), sample)
        frames = [atoms for batch in batches for atoms in batch]
        self.models_, held = [], []
        for member in range(self.settings.members):
            left = [fold_of(frame_id(atoms), self.seed, 5) == member for atoms in frames]
            model = self._train(member, [atoms for atoms, out in zip(frames, left, strict=True) if not out], job)
            self.models_.append(model)
            out = [atoms for atoms, is_out in zip(frames, left, strict=True) if is_out]
            held += [p.forces - labels(atoms).forces for p, atoms in zip(model.predict(out), out, strict=True)]
        error = float(np.sqrt((np.concatenate(held) ** 2).mean()))
        self.report_ = {"frames": len(frames), "held_out_frames": len(held), "held_out_rmse": error}
        self.course_, self.left_out_ = {"epochs": self.settings.epochs}, sample.frames()
        self._sample = sample
        return self

    def unseen_by(self, atoms):
        member = self._sample.group(atoms)
        return [member] if member < self.settings.members else []

    def _train(self, member, frames, job):
        descriptors = build(self.settings.descriptors, self.species)
        values = [torch.tensor(descriptors.values(atoms)) for atoms in frames]
        together = torch.cat(values)
        scale = together.std(dim=0)
        energy = np.mean([labels(atoms).energy / len(atoms) for atoms in frames])
        random = np.random.default_rng([self.seed, member])
        arrays = {
            "mean": together.mean(dim=0).numpy(),
            "scale": torch.where(scale > 1e-8, scale, torch.ones_like(scale)).numpy() * np.sqrt(descriptors.size),
            "w": random.normal(size=(descriptors.size, NEURONS)),
            "b": random.normal(size=NEURONS),
            "v": random.normal(size=NEURONS) * 0.1,
            "reference": np.array(energy),
        }
        model = TinyNetwork(self.species, self.settings.descriptors, arrays)
        parameters = [torch.tensor(arrays[name], requires_grad=name in ("w", "b", "v")) for name in NAMES]
        steps = torch.optim.Adam([p for p in parameters if p.requires_grad], lr=0.05)
        begin = self._load(job, member, parameters, steps)
        for epoch in range(begin, self.settings.epochs):
            if job.checkpoint and job.deadline.expired:
                self._save(job, member, parameters, steps, epoch)
                raise TimeIsUp(f"member {member}: epoch {epoch} of {self.settings.epochs}")
            steps.zero_grad()
            for atoms, known in zip(frames, values, strict=True):
                given = known.clone().requires_grad_()
                energies = model.energies(given, parameters)
                (slopes,) = torch.autograd.grad(energies.sum(), given, create_graph=True)
                forces, _ = descriptors.vjp(atoms, slopes.detach().numpy())
                towards = 2.0 * (forces - labels(atoms).forces) / forces.size
                loss = -(slopes * torch.tensor(descriptors.jvp(atoms, towards))).sum()
                loss = loss + ((energies.sum() - labels(atoms).energy) / len(atoms)) ** 2
                (loss / len(frames)).backward()
            steps.step()
        if job.checkpoint:
            self._save(job, member, parameters, steps, self.settings.epochs)
        model.arrays = {name: p.detach().numpy() for name, p in zip(NAMES, parameters, strict=True)}
        return model

    def _save(self, job, member, parameters, steps, epoch):
        job.checkpoint.mkdir(parents=True, exist_ok=True)
        state = steps.state_dict()["state"]
        moments = {f"{key}_{name}": value.numpy() for key, own in state.items() for name, value in own.items()}
        known = {name: p.detach().numpy() for name, p in zip(NAMES, parameters, strict=True)}
        np.savez(job.checkpoint / f"member_{member}.npz", epoch=epoch, **known, **moments)

    def _load(self, job, member, parameters, steps):
        file = job.checkpoint / f"member_{member}.npz" if job.checkpoint else None
        if file is None or not file.exists():
            return 0
        with np.load(file, allow_pickle=False) as stored:
            for name, p in zip(NAMES, parameters, strict=True):
                p.data = torch.tensor(stored[name])
            state = {
                key: {name: torch.tensor(stored[f"{key}_{name}"]) for name in ("step", "exp_avg", "exp_avg_sq")}
                for key in range(3)
                if f"{key}_step" in stored.files
            }
            steps.load_state_dict({"state": state, "param_groups": steps.state_dict()["param_groups"]})
            return int(stored["epoch"])
