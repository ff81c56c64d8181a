"""Force design matrix of 64 atoms of ZnO, 1980 descriptors, one thread: the moments against a loop over pairs of neighbours.

The loop is vectorised over the second neighbour and over descriptors; it is the double sum of the papers, term by term.
"""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from alworkflows.descriptors import build
from alworkflows.settings import DescriptorSettings
from alworkflows.structures import crystal


def radial_functions(settings, r):
    """g = f f_c and h = g f_s of the papers with their derivatives, each (M, R)."""
    b = np.tile(settings.functions[0].centres, len(settings.functions[0].widths))
    a = np.repeat(settings.functions[0].widths, len(settings.functions[0].centres))
    x = r[:, None] - b
    f = np.exp(-a * x * x)
    cut = 0.5 * (1 + np.cos(np.pi * r / settings.cutoff))[:, None]
    slope = (-0.5 * np.pi / settings.cutoff * np.sin(np.pi * r / settings.cutoff))[:, None]
    g, dg = f * cut, -2 * a * x * f * cut + f * slope
    u = np.clip((r / settings.switch - 0.95) / 0.1, 0, 1)[:, None]
    on, rise = u**3 * (10 + u * (6 * u - 15)), 30 * u**2 * (u - 1) ** 2 / (0.1 * settings.switch)
    return g, dg, g * on, dg * on + g * rise


def triple_loop(descriptors, atoms):
    """Force rows (3 N, P) by the double sum over neighbours, all descriptors at once."""
    settings, species = descriptors.settings, descriptors.species
    kinds = np.array([species.index(symbol) for symbol in atoms.get_chemical_symbols()])
    pairs = descriptors.neighbours(atoms)
    radial = len(descriptors.radial)
    columns = {name: index for index, name in enumerate(descriptors.names)}
    tag = f"gaussian {descriptors.radial[0].label}"

    def block(name):
        return slice(columns[f"{name} {tag}"], columns[f"{name} {tag}"] + radial)

    rows = np.zeros((len(atoms), 3, descriptors.size))
    distance = np.linalg.norm(pairs.vectors, axis=1)
    unit = pairs.vectors / distance[:, None]
    g, dg, h, dh = radial_functions(settings, distance)
    for i in range(len(atoms)):
        mine = slice(pairs.first[i], pairs.first[i + 1])
        j, u, r = pairs.second[mine], unit[mine], distance[mine]
        gi, dgi, hi, dhi = g[mine], dg[mine], h[mine], dh[mine]
        centre = species[kinds[i]]
        for s, name in enumerate(species):
            of = np.flatnonzero(kinds[j] == s)
            pair = block("2B " + "-".join(sorted((centre, name), key=species.index)))
            gradient = 0.5 * dgi[of, None, :] * u[of, :, None]
            np.add.at(rows[:, :, pair], j[of], -gradient)
            rows[i, :, pair] += gradient.sum(axis=0)
            density = hi[of].sum(axis=0)
            for m in settings.m:
                gradient = (m * density ** (m - 1) * dhi[of])[:, None, :] * u[of, :, None]
                np.add.at(rows[:, :, block(f"NB {centre}({name}) m={m}")], j[of], -gradient)
                rows[i, :, block(f"NB {centre}({name}) m={m}")] += gradient.sum(axis=0)
        for a in range(len(j)):  # the neighbour that moves; all others at once
            cosine = u @ u[a]
            turn = (u - cosine[:, None] * u[a]) / r[a]
            for t in range(len(species)):
                of = kinds[j] == t
                first, second = sorted((kinds[j[a]], t))
                factor = 2.0 if kinds[j[a]] == t else 1.0
                for power in settings.l:
                    angle = cosine[of] ** power
                    slope = power * cosine[of] ** (power - 1) if power else np.zeros(of.sum())
                    along = factor * dgi[a] * (angle @ gi[of])
                    around = factor * gi[a] * ((slope[:, None] * turn[of]).T @ gi[of])
                    gradient = u[a][:, None] * along + around
                    name = block(f"3B {centre}({species[first]},{species[second]}) l={power}")
                    rows[j[a], :, name] -= gradient
                    rows[i, :, name] += gradient
    return rows.reshape(-1, descriptors.size)


def timed(function, repeats):
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    descriptors = build(DescriptorSettings(), ("Zn", "O"))
    atoms = crystal("zno-zincblende").repeat(2)
    atoms.rattle(0.1, seed=1)
    single = threadpool_limits(1)
    slow = time.perf_counter()
    reference = triple_loop(descriptors, atoms)
    slow = time.perf_counter() - slow
    rows = descriptors.design(atoms, stress=False).forces
    fast = timed(lambda: descriptors.design(atoms, stress=False), 20)
    with_stress = timed(lambda: descriptors.design(atoms), 20)
    print(f"{len(atoms)} atoms, {descriptors.size} descriptors, one thread")
    print(f"largest difference {np.abs(rows - reference).max() / np.abs(reference).max():.1e} of the largest row entry")
    print(f"loop {slow * 1e3:.0f} ms, moments {fast * 1e3:.1f} ms; stress rows add {100 * (with_stress / fast - 1):.0f} %")
    with threadpool_limits(2):
        double = timed(lambda: descriptors.design(atoms, stress=False), 20)
    print(f"two threads: {double * 1e3:.1f} ms, {fast / double:.2f} times as fast")
    for repeats in ((2, 2, 2), (4, 2, 2), (4, 4, 2)):
        larger = crystal("zno-zincblende").repeat(repeats)
        seconds = timed(lambda larger=larger: descriptors.design(larger, stress=False), 2)
        print(f"{len(larger):5d} atoms: {seconds / len(larger) * 1e6:.0f} us an atom")
    single.restore_original_limits()
    print(f"design_matrix: ratio {slow / fast:.1f}")


if __name__ == "__main__":
    main()
