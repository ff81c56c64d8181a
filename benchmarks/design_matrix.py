"""Force design matrix of 64 atoms of ZnO, 1980 descriptors, one thread: the moments against a loop over pairs of neighbours.

The loop is vectorised over the second neighbour and over descriptors; it is the double sum of the papers, term by term. Where
numba is installed the same double sum is also timed compiled: what numpy alone costs the loop is not to the moments' credit.
``--full`` goes to 4096 atoms.
"""

import time

import numpy as np
from common import arguments, best, last_line
from threadpoolctl import threadpool_limits

from alworkflows.descriptors import build
from alworkflows.settings import PlipSettings
from alworkflows.structures import crystal

#: crystals of 64 to 256 atoms, and with --full of 512 to 4096
SIZES = ((2, 2, 2), (4, 2, 2), (4, 4, 2))
LARGE = ((4, 4, 4), (8, 4, 4), (8, 8, 4), (8, 8, 8))


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


def compiled_pairs():
    """Return the double sum over neighbours of one atom as numba compiles it: the three-body terms, which cost the most."""
    import numba

    @numba.njit(fastmath=True)
    def three(rows, i, j, kinds, u, r, g, dg, powers, starts):
        neighbours, radial, axes = len(j), g.shape[1], 3
        along = np.zeros((starts.shape[0], len(powers), radial))
        around = np.zeros((starts.shape[0], len(powers), axes, radial))
        for a in range(neighbours):
            along[:] = 0.0
            around[:] = 0.0
            for b in range(neighbours):
                t = kinds[j[b]]
                cosine = u[a, 0] * u[b, 0] + u[a, 1] * u[b, 1] + u[a, 2] * u[b, 2]
                for p in range(len(powers)):
                    power = cosine ** powers[p]
                    slope = powers[p] * cosine ** (powers[p] - 1) / r[a] if powers[p] else 0.0
                    for n in range(radial):
                        along[t, p, n] += power * g[b, n]
                    for x in range(axes):
                        turn = slope * (u[b, x] - cosine * u[a, x])
                        for n in range(radial):
                            around[t, p, x, n] += turn * g[b, n]
            for t in range(starts.shape[0]):
                factor = 2.0 if kinds[j[a]] == t else 1.0
                for p in range(len(powers)):
                    start = starts[kinds[j[a]], t, p]
                    for x in range(axes):
                        for n in range(radial):
                            gradient = factor * (dg[a, n] * u[a, x] * along[t, p, n] + g[a, n] * around[t, p, x, n])
                            rows[j[a], x, start + n] -= gradient
                            rows[i, x, start + n] += gradient

    return three


def compiled_three_body(descriptors, atoms, three):
    """Three-body force rows (3 N, P) by the compiled double sum."""
    species, settings = descriptors.species, descriptors.settings
    kinds = np.array([species.index(symbol) for symbol in atoms.get_chemical_symbols()])
    columns = {name: index for index, name in enumerate(descriptors.names)}
    tag = f"gaussian {descriptors.radial[0].label}"
    starts = np.zeros((len(species), len(species), len(species), len(settings.l)), dtype=int)
    for c, s, t, p in np.ndindex(starts.shape):
        first, second = sorted((s, t))
        starts[c, s, t, p] = columns[f"3B {species[c]}({species[first]},{species[second]}) l={settings.l[p]} {tag}"]
    pairs = descriptors.neighbours(atoms)
    distance = np.linalg.norm(pairs.vectors, axis=1)
    unit = pairs.vectors / distance[:, None]
    g, dg, _, _ = radial_functions(settings, distance)
    rows, powers = np.zeros((len(atoms), 3, descriptors.size)), np.array(settings.l)
    for i in range(len(atoms)):
        mine = slice(pairs.first[i], pairs.first[i + 1])
        three(rows, i, pairs.second[mine], kinds, unit[mine], distance[mine], g[mine], dg[mine], powers, starts[kinds[i]])
    return rows.reshape(-1, descriptors.size)


def compare_compiled(descriptors, atoms, reference, fast):
    """Print what the three-body terms alone cost compiled, and that they are right."""
    try:
        three = compiled_pairs()
    except ImportError:
        print("compiled double sum: numba is not installed")
        return
    body = np.array([term.body == "3B" for term in descriptors.terms])
    values = compiled_three_body(descriptors, atoms, three)  # compiles
    difference = np.abs(values - reference)[:, body].max() / np.abs(reference[:, body]).max()
    slow = best(lambda: compiled_three_body(descriptors, atoms, three), 3)
    print(f"compiled double sum, three-body terms alone: {slow * 1e3:.0f} ms, {slow / fast:.1f} times all of the moments")
    print(f"its largest difference from the loop: {difference:.0e} of the largest row entry")


def compare_products(descriptors, atoms):
    """What vjp and jvp cost, of one member and of five at once, over the values alone."""
    rng, count = np.random.default_rng(0), len(atoms)
    weights, moves = rng.normal(size=(5, count, descriptors.size)), rng.normal(size=(5, count, 3))
    values = best(lambda: descriptors.values(atoms), 20)
    calls = (
        lambda: descriptors.vjp(atoms, weights[0]),
        lambda: descriptors.vjp(atoms, weights),
        lambda: descriptors.jvp(atoms, moves[0]),
        lambda: descriptors.jvp(atoms, moves),
    )
    pull, pulls, push, pushes = (best(call, 20) / values for call in calls)
    print(
        f"values {values * 1e3:.1f} ms; vjp {pull:.1f} and jvp {push:.1f} times that, "
        f"five members at once {pulls:.1f} and {pushes:.1f} times"
    )


def main():
    options = arguments(__doc__, full="go to 4096 atoms").parse_args()
    sizes = ((2, 1, 1),) if options.smoke else (*SIZES, *LARGE) if options.full else SIZES
    descriptors = build(PlipSettings(), ("Zn", "O"))
    atoms = crystal("zno-zincblende").repeat(1 if options.smoke else 2)
    atoms.rattle(0.1, seed=1)
    single = threadpool_limits(1)
    slow = time.perf_counter()
    reference = triple_loop(descriptors, atoms)
    slow = time.perf_counter() - slow
    rows = descriptors.design(atoms, stress=False).forces
    fast = best(lambda: descriptors.design(atoms, stress=False), 20)
    with_stress = best(lambda: descriptors.design(atoms), 20)
    print(f"{len(atoms)} atoms, {descriptors.size} descriptors, one thread")
    print(f"largest difference {np.abs(rows - reference).max() / np.abs(reference).max():.1e} of the largest row entry")
    print(f"loop {slow * 1e3:.0f} ms, moments {fast * 1e3:.1f} ms; stress rows add {100 * (with_stress / fast - 1):.0f} %")
    with threadpool_limits(2):
        double = best(lambda: descriptors.design(atoms, stress=False), 20)
    print(f"two threads: {double * 1e3:.1f} ms, {fast / double:.2f} times as fast")
    compare_compiled(descriptors, atoms, reference, fast)
    compare_products(descriptors, atoms)
    for repeats in sizes:
        larger = crystal("zno-zincblende").repeat(repeats)
        larger.rattle(0.1, seed=1)
        seconds = best(lambda larger=larger: descriptors.design(larger, stress=False), 4)
        listing = best(lambda larger=larger: descriptors.neighbours(larger), 4)
        share = [round(value / len(larger) * 1e6) for value in (seconds, listing)]
        print(f"{len(larger):5d} atoms: {share[0]} us an atom, {share[1]} of them for the list of neighbours")
    single.restore_original_limits()
    last_line("design_matrix", slow / fast)


if __name__ == "__main__":
    main()
