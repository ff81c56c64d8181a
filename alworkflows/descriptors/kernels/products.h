/* The derivative of the descriptors, B, along motions of the atoms, and the forces of an energy whose derivative by them is given.
 *
 * Both go through the moments, so that neither meets the derivative of each descriptor by each neighbour. With v the motion of a
 * pair and v1, v2 its parts along the tangents of harmonic k, over the distance,
 *     forward     dA_k = sum_j  g' (u.v) Y_k + g (v1 T1_k + v2 T2_k),    dB = (dB/dA) dA
 *     backward    D = dE/dA = (dB/dA)^T dE/dB,    dE/dv_j = u sum_k D_k g' Y_k + (e1 sum_k D_k g T1_k + e2 sum_k D_k g T2_k) / r
 * and alike for the densities. Members share neighbours, harmonics, functions and moments. */
#ifndef ALW_PRODUCTS_H
#define ALW_PRODUCTS_H

#include "moments.h"

/* `width` numbers of a member's dE/dB or dB of one atom, of which this layout's columns are the first */
typedef struct {
    Pairs pairs;
    long members, width;
    const double *moves, *strain; /* forward: (M, N, 3), (M, 3, 3): a pair moves by v_j - v_i + strain . (x_j - x_i) */
    double *changes;              /* (M, N, width) */
    const double *weights;        /* backward: (M, N, width) */
    double *pulled;               /* (chunks, M, 3 N + 6): forces and virial, each chunk's share */
} Product;

typedef struct {
    Moments moments;
    double *along;  /* [3][neighbour]: parts of a pair's motion along u and, over the distance, along the tangents */
    double *Z;      /* [block of LANES neighbours][stride][LANES]: change of the harmonics */
    vec *dg;        /* [neighbour]: change of the functions */
    vec *dA;        /* [species][stride]: change of the moments, or derivative by them */
    vec drho[MAXS];
    vec *X;         /* [block of this centre] */
    double *memory;
} Motion;

static int motion_open(Motion *w, const Product *job, const Layout *y, const Angular *t)
{
    w->memory = NULL;
    if (moments_open(&w->moments, y, t, &job->pairs)) return -1;
    long n = w->moments.shell.capacity, stride = w->moments.shell.stride, vecs = n + y->S * stride + blocks_of(y);
    w->memory = numbers(plus(times(LANES, vecs), times(n, 3 + stride)));
    if (!w->memory) return -1;
    w->dg = (vec *)w->memory, w->dA = w->dg + n, w->X = w->dA + y->S * stride;
    w->along = (double *)(w->X + blocks_of(y)), w->Z = w->along + 3 * n;
    return 0;
}

static void motion_close(Motion *w) { moments_close(&w->moments), free(w->memory); }

/* ------------------------------------------------------------------ forward */

/* How one member moves the pairs of centre i, and their harmonics with them. */
static void motions(const Product *job, long member, long i, Motion *w)
{
    const Shell *shell = &w->moments.shell;
    const double *moves = job->moves + 3 * member * job->pairs.n, *e = job->strain + 9 * member, *own = moves + 3 * i;
    long n = shell->capacity;
    for (long p = 0; p < shell->count; p++) {
        const double *other = moves + 3 * shell->atom[p], *u = shell->u + p, *a = shell->e1 + p, *b = shell->e2 + p;
        double r = shell->r[p], inverse = 1.0 / r, v[3];
        for (int d = 0; d < 3; d++) v[d] = other[d] - own[d] + r * (e[3 * d] * u[0] + e[3 * d + 1] * u[n] + e[3 * d + 2] * u[2 * n]);
        w->along[p] = v[0] * u[0] + v[1] * u[n] + v[2] * u[2 * n];
        w->along[n + p] = (v[0] * a[0] + v[1] * a[n] + v[2] * a[2 * n]) * inverse;
        w->along[2 * n + p] = (v[0] * b[0] + v[1] * b[n] + v[2] * b[2 * n]) * inverse;
    }
    for (long p = 0; p < shell->count; p += LANES) {
        vec v1 = *(const vec *)(w->along + n + p), v2 = *(const vec *)(w->along + 2 * n + p);
        const vec *T1 = (const vec *)harmonic(shell, p, 1), *T2 = (const vec *)harmonic(shell, p, 2);
        vec *Z = (vec *)(w->Z + p * shell->stride);
        for (int k = 0; k < shell->stride; k++) Z[k] = v1 * T1[k] + v2 * T2[k];
    }
}

INLINE void moved_moments(const Layout *y, const Angular *t, const Radial *radii, Motion *w)
{
    const Moments *here = &w->moments;
    const Shell *shell = &here->shell;
    for (int s = 0; s < y->S; s++) {
        long begin = shell->begin[s], end = shell->begin[s + 1];
        vec density = {0};
        for (long p = begin; p < end; p++) {
            double slope, on = density_switch(radii, shell->r[p], &slope);
            w->dg[p] = here->dg[p] * w->along[p];
            density += w->dg[p] * on + here->g[p] * (slope * w->along[p]);
        }
        w->drho[s] = density;
        for (int k = 0; k < t->count; k += 2 * TILE) {
            vec sum[2 * TILE] = {{0}};
            int tiles = k + TILE < t->count ? 2 * TILE : TILE;
            for (long p = begin; p < end; p++) {
                const double *Y = harmonic(shell, p, 0) + (long)k * LANES;
                const double *Z = w->Z + (p / LANES * shell->stride + k) * LANES + p % LANES;
                vec g = here->g[p], dg = w->dg[p];
                if (tiles == 2 * TILE)
                    for (int i = 0; i < 2 * TILE; i++) sum[i] += dg * Y[i * LANES] + g * Z[i * LANES];
                else
                    for (int i = 0; i < TILE; i++) sum[i] += dg * Y[i * LANES] + g * Z[i * LANES];
            }
            for (int i = 0; i < tiles; i++) w->dA[s * shell->stride + k + i] = sum[i];
        }
    }
}

/* The change of the centre's blocks, in order; see `descriptors`. */
INLINE void moved_descriptors(const Layout *y, const Angular *t, Motion *w)
{
    int b = 0, stride = w->moments.shell.stride;
    for (int s = 0; s < y->S; s++) w->X[b++] = 0.5 * w->dA[s * stride];
    for (int s = 0; s < y->S; s++)
        for (int q = s; q < y->S; q++) {
            const vec *a = w->moments.A + s * stride, *c = w->moments.A + q * stride, *da = w->dA + s * stride, *dc = w->dA + q * stride;
            vec L[MAXL + 1];
            for (int l = 0; l <= t->lmax; l++) {
                vec sum = {0};
                for (int k = l * l; k < (l + 1) * (l + 1); k++) sum += da[k] * c[k] + a[k] * dc[k];
                L[l] = sum;
            }
            for (int il = 0; il < y->nl; il++) {
                vec sum = {0};
                for (int l = y->l[il]; l >= 0; l -= 2) sum += t->power[y->l[il]][l] * L[l];
                w->X[b++] = sum;
            }
        }
    for (int s = 0; s < y->S; s++)
        for (int im = 0; im < y->nm; im++)
            w->X[b++] = (double)y->m[im] * power_of(w->moments.rho[s], y->m[im] - 1) * w->drho[s];
}

static void push_centre(const Product *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, long i, Motion *w)
{
    int lanes = lanes_of(y, chunk);
    for (long member = 0; member < job->members; member++) {
        double *to = job->changes + (member * job->pairs.n + i) * job->width + chunk * LANES;
        motions(job, member, i, w);
        moved_moments(y, t, radii, w);
        moved_descriptors(y, t, w);
        for (int b = 0; b < w->moments.blocks; b++) store(to + (long)w->moments.column[b] * y->R, w->X[b], lanes);
    }
}

/* ------------------------------------------------------------------ backward */

/* dE/dA and dE/drho of one member, from its dE/dB of the centre. */
INLINE void derivatives_by_moments(const Layout *y, const Angular *t, const double *weights, int lanes, Motion *w)
{
    int b = 0, stride = w->moments.shell.stride;
    const int *column = w->moments.column;
    memset(w->dA, 0, sizeof(vec) * y->S * stride);
    for (int s = 0; s < y->S; s++) w->dA[s * stride] = 0.5 * fetch(weights + (long)column[b++] * y->R, lanes);
    for (int s = 0; s < y->S; s++)
        for (int q = s; q < y->S; q++) {
            const vec *a = w->moments.A + s * stride, *c = w->moments.A + q * stride;
            vec *da = w->dA + s * stride, *dc = w->dA + q * stride, L[MAXL + 1];
            memset(L, 0, sizeof L);
            for (int il = 0; il < y->nl; il++) {
                vec each = fetch(weights + (long)column[b++] * y->R, lanes);
                for (int l = y->l[il]; l >= 0; l -= 2) L[l] += t->power[y->l[il]][l] * each;
            }
            for (int l = 0; l <= t->lmax && y->nl; l++)
                for (int k = l * l; k < (l + 1) * (l + 1); k++) {
                    vec first = a[k], second = c[k]; /* may be one and the same */
                    da[k] += L[l] * second;
                    dc[k] += L[l] * first;
                }
        }
    for (int s = 0; s < y->S; s++) {
        vec sum = {0};
        for (int im = 0; im < y->nm; im++)
            sum += fetch(weights + (long)column[b++] * y->R, lanes) * ((double)y->m[im] * power_of(w->moments.rho[s], y->m[im] - 1));
        w->drho[s] = sum;
    }
}

/* dE/dx_j of neighbour p, of species s, as far as this chunk makes it. */
INLINE void pair_force(const Angular *t, const Radial *radii, const Motion *w, int s, long p, double *force)
{
    const Moments *here = &w->moments;
    const Shell *shell = &here->shell;
    const double *Y = harmonic(shell, p, 0), *T1 = harmonic(shell, p, 1), *T2 = harmonic(shell, p, 2);
    const vec *D = w->dA + s * shell->stride;
    long n = shell->capacity;
    double slope, on = density_switch(radii, shell->r[p], &slope);
    vec a = {0}, b = {0}, c = {0}, a2 = {0}, b2 = {0}, c2 = {0}; /* two sums each, so that one addition need not wait for the last */
    for (int k = 0; k < t->count; k += 2) {
        vec d = D[k], d2 = D[k + 1];
        a += d * Y[k * LANES], b += d * T1[k * LANES], c += d * T2[k * LANES];
        a2 += d2 * Y[(k + 1) * LANES], b2 += d2 * T1[(k + 1) * LANES], c2 += d2 * T2[(k + 1) * LANES];
    }
    vec g = here->g[p], dg = here->dg[p], radial = (a + a2) * dg + w->drho[s] * (on * dg + slope * g);
    double along = sum_lanes(radial), inverse = 1.0 / shell->r[p];
    double first = sum_lanes((b + b2) * g) * inverse, second = sum_lanes((c + c2) * g) * inverse;
    for (int d = 0; d < 3; d++) force[d] = along * shell->u[d * n + p] + first * shell->e1[d * n + p] + second * shell->e2[d * n + p];
}

static void pull_centre(const Product *job, const Layout *y, const Angular *t, const Radial *radii, long chunk, long i, Motion *w)
{
    const Shell *shell = &w->moments.shell;
    long n = shell->capacity, each = 3 * job->pairs.n + 6;
    for (long member = 0; member < job->members; member++) {
        double *to = job->pulled + (chunk * job->members + member) * each, *virial = to + 3 * job->pairs.n, f[3];
        derivatives_by_moments(y, t, job->weights + (member * job->pairs.n + i) * job->width + chunk * LANES, lanes_of(y, chunk), w);
        for (int s = 0; s < y->S; s++)
            for (long p = shell->begin[s]; p < shell->begin[s + 1]; p++) {
                double *other = to + 3 * shell->atom[p];
                pair_force(t, radii, w, s, p, f);
                for (int d = 0; d < 3; d++) to[3 * i + d] += f[d], other[d] -= f[d];
                for (int e = 0; e < 6; e++) virial[e] += shell->r[p] * shell->u[VOIGT[e][0] * n + p] * f[VOIGT[e][1]];
            }
    }
}

/* ------------------------------------------------------------------ what is called */

/* Forward if there are `moves`, backward if not; `pulled` must be zeroed. Returns 0, or -1 if memory ran out. */
int VARIANT(alw_product)(long n, const int *kinds, const long *first, const int *second, const double *vectors, double cutoff,
                         double inner, double outer, long bins, const double *table, int S, int R, int nl, const int *l, int nm,
                         const int *m, long members, long width, const double *moves, const double *strain, double *changes,
                         const double *weights, double *pulled)
{
    Product job = {{n, kinds, first, second, vectors}, members, width, moves, strain, changes, weights, pulled};
    Radial radii = {cutoff, inner, outer, bins, table};
    Layout y = layout(S, R, nl, l, nm, m);
    Angular t;
    angular(y.lmax, &t);
    long chunks = (R + LANES - 1) / LANES;
    int status = 0;
#pragma omp parallel reduction(min : status)
    {
        Motion w;
        status = motion_open(&w, &job, &y, &t);
#pragma omp for schedule(dynamic, 1)
        for (long chunk = 0; chunk < chunks; chunk++)
            for (long i = 0; i < n && !status; i++) {
                gather(&job.pairs, &y, &t, &radii, chunk, i, &w.moments);
                if (moves)
                    push_centre(&job, &y, &t, &radii, chunk, i, &w);
                else
                    pull_centre(&job, &y, &t, &radii, chunk, i, &w);
            }
        motion_close(&w);
    }
    return status;
}

#endif
