/* Energies, forces and virial of folded models, for dynamics.
 *
 * With the derivative D = dE/dA of the energy by the moments (see model.h) the force of a neighbour is
 *     u sum_k K_k Y_k + 1/r sum_k H_k grad Y_k,   H_k = sum_rows D[row][k] f(r),   K_k = sum_rows D[row][k] f'(r),
 * besides its share of the two-body energy and of the densities. Models share neighbours, functions, harmonics and moments. */
#ifndef ALW_POTENTIAL_H
#define ALW_POTENTIAL_H

#include "centre.h"

#define BLOCKS 32 /* of atoms, each with forces of its own, added in order: the result does not depend on the number of threads */

/* ------------------------------------------------------------------ energy and its derivative by moments and densities */

/* a row of D = W A, vecs v to v + wide - 1 of it; returns their part of A . D */
INLINE vec couple(int wide, const Model *m, const vec *A, vec *D, long row, int v, long entry, long end)
{
    vec sum[2] = {{0}}, product = {0};
    for (; entry < end; entry++)
        for (int i = 0; i < wide; i++) sum[i] += m->weight[entry] * A[m->column[entry] + v + i];
    for (int i = 0; i < wide; i++) D[m->at[row] + v + i] = sum[i], product += A[m->at[row] + v + i] * sum[i];
    return product;
}

static double three_body(Centre *w, const Model *m, const Side *side, const long *begin)
{
    const vec *A = (const vec *)w->A;
    vec product = {0}, *D = (vec *)w->D;
    for (int l = 0; l <= m->lmax; l++)
        for (int row = side->row[l]; row < side->row[l + 1]; row++)
            for (int v = 0; v < row_width(l); v += 2)
                product += v + 1 < row_width(l) ? couple(2, m, A, D, row, v, begin[row], begin[row + 1])
                                                : couple(1, m, A, D, row, v, begin[row], begin[row + 1]);
    return 0.5 * sum_lanes(product);
}

static double energy_of(Centre *w, const Model *m, int c, int model)
{
    double energy = 0.0;
    for (int s = 0; s < m->S; s++) {
        const Side *side = m->side + c * m->S + s;
        vec pair = {0};
        for (long p = s * w->capacity; p < s * w->capacity + w->count[s]; p += LANES)
            pair += ((const vec *)(w->g + p * w->functions))[model];
        energy += sum_lanes(pair);
        for (int d = side->density; d < side->density + side->densities; d++) {
            const double *a = m->polynomial + ((long)model * m->densities + d) * POLYNOMIAL;
            double value = a[POLYNOMIAL - 1], slope = 0.0;
            for (int power = POLYNOMIAL - 2; power >= 0; power--) slope = slope * w->rho[d] + value, value = value * w->rho[d] + a[power];
            energy += value, w->drho[d] = slope;
        }
        energy += three_body(w, m, side, m->begin + (long)model * m->rows);
    }
    return energy;
}

/* ------------------------------------------------------------------ forces */

/* along u: sum K Y; along the tangents: sum H grad Y */
INLINE void force_tile(int wide, const Centre *w, const Model *m, int first, int last, const double *D, long p, int k, int skip, vec out[3])
{
    vec H[HARMONICS] = {{0}}, K[HARMONICS] = {{0}};
    const vec *g = (const vec *)(w->g + p * w->functions), *dg = (const vec *)(w->dg + p * w->functions);
    for (int row = first; row < last; row++) {
        const double *d = D + m->at[row] * LANES + skip;
        vec f = g[m->function[row]], df = dg[m->function[row]];
        for (int i = 0; i < wide; i++) H[i] += d[i] * f, K[i] += d[i] * df;
    }
    const vec *Y = (const vec *)(w->Y + 3 * p * w->stride) + k + skip;
    for (int i = 0; i < wide; i++) {
        out[0] += K[i] * Y[i];
        out[1] += H[i] * Y[w->stride + i];
        out[2] += H[i] * Y[2 * w->stride + i];
    }
}

static void forces_of(Centre *w, const Model *m, const Side *side, int model, long total, long begin, long count, vec virial[6])
{
    for (long p = begin; p < begin + count; p += LANES) {
        const vec *dg = (const vec *)(w->dg + p * w->functions), r = *(const vec *)(w->r + p);
        vec out[3] = {dg[model], {0}, {0}}, f[3];
        for (int d = 0; d < side->densities; d++) out[0] += w->drho[side->density + d] * dg[m->M + d];
        for (int l = 0; l <= m->lmax; l++)
            for (int k = 0, wide; k < 2 * l + 1 && side->row[l] < side->row[l + 1]; k += wide) {
                wide = tile(2 * l + 1 - k);
                SPECIALISE(wide, force_tile, w, m, side->row[l], side->row[l + 1], w->D, p, l * l, k, out);
            }
        out[1] /= r, out[2] /= r;
        for (int d = 0; d < 3; d++) {
            long at = d * total + p;
            f[d] = out[0] * *(const vec *)(w->x + at) + out[1] * *(const vec *)(w->e1 + at) + out[2] * *(const vec *)(w->e2 + at);
            *(vec *)(w->force + at) = f[d];
        }
        for (int e = 0; e < 6; e++) virial[e] += r * *(const vec *)(w->x + VOIGT[e][0] * total + p) * f[VOIGT[e][1]];
    }
}

/* ------------------------------------------------------------------ one centre, one frame */

/* Functions, harmonics and moments of the neighbours that were added, for every model. */
static void centre_moments(Centre *w, const Model *m, const Angular *t, int c)
{
    distances(w, m);
    memset(w->A, 0, sizeof(double) * m->size[c] * LANES); /* rows of another species' centres left numbers between ours */
    for (int s = 0; s < m->S; s++) {
        const Side *side = m->side + c * m->S + s;
        functions(w, m, side, s * w->capacity, w->count[s]);
        if (m->rows) angles(w, t, m->S * w->capacity, s * w->capacity, w->count[s]);
        moments(w, m, side, s * w->capacity, w->count[s]);
    }
}

/* Return one model's energy of the centre; its derivative by each neighbour's position is left in `force`, its share of the virial added. */
static double centre_model(Centre *w, const Model *m, int c, int model, vec virial[6])
{
    double energy = energy_of(w, m, c, model);
    for (int s = 0; s < m->S; s++)
        forces_of(w, m, m->side + c * m->S + s, model, m->S * w->capacity, s * w->capacity, w->count[s], virial);
    return energy;
}

typedef struct {
    long n;
    const int *kinds;
    const double *positions;
    const long *first;
    const int *second;
    const double *offsets, *deform; /* vector = x_j - x_i + offset . deform */
    double *energies;               /* [model][n] */
} Frame;

static void neighbours_of(const Frame *frame, const Model *m, long i, Centre *w)
{
    const double *x = frame->positions, *h = frame->deform;
    long total = m->S * w->capacity;
    double limit = m->cutoff * m->cutoff, xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
    centre_clear(w, m->S);
    for (long p = frame->first[i]; p < frame->first[i + 1]; p++) {
        int j = frame->second[p];
        const double *o = frame->offsets + 3 * p, *xj = x + 3L * j;
        centre_add(w, total, frame->kinds[j], j, xj[0] - xi + o[0] * h[0] + o[1] * h[3] + o[2] * h[6],
                   xj[1] - yi + o[0] * h[1] + o[1] * h[4] + o[2] * h[7], xj[2] - zi + o[0] * h[2] + o[1] * h[5] + o[2] * h[8], limit);
    }
}

/* forces [model][n][3], virial [model][6] of the centres from begin to end */
static void run_block(const Frame *frame, const Model *m, const Angular *t, Centre *w, long begin, long end, double *F, double *virial)
{
    long total = m->S * w->capacity;
    for (long i = begin; i < end; i++) {
        int c = frame->kinds[i];
        neighbours_of(frame, m, i, w);
        centre_moments(w, m, t, c);
        for (int model = 0; model < m->M; model++) {
            vec share[6] = {{0}};
            double *f = F + 3 * model * frame->n, own[3] = {0.0};
            frame->energies[model * frame->n + i] = centre_model(w, m, c, model, share);
            for (int s = 0; s < m->S; s++)
                for (long p = s * w->capacity; p < s * w->capacity + w->count[s]; p++) {
                    double *fj = f + 3L * w->atom[p];
                    for (int d = 0; d < 3; d++) own[d] += w->force[d * total + p], fj[d] -= w->force[d * total + p];
                }
            for (int d = 0; d < 3; d++) f[3 * i + d] += own[d];
            for (int e = 0; e < 6; e++) virial[6 * model + e] += sum_lanes(share[e]);
        }
    }
}

/* ------------------------------------------------------------------ what Python calls */

void *VARIANT(alw_model_open)(int S, int M, int lmax, double cutoff, double inner, double outer, long bins, const int *functions,
                              const int *densities, const int *rows, const double *tables, const int *function,
                              const double *polynomial, const long *begin, const int *column, const double *weight)
{
    return model_open(S, M, lmax, cutoff, inner, outer, bins, functions, densities, rows, tables, function, polynomial, begin, column, weight);
}

void VARIANT(alw_model_close)(void *model) { model_close(model); }

/* Energies (M, N), forces (M, N, 3) and virial (M, 6) = sum of r_a dE/dr_b; forces and virial must be zeroed. Returns 0, or -1 if
 * memory ran out. */
int VARIANT(alw_model_run)(const void *handle, long n, const int *kinds, const double *positions, const long *first, const int *second,
                           const double *offsets, const double *deform, double *energies, double *forces, double *virial)
{
    const Model *m = handle;
    Frame frame = {n, kinds, positions, first, second, offsets, deform, energies};
    Angular t;
    angular(m->lmax, &t);
    long most = 0, blocks = n < BLOCKS ? n : BLOCKS, size = m->M * (3 * n + 6);
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
    double *parts = numbers((size_t)blocks * size);
    int status = parts ? 0 : -1;
    if (!status) {
#pragma omp parallel reduction(min : status)
        {
            Centre w;
            status = centre_open(&w, m, &t, most);
#pragma omp for schedule(static)
            for (long b = 0; b < blocks; b++) {
                double *F = parts + b * size;
                if (!status) run_block(&frame, m, &t, &w, n * b / blocks, n * (b + 1) / blocks, F, F + 3 * m->M * n);
            }
            centre_close(&w);
        }
        for (long b = 0; b < blocks; b++) {
            for (long x = 0; x < 3 * m->M * n; x++) forces[x] += parts[b * size + x];
            for (long x = 0; x < 6 * m->M; x++) virial[x] += parts[b * size + 3 * m->M * n + x];
        }
    }
    free(parts);
    return status;
}

#endif
