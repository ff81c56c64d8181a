/* One centre: its neighbours by species, LANES at a time, their functions and harmonics, and the sums over them. */
#ifndef ALW_CENTRE_H
#define ALW_CENTRE_H

#include "model.h"

#define HARMONICS 6 /* most harmonics handled together */

/* Call an inlined function with a first argument the compiler knows. */
#define SPECIALISE(count, function, ...)                 \
    switch (count) {                                     \
    case 1: function(1, __VA_ARGS__); break;             \
    case 2: function(2, __VA_ARGS__); break;             \
    case 3: function(3, __VA_ARGS__); break;             \
    case 4: function(4, __VA_ARGS__); break;             \
    case 5: function(5, __VA_ARGS__); break;             \
    default: function(HARMONICS, __VA_ARGS__);           \
    }

/* The neighbours of one centre by species, species s from s * capacity on, and what is computed of them. */
typedef struct {
    long capacity, count[MAXS]; /* capacity: a multiple of LANES */
    int stride, functions;      /* harmonics, and functions of the largest side, both padded */
    int *atom;
    double *x, *r;              /* [3][S capacity]: first the vectors, then unit vectors; distances (first squared) */
    double *e1, *e2;            /* [3][S capacity]: tangents */
    double *Y;                  /* [block of LANES][3][stride][LANES]: harmonics, their derivatives along e1 and e2 */
    double *g, *dg;             /* [block][function][LANES]: functions and derivatives */
    double *force;              /* [3][S capacity]: dE_i / dx_j of one model */
    double *A, *D;              /* moments of the centre and the derivative of one model's energy by them */
    double *rho, *drho;         /* [density] */
    double *memory;
} Centre;

static int centre_open(Centre *w, const Model *m, const Angular *t, long most)
{
    long total, sizes = 0;
    w->capacity = (most / LANES + 1) * LANES;
    w->stride = PADDED(t->count), w->functions = 0;
    for (int e = 0; e < m->S * m->S; e++)
        if (m->side[e].chunks * LANES > w->functions) w->functions = m->side[e].chunks * LANES;
    for (int c = 0; c < m->S; c++)
        if (m->size[c] * LANES > sizes) sizes = m->size[c] * LANES;
    total = m->S * w->capacity;
    w->atom = malloc(sizeof(int) * total);
    w->memory = numbers((size_t)total * (13 + 3 * w->stride + 2 * w->functions) + 2 * sizes + 2 * (m->densities / LANES + 1) * LANES);
    if (!w->atom || !w->memory) return -1;
    double *next = w->memory;
    w->x = next, w->r = next += 3 * total, w->e1 = next += total, w->e2 = next += 3 * total, w->force = next += 3 * total;
    w->Y = next += 3 * total, w->g = next += 3 * total * w->stride, w->dg = next += total * w->functions;
    w->A = next += total * w->functions, w->D = next += sizes, w->rho = next += sizes, w->drho = next + (m->densities / LANES + 1) * LANES;
    return 0;
}

static void centre_close(Centre *w) { free(w->atom), free(w->memory); }

INLINE void centre_clear(Centre *w, int S)
{
    for (int s = 0; s < S; s++) w->count[s] = 0;
}

/* Note a neighbour, which counts only if its distance squared is below the limit; there must be room for it. */
INLINE void centre_add(Centre *w, long total, int species, int atom, double x, double y, double z, double limit)
{
    long at = species * w->capacity + w->count[species];
    double square = x * x + y * y + z * z;
    w->atom[at] = atom, w->r[at] = square;
    w->x[at] = x, w->x[total + at] = y, w->x[2 * total + at] = z;
    w->count[species] += square < limit;
}

/* ------------------------------------------------------------------ distances, functions, harmonics */

/* Fill the last block with neighbours at the cutoff, where every function is zero; turn vectors into units. */
static void distances(Centre *w, const Model *m)
{
    long total = m->S * w->capacity;
    for (int s = 0; s < m->S; s++) {
        long begin = s * w->capacity, end = begin + w->count[s];
        for (long p = end; p % LANES; p++) {
            w->atom[p] = -1, w->r[p] = m->cutoff * m->cutoff;
            w->x[p] = w->x[total + p] = 0.0, w->x[2 * total + p] = m->cutoff;
        }
        for (long p = begin; p < end; p += LANES) {
            vec r = *(vec *)(w->r + p);
            for (int i = 0; i < LANES; i++) r[i] = sqrt(r[i]);
            *(vec *)(w->r + p) = r;
            for (int d = 0; d < 3; d++) *(vec *)(w->x + d * total + p) /= r;
        }
    }
}

typedef long long mask __attribute__((vector_size(8 * LANES)));

/* LANES functions of LANES neighbours: in, a neighbour a row; out, a function a row */
INLINE void transpose(vec a[LANES])
{
    for (int half = LANES / 2; half; half /= 2) {
        mask low, high;
        for (int j = 0; j < LANES; j++) low[j] = j & half ? LANES + j - half : j, high[j] = j & half ? LANES + j : j + half;
        for (int i = 0; i < LANES; i++) {
            if (i & half) continue;
            vec x = __builtin_shuffle(a[i], a[i + half], low), y = __builtin_shuffle(a[i], a[i + half], high);
            a[i] = x, a[i + half] = y;
        }
    }
}

/* LANES functions from `at` on and their slopes, for the neighbours in the lanes of r */
INLINE void tabulated(const Model *m, const double *at, vec r, vec value[LANES], vec slope[LANES])
{
    const vec *c[LANES];
    double scale = (double)m->bins / m->cutoff, t[LANES];
    for (int i = 0; i < LANES; i++) {
        double x = r[i] * scale;
        long bin = (long)x;
        bin = bin < m->bins ? bin : m->bins - 1;
        t[i] = 2.0 * (x - (double)bin) - 1.0;
        c[i] = (const vec *)at + bin * TABLE;
        value[i] = c[i][TABLE - 1], slope[i] = value[i];
    }
    for (int d = TABLE - 2; d > 0; d--) /* Horner's scheme, side by side */
        for (int i = 0; i < LANES; i++) value[i] = value[i] * t[i] + c[i][d], slope[i] = slope[i] * t[i] + value[i];
    for (int i = 0; i < LANES; i++) value[i] = value[i] * t[i] + c[i][0], slope[i] *= 2.0 * scale;
    transpose(value), transpose(slope);
}

/* the N-body densities of neighbours within the switch */
static void switch_densities(const Model *m, const Side *side, const vec *r, vec *g, vec *dg)
{
    Radial radii = {m->cutoff, m->inner, m->outer, m->bins, NULL};
    vec on, slope;
    for (int i = 0; i < LANES; i++) {
        double d;
        on[i] = density_switch(&radii, (*r)[i], &d), slope[i] = d;
    }
    for (int f = m->M; f < m->M + side->densities; f++) dg[f] = dg[f] * on + g[f] * slope, g[f] *= on;
}

static void functions(Centre *w, const Model *m, const Side *side, long begin, long count)
{
    for (long p = begin; p < begin + count; p += LANES) {
        const vec *r = (const vec *)(w->r + p);
        vec *g = (vec *)(w->g + p * w->functions), *dg = (vec *)(w->dg + p * w->functions);
        double nearest = m->cutoff;
        for (int i = 0; i < LANES; i++) nearest = (*r)[i] < nearest ? (*r)[i] : nearest;
        for (int chunk = 0; chunk < side->chunks; chunk++)
            tabulated(m, side->table + chunk * m->bins * TABLE * LANES, *r, g + chunk * LANES, dg + chunk * LANES);
        if (nearest < m->outer) switch_densities(m, side, r, g, dg);
    }
}

static void angles(Centre *w, const Angular *t, long total, long begin, long count)
{
    for (long p = begin; p < begin + count; p += LANES) {
        vec e1[3], e2[3];
        const vec *u = (const vec *)(w->x + p);
        harmonics(t, u[0], u[total / LANES], u[2 * total / LANES], e1, e2, (vec *)(w->Y + 3 * p * w->stride), w->stride);
        for (int d = 0; d < 3; d++) *(vec *)(w->e1 + d * total + p) = e1[d], *(vec *)(w->e2 + d * total + p) = e2[d];
    }
}

/* ------------------------------------------------------------------ moments */

/* `wide` harmonics from k on, of two rows with functions f and h */
INLINE void moments_tile(int wide, const Centre *w, long begin, long count, int k, int f, int h, double *A, double *B)
{
    vec a[HARMONICS] = {{0}}, b[HARMONICS] = {{0}};
    for (long p = begin; p < begin + count; p += LANES) {
        const vec *Y = (const vec *)(w->Y + 3 * p * w->stride) + k, *g = (const vec *)(w->g + p * w->functions);
        vec gf = g[f], gh = g[h];
        for (int i = 0; i < wide; i++) a[i] += gf * Y[i], b[i] += gh * Y[i];
    }
    for (int i = 0; i < wide; i++) A[i] = sum_lanes(a[i]), B[i] = sum_lanes(b[i]);
}

INLINE int tile(int left)
{
    return left <= HARMONICS ? left : left <= 2 * HARMONICS ? (left + 1) / 2 : HARMONICS;
}

static void moments(Centre *w, const Model *m, const Side *side, long begin, long count)
{
    for (int d = 0; d < side->densities; d++) {
        vec sum = {0};
        for (long p = begin; p < begin + count; p += LANES) sum += ((const vec *)(w->g + p * w->functions))[m->M + d];
        w->rho[side->density + d] = sum_lanes(sum);
    }
    for (int l = 0; l <= m->lmax; l++)
        for (int row = side->row[l]; row < side->row[l + 1]; row += 2) {
            int other = row + 1 < side->row[l + 1] ? row + 1 : row;
            double *A = w->A + m->at[row] * LANES, *B = w->A + m->at[other] * LANES;
            for (int k = 0, wide; k < 2 * l + 1; k += wide) {
                wide = tile(2 * l + 1 - k);
                SPECIALISE(wide, moments_tile, w, begin, count, l * l + k, m->function[row], m->function[other], A + k, B + k);
            }
        }
}

#endif
