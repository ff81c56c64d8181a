/* One centre: moments of its neighbours, energy, and the derivative of the energy by each neighbour's place.
 *
 * With D = dE/dB, the derivative by r through Y_k is K_k = sum_q D_qk phi'_q, and that by Y_k is H_k = sum_q D_qk phi_q. Neighbours of
 * one species are handled LANES at a time, one in each lane. Models share neighbours, functions, harmonics and moments. */
#ifndef ALW_CENTRE_H
#define ALW_CENTRE_H

#include "angles.h"
#include "functions.h"

/* ------------------------------------------------------------------ moments */

/* How many of `count` to handle together from `first` on: no more than LANES, and about as many each time. */
INLINE int share(int count, int first)
{
    int left = count - first, times = (left + LANES - 1) / LANES;
    return (left + times - 1) / times;
}

/* Moments of `rows` functions with `wide` harmonics, `row` numbers from one function to the next. */
INLINE void moments_tile(int wide, int rows, long blocks, long K, int angular, const int *function, const double *phi, const double *Y,
                         int row, double *B)
{
    vec sum[3][LANES] = {{{0}}};
    for (long b = 0; b < blocks; b++) {
        const vec *f = (const vec *)(phi + b * angular * LANES), *y = (const vec *)(Y + b * K * LANES);
        for (int k = 0; k < wide; k++)
            for (int q = 0; q < rows; q++) sum[q][k] += f[function[q]] * y[k];
    }
    for (int q = 0; q < rows; q++) *(vecu *)(B + q * row) = sums(sum[q]);
}

/* The same of `wide` functions with few harmonics, fewer than would fill a register. */
INLINE void moments_few(int wide, int count, long blocks, long K, int angular, const int *function, const double *phi, const double *Y,
                        int row, double *B)
{
    vec sum[3][LANES] = {{{0}}};
    for (long b = 0; b < blocks; b++) {
        const vec *f = (const vec *)(phi + b * angular * LANES), *y = (const vec *)(Y + b * K * LANES);
        for (int q = 0; q < wide; q++)
            for (int k = 0; k < count; k++) sum[k][q] += f[function[q]] * y[k];
    }
    for (int k = 0; k < count; k++) {
        vec found = sums(sum[k]);
        for (int q = 0; q < wide; q++) B[q * row + k] = found[q];
    }
}

static void moments(const Model *m, int c, int s, Centre *w)
{
    long K = (m->lmax + 1) * (m->lmax + 1), p = w->begin[s], blocks = (w->count[s] + LANES - 1) / LANES;
    for (int l = 0; l <= m->lmax; l++) {
        const int *rows = m->rows + (c * (m->lmax + 1) + l) * (m->S + 1) + s;
        int row = row_length(l);
        for (int q = rows[0], wide; l < 2 && q < rows[1]; q += wide) {
            const double *phi = w->phi + p * m->angular, *Y = w->Y + p * K + l * l * LANES;
            double *B = w->B + moments_at(m, c, l) + (q - rows[-s]) * row;
            wide = share(rows[1], q);
            if (l) FOR_WIDE(wide, moments_few, 3, blocks, K, m->angular, m->function + q, phi, Y, row, B)
            else FOR_WIDE(wide, moments_few, 1, blocks, K, m->angular, m->function + q, phi, Y, row, B)
        }
        for (int k = 0, wide; l > 1 && k < 2 * l + 1; k += wide) {
            const double *phi = w->phi + p * m->angular, *Y = w->Y + p * K + (l * l + k) * LANES;
            wide = share(2 * l + 1, k);
            for (int q = rows[0]; q < rows[1]; q += 3) {
                const int *function = m->function + q;
                double *B = w->B + moments_at(m, c, l) + (q - rows[-s]) * row + k;
                if (q + 2 < rows[1]) FOR_WIDE(wide, moments_tile, 3, blocks, K, m->angular, function, phi, Y, row, B)
                else if (q + 1 < rows[1]) FOR_WIDE(wide, moments_tile, 2, blocks, K, m->angular, function, phi, Y, row, B)
                else FOR_WIDE(wide, moments_tile, 1, blocks, K, m->angular, function, phi, Y, row, B)
            }
        }
    }
}

/* ------------------------------------------------------------------ energy and D = dE/dB, drho = dE/drho of one model */

/* Row of D = W B that `own` is; returns its product with that of B. */
INLINE vec couple(const Model *m, int l, const double *B, const double *norm, long own, double *D)
{
    int row = row_length(l);
    vec product = {0};
    for (int k = 0; k < 2 * l + 1; k += LANES) {
        vec sum = {0};
        for (long e = m->entry[own]; e < m->entry[own + 1]; e++) sum += m->coupling[e] * *(const vec *)(B + m->column[e] * row + k);
        sum *= *(const vecu *)(norm + k);
        *(vec *)(D + k) = sum;
        product += sum * *(const vec *)(B + m->place[own] * row + k);
    }
    return product;
}

static double three_body(const Model *m, int model, int c, Centre *w)
{
    vec total = {0};
    double *D = w->D;
    for (int l = 0; l <= m->lmax; l++) {
        const long *own = m->own + ((model * m->S + c) * (m->lmax + 1L) + l) * m->S;
        double norm[PADDED_UP(2 * TOP + 1)] = {0.0}; /* Racah: (2 - delta) (l - m)! / (l + m)!, at l +- m */
        norm[l] = 1.0;
        for (int order = 1; order <= l; order++)
            norm[l + order] = norm[l - order] = norm[l + order - 1] * (order == 1 ? 2.0 : 1.0) / ((l + order) * (l - order + 1.0));
        for (long i = own[0]; i < own[m->S]; i++, D += row_length(l)) total += couple(m, l, w->B + moments_at(m, c, l), norm, i, D);
    }
    return 0.5 * sum_lanes(total);
}

static double pair_and_density(const Model *m, int model, int c, Centre *w)
{
    double energy = 0.0;
    memset(w->drho, 0, sizeof(double) * m->S * m->linear);
    for (int s = 0; s < m->S; s++) {
        const double *rho = w->rho + s * m->linear;
        double *drho = w->drho + s * m->linear;
        const long *begin = m->begin + (model * m->S + c) * m->S + s;
        energy += rho[model];
        drho[model] = 1.0;
        for (long term = begin[0]; term < begin[1]; term++) {
            double density = rho[m->slot[term]], slope = m->weight[term];
            for (int e = 1; e < m->power[term]; e++) slope *= density;
            energy += slope * density;
            drho[m->slot[term]] += slope * m->power[term];
        }
    }
    return energy;
}

/* ------------------------------------------------------------------ derivatives */

/* H, K of 2 l + 1 harmonics, from `wide` functions */
INLINE void pull_tile(int wide, int count, int add, const int *function, const vec *values, const vec *slopes, int row, const double *D,
                      vec *restrict H, vec *restrict K)
{
    vec phi[LANES], dphi[LANES];
    for (int q = 0; q < wide; q++) phi[q] = values[function[q]], dphi[q] = slopes[function[q]];
    for (int k = 0; k < count; k++) {
        vec h = {0}, s = {0};
        if (add) h = H[k], s = K[k];
        for (int q = 0; q < wide; q++) h += D[q * row + k] * phi[q], s += D[q * row + k] * dphi[q];
        H[k] = h, K[k] = s;
    }
}

/* H and K of the neighbours p to p + LANES - 1, of species s, in one model */
INLINE void pull_block(const Model *m, int model, int c, int s, const Centre *w, long p, vec *H, vec *K)
{
    const double *D = w->D;
    for (int l = 0; l <= m->lmax; l++) {
        const long *own = m->own + ((model * m->S + c) * (m->lmax + 1L) + l) * m->S;
        const int *function = m->own_function + own[s];
        int row = row_length(l), rank = (int)(own[s + 1] - own[s]);
        if (!rank) memset(H + l * l, 0, sizeof(vec) * (2 * l + 1)), memset(K + l * l, 0, sizeof(vec) * (2 * l + 1));
        for (int q = 0, wide; q < rank; q += wide) {
            wide = share(rank, q);
            FOR_WIDE(wide, pull_tile, 2 * l + 1, q > 0, function + q, (const vec *)(w->phi + p * m->angular),
                     (const vec *)(w->dphi + p * m->angular), row, D + (own[s] - own[0] + q) * row, H + l * l, K + l * l);
        }
        D += (own[m->S] - own[0]) * row;
    }
}

/* sum over linear functions of drho slope, of LANES neighbours of one species */
INLINE vec linear_slopes(int linear, int slots, const double *slopes, const double *drho)
{
    vec sum[LANES];
    for (int i = 0; i < LANES; i++) {
        sum[i] = (vec){0};
        for (int q = 0; q < slots; q += LANES) sum[i] += *(const vec *)(slopes + i * linear + q) * *(const vec *)(drho + q);
    }
    return sums(sum);
}

static void derivatives(const Model *m, int model, int c, int s, const Centre *w)
{
    long n = w->capacity;
    vec H[(TOP + 1) * (TOP + 1)], K[(TOP + 1) * (TOP + 1)];
    for (long p = w->begin[s]; p < w->begin[s] + w->count[s]; p += LANES) {
        vec u[3], out[3], inverse = *(const vec *)(w->inverse + p);
        vec along = linear_slopes(m->linear, m->slots[c * m->S + s], w->slopes + p * m->linear, w->drho + s * m->linear);
        for (int d = 0; d < 3; d++) u[d] = *(const vec *)(w->u + d * n + p), out[d] = along * u[d];
        if (m->angular) {
            pull_block(m, model, c, s, w, p, H, K);
            FOR_DEGREE(m->lmax, contract, u, inverse, (const vec *)(w->P + p * POLAR), H, K, along, out);
        }
        for (int d = 0; d < 3; d++) *(vec *)(w->force + d * n + p) = out[d];
    }
}

/* ------------------------------------------------------------------ what programs call */

/* Functions and moments, for every model, of the neighbours that were added to a centre of species c. */
static void centre_moments(Centre *w, const Model *m, int c)
{
    centre_arrange(w, m->S);
    long n = w->capacity, K = (m->lmax + 1) * (m->lmax + 1), end = w->begin[m->S];
    distances(w, end);
    for (long p = 0; p < end && m->angular; p += LANES) {
        vec u[3];
        for (int d = 0; d < 3; d++) u[d] = *(const vec *)(w->u + d * n + p);
        FOR_DEGREE(m->lmax, angles, u, (vec *)(w->P + p * POLAR), (vec *)(w->Y + p * K));
    }
    for (int s = 0; s < m->S; s++) functions(m, c, s, w), moments(m, c, s, w);
}

/* Return one model's energy of the centre. Its derivative by the place of each neighbour is left in `force`, zero in lanes left over. */
static double centre_model(Centre *w, const Model *m, int c, int model)
{
    double energy = three_body(m, model, c, w) + pair_and_density(m, model, c, w);
    for (int s = 0; s < m->S; s++) {
        derivatives(m, model, c, s, w);
        for (long p = w->begin[s] + w->count[s]; p < w->begin[s + 1]; p++)
            for (int d = 0; d < 3; d++) w->force[d * w->capacity + p] = 0.0;
    }
    return energy;
}

#endif
