/* Descriptor values, and rows of the design matrix. */
#ifndef ALW_DESIGN_H
#define ALW_DESIGN_H

#include "moments.h"

typedef struct {
    Pairs pairs;
    double *values, *energy, *forces, *virial; /* (N, P), (P,), (3 N, P), (6, P); NULL: not wanted */
} Job;

typedef struct {
    Moments moments;
    vec *X;         /* [block of this centre]: its descriptors */
    vec *rows;      /* [atom][column block][3]: minus the gradient, of this chunk */
    vec *sums;      /* [column block][7]: energy and virial */
    double *memory;
} Rows;

/* Where the gradients of the centre's blocks by neighbour j's position go. */
typedef struct {
    vec *from, *to, *sums; /* rows of the centre and of j, or NULL; energy and virial */
    int strain;
    double v[3];
} Sink;

INLINE void put(Sink *sink, int column, vec x, vec y, vec z)
{
    if (sink->to) {
        vec *to = sink->to + 3 * column, *from = sink->from + 3 * column;
        to[0] -= x, to[1] -= y, to[2] -= z;
        from[0] += x, from[1] += y, from[2] += z;
    }
    if (sink->strain) {
        vec d[3] = {x, y, z};
        for (int e = 0; e < 6; e++) sink->sums[7 * column + 1 + e] += sink->v[VOIGT[e][0]] * d[VOIGT[e][1]];
    }
}

/* The three-body blocks (s, q) for a neighbour of species s. */
INLINE void three_body_rows(const Layout *y, const Angular *t, const Moments *w, int q, long p, vec g, vec dg, const double *u,
                       const double *e1, const double *e2, Sink *sink, const int *column)
{
    const vec *A = w->A + q * w->shell.stride;
    const double *Y = harmonic(&w->shell, p, 0), *T1 = harmonic(&w->shell, p, 1), *T2 = harmonic(&w->shell, p, 2);
    vec value[MAXL + 1], along1[MAXL + 1], along2[MAXL + 1];
    for (int l = 0; l <= t->lmax; l++) {
        vec a = {0}, b1 = {0}, b2 = {0};
        for (int k = l * l; k < (l + 1) * (l + 1); k++) {
            a += A[k] * Y[k * LANES];
            b1 += A[k] * T1[k * LANES];
            b2 += A[k] * T2[k * LANES];
        }
        value[l] = a * dg, along1[l] = b1 * g, along2[l] = b2 * g;
    }
    for (int il = 0; il < y->nl; il++) {
        vec a = {0}, b1 = {0}, b2 = {0};
        for (int l = y->l[il]; l >= 0; l -= 2) {
            double c = t->power[y->l[il]][l];
            a += c * value[l], b1 += c * along1[l], b2 += c * along2[l];
        }
        put(sink, column[il], a * u[0] + b1 * e1[0] + b2 * e2[0], a * u[1] + b1 * e1[1] + b2 * e2[1],
            a * u[2] + b1 * e1[2] + b2 * e2[2]);
    }
}

INLINE void gradients(const Layout *y, const Angular *t, const Radial *radii, const Moments *w, int s, long p, Sink *sink)
{
    const Shell *shell = &w->shell;
    const int *column = w->column;
    long n = shell->capacity;
    double r = shell->r[p], slope, on = density_switch(radii, r, &slope), u[3], e1[3], e2[3];
    for (int d = 0; d < 3; d++) u[d] = shell->u[d * n + p], e1[d] = shell->e1[d * n + p], e2[d] = shell->e2[d * n + p];
    vec g = w->g[p], dg = w->dg[p], half = 0.5 * dg, dh = on * dg + slope * g;
    put(sink, column[s], half * u[0], half * u[1], half * u[2]);
    if (y->nl)
        for (int q = 0; q < y->S; q++) {
            double same = q == s ? 2.0 : 1.0;
            three_body_rows(y, t, w, q, p, g * (same / r), dg * same, u, e1, e2, sink, column + y->S + species_pair(y->S, s, q) * y->nl);
        }
    for (int im = 0; im < y->nm; im++) {
        int b = y->S + y->pairs * y->nl + s * y->nm + im;
        vec f = (double)y->m[im] * power_of(w->rho[s], y->m[im] - 1) * dh;
        put(sink, column[b], f * u[0], f * u[1], f * u[2]);
    }
}

static void design_centre(const Job *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, long i, Rows *w)
{
    const Shell *shell = &w->moments.shell;
    const int *column = w->moments.column;
    int lanes = lanes_of(y, chunk);
    long start = chunk * LANES, all = y->columns / y->R;
    gather(&job->pairs, y, t, radii, chunk, i, &w->moments);
    if (job->values || job->energy) {
        descriptors(y, t, &w->moments, w->X);
        for (int b = 0; b < w->moments.blocks; b++) {
            if (job->values) store(job->values + i * y->columns + (long)column[b] * y->R + start, w->X[b], lanes);
            w->sums[7 * column[b]] += w->X[b];
        }
    }
    if (!job->forces && !job->virial) return;
    for (int s = 0; s < y->S; s++)
        for (long p = shell->begin[s]; p < shell->begin[s + 1]; p++) {
            long j = shell->atom[p], n = shell->capacity;
            Sink sink = {NULL, NULL, w->sums, job->virial != NULL, {0}};
            if (job->forces && j != i) sink.from = w->rows + 3 * i * all, sink.to = w->rows + 3 * j * all; /* an image moves along */
            for (int d = 0; d < 3; d++) sink.v[d] = shell->r[p] * shell->u[d * n + p];
            gradients(y, t, radii, &w->moments, s, p, &sink);
        }
}

/* From the chunk's own sums to the columns of the outputs. */
static void hand_over(const Job *job, const Layout *y, long chunk, const Rows *w)
{
    int lanes = lanes_of(y, chunk);
    long all = y->columns / y->R;
    for (long b = 0; b < all; b++) {
        long at = b * y->R + chunk * LANES;
        if (job->energy) store(job->energy + at, w->sums[7 * b], lanes);
        for (int e = 0; job->virial && e < 6; e++) store(job->virial + e * y->columns + at, w->sums[7 * b + 1 + e], lanes);
    }
    for (long row = 0; job->forces && row < 3 * job->pairs.n; row++)
        for (long b = 0; b < all; b++)
            store(job->forces + row * y->columns + b * y->R + chunk * LANES, w->rows[3 * (row / 3 * all + b) + row % 3], lanes);
}

/* numbers of a chunk's rows: of the whole frame, hence far more than all else */
static size_t row_vecs(const Job *job, const Layout *y) { return job->forces ? times(times(3, job->pairs.n), y->columns / y->R) : 0; }

static int open_rows(Rows *w, const Job *job, const Layout *y, const Angular *t)
{
    int blocks = blocks_of(y);
    long all = y->columns / y->R;
    w->memory = NULL;
    if (moments_open(&w->moments, y, t, &job->pairs)) return -1;
    w->memory = numbers(times(LANES, plus(blocks + 7 * all, row_vecs(job, y))));
    if (!w->memory) return -1;
    w->X = (vec *)w->memory, w->sums = w->X + blocks, w->rows = w->sums + 7 * all;
    return 0;
}

static void close_rows(Rows *w) { moments_close(&w->moments), free(w->memory); }

static void run_chunk(const Job *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, Rows *w)
{
    memset(w->sums, 0, sizeof(vec) * (7 * (y->columns / y->R) + row_vecs(job, y)));
    for (long i = 0; i < job->pairs.n; i++) design_centre(job, y, t, radii, chunk, i, w);
    hand_over(job, y, chunk, w);
}

/* `values` must be zeroed. Virial rows are sum over pairs of r_a dX/dr_b. Returns 0, or -1 if memory ran out. */
int VARIANT(alw_design)(long n, const int *kinds, const long *first, const int *second, const double *vectors, double cutoff, double inner,
               double outer, long bins, const double *table, int S, int R, int nl, const int *l, int nm, const int *m, double *values,
               double *energy, double *forces, double *virial)
{
    Job job = {{n, kinds, first, second, vectors}, values, energy, forces, virial};
    Radial radii = {cutoff, inner, outer, bins, table};
    Layout y = layout(S, R, nl, l, nm, m);
    Angular t;
    angular(y.lmax, &t);
    long chunks = (R + LANES - 1) / LANES;
    int status = 0;
#pragma omp parallel reduction(min : status)
    {
        Rows w; /* once a thread: fresh memory of that size costs as much as filling it */
        status = open_rows(&w, &job, &y, &t);
#pragma omp for schedule(dynamic, 1)
        for (long chunk = 0; chunk < chunks; chunk++)
            if (!status) run_chunk(&job, &y, &t, &radii, chunk, &w);
        close_rows(&w);
    }
    return status;
}

#endif
