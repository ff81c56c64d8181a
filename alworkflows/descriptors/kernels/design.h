/* Descriptor values, rows of the design matrix, and the product of these rows with weights.
 *
 * The work is split by radial functions, LANES at a time: their columns meet no others, so that threads share no sum and the
 * result does not depend on how many there are. */
#include "environment.h"

typedef struct {
    long n;
    const int *kinds;
    const long *first;
    const int *second;
    const double *vectors;
    double *values, *energy, *forces, *virial; /* (N, P), (P,), (3 N, P), (6, P); NULL: not wanted */
    const double *weights;                     /* (N, P), or NULL: derivative of an energy by the descriptors of each atom */
    double *pulled;                            /* (chunks, 3 N + 6): its forces and virial, each chunk's share */
} Job;

typedef struct {
    Shell shell;
    vec *g, *dg;    /* [neighbour] */
    vec *A;         /* [species][stride] */
    vec *X;         /* [block of this centre]: its descriptors */
    vec *rows;      /* [atom][column block][3]: minus the gradient, of this chunk */
    vec *sums;      /* [column block][7]: energy and virial */
    int *column;    /* [block of a centre]: its column block */
    double *memory;
} Rows;

INLINE void store(double *at, vec v, int lanes)
{
    if (lanes == LANES)
        *(vecu *)at = v;
    else
        memcpy(at, &v, sizeof(double) * lanes);
}

/* blocks of one centre: two-body [s], three-body [pair][il], N-body [s][im]; and where they stand among the columns */
static int centre_blocks(const Layout *y, int c, int *column)
{
    int count = 0;
    for (int s = 0; s < y->S; s++) column[count++] = species_pair(y->S, c, s);
    for (int b = 0; b < y->pairs * y->nl; b++) column[count++] = y->three + c * y->pairs * y->nl + b;
    for (int b = 0; b < y->S * y->nm; b++) column[count++] = y->many + c * y->S * y->nm + b;
    return count;
}

/* A[s][k] and the densities rho[s] */
INLINE void chunk_moments(const Layout *y, const Angular *t, const Radial *radii, long chunk, Rows *w, vec *rho)
{
    const Shell *shell = &w->shell;
    for (int s = 0; s < y->S; s++) {
        long begin = shell->begin[s], end = shell->begin[s + 1];
        vec density = {0};
        for (long p = begin; p < end; p++) {
            double slope;
            radial(radii, chunk, shell->r[p], w->g + p, w->dg + p);
            density += w->g[p] * density_switch(radii, shell->r[p], &slope);
        }
        rho[s] = density;
        for (int k = 0; k < t->count; k += 2 * TILE) {
            vec sum[2 * TILE] = {{0}};
            int tiles = k + TILE < t->count ? 2 * TILE : TILE;
            for (long p = begin; p < end; p++) {
                const double *Y = harmonic(shell, p, 0) + (long)k * LANES;
                vec g = w->g[p];
                if (tiles == 2 * TILE)
                    for (int i = 0; i < 2 * TILE; i++) sum[i] += g * Y[i * LANES];
                else
                    for (int i = 0; i < TILE; i++) sum[i] += g * Y[i * LANES];
            }
            for (int i = 0; i < tiles; i++) w->A[s * shell->stride + k + i] = sum[i];
        }
    }
}

INLINE void descriptors(const Layout *y, const Angular *t, const Rows *w, const vec *rho, vec *X)
{
    int b = 0;
    for (int s = 0; s < y->S; s++) X[b++] = 0.5 * w->A[s * w->shell.stride]; /* Y_0 = 1; a bond belongs to both ends */
    for (int s = 0; s < y->S; s++)
        for (int q = s; q < y->S; q++) {
            const vec *a = w->A + s * w->shell.stride, *d = w->A + q * w->shell.stride;
            vec L[MAXL + 1];
            for (int l = 0; l <= t->lmax; l++) {
                vec sum = {0};
                for (int k = l * l; k < (l + 1) * (l + 1); k++) sum += a[k] * d[k];
                L[l] = sum;
            }
            for (int il = 0; il < y->nl; il++) {
                vec sum = {0};
                for (int l = y->l[il]; l >= 0; l -= 2) sum += t->power[y->l[il]][l] * L[l];
                X[b++] = sum;
            }
        }
    for (int s = 0; s < y->S; s++)
        for (int im = 0; im < y->nm; im++) X[b++] = power_of(rho[s], y->m[im]);
}

/* Where the gradients of the centre's blocks by neighbour j's position go. */
typedef struct {
    vec *from, *to, *sums; /* rows of the centre and of j, or NULL; energy and virial */
    const double *weights; /* of the centre at this chunk, or NULL */
    int R, lanes, strain;
    double v[3];
    vec pull[3];
} Sink;

INLINE void put(Sink *sink, int column, vec x, vec y, vec z)
{
    if (sink->to) {
        vec *to = sink->to + 3 * column, *from = sink->from + 3 * column;
        to[0] -= x, to[1] -= y, to[2] -= z;
        from[0] += x, from[1] += y, from[2] += z;
    }
    if (sink->weights) {
        vec w = {0};
        memcpy(&w, sink->weights + (long)column * sink->R, sizeof(double) * sink->lanes);
        sink->pull[0] += w * x, sink->pull[1] += w * y, sink->pull[2] += w * z;
    }
    if (sink->strain) {
        vec d[3] = {x, y, z};
        for (int e = 0; e < 6; e++) sink->sums[7 * column + 1 + e] += sink->v[VOIGT[e][0]] * d[VOIGT[e][1]];
    }
}

/* The three-body blocks (s, q) for a neighbour of species s. */
INLINE void three_body_rows(const Layout *y, const Angular *t, const Rows *w, int q, long p, vec g, vec dg, const double *u,
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

INLINE void gradients(const Layout *y, const Angular *t, const Radial *radii, Rows *w, int s, long p, const vec *rho, Sink *sink,
                      const int *column)
{
    const Shell *shell = &w->shell;
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
        vec f = (double)y->m[im] * power_of(rho[s], y->m[im] - 1) * dh;
        put(sink, column[b], f * u[0], f * u[1], f * u[2]);
    }
}

INLINE void pull(double *pulled, long n, long i, long j, const Sink *from)
{
    double f[3];
    for (int d = 0; d < 3; d++) {
        f[d] = sum_lanes(from->pull[d]);
        pulled[3 * i + d] += f[d], pulled[3 * j + d] -= f[d];
    }
    for (int e = 0; e < 6; e++) pulled[3 * n + e] += from->v[VOIGT[e][0]] * f[VOIGT[e][1]];
}

static void design_centre(const Job *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, long i, Rows *w,
                        int blocks, const int *column)
{
    Shell *shell = &w->shell;
    int lanes = y->R - (int)chunk * LANES < LANES ? y->R - (int)chunk * LANES : LANES;
    long start = chunk * LANES, all = y->columns / y->R;
    vec rho[MAXS];
    chunk_moments(y, t, radii, chunk, w, rho);
    if (job->values || job->energy) {
        descriptors(y, t, w, rho, w->X);
        for (int b = 0; b < blocks; b++) {
            if (job->values) store(job->values + i * y->columns + (long)column[b] * y->R + start, w->X[b], lanes);
            w->sums[7 * column[b]] += w->X[b];
        }
    }
    if (!job->forces && !job->virial && !job->weights) return;
    for (int s = 0; s < y->S; s++)
        for (long p = shell->begin[s]; p < shell->begin[s + 1]; p++) {
            long j = shell->atom[p], n = shell->capacity;
            Sink sink = {NULL, NULL, w->sums, NULL, y->R, lanes, job->virial != NULL, {0}, {{0}}};
            if (job->forces && j != i) sink.from = w->rows + 3 * i * all, sink.to = w->rows + 3 * j * all; /* an image moves along */
            if (job->weights) sink.weights = job->weights + i * y->columns + start;
            for (int d = 0; d < 3; d++) sink.v[d] = shell->r[p] * shell->u[d * n + p];
            gradients(y, t, radii, w, s, p, rho, &sink, column);
            if (job->weights) pull(job->pulled + chunk * (3 * job->n + 6), job->n, i, j, &sink);
        }
}

/* From the chunk's own sums to the columns of the outputs. */
static void hand_over(const Job *job, const Layout *y, long chunk, const Rows *w)
{
    int lanes = y->R - (int)chunk * LANES < LANES ? y->R - (int)chunk * LANES : LANES;
    long all = y->columns / y->R;
    for (long b = 0; b < all; b++) {
        long at = b * y->R + chunk * LANES;
        if (job->energy) store(job->energy + at, w->sums[7 * b], lanes);
        for (int e = 0; job->virial && e < 6; e++) store(job->virial + e * y->columns + at, w->sums[7 * b + 1 + e], lanes);
    }
    for (long row = 0; job->forces && row < 3 * job->n; row++)
        for (long b = 0; b < all; b++)
            store(job->forces + row * y->columns + b * y->R + chunk * LANES, w->rows[3 * (row / 3 * all + b) + row % 3], lanes);
}

/* numbers of a chunk's rows: of the whole frame, hence far more than all else */
static long row_vecs(const Job *job, const Layout *y) { return job->forces ? 3 * job->n * (y->columns / y->R) : 0; }

static int open_rows(Rows *w, const Job *job, const Layout *y, const Angular *t, long most)
{
    int blocks = y->S + y->pairs * y->nl + y->S * y->nm;
    w->column = malloc(sizeof(int) * (blocks + 1));
    if (!w->column || shell_open(&w->shell, most, t)) return -1;
    long n = w->shell.capacity, A = (long)y->S * w->shell.stride, all = y->columns / y->R;
    w->memory = numbers((size_t)LANES * (2 * n + A + blocks + 7 * all + row_vecs(job, y)));
    if (!w->memory) return -1;
    w->g = (vec *)w->memory, w->dg = w->g + n, w->A = w->dg + n, w->X = w->A + A, w->sums = w->X + blocks, w->rows = w->sums + 7 * all;
    return 0;
}

static void close_rows(Rows *w)
{
    shell_close(&w->shell);
    free(w->memory), free(w->column);
}

static void run_chunk(const Job *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, Rows *w)
{
    memset(w->sums, 0, sizeof(vec) * (7 * (y->columns / y->R) + row_vecs(job, y)));
    for (long i = 0; i < job->n; i++) {
        int blocks = centre_blocks(y, job->kinds[i], w->column);
        long lo = job->first[i];
        shell_fill(&w->shell, t, y->S, job->kinds, job->first[i + 1] - lo, job->second + lo, job->vectors + 3 * lo, radii->cutoff);
        design_centre(job, y, t, radii, chunk, i, w, blocks, w->column);
    }
    hand_over(job, y, chunk, w);
}

/* `values` and `pulled` must be zeroed. Virial rows are sum over pairs of r_a dX/dr_b. Returns 0, or -1 if memory ran out. */
int VARIANT(alw_design)(long n, const int *kinds, const long *first, const int *second, const double *vectors, double cutoff, double inner,
               double outer, long bins, const double *table, int S, int R, int nl, const int *l, int nm, const int *m, double *values,
               double *energy, double *forces, double *virial, const double *weights, double *pulled)
{
    Job job = {n, kinds, first, second, vectors, values, energy, forces, virial, weights, pulled};
    Radial radii = {cutoff, inner, outer, bins, table};
    Layout y = layout(S, R, nl, l, nm, m);
    Angular t;
    angular(y.lmax, &t);
    long most = 0, chunks = (R + LANES - 1) / LANES;
    int status = 0;
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
#pragma omp parallel reduction(min : status)
    {
        Rows w = {{0}}; /* once a thread: fresh memory of that size costs as much as filling it */
        status = open_rows(&w, &job, &y, &t, most);
#pragma omp for schedule(dynamic, 1)
        for (long chunk = 0; chunk < chunks; chunk++)
            if (!status) run_chunk(&job, &y, &t, &radii, chunk, &w);
        close_rows(&w);
    }
    return status;
}
