/* Folded linear models, and the neighbours of one centre. Plain C, without Python or OpenMP: the LAMMPS plugin shares it.
 *
 * The energy of a centre of species c is
 *     sum_j v(r_j)  +  sum of weight density^power  +  1/2 sum_l sum_{k of l} sum_qp W_lqp B_qk B_pk
 * with densities sum_{j in s} h(r_j) and moments B_qk = sum_{j in s} phi_q(r_j) Y_k(u_j), each of one species s of neighbours. Every
 * side (c, s) has a table of its functions of the distance, in two groups:
 *     linear    v of each model, then the densities
 *     angular   phi, of which each l needs some
 * A row of B holds the 2 l + 1 moments of one function; rows stand in order of centre, l and species. Models, which need not share
 * all functions, have rows of D = dE/dB = W B of their own. Groups and rows are padded to PAD numbers, whatever LANES is. */
#ifndef ALW_MODEL_H
#define ALW_MODEL_H

#include "lanes.h"

#define PAD 8
#define PADDED_UP(n) (((n) + PAD - 1) / PAD * PAD)
#define DEGREE 5
#define TOP 8         /* largest l */
#define MOST_KINDS 16 /* species */
#define POLAR ((TOP + 1) * (TOP + 2) / 2 + 2 * (TOP + 1)) /* see angles.h */

/* M models on S species; arrays in C order */
typedef struct {
    int S, M, lmax;
    int linear, angular, most;   /* of the two groups; numbers in the moments of a centre at most */
    long bins;
    double cutoff, inner, outer; /* densities are switched on between inner and outer */
    const int *slots;            /* [c][s]: linear functions in use */
    const int *used;             /* [c][s]: angular functions in use */
    const int *rows, *function;  /* [c][lmax + 1][S + 1]: rows of B by l and species, and the end; [row]: which angular function */
    const double *table;         /* [c][s][bins][DEGREE + 1][linear + angular], lowest power first, of t from 0 to 1 over the bin */
    const long *own;             /* [M S (lmax + 1) S + 1]: rows of D of model, centre, l and species */
    const int *place, *own_function; /* [row of D]: which row of B of its centre and l it belongs to, and the function of that */
    const long *entry;           /* [rows of D + 1]: entries of W */
    const int *column;           /* [entry]: row of B of the same centre and l */
    const double *coupling;      /* [entry] */
    const long *begin;           /* [M S S + 1]: N-body terms of model, centre and neighbour species */
    const int *slot, *power;     /* [term]: which linear function the density is */
    const double *weight;        /* [term] */
} Model;

/* numbers in a row of B */
INLINE int row_length(int l) { return PADDED_UP(2 * l + 1); }

/* where the rows of l begin */
INLINE long moments_at(const Model *m, int c, int l)
{
    const int *rows = m->rows + c * (m->lmax + 1) * (m->S + 1);
    long at = 0;
    for (int k = 0; k < l; k++, rows += m->S + 1) at += (rows[m->S] - rows[0]) * row_length(k);
    return at;
}

/* Neighbours stand in order of species, those of species s from begin[s] on, a multiple of LANES. */
typedef struct {
    long capacity, added, count[MOST_KINDS], begin[MOST_KINDS + 1];
    int *kinds, *names, *atom;   /* of neighbours as they were added; `atom` in order */
    double *raw, *d;             /* [3][capacity]: x_j - x_i as they were added, and in order */
    double *force;               /* [3][capacity]: dE_i / dx_j of one model */
    double *r, *inverse, *u;     /* [capacity], [capacity], [3][capacity]: distances, one over them, unit vectors */
    double *slopes;              /* [neighbour][linear] */
    double *rho, *drho;          /* [s][linear]: sums of linear functions, and dE/d(those) */
    double *phi, *dphi;          /* [block of LANES][angular][LANES] */
    double *P, *Y;               /* [block][POLAR][LANES], [block][k][LANES] */
    double *B, *D;               /* moments of the centre and dE/d(those), row by row */
    double *memory;
} Centre;

/* Room for `most` neighbours. Returns 0, or -1 if memory ran out; to be closed in either case. */
static int centre_open(Centre *w, const Model *m, long most)
{
    long n = (most + LANES * (m->S + 1)) / LANES * LANES, K = (m->lmax + 1) * (m->lmax + 1), linear = (long)m->S * m->linear;
    long sizes[] = {3 * n, 3 * n, 3 * n, n, n, 3 * n, n * m->linear, linear, linear, n * m->angular, n * m->angular, n * POLAR, n * K, m->most, m->most};
    double **parts[] = {&w->raw, &w->d, &w->force, &w->r, &w->inverse, &w->u, &w->slopes, &w->rho, &w->drho, &w->phi, &w->dphi, &w->P, &w->Y, &w->B, &w->D};
    size_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) total = plus(total, PADDED_UP((size_t)sizes[i]));
    memset(w, 0, sizeof *w);
    w->capacity = n;
    w->kinds = room(n, sizeof(int)), w->names = room(n, sizeof(int)), w->atom = room(n, sizeof(int));
    w->memory = numbers(total);
    if (!w->kinds || !w->names || !w->atom || !w->memory) return -1;
    double *at = w->memory;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) *parts[i] = at, at += PADDED_UP(sizes[i]);
    return 0;
}

static void centre_close(Centre *w) { free(w->kinds), free(w->names), free(w->atom), free(w->memory); }

INLINE void centre_clear(Centre *w) { w->added = 0; }

/* Note a neighbour at x_j - x_i if its distance squared is below the limit. Without a branch: which ones are is hard to guess. */
INLINE void centre_add(Centre *w, int species, int atom, double x, double y, double z, double limit)
{
    long at = w->added, n = w->capacity;
    w->names[at] = atom, w->kinds[at] = species;
    w->raw[at] = x, w->raw[n + at] = y, w->raw[2 * n + at] = z;
    w->added += x * x + y * y + z * z < limit;
}

/* In order of species. Lanes left over get a vector of their own, which meets functions of zero. */
static void centre_arrange(Centre *w, int S)
{
    long n = w->capacity, next[MOST_KINDS];
    memset(w->count, 0, sizeof w->count);
    for (long p = 0; p < w->added; p++) w->count[w->kinds[p]]++;
    for (int s = 0; s < S; s++) {
        next[s] = w->begin[s], w->begin[s + 1] = w->begin[s] + (w->count[s] + LANES - 1) / LANES * LANES;
        for (long p = w->begin[s] + w->count[s]; p < w->begin[s + 1]; p++) w->d[p] = w->d[n + p] = 0.0, w->d[2 * n + p] = 1.0;
    }
    for (long p = 0; p < w->added; p++) {
        long q = next[w->kinds[p]]++;
        w->atom[q] = w->names[p];
        for (int a = 0; a < 3; a++) w->d[a * n + q] = w->raw[a * n + p];
    }
}

#endif
