"""Molecular dynamics of zinc oxide, one thread: a committee of 95-term models against LAMMPS' snap, pod and buck/coul/long.

The models are fitted here, on a melt labelled with a classical potential. Every time is that of whole steps at constant energy:
forces, neighbour list and integration. All potentials reach 6 A; the Coulomb part of buck/coul/long has 6 A or 10 A in real
space, the rest by particle mesh. snap and pod get coefficients so small that the atoms fly free: their cost does not depend on
the values.

With --full: 4096 and 32 768 atoms as well, and 50 ps for the drift of the energy.
"""

import tempfile
from pathlib import Path

import numpy as np
from common import arguments, best, last_line
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from alworkflows.frames import attach_labels
from alworkflows.models.train import train
from alworkflows.potentials import PairPotential, resolve
from alworkflows.sampling import sample
from alworkflows.settings import FitSettings, LinearSettings, MeltSettings
from alworkflows.simulation.dynamics import Langevin, evaluator, initial_state, kinetic_temperature, step
from alworkflows.simulation.lammps import LammpsCalculator, LammpsSimulation
from alworkflows.structures import crystal

SPECIES, CUTOFF, TERMS, MEMBERS = ("Zn", "O"), 6.0, 95, 5
TEMPERATURE, TIMESTEP = 1000.0, 1.0


def fitted(duration=8000.0, snapshots=20, terms=TERMS):
    """Return an ensemble fitted on frames of two melting crystals, under the potential that melted them."""
    labeller, frames = LammpsCalculator(resolve("zno-binks-grimes")), []
    for name, repeat in (("zno-zincblende", (2, 2, 2)), ("zno-wurtzite", (3, 3, 2))):
        kept = []
        settings = MeltSettings(duration=duration, snapshots=snapshots)
        sample(settings, crystal(name).repeat(repeat), name, 1, kept.append)
        for atoms in kept:
            atoms.calc = labeller
            frames.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    fit = FitSettings(terms=terms, rows_per_term=10.0)
    return train(frames, LinearSettings(fit=fit, members=MEMBERS), SPECIES, seed=0)[0]


def cell(repeat):
    """Return zinc blende with `repeat` cubic cells along each axis."""
    return crystal("zno-zincblende").repeat(repeat)


# ------------------------------------------------------------------ LAMMPS


class Style(PairPotential):
    """A pair style of LAMMPS as a potential that LammpsSimulation takes; with ``ions`` the atoms carry charges."""

    lines: tuple[str, ...]
    ions: bool = False

    @property
    def charged(self):
        """Whether the atoms carry charges."""
        return self.ions

    def species(self):
        """Return the species it is for."""
        return ("O", "Zn")

    def charge(self, symbol):
        """Return the charge of an ion, e."""
        return {"Zn": 2.0, "O": -2.0}[symbol]

    def commands(self, species):
        """Return the commands; types are O, Zn."""
        return list(self.lines)


def snap(folder, twojmax, components):
    """Return a linear SNAP of two elements."""
    coefficients, parameters = folder / f"{twojmax}.snapcoeff", folder / f"{twojmax}.snapparam"
    values = "\n".join(["1e-9"] * (components + 1))
    coefficients.write_text(f"2 {components + 1}\nO 0.5 1.0\n{values}\nZn 0.5 1.0\n{values}\n")
    parameters.write_text(f"rcutfac {CUTOFF}\ntwojmax {twojmax}\n")
    return Style(lines=("pair_style snap", f"pair_coeff * * {coefficients} {parameters} O Zn"))


def pod(folder):
    """Return two- and three-body proper orthogonal descriptors of two elements, of the degrees of LAMMPS' own example."""
    parameters, coefficients = folder / "zno.pod", folder / "zno_coeff.pod"
    lines = [
        "species O Zn",
        "pbc 1 1 1",
        "rin 0.8",
        f"rcut {CUTOFF}",
        "bessel_polynomial_degree 3",
        "inverse_polynomial_degree 6",
    ]
    lines += [
        "twobody_number_radial_basis_functions 6",
        "threebody_number_radial_basis_functions 5",
        "threebody_angular_degree 4",
    ]
    for body in ("four", "five", "six", "seven"):
        lines += [f"{body}body_number_radial_basis_functions 0", f"{body}body_angular_degree 0"]
    count = 2 * (1 + 6 * 2 + 5 * 5 * 3)
    parameters.write_text("\n".join(lines) + "\n")
    coefficients.write_text(f"model_coefficients: {count} 0 0\n" + "1e-9\n" * count)
    return Style(lines=("pair_style pod", f"pair_coeff * * {parameters} {coefficients} O Zn"))


def ions(coulomb):
    """Return the classical potential of the labels without its core."""
    pairs = ["pair_coeff 2 2 0.0 1.0 0.0", "pair_coeff 1 2 529.70 0.3581 0.0", "pair_coeff 1 1 9547.96 0.21916 32.0"]
    return Style(lines=(f"pair_style buck/coul/long {CUTOFF} {coulomb}", *pairs, "kspace_style pppm 1e-4"), ions=True)


def lammps_time(style, atoms, steps, repeats=3):
    """Return seconds per atom and step."""
    with LammpsSimulation(atoms, style) as simulation:
        simulation.commands(
            [
                "atom_modify sort 1000 0.0",
                "neighbor 1.0 bin",
                f"velocity all create {TEMPERATURE} 1 dist gaussian",
                "fix move all nve",
            ]
        )
        simulation.commands([f"timestep {TIMESTEP / 1000}", "run 1 post no"])
        return best(lambda: simulation.commands([f"run {steps} pre no post no"]), repeats) / (steps * len(atoms))


# ------------------------------------------------------------------ ours


def our_time(calculator, atoms, steps, repeats=3):
    """Return seconds per atom and step, lists included."""
    langevin = Langevin(atoms.get_masses(), TIMESTEP, np.inf)
    evaluate = evaluator(calculator, atoms, stress=False)
    state = initial_state(atoms, langevin, evaluate, 2 * TEMPERATURE, np.random.default_rng(0))

    def run():
        nonlocal state
        for _ in range(steps):
            state = step(state, langevin, evaluate, 0.0)

    return best(run, repeats) / (steps * len(atoms))


def force_times(ensemble, atoms, repeats=5):
    """Return seconds an atom for the forces alone of one member, of the mean, and of all members."""
    from alworkflows.descriptors.neighbours import kinds_of
    from alworkflows.descriptors.verlet import VerletList

    every = ensemble.groups[0].committee
    one = ensemble.members[0].as_committee
    atoms = atoms.copy()
    atoms.rattle(0.1, seed=1)
    pairs, deform = VerletList(CUTOFF, 0.6).update(atoms.positions, np.asarray(atoms.cell), atoms.pbc)
    kinds = kinds_of(atoms, SPECIES)
    times = []
    for committee in (one, every.mean(), every):
        committee.follow(atoms, kinds, atoms.positions, pairs, deform)
        times.append(best(lambda c=committee: c.follow(atoms, kinds, atoms.positions, pairs, deform), repeats) / len(atoms))
    return times


def drift(calculator, atoms, duration):
    """Return the change of the total energy by a straight line, the scatter about it (eV an atom), and the temperature."""
    langevin = Langevin(atoms.get_masses(), TIMESTEP, np.inf)
    evaluate = evaluator(calculator, atoms, stress=False)
    state = initial_state(atoms, langevin, evaluate, 2 * TEMPERATURE, np.random.default_rng(1))
    energies, temperatures = [], []
    for count in range(int(duration / TIMESTEP)):
        state = step(state, langevin, evaluate, 0.0)
        if count % 10 == 0:
            kinetic = 0.5 * float(langevin.masses @ np.einsum("ij,ij->i", state.velocities, state.velocities))
            energies.append((state.energy + kinetic) / len(atoms))
            temperatures.append(kinetic_temperature(state.velocities, langevin.masses))
    times = np.linspace(0.0, 1.0, len(energies))
    line = np.polyfit(times, energies, 1)
    return float(line[0]), float(np.std(np.array(energies) - np.polyval(line, times))), float(np.mean(temperatures))


# ------------------------------------------------------------------ report


def compare(ensemble, repeat, folder, quick, work=60_000):
    """Return the times of one cell in microseconds per atom and step, by name; ``work``: atoms times steps."""
    atoms = cell(repeat)
    steps = max(4, work // len(atoms))
    times = {f"ours, mean of {MEMBERS}": our_time(ensemble.calculator(), atoms, steps)}
    peers = {
        "buck/coul/long, 6 A": ions(6.0),
        "buck/coul/long, 10 A": ions(10.0),
        "pod": pod(folder),
        "snap 6": snap(folder, 6, 30),
    }
    if not quick:
        peers["snap 8"] = snap(folder, 8, 55)
    for name, style in peers.items():
        slow = name.startswith(("snap", "pod"))
        times[name] = lammps_time(style, atoms, max(2, steps // 10) if slow else steps, 2 if slow else 3)
    times["forces alone: one member"], times["forces alone: mean"], times["forces alone: all members"] = force_times(
        ensemble, atoms
    )
    return {name: seconds * 1e6 for name, seconds in times.items()}


def main():
    options = arguments(__doc__, full="larger cells and 50 ps for the drift (some minutes)").parse_args()
    console = Console(width=120)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        ensemble = fitted(400.0, 4, 20) if options.smoke else fitted()
        counts, union = [len(member.support) for member in ensemble.members], len(ensemble.groups[0].committee.columns)
        console.print(f"{MEMBERS} members of {counts} terms, {union} in all; one thread")
        sizes, work = ((2,), 1000) if options.smoke else ((4, 8, 16) if options.full else (4,), 60_000)
        results = {8 * repeat**3: compare(ensemble, repeat, Path(folder), repeat > 8, work) for repeat in sizes}
        table = Table("microseconds per atom and step", *(f"{count} atoms" for count in results))
        first = next(iter(results.values()))
        for name in first:
            table.add_row(name, *(f"{times[name]:.2f}" if name in times else "-" for times in results.values()))
        console.print(table)
        duration = 50.0 if options.smoke else 50e3 if options.full else 2e3
        slope, scatter, temperature = drift(ensemble.calculator(), cell(2), duration)
        console.print(
            f"constant energy, 64 atoms, {temperature:.0f} K, {TIMESTEP:g} fs: {slope * 1e6:+.2f} ueV an atom "
            f"in {duration / 1e3:g} ps (scatter {scatter * 1e6:.1f})"
        )
        ours = first[f"ours, mean of {MEMBERS}"]
        console.print(
            f"over buck/coul/long: {ours / min(first[n] for n in first if n.startswith('buck')):.2f}; all members over one: "
            f"{first['forces alone: all members'] / first['forces alone: one member']:.2f}; "
            f"mean over one: {first['forces alone: mean'] / first['forces alone: one member']:.2f}"
        )
        last_line("dynamics", first["snap 6"] / ours)


if __name__ == "__main__":
    main()
