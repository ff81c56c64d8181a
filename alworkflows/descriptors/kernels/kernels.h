/* What the kernels share: several numbers at a time, spherical harmonics, radial tables, and the layout of the descriptors.
 *
 * Per centre i, neighbour species s and radial function n the moments are
 *     A[s][k][n] = sum_{j in s} g_n(r_ij) Y_k(u_ij),      k = l^2 .. (l+1)^2 - 1,
 * with real spherical harmonics in Racah's normalisation, sum_{k of l} Y_k(u) Y_k(v) = P_l(u.v), so that the double sum over neighbours
 *     sum_j sum_k g_n(r_ij) g_n(r_ik) P_l(cos theta) = sum_{k of l} A[s][k][n] A[t][k][n]
 * costs no more than the single one. Powers of the cosine are fixed combinations of Legendre polynomials.
 */
#ifndef ALW_KERNELS_H
#define ALW_KERNELS_H

#include "lanes.h"

#define MAXL 8
#define MAXS 16 /* species */
#define MAXK ((MAXL + 1) * (MAXL + 1))
#define TILE 4 /* harmonics handled together: arrays over k are padded to a multiple of it */
#define PADDED(k) (((k) + TILE - 1) / TILE * TILE)

static const int VOIGT[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};

/* ------------------------------------------------------------------ radial functions
 * Polynomials of degree 7 in t from -1 to 1 over each of `bins` equal bins between 0 and the cutoff, lowest power first:
 * table[chunk][bin][COEFFICIENTS][LANES], a chunk being LANES functions. The N-body density has a switch besides: 0 below `inner`, 1 above `outer`. */
#define COEFFICIENTS 8
typedef struct {
    double cutoff, inner, outer;
    long bins;
    const double *table;
} Radial;

INLINE void radial(const Radial *t, long chunk, double r, vec *g, vec *dg)
{
    double x = r * ((double)t->bins / t->cutoff), scale = 2.0 * (double)t->bins / t->cutoff;
    long bin = (long)x;
    if (bin >= t->bins) bin = t->bins - 1;
    double w = 2.0 * (x - (double)bin) - 1.0;
    const vecu *c = (const vecu *)(t->table + (chunk * t->bins + bin) * COEFFICIENTS * LANES);
    vec value = c[COEFFICIENTS - 1], slope = value;
    for (int d = COEFFICIENTS - 2; d > 0; d--) {
        value = value * w + c[d];
        slope = slope * w + value;
    }
    *g = value * w + c[0];
    *dg = slope * scale;
}

/* f_s(u) = 6 u^5 - 15 u^4 + 10 u^3 and its derivative by r */
INLINE double density_switch(const Radial *t, double r, double *slope)
{
    double width = t->outer - t->inner, u = (r - t->inner) / width;
    *slope = 0.0;
    if (u >= 1.0) return 1.0;
    if (u <= 0.0) return 0.0;
    *slope = 30.0 * u * u * (u - 1.0) * (u - 1.0) / width;
    return u * u * u * (10.0 + u * (6.0 * u - 15.0));
}

/* ------------------------------------------------------------------ angular functions */
typedef struct {
    int lmax, count;                       /* count = (lmax + 1)^2 */
    double up[MAXL + 1][MAXL + 1];         /* recurrence of d^m P_l / dz^m in l */
    double down[MAXL + 1][MAXL + 1];
    double norm[MAXL + 1][MAXL + 1];       /* Racah: sqrt((2 - delta_m0) (l - m)! / (l + m)!) */
    double power[MAXL + 1][MAXL + 1];      /* z^p = sum_l power[p][l] P_l(z) */
} Angular;

/* Harmonics of LANES unit vectors and their derivatives along two tangents e1, e2: out[0][k], out[1][k], out[2][k], `stride` vecs apart.
 * With c_m + i s_m = (x + i y)^m: Y = norm d^mP_l/dz^m c_m (order m), s_m (order -m); at l^2 + l + order. */
INLINE void harmonics(const Angular *t, vec x, vec y, vec z, vec e1[3], vec e2[3], vec *out, int stride)
{
    vec zero = x * 0.0, one = zero + 1.0, c[MAXL + 2], s[MAXL + 2], P[MAXL + 2][MAXL + 2];
    vec sign = zero;
    for (int i = 0; i < LANES; i++) sign[i] = z[i] < 0.0 ? -1.0 : 1.0;
    /* tangents without a branch: Duff et al., "Building an orthonormal basis, revisited", JCGT 6 (2017) */
    vec a = -1.0 / (sign + z), b = x * y * a;
    e1[0] = one + sign * x * x * a, e1[1] = sign * b, e1[2] = -sign * x;
    e2[0] = b, e2[1] = sign + y * y * a, e2[2] = -y;
    c[0] = one, s[0] = zero;
    for (int m = 1; m <= t->lmax; m++) c[m] = c[m - 1] * x - s[m - 1] * y, s[m] = s[m - 1] * x + c[m - 1] * y;
    for (int l = 0; l <= t->lmax; l++) {
        P[l][l] = l ? (2.0 * l - 1.0) * P[l - 1][l - 1] : one;
        P[l][l + 1] = zero;
        for (int m = 0; m < l; m++) {
            P[l][m] = t->up[l][m] * z * P[l - 1][m];
            if (l > m + 1) P[l][m] -= t->down[l][m] * P[l - 2][m];
        }
    }
    for (int l = 0; l <= t->lmax; l++)
        for (int m = 0; m <= l; m++) {
            vec p = t->norm[l][m] * P[l][m], dz = t->norm[l][m] * P[l][m + 1], mp = (double)m * p;
            vec cm = m ? mp * c[m - 1] : zero, sm = m ? mp * s[m - 1] : zero;
            int k = l * l + l + m, j = l * l + l - m;
            vec gx = cm, gy = -sm, gz = dz * c[m];
            out[k] = p * c[m];
            out[stride + k] = gx * e1[0] + gy * e1[1] + gz * e1[2];
            out[2 * stride + k] = gx * e2[0] + gy * e2[1] + gz * e2[2];
            if (!m) continue;
            gx = sm, gy = cm, gz = dz * s[m];
            out[j] = p * s[m];
            out[stride + j] = gx * e1[0] + gy * e1[1] + gz * e1[2];
            out[2 * stride + j] = gx * e2[0] + gy * e2[1] + gz * e2[2];
        }
}

/* ------------------------------------------------------------------ the neighbours of one centre, in order of species */
typedef struct {
    long capacity, count, begin[MAXS + 1]; /* neighbours of species s: begin[s] .. begin[s + 1] - 1 */
    long *atom;
    double *r, *u, *e1, *e2;               /* [LANES-padded count], [3][...] */
    double *harm;                          /* [block of LANES][3][stride][LANES] */
    int stride;
} Shell;

/* where the value (0) or a tangent derivative (1, 2) of harmonic k of neighbour p stands */
INLINE const double *harmonic(const Shell *shell, long p, int which)
{
    return shell->harm + ((p / LANES * 3 + which) * (long)shell->stride) * LANES + p % LANES;
}

/* ------------------------------------------------------------------ columns
 * in blocks of R radial functions:
 *   two-body     pair(c, s)                                       unordered species pair
 *   three-body   three + (c pairs + pair(s, t)) nl + il           centre, unordered pair of neighbour species, l
 *   N-body       many + (c S + s) nm + im                         centre, neighbour species, m */
typedef struct {
    int S, R, nl, nm, pairs, lmax, three, many, columns;
    const int *l, *m;
} Layout;

static inline Layout layout(int S, int R, int nl, const int *l, int nm, const int *m)
{
    Layout y = {S, R, nl, nm, S * (S + 1) / 2, 0, 0, 0, 0, l, m};
    for (int i = 0; i < nl; i++)
        if (l[i] > y.lmax) y.lmax = l[i];
    y.three = y.pairs;
    y.many = y.three + S * y.pairs * nl;
    y.columns = (y.many + S * S * nm) * R;
    return y;
}

static inline int species_pair(int S, int a, int b)
{
    int low = a < b ? a : b, high = a < b ? b : a;
    return low * S - low * (low - 1) / 2 + (high - low);
}

INLINE vec power_of(vec x, int m)
{
    vec q = x;
    for (int e = 1; e < m; e++) q *= x;
    return q;
}

#endif
