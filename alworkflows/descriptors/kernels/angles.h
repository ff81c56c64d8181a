/* Spherical harmonics for dynamics, and what forces need of them.
 *
 * Y_{l, +-m} = P_lm(z) c_m, P_lm(z) s_m stand at k = l^2 + l +- m, with P_lm = d^m P_l / dz^m and c_m + i s_m = (x + i y)^m. Their norm
 * (Racah's) is left to the couplings. Away from the sphere they are other functions than solid harmonics; what their gradient has
 * along the unit vector is taken off. */
#ifndef ALW_ANGLES_H
#define ALW_ANGLES_H

#include "lanes.h"

/* where P_lm, c_m and (one further) s_m are kept for the gradient */
#define P_AT(l, m) ((l) * ((l) + 1) / 2 + (m))
#define C_AT(lmax, m) (P_AT((lmax) + 1, 0) + 2 * (m))

INLINE void angles(int lmax, const vec u[3], vec *restrict P, vec *restrict Y)
{
    vec c = u[0] * 0.0 + 1.0, s = u[0] * 0.0;
#pragma GCC unroll 16
    for (int m = 0; m <= lmax; m++) {
        P[C_AT(lmax, m)] = c, P[C_AT(lmax, m) + 1] = s;
#pragma GCC unroll 16
        for (int l = m; l <= lmax; l++) {
            vec p;
            if (l == m) p = m ? (2.0 * m - 1.0) * P[P_AT(m - 1, m - 1)] : c;
            else {
                p = ((2.0 * l - 1.0) / (l - m)) * u[2] * P[P_AT(l - 1, m)];
                if (l > m + 1) p -= ((l + m - 1.0) / (l - m)) * P[P_AT(l - 2, m)];
            }
            P[P_AT(l, m)] = p;
            Y[l * l + l + m] = p * c;
            if (m) Y[l * l + l - m] = p * s;
        }
        vec next = c * u[0] - s * u[1];
        s = s * u[0] + c * u[1], c = next;
    }
}

/* dE/dx_j of LANES neighbours, from the derivative of E by Y_k (H) and by r through Y_k (K: the sum of K Y is dE/dr); adds to what
 * `along` u is known already. */
INLINE void contract(int lmax, const vec u[3], vec inverse, const vec *P, const vec *H, const vec *K, vec along, vec out[3])
{
    vec zero = along * 0.0, g[3] = {zero, zero, zero};
#pragma GCC unroll 16
    for (int m = 0; m <= lmax; m++) {
        vec a = zero, b = zero, da = zero, db = zero, ka = zero, kb = zero;
#pragma GCC unroll 16
        for (int l = m; l <= lmax; l++) {
            int up = l * l + l + m, down = l * l + l - m;
            vec p = P[P_AT(l, m)];
            a += H[up] * p, ka += K[up] * p;
            if (m) b += H[down] * p, kb += K[down] * p;
            if (m == l) continue;
            vec dz = P[P_AT(l, m + 1)];
            da += H[up] * dz;
            if (m) db += H[down] * dz;
        }
        vec c = P[C_AT(lmax, m)], s = P[C_AT(lmax, m) + 1];
        along += ka * c + kb * s;
        g[2] += da * c + db * s;
        if (!m) continue;
        vec cm = (double)m * P[C_AT(lmax, m - 1)], sm = (double)m * P[C_AT(lmax, m - 1) + 1];
        g[0] += a * cm + b * sm;
        g[1] += b * cm - a * sm;
    }
    along -= (g[0] * u[0] + g[1] * u[1] + g[2] * u[2]) * inverse;
    for (int d = 0; d < 3; d++) out[d] = along * u[d] + g[d] * inverse;
}

/* call an inlined function with a first argument, the largest l, that the compiler knows */
#define FOR_DEGREE(lmax, function, ...)                                                                                     \
    switch (lmax) {                                                                                                         \
    case 0: function(0, __VA_ARGS__); break;                                                                              \
    case 1: function(1, __VA_ARGS__); break;                                                                              \
    case 2: function(2, __VA_ARGS__); break;                                                                              \
    case 3: function(3, __VA_ARGS__); break;                                                                              \
    case 4: function(4, __VA_ARGS__); break;                                                                              \
    case 5: function(5, __VA_ARGS__); break;                                                                              \
    case 6: function(6, __VA_ARGS__); break;                                                                              \
    case 7: function(7, __VA_ARGS__); break;                                                                              \
    default: function(8, __VA_ARGS__);                                                                                    \
    }

#endif
