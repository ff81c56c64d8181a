/* What descriptors are made of: the moments and densities of one centre's neighbours, for LANES radial functions at a time.
 *
 * The work is split by radial functions into chunks of LANES: their columns meet no others, so that threads share no sum and the
 * result does not depend on how many there are. */
#ifndef ALW_MOMENTS_H
#define ALW_MOMENTS_H

#include "environment.h"

/* atoms and their pairs: those of atom i are first[i] .. first[i + 1] - 1 */
typedef struct {
    long n;
    const int *kinds;
    const long *first;
    const int *second;
    const double *vectors;
} Pairs;

/* One centre's neighbours, and their functions at one chunk. */
typedef struct {
    Shell shell;
    vec *g, *dg;   /* [neighbour] */
    vec *A;        /* [species][stride] */
    vec rho[MAXS];
    int *column;   /* [block]: where the centre's blocks stand among the column blocks */
    int blocks;
    double *memory;
} Moments;

INLINE int lanes_of(const Layout *y, long chunk) { return y->R - (int)chunk * LANES < LANES ? y->R - (int)chunk * LANES : LANES; }

INLINE void store(double *at, vec v, int lanes)
{
    if (lanes == LANES)
        *(vecu *)at = v;
    else
        memcpy(at, &v, sizeof(double) * lanes);
}

INLINE vec fetch(const double *at, int lanes)
{
    vec v = {0};
    if (lanes == LANES) return *(const vecu *)at;
    memcpy(&v, at, sizeof(double) * lanes);
    return v;
}

static int blocks_of(const Layout *y) { return y->S + y->pairs * y->nl + y->S * y->nm; }

static int moments_open(Moments *w, const Layout *y, const Angular *t, const Pairs *pairs)
{
    long most = 0;
    for (long i = 0; i < pairs->n; i++)
        if (pairs->first[i + 1] - pairs->first[i] > most) most = pairs->first[i + 1] - pairs->first[i];
    memset(w, 0, sizeof *w);
    w->column = room(blocks_of(y), sizeof(int));
    if (!w->column || shell_open(&w->shell, most, t)) return -1;
    long n = w->shell.capacity;
    w->memory = numbers(times(LANES, plus(times(2, n), (size_t)y->S * w->shell.stride)));
    if (!w->memory) return -1;
    w->g = (vec *)w->memory, w->dg = w->g + n, w->A = w->dg + n;
    return 0;
}

static void moments_close(Moments *w)
{
    shell_close(&w->shell);
    free(w->memory), free(w->column);
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

/* A[s][k] and the densities rho[s] at a chunk */
INLINE void chunk_moments(const Layout *y, const Angular *t, const Radial *radii, long chunk, Moments *w)
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
        w->rho[s] = density;
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

/* The blocks of the centre, in order. */
INLINE void descriptors(const Layout *y, const Angular *t, const Moments *w, vec *X)
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
        for (int im = 0; im < y->nm; im++) X[b++] = power_of(w->rho[s], y->m[im]);
}

/* The neighbours of centre i, its blocks, and its moments at a chunk. */
static void gather(const Pairs *pairs, const Layout *y, const Angular *t, const Radial *radii, long chunk, long i, Moments *w)
{
    long lo = pairs->first[i];
    w->blocks = centre_blocks(y, pairs->kinds[i], w->column);
    shell_fill(&w->shell, t, y->S, pairs->kinds, pairs->first[i + 1] - lo, pairs->second + lo, pairs->vectors + 3 * lo, radii->cutoff);
    chunk_moments(y, t, radii, chunk, w);
}

#endif
