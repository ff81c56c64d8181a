/* Linear models, folded for dynamics: what a centre does with the sums over its neighbours.
 *
 * A centre of species c sees neighbours of species s through a *side* (c, s) with F tabulated functions of the distance:
 *     functions 0 .. M-1            half the two-body energy of each of M models,
 *     the next `densities`          those whose sums rho feed N-body terms, a polynomial of rho for each model,
 *     the rest                      those of the moments, A[row][k] = sum_j f(r_j) Y_k(u_j), k of the row's degree l.
 * Three-body energy is a quadratic form of the moments of one degree, 1/2 sum_ab W_ab sum_k A[a][k] A[b][k], each model's W as a
 * sparse matrix by rows. Rows are numbered by centre, side, degree. */
#ifndef ALW_MODEL_H
#define ALW_MODEL_H

#include "environment.h"

#define TABLE 6       /* coefficients of a tabulated function in a bin */
#define POLYNOMIAL 10 /* coefficients of an N-body polynomial, powers 0 to 9 */

typedef struct {
    int functions, chunks;      /* chunks: functions over LANES, rounded up */
    int density, densities;     /* number of the first density among all, and how many */
    int row[MAXL + 2];          /* rows of degree l: row[l] .. row[l + 1] - 1 */
    double *table;              /* [chunk][bin][TABLE][LANES] */
} Side;

typedef struct {
    int S, M, lmax;
    double cutoff, inner, outer;
    long bins;
    int densities, rows;
    Side side[MAXS * MAXS];
    int *function;              /* [row]: function of its side */
    long *at;                   /* [row]: where it stands among the moments of its centre, in units of LANES numbers */
    long size[MAXS];            /* vecs of all moments of a centre */
    double *polynomial;         /* [model][density][POLYNOMIAL] */
    long *begin;                /* [model][row + 1]: entries of W */
    long *column;               /* [entry]: `at` of the other row */
    double *weight;             /* [entry] */
} Model;

/* vecs that a row of degree l takes */
INLINE int row_width(int l) { return (2 * l + LANES) / LANES; }

static void model_close(Model *m)
{
    if (!m) return;
    for (int e = 0; e < m->S * m->S; e++) free(m->side[e].table);
    free(m->function), free(m->at), free(m->polynomial), free(m->begin), free(m->column), free(m->weight), free(m);
}

static void *copied(const void *from, size_t bytes)
{
    void *to = malloc(bytes ? bytes : 1);
    if (to) memcpy(to, from, bytes);
    return to;
}

static double *packed(long bins, int functions, const double *from)
{
    int chunks = (functions + LANES - 1) / LANES;
    double *to = numbers((size_t)chunks * bins * TABLE * LANES);
    for (long b = 0; to && b < bins; b++)
        for (int d = 0; d < TABLE; d++)
            for (int f = 0; f < functions; f++)
                to[((f / LANES * bins + b) * TABLE + d) * LANES + f % LANES] = from[(b * TABLE + d) * functions + f];
    return to;
}

/* From flat arrays: `functions` and `densities` [S S], `rows` [S S (lmax + 1)] counts by side and degree, `tables` of the sides one
 * after the other, each [bin][TABLE][functions], lowest power of t from -1 to 1 first; `function` [row]; `polynomial`
 * [M][densities][POLYNOMIAL]; the entries of W by model and row: `begin` [M rows + 1], `column` (row number), `weight`.
 * Returns NULL if memory ran out. */
static Model *model_open(int S, int M, int lmax, double cutoff, double inner, double outer, long bins, const int *functions,
                         const int *densities, const int *rows, const double *tables, const int *function,
                         const double *polynomial, const long *begin, const int *column, const double *weight)
{
    Model *m = calloc(1, sizeof(Model));
    if (!m) return NULL;
    m->S = S, m->M = M, m->lmax = lmax, m->cutoff = cutoff, m->inner = inner, m->outer = outer, m->bins = bins;
    for (int e = 0; e < S * S * (lmax + 1); e++) m->rows += rows[e];
    m->at = malloc(sizeof(long) * (m->rows + 1));
    int row = 0, sound = m->at != NULL;
    for (int e = 0; sound && e < S * S; e++) {
        Side *side = m->side + e;
        side->functions = functions[e], side->chunks = (functions[e] + LANES - 1) / LANES;
        side->density = m->densities, side->densities = densities[e], m->densities += densities[e];
        side->table = packed(bins, functions[e], tables);
        sound = sound && side->table;
        tables += bins * TABLE * functions[e];
        for (int l = 0; l <= lmax; l++) {
            side->row[l] = row;
            for (int r = 0; r < rows[e * (lmax + 1) + l]; r++) m->at[row++] = m->size[e / S], m->size[e / S] += row_width(l);
        }
        side->row[lmax + 1] = row;
    }
    long entries = begin[(long)M * m->rows];
    m->function = copied(function, sizeof(int) * m->rows);
    m->polynomial = copied(polynomial, sizeof(double) * M * m->densities * POLYNOMIAL);
    m->begin = copied(begin, sizeof(long) * ((long)M * m->rows + 1));
    m->column = malloc(sizeof(long) * (entries + 1));
    m->weight = copied(weight, sizeof(double) * entries);
    if (!sound || !m->function || !m->polynomial || !m->begin || !m->column || !m->weight) {
        model_close(m);
        return NULL;
    }
    for (long e = 0; e < entries; e++) m->column[e] = m->at[column[e]];
    return m;
}

#endif
