/* Energies, forces and virial of linear models, for dynamics.
 *
 * A model's energy is a function of the moments A[s][k][q] of each centre alone: two-body terms are linear in A[s][0], N-body
 * densities are projections of A[s][0] (but for neighbours within the switch, handled apart), three-body terms are quadratic. Its
 * derivative D = dE/dA then gives the force of each neighbour as
 *     u sum_kq D_kq g'_q Y_k + 1/r sum_kq D_kq g_q grad Y_k,
 * whatever the number of terms. Models share lists, radial functions, harmonics and moments.
 *
 * Q radial functions, a multiple of LANES; `stride` harmonics. */
#include "environment.h"

#define BLOCKS 32 /* of atoms, each with forces of its own, added in order: the result does not depend on the number of threads */

/* Call an inlined function with a first argument the compiler knows. */
#define SPECIALISE(wide, function, ...)                  \
    switch (wide) {                                      \
    case 1: function(1, __VA_ARGS__); break;             \
    case 2: function(2, __VA_ARGS__); break;             \
    case 3: function(3, __VA_ARGS__); break;             \
    default: function(WIDE, __VA_ARGS__);                \
    }

/* How many vecs to handle together from function q on, so that tiles are of equal width or nearly so. */
INLINE int tile_width(int Q, int q)
{
    int left = (Q - q) / LANES, tiles = (left + WIDE - 1) / WIDE;
    return (left + tiles - 1) / tiles;
}

/* What a model does with the moments of one centre. */
typedef struct {
    int S, Q, lmax;
    const double *pairs;   /* [centre][s][Q] */
    const double *triples; /* [centre][pair(s, t)][l][Q][Q], symmetric: energy sum A_s W A_t, half of it for s = t */
    const long *begin;     /* [centre][s], and the end: the N-body terms of each */
    const int *power;      /* [term] */
    const double *weight, *density; /* [term], [term][Q]: projection of the moments that is the density */
} Model;

typedef struct {
    long n;
    const int *kinds;
    const double *positions;
    const long *first;
    const int *second;
    const double *offsets, *deform; /* vector = x_j - x_i + offset . deform */
    double *energies, *forces, *virial;
} Frame;

typedef struct {
    Shell shell;
    double *vectors, *g, *dg, *A, *D, *rho, *drho; /* g, dg: [neighbour][Q]; A, D: [species][stride][Q]; rho: [species][Q] */
    double *memory;
} Work;

/* ------------------------------------------------------------------ moments */

INLINE void moments_tile(int wide, const Shell *shell, long begin, long end, int k, int Q, const double *g, double *A)
{
    vec sum[TILE][WIDE] = {{{0}}};
    for (long p = begin; p < end; p++) {
        const double *Y = harmonic(shell, p, 0) + (long)k * LANES;
        const vec *row = (const vec *)(g + p * Q);
        for (int i = 0; i < TILE; i++)
            for (int v = 0; v < wide; v++) sum[i][v] += row[v] * Y[i * LANES];
    }
    for (int i = 0; i < TILE; i++)
        for (int v = 0; v < wide; v++) *(vec *)(A + (long)(k + i) * Q + v * LANES) = sum[i][v];
}

static void moments(const Radial *radii, int S, int Q, Work *w)
{
    const Shell *shell = &w->shell;
    for (long p = 0; p < shell->count; p++)
        for (int q = 0; q < Q / LANES; q++)
            radial(radii, q, shell->r[p], (vec *)(w->g + p * Q) + q, (vec *)(w->dg + p * Q) + q);
    for (int s = 0; s < S; s++) {
        long begin = shell->begin[s], end = shell->begin[s + 1];
        double *A = w->A + (long)s * shell->stride * Q;
        for (int k = 0; k < shell->stride; k += TILE) {
            for (int q = 0, wide; q < Q; q += wide * LANES) {
                wide = tile_width(Q, q);
                SPECIALISE(wide, moments_tile, shell, begin, end, k, Q, w->g + q, A + q);
            }
        }
        vec *rho = (vec *)(w->rho + s * Q);
        for (int q = 0; q < Q / LANES; q++) rho[q] = *(vec *)(A + q * LANES);
        for (long p = begin; p < end; p++) {
            if (shell->r[p] >= radii->outer) continue;
            double slope, off = 1.0 - density_switch(radii, shell->r[p], &slope);
            for (int q = 0; q < Q / LANES; q++) rho[q] -= off * *(vec *)(w->g + p * Q + q * LANES);
        }
    }
}

/* ------------------------------------------------------------------ energy of one centre and D = dE/dA */

/* D[k] += sum_q' A[k][q'] W[q'], for `rows` harmonics and `wide` vecs */
INLINE void couple_tile(int rows, int wide, int Q, const double *W, const double *A, double *D)
{
    vec sum[TILE][WIDE] = {{{0}}};
    for (int i = 0; i < Q; i++)
        for (int v = 0; v < wide; v++) {
            vec w = *(const vecu *)(W + (long)i * Q + v * LANES);
            for (int k = 0; k < rows; k++) sum[k][v] += A[(long)k * Q + i] * w;
        }
    for (int k = 0; k < rows; k++)
        for (int v = 0; v < wide; v++) *(vec *)(D + (long)k * Q + v * LANES) += sum[k][v];
}

INLINE void couple(int wide, int Q, int l, const double *W, const double *A, double *D)
{
    int k = l * l, end = (l + 1) * (l + 1);
    for (; k + 3 <= end; k += 3) couple_tile(3, wide, Q, W, A + (long)k * Q, D + (long)k * Q);
    for (; k < end; k++) couple_tile(1, wide, Q, W, A + (long)k * Q, D + (long)k * Q);
}

INLINE vec product(int count, const double *a, const double *b)
{
    vec sum = {0};
    for (int i = 0; i < count; i += LANES) sum += *(const vec *)(a + i) * *(const vecu *)(b + i);
    return sum;
}

static double three_body(const Model *m, int c, int stride, const double *A, double *D)
{
    int pairs = m->S * (m->S + 1) / 2, Q = m->Q;
    long size = (long)stride * Q, square = (long)Q * Q;
    memset(D, 0, sizeof(double) * m->S * size);
    if (!m->triples) return 0.0;
    for (int s = 0; s < m->S; s++)
        for (int t = s; t < m->S; t++)
            for (int l = 0; l <= m->lmax; l++) {
                const double *W = m->triples + ((c * pairs + species_pair(m->S, s, t)) * (m->lmax + 1L) + l) * square;
                for (int q = 0, wide; q < Q; q += wide * LANES) {
                    wide = tile_width(Q, q);
                    SPECIALISE(wide, couple, Q, l, W + q, A + t * size, D + s * size + q);
                    if (s != t) SPECIALISE(wide, couple, Q, l, W + q, A + s * size, D + t * size + q);
                }
            }
    return 0.5 * sum_lanes(product((int)(m->S * size), A, D)); /* homogeneous of degree two */
}

/* two-body and N-body: drho is dE/drho of the N-body terms alone */
static double pair_and_density(const Model *m, int c, int stride, const double *A, const double *rho, double *D, double *drho)
{
    int Q = m->Q;
    double energy = 0.0;
    memset(drho, 0, sizeof(double) * m->S * Q);
    for (int s = 0; s < m->S; s++) {
        const double *pair = m->pairs + (c * m->S + s) * Q, *moment = A + (long)s * stride * Q;
        vec *d = (vec *)(D + (long)s * stride * Q), *dr = (vec *)(drho + s * Q);
        energy += sum_lanes(product(Q, moment, pair));
        for (long term = m->begin[c * m->S + s]; term < m->begin[c * m->S + s + 1]; term++) {
            const double *direction = m->density + term * Q;
            double density = sum_lanes(product(Q, rho + s * Q, direction)), slope = m->weight[term];
            for (int e = 1; e < m->power[term]; e++) slope *= density;
            energy += slope * density;
            for (int q = 0; q < Q / LANES; q++) dr[q] += (slope * m->power[term]) * ((const vecu *)direction)[q];
        }
        for (int q = 0; q < Q / LANES; q++) d[q] += ((const vecu *)pair)[q] + dr[q];
    }
    return energy;
}

/* ------------------------------------------------------------------ forces */

/* along u: sum D g' Y; along the tangents: sum D g grad Y */
INLINE void pull_tile(int wide, const Shell *shell, long p, int Q, int count, const double *g, const double *dg, const double *D, vec out[3])
{
    const double *Y = harmonic(shell, p, 0), *T1 = harmonic(shell, p, 1), *T2 = harmonic(shell, p, 2);
    vec sum[3][WIDE] = {{{0}}};
    for (int k = 0; k < count; k++)
        for (int v = 0; v < wide; v++) {
            vec d = *(const vec *)(D + (long)k * Q + v * LANES);
            sum[0][v] += d * Y[k * LANES], sum[1][v] += d * T1[k * LANES], sum[2][v] += d * T2[k * LANES];
        }
    for (int v = 0; v < wide; v++) {
        out[0] += sum[0][v] * ((const vec *)dg)[v];
        out[1] += sum[1][v] * ((const vec *)g)[v];
        out[2] += sum[2][v] * ((const vec *)g)[v];
    }
}

static void forces(const Radial *radii, int S, int Q, int count, long i, const Work *w, double *F, double *virial)
{
    const Shell *shell = &w->shell;
    long n = shell->capacity;
    for (int s = 0; s < S; s++)
        for (long p = shell->begin[s]; p < shell->begin[s + 1]; p++) {
            const double *g = w->g + p * Q, *dg = w->dg + p * Q, *D = w->D + (long)s * shell->stride * Q;
            vec out[3] = {{0}};
            for (int q = 0, wide; q < Q; q += wide * LANES) {
                wide = tile_width(Q, q);
                SPECIALISE(wide, pull_tile, shell, p, Q, count, g + q, dg + q, D + q, out);
            }
            double r = shell->r[p], along = sum_lanes(out[0]), t1 = sum_lanes(out[1]) / r, t2 = sum_lanes(out[2]) / r, f[3];
            if (r < radii->outer) { /* the density counts less of this neighbour than the moment */
                double slope, off = 1.0 - density_switch(radii, r, &slope);
                const double *dr = w->drho + s * Q;
                along += slope * sum_lanes(product(Q, dr, g)) - off * sum_lanes(product(Q, dr, dg));
            }
            for (int d = 0; d < 3; d++) {
                f[d] = along * shell->u[d * n + p] + t1 * shell->e1[d * n + p] + t2 * shell->e2[d * n + p]; /* dE_i / dx_j */
                F[3 * i + d] += f[d];
                F[3 * shell->atom[p] + d] -= f[d];
            }
            for (int e = 0; e < 6; e++) virial[e] += r * shell->u[VOIGT[e][0] * n + p] * f[VOIGT[e][1]];
        }
}

/* ------------------------------------------------------------------ one frame */

static void vectors(const Frame *frame, long i, double *out)
{
    const double *x = frame->positions, *h = frame->deform;
    for (long p = frame->first[i]; p < frame->first[i + 1]; p++, out += 3) {
        const double *o = frame->offsets + 3 * p, *xj = x + 3L * frame->second[p];
        for (int d = 0; d < 3; d++) out[d] = xj[d] - x[3 * i + d] + o[0] * h[d] + o[1] * h[3 + d] + o[2] * h[6 + d];
    }
}

static int open_work(Work *w, const Angular *t, int S, int Q, long most)
{
    if (shell_open(&w->shell, most, t)) return -1;
    size_t n = w->shell.capacity, A = (size_t)S * w->shell.stride * Q;
    w->memory = numbers(2 * n * Q + 2 * A + 2 * S * Q + 3 * n);
    if (!w->memory) return -1;
    w->g = w->memory, w->dg = w->g + n * Q, w->A = w->dg + n * Q, w->D = w->A + A;
    w->rho = w->D + A, w->drho = w->rho + S * Q, w->vectors = w->drho + S * Q;
    return 0;
}

static void run_block(const Frame *frame, const Angular *t, const Radial *radii, int models, const Model *model, Work *w, long begin,
                      long end, double *F, double *virial)
{
    int S = model->S, Q = model->Q;
    for (long i = begin; i < end; i++) {
        int c = frame->kinds[i];
        long lo = frame->first[i];
        vectors(frame, i, w->vectors);
        shell_fill(&w->shell, t, S, frame->kinds, frame->first[i + 1] - lo, frame->second + lo, w->vectors, radii->cutoff);
        moments(radii, S, Q, w);
        for (int m = 0; m < models; m++) {
            double energy = three_body(model + m, c, w->shell.stride, w->A, w->D);
            energy += pair_and_density(model + m, c, w->shell.stride, w->A, w->rho, w->D, w->drho);
            frame->energies[m * frame->n + i] = energy;
            forces(radii, S, Q, t->count, i, w, F + 3 * m * frame->n, virial + 6 * m);
        }
    }
}

/* energies (M, N), forces (M, N, 3) and virial (M, 6) = sum of r_a dE/dr_b must be zeroed. Models are one after the other in each
 * array; `begin` (M, S S + 1) counts N-body terms through all of them. Returns 0, or -1 if memory ran out. */
int VARIANT(alw_potential)(long n, const int *kinds, const double *positions, const long *first, const int *second, const double *offsets,
                  const double *deform, double cutoff, double inner, double outer, long bins, const double *table, int S, int Q, int lmax,
                  int models, const double *pairs, const double *triples, const long *begin, const int *power, const double *weight,
                  const double *density, double *energies, double *forces, double *virial)
{
    Frame frame = {n, kinds, positions, first, second, offsets, deform, energies, forces, virial};
    Radial radii = {cutoff, inner, outer, bins, table};
    Angular t;
    angular(lmax, &t);
    long most = 0, blocks = n < BLOCKS ? n : BLOCKS, size = models * (3 * n + 6);
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
    Model *model = malloc(sizeof(Model) * models);
    double *parts = numbers((size_t)blocks * size);
    int status = model && parts ? 0 : -1;
    for (int m = 0; !status && m < models; m++) {
        long three = (long)S * (S * (S + 1) / 2) * (lmax + 1) * Q * Q;
        model[m] = (Model){S, Q, lmax, pairs + (long)m * S * S * Q, triples ? triples + m * three : NULL, begin + m * (S * S + 1L),
                           power, weight, density};
    }
    if (!status) {
#pragma omp parallel reduction(min : status)
        {
            Work w = {{0}};
            status = open_work(&w, &t, S, Q, most);
#pragma omp for schedule(static)
            for (long b = 0; b < blocks; b++) {
                double *F = parts + b * size;
                if (!status) run_block(&frame, &t, &radii, models, model, &w, n * b / blocks, n * (b + 1) / blocks, F, F + 3 * models * n);
            }
            shell_close(&w.shell);
            free(w.memory);
        }
        for (long b = 0; b < blocks; b++) {
            for (long x = 0; x < 3 * models * n; x++) forces[x] += parts[b * size + x];
            for (long x = 0; x < 6 * models; x++) virial[x] += parts[b * size + 3 * models * n + x];
        }
    }
    free(model), free(parts);
    return status;
}
