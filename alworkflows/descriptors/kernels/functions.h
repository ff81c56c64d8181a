/* Functions of the distances of one centre's neighbours: table look-up by neighbour, then one neighbour in each lane. */
#ifndef ALW_FUNCTIONS_H
#define ALW_FUNCTIONS_H

#include "model.h"

/* call an inlined function with a first argument, at most LANES, that the compiler knows */
#if LANES == 8
#define FOR_WIDE(wide, function, ...)                                                                                     \
    switch (wide) {                                                                                                       \
    case 1: function(1, __VA_ARGS__); break;                                                                              \
    case 2: function(2, __VA_ARGS__); break;                                                                              \
    case 3: function(3, __VA_ARGS__); break;                                                                              \
    case 4: function(4, __VA_ARGS__); break;                                                                              \
    case 5: function(5, __VA_ARGS__); break;                                                                              \
    case 6: function(6, __VA_ARGS__); break;                                                                              \
    case 7: function(7, __VA_ARGS__); break;                                                                              \
    default: function(8, __VA_ARGS__);                                                                                    \
    }
#elif LANES == 4
#define FOR_WIDE(wide, function, ...)                                                                                     \
    switch (wide) {                                                                                                       \
    case 1: function(1, __VA_ARGS__); break;                                                                              \
    case 2: function(2, __VA_ARGS__); break;                                                                              \
    case 3: function(3, __VA_ARGS__); break;                                                                              \
    default: function(4, __VA_ARGS__);                                                                                    \
    }
#else
#define FOR_WIDE(wide, function, ...)                                                                                     \
    switch (wide) {                                                                                                       \
    case 1: function(1, __VA_ARGS__); break;                                                                              \
    default: function(2, __VA_ARGS__);                                                                                    \
    }
#endif

/* ------------------------------------------------------------------ radial functions */

/* LANES functions from one bin, `row` numbers between powers */
INLINE void polynomial(const double *bin, int row, double t, vec *value, vec *slope)
{
    vec v = *(const vecu *)(bin + DEGREE * row), s = v;
    for (int e = DEGREE - 1; e > 0; e--) {
        v = v * t + *(const vecu *)(bin + e * row);
        s = s * t + v;
    }
    *value = v * t + *(const vecu *)bin;
    *slope = s;
}

/* f_s = 6 t^5 - 15 t^4 + 10 t^3, t = (r - inner) / (outer - inner), multiplies densities */
static void switch_density(const Model *m, double r, int first, double *value, double *slope)
{
    double width = m->outer - m->inner, t = (r - m->inner) / width;
    double on = t <= 0.0 ? 0.0 : t * t * t * (10.0 + t * (6.0 * t - 15.0));
    double rise = t <= 0.0 ? 0.0 : 30.0 * t * t * (t - 1.0) * (t - 1.0) / width;
    for (int i = 0; i < LANES; i++) {
        if (first + i < m->M) continue;
        slope[i] = slope[i] * on + value[i] * rise;
        value[i] *= on;
    }
}

static void distances(Centre *w, long end)
{
    long n = w->capacity;
    for (long p = 0; p < end; p += LANES) {
        vec v[3], r;
        for (int a = 0; a < 3; a++) v[a] = *(vec *)(w->d + a * n + p);
        r = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
        for (int i = 0; i < LANES; i++) r[i] = sqrt(r[i]);
        vec inverse = 1.0 / r;
        *(vec *)(w->r + p) = r, *(vec *)(w->inverse + p) = inverse;
        for (int a = 0; a < 3; a++) *(vec *)(w->u + a * n + p) = v[a] * inverse;
    }
}

/* Linear functions of neighbour p, whose bin is given; adds to rho. */
INLINE void linear_functions(const Model *m, int slots, Centre *w, long p, const double *bin, double t, double *rho)
{
    double per = (double)m->bins / m->cutoff;
    for (int q = 0; q < slots; q += LANES) {
        vec value, slope;
        polynomial(bin + q, m->linear + m->angular, t, &value, &slope);
        slope *= per;
        if (w->r[p] < m->outer) switch_density(m, w->r[p], q, (double *)&value, (double *)&slope);
        *(vec *)(rho + q) += value;
        *(vec *)(w->slopes + p * m->linear + q) = slope;
    }
}

/* Angular functions of the neighbours p to p + lanes - 1; zero in lanes left over. */
INLINE void angular_functions(const Model *m, int used, Centre *w, long p, int lanes, const double *const *bin, const double *t)
{
    double per = (double)m->bins / m->cutoff;
    for (int q = 0; q < used; q += LANES) {
        vec value[LANES], slope[LANES];
        for (int i = 0; i < LANES; i++) {
            polynomial(bin[i] + m->linear + q, m->linear + m->angular, t[i], value + i, slope + i);
            slope[i] *= per;
            if (i >= lanes) value[i] = slope[i] = (vec){0};
        }
        transpose(value, (vec *)(w->phi + p * m->angular + q * LANES), 1);
        transpose(slope, (vec *)(w->dphi + p * m->angular + q * LANES), 1);
    }
}

static void functions(const Model *m, int c, int s, Centre *w)
{
    int side = c * m->S + s, row = m->linear + m->angular;
    const double *table = m->table + side * m->bins * (DEGREE + 1) * row;
    double per = (double)m->bins / m->cutoff, *rho = w->rho + s * m->linear;
    memset(rho, 0, sizeof(double) * m->linear);
    for (long p = w->begin[s], end = p + w->count[s]; p < end; p += LANES) {
        const double *bin[LANES];
        double t[LANES];
        int lanes = end - p < LANES ? (int)(end - p) : LANES;
        for (int i = 0; i < LANES; i++) {
            double x = i < lanes ? w->r[p + i] * per : 0.0;
            long b = (long)x;
            b = b < m->bins ? b : m->bins - 1;
            t[i] = x - (double)b, bin[i] = table + b * (DEGREE + 1) * row;
        }
        for (int i = 0; i < lanes; i++) linear_functions(m, m->slots[side], w, p + i, bin[i], t[i], rho);
        angular_functions(m, m->used[side], w, p, lanes, bin, t);
    }
}

#endif
