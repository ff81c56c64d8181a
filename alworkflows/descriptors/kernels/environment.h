/* Angular coefficients, and the neighbours of one centre with their harmonics. */
#ifndef ALW_ENVIRONMENT_H
#define ALW_ENVIRONMENT_H

#include "kernels.h"

static void angular(int lmax, Angular *t)
{
    double factorial[2 * MAXL + 2] = {1.0};
    for (int i = 1; i < 2 * MAXL + 2; i++) factorial[i] = i * factorial[i - 1];
    memset(t, 0, sizeof *t);
    t->lmax = lmax;
    t->count = (lmax + 1) * (lmax + 1);
    for (int l = 0; l <= lmax; l++)
        for (int m = 0; m <= l; m++) {
            if (m < l) t->up[l][m] = (2.0 * l - 1.0) / (l - m), t->down[l][m] = (l + m - 1.0) / (l - m);
            t->norm[l][m] = sqrt((m ? 2.0 : 1.0) * factorial[l - m] / factorial[l + m]);
        }
    /* z P_l = ((l + 1) P_{l+1} + l P_{l-1}) / (2 l + 1) */
    t->power[0][0] = 1.0;
    for (int p = 1; p <= lmax; p++)
        for (int l = 0; l < p; l++) {
            double c = t->power[p - 1][l] / (2.0 * l + 1.0);
            t->power[p][l + 1] += c * (l + 1.0);
            if (l) t->power[p][l - 1] += c * l;
        }
}

static int shell_open(Shell *shell, long capacity, const Angular *t)
{
    long padded = (capacity / LANES + 1) * LANES;
    shell->capacity = padded;
    shell->stride = PADDED(t->count);
    shell->atom = room(padded, sizeof(long));
    shell->r = numbers(padded), shell->u = numbers(times(3, padded)), shell->e1 = numbers(times(3, padded)), shell->e2 = numbers(times(3, padded));
    shell->harm = numbers(times(3 * shell->stride, padded));
    return shell->atom && shell->r && shell->u && shell->e1 && shell->e2 && shell->harm ? 0 : -1;
}

static void shell_close(Shell *shell)
{
    free(shell->atom), free(shell->r), free(shell->u), free(shell->e1), free(shell->e2), free(shell->harm);
}

static void evaluate(Shell *shell, const Angular *t)
{
    long n = shell->capacity;
    for (long p = 0; p < shell->count; p += LANES) {
        vec e1[3], e2[3];
        const vec *u = (const vec *)(shell->u + p);
        harmonics(t, u[0], u[n / LANES], u[2 * n / LANES], e1, e2, (vec *)(shell->harm + 3 * p * shell->stride), shell->stride);
        for (int d = 0; d < 3; d++) *(vec *)(shell->e1 + d * n + p) = e1[d], *(vec *)(shell->e2 + d * n + p) = e2[d];
    }
}

/* Keep the pairs within the cutoff, in order of species; unused lanes of the last block get a unit vector of their own. */
static void shell_fill(Shell *shell, const Angular *t, int S, const int *kinds, long pairs, const int *second,
                       const double *vectors, double cutoff)
{
    long n = shell->capacity, counts[MAXS + 1] = {0};
    double limit = cutoff * cutoff;
    for (long p = 0; p < pairs; p++) {
        const double *v = vectors + 3 * p;
        if (v[0] * v[0] + v[1] * v[1] + v[2] * v[2] < limit) counts[kinds[second[p]] + 1]++;
    }
    for (int s = 0; s < S; s++) counts[s + 1] += counts[s];
    memcpy(shell->begin, counts, sizeof(long) * (S + 1));
    shell->count = counts[S];
    for (long p = 0; p < pairs; p++) {
        const double *v = vectors + 3 * p;
        double square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
        if (!(square < limit)) continue; /* nor what is no number */
        long q = counts[kinds[second[p]]]++;
        double r = sqrt(square);
        shell->atom[q] = second[p], shell->r[q] = r;
        for (int d = 0; d < 3; d++) shell->u[d * n + q] = v[d] / r;
    }
    for (long q = shell->count; q % LANES; q++) shell->u[q] = shell->u[n + q] = 0.0, shell->u[2 * n + q] = 1.0;
    evaluate(shell, t);
}

#endif
