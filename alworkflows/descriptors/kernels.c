/* PLIP kernels: neighbour list, descriptor values, design rows, and linear models for dynamics.
 *
 * Per centre i, neighbour species s and radial function n the moments are
 *     A[s][k][n] = sum_{j in s} g_n(r_ij) u_ij^k,      u^k = u_x^a u_y^b u_z^c, the monomials of degree l = a + b + c <= L,
 * and since (u.v)^l = sum_{k of degree l} (l! / a! b! c!) u^k v^k, the three-body sum over pairs of neighbours is
 *     X[n][l][s,t] = sum_{k of degree l} binom_k A[s][k][n] A[t][k][n]:
 * its cost is linear in the number of neighbours.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FAST
#endif

#define MAXL 8
#define MAXK 165 /* monomials up to degree 8 */

/* ------------------------------------------------------------------ neighbours */

static double det3(const double *c)
{
    return c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) + c[2] * (c[3] * c[7] - c[4] * c[6]);
}

/* Full list sorted by the first atom; returns the number of pairs, also when it exceeds the capacity (then call again),
 * or -1 if memory ran out. A non-periodic direction must come with a cell vector that spans all atoms. */
long alw_neighbours(long n, const double *pos, const double *cell, const int *pbc, double cutoff, long capacity,
                    long *first, int *second, double *vec)
{
    double inv[9], vol = det3(cell), height[3];
    for (int a = 0; a < 3; a++) {
        const double *u = cell + 3 * ((a + 1) % 3), *v = cell + 3 * ((a + 2) % 3);
        double w[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
        double norm = sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
        height[a] = fabs(vol) / norm;
        for (int b = 0; b < 3; b++) inv[3 * b + a] = w[b] / vol; /* frac_a = pos . inv[:, a] */
    }
    int bins[3], reach[3];
    for (int a = 0; a < 3; a++) {
        bins[a] = (int)floor(height[a] / cutoff);
        if (bins[a] < 1) bins[a] = 1;
        if (bins[a] > 64) bins[a] = 64;
        reach[a] = (int)ceil(cutoff * bins[a] / height[a] - 1e-12);
        if (!pbc[a] && reach[a] > bins[a] - 1) reach[a] = bins[a] - 1;
    }
    long nb = (long)bins[0] * bins[1] * bins[2];
    double *wrapped = malloc(3 * (n + 1) * sizeof(double));
    int *where = malloc(3 * (n + 1) * sizeof(int));
    long *head = malloc((nb + 1) * sizeof(long)), *order = malloc((n + 1) * sizeof(long));
    if (!wrapped || !where || !head || !order) {
        free(wrapped), free(where), free(head), free(order);
        return -1;
    }
    memset(head, 0, (nb + 1) * sizeof(long));
    for (long i = 0; i < n; i++) {
        double frac[3];
        for (int a = 0; a < 3; a++) {
            frac[a] = pos[3 * i] * inv[a] + pos[3 * i + 1] * inv[3 + a] + pos[3 * i + 2] * inv[6 + a];
            if (pbc[a]) frac[a] -= floor(frac[a]);
            int b = (int)(frac[a] * bins[a]);
            where[3 * i + a] = b < 0 ? 0 : b >= bins[a] ? bins[a] - 1 : b;
        }
        for (int b = 0; b < 3; b++) wrapped[3 * i + b] = frac[0] * cell[b] + frac[1] * cell[3 + b] + frac[2] * cell[6 + b];
        head[((long)where[3 * i] * bins[1] + where[3 * i + 1]) * bins[2] + where[3 * i + 2] + 1]++;
    }
    for (long b = 0; b < nb; b++) head[b + 1] += head[b];
    long *fill = malloc((nb + 1) * sizeof(long));
    if (!fill) {
        free(wrapped), free(where), free(head), free(order);
        return -1;
    }
    memcpy(fill, head, (nb + 1) * sizeof(long));
    for (long i = 0; i < n; i++)
        order[fill[((long)where[3 * i] * bins[1] + where[3 * i + 1]) * bins[2] + where[3 * i + 2]]++] = i;
    free(fill);

    long count = 0;
    double limit = cutoff * cutoff;
    for (long i = 0; i < n; i++) {
        first[i] = count;
        for (int dx = -reach[0]; dx <= reach[0]; dx++)
            for (int dy = -reach[1]; dy <= reach[1]; dy++)
                for (int dz = -reach[2]; dz <= reach[2]; dz++) {
                    int d[3] = {dx, dy, dz}, shift[3], bin[3], outside = 0;
                    for (int a = 0; a < 3; a++) {
                        int b = where[3 * i + a] + d[a];
                        shift[a] = b >= 0 ? b / bins[a] : -((-b + bins[a] - 1) / bins[a]);
                        bin[a] = b - shift[a] * bins[a];
                        if (shift[a] && !pbc[a]) outside = 1;
                    }
                    if (outside) continue;
                    double off[3];
                    for (int b = 0; b < 3; b++)
                        off[b] = shift[0] * cell[b] + shift[1] * cell[3 + b] + shift[2] * cell[6 + b] - wrapped[3 * i + b];
                    long box = ((long)bin[0] * bins[1] + bin[1]) * bins[2] + bin[2];
                    for (long q = head[box]; q < head[box + 1]; q++) {
                        long j = order[q];
                        double x = wrapped[3 * j] + off[0], y = wrapped[3 * j + 1] + off[1], z = wrapped[3 * j + 2] + off[2];
                        double r2 = x * x + y * y + z * z;
                        if (r2 >= limit || (i == j && !shift[0] && !shift[1] && !shift[2])) continue;
                        if (count < capacity) {
                            second[count] = (int)j;
                            vec[3 * count] = x, vec[3 * count + 1] = y, vec[3 * count + 2] = z;
                        }
                        count++;
                    }
                }
    }
    first[n] = count;
    free(wrapped), free(where), free(head), free(order);
    return count;
}

/* ------------------------------------------------------------------ monomials */

typedef struct {
    int count, start[MAXL + 2];   /* monomials of degree l are start[l] .. start[l+1]-1 */
    int parent[MAXK][3];          /* index of the monomial with one power of x, y, z less; -1 if none */
    int power[MAXK][3];
    double weight[MAXK];          /* l! / (a! b! c!) */
} Monomials;

static void monomials(int lmax, Monomials *t)
{
    double fact[MAXL + 1] = {1};
    int index[MAXL + 1][MAXL + 1][MAXL + 1], k = 0;
    for (int l = 1; l <= lmax; l++) fact[l] = l * fact[l - 1];
    for (int l = 0; l <= lmax; l++) {
        t->start[l] = k;
        for (int a = l; a >= 0; a--)
            for (int b = l - a; b >= 0; b--) {
                int p[3] = {a, b, l - a - b};
                index[a][b][p[2]] = k;
                t->weight[k] = fact[l] / (fact[a] * fact[b] * fact[p[2]]);
                for (int d = 0; d < 3; d++) {
                    t->power[k][d] = p[d];
                    p[d]--;
                    t->parent[k][d] = p[d] >= 0 ? index[p[0]][p[1]][p[2]] : -1;
                    p[d]++;
                }
                k++;
            }
    }
    t->start[lmax + 1] = t->count = k;
}

/* u^k, and its derivatives by the components of u (free, not on the sphere) */
static void powers(const Monomials *t, const double *u, double *value, double (*grad)[3])
{
    value[0] = 1.0;
    grad[0][0] = grad[0][1] = grad[0][2] = 0.0;
    for (int k = 1; k < t->count; k++) {
        int d = t->parent[k][0] >= 0 ? 0 : t->parent[k][1] >= 0 ? 1 : 2;
        value[k] = value[t->parent[k][d]] * u[d];
        for (int e = 0; e < 3; e++) grad[k][e] = t->parent[k][e] >= 0 ? t->power[k][e] * value[t->parent[k][e]] : 0.0;
    }
}

/* ------------------------------------------------------------------ layout
 * Columns come in blocks of R (radial functions); block numbers:
 *   two-body     pair2[c][s]                                      (unordered species pair)
 *   three-body   three + (c * pairs + pair2[s][t]) * nl + il      (centre, unordered pair of neighbour species, l)
 *   N-body       many + (c * S + s) * nm + im                     (centre, neighbour species, m) */
typedef struct {
    int S, R, nl, nm, pairs, lmax, three, many, columns;
    const int *l, *m;
} Layout;

static Layout layout(int S, int R, int nl, const int *l, int nm, const int *m)
{
    Layout y = {S, R, nl, nm, S * (S + 1) / 2, 0, 0, 0, 0, l, m};
    for (int i = 0; i < nl; i++)
        if (l[i] > y.lmax) y.lmax = l[i];
    y.three = y.pairs;
    y.many = y.three + S * y.pairs * nl;
    y.columns = (y.many + S * S * nm) * R;
    return y;
}

static int pair2(int S, int a, int b)
{
    if (a > b) {
        int t = a;
        a = b, b = t;
    }
    return a * S - a * (a - 1) / 2 + (b - a);
}

/* moments of one centre: A[s][k][n], rho[s][n], two[s][n] */
FAST static void moments(const Layout *y, const Monomials *t, long count, const int *species, const double *g, const double *h,
                         const double *value, double *A, double *rho, double *two)
{
    int R = y->R, K = t->count;
    memset(A, 0, sizeof(double) * y->S * K * R);
    memset(rho, 0, sizeof(double) * y->S * R);
    memset(two, 0, sizeof(double) * y->S * R);
    for (long p = 0; p < count; p++) {
        int s = species[p];
        const double *gp = g + p * R, *hp = h + p * R, *v = value + p * K;
        double *As = A + (long)s * K * R, *rs = rho + s * R, *ts = two + s * R;
        for (int n = 0; n < R; n++) rs[n] += hp[n], ts[n] += gp[n];
        if (y->nl)
            for (int k = 0; k < K; k++) {
                double w = v[k];
                double *row = As + k * R;
                for (int n = 0; n < R; n++) row[n] += w * gp[n];
            }
    }
}

FAST static void centre_values(const Layout *y, const Monomials *t, int c, const double *A, const double *rho, const double *two,
                               double *X)
{
    int R = y->R, K = t->count, S = y->S;
    for (int s = 0; s < S; s++) {
        /* each bond is seen from both ends; half of it belongs to either */
        double *x = X + (long)pair2(S, c, s) * R;
        for (int n = 0; n < R; n++) x[n] += 0.5 * two[s * R + n];
        for (int im = 0; im < y->nm; im++) {
            double *z = X + ((long)y->many + (c * S + s) * y->nm + im) * R;
            for (int n = 0; n < R; n++) {
                double q = 1.0, b = rho[s * R + n];
                for (int e = 0; e < y->m[im]; e++) q *= b;
                z[n] += q;
            }
        }
        for (int u = s; u < S; u++)
            for (int il = 0; il < y->nl; il++) {
                double *z = X + ((long)y->three + (c * y->pairs + pair2(S, s, u)) * y->nl + il) * R;
                for (int k = t->start[y->l[il]]; k < t->start[y->l[il] + 1]; k++) {
                    const double *a = A + ((long)s * K + k) * R, *b = A + ((long)u * K + k) * R;
                    double w = t->weight[k];
                    for (int n = 0; n < R; n++) z[n] += w * a[n] * b[n];
                }
            }
    }
}

/* Gradients of the centre's descriptors by neighbour p's position, for the columns that neighbour touches:
 * D[3][touched * R], in the order: two-body; three-body (t, il); N-body (im). */
FAST static void pair_gradient(const Layout *y, const Monomials *t, int s, double r, const double *u, const double *g,
                               const double *dg, const double *dh, const double *value, double (*grad)[3], const double *A,
                               const double *rho, double *work, double *D)
{
    int R = y->R, K = t->count, S = y->S;
    long width = (long)(1 + S * y->nl + y->nm) * R;
    for (int n = 0; n < R; n++)
        for (int d = 0; d < 3; d++) D[d * width + n] = 0.5 * dg[n] * u[d];
    double *P = work, *V0 = work + R, *V1 = work + 2 * R, *V2 = work + 3 * R;
    for (int q = 0; q < S; q++) {
        double same = q == s ? 2.0 : 1.0;
        const double *Aq = A + (long)q * K * R;
        for (int il = 0; il < y->nl; il++) {
            int l = y->l[il];
            memset(P, 0, 4 * R * sizeof(double));
            for (int k = t->start[l]; k < t->start[l + 1]; k++) {
                const double *a = Aq + k * R;
                double w = t->weight[k], v = w * value[k], x = w * grad[k][0], z1 = w * grad[k][1], z2 = w * grad[k][2];
                for (int n = 0; n < R; n++) P[n] += v * a[n], V0[n] += x * a[n], V1[n] += z1 * a[n], V2[n] += z2 * a[n];
            }
            double *out = D + (long)(1 + q * y->nl + il) * R;
            for (int n = 0; n < R; n++) {
                double b = same * g[n] / r, along = same * dg[n] * P[n] - b * l * P[n];
                out[n] = along * u[0] + b * V0[n];
                out[width + n] = along * u[1] + b * V1[n];
                out[2 * width + n] = along * u[2] + b * V2[n];
            }
        }
    }
    for (int im = 0; im < y->nm; im++) {
        double *out = D + (long)(1 + S * y->nl + im) * R;
        for (int n = 0; n < R; n++) {
            double q = y->m[im], b = rho[s * R + n];
            for (int e = 1; e < y->m[im]; e++) q *= b;
            q *= dh[n];
            out[n] = q * u[0], out[width + n] = q * u[1], out[2 * width + n] = q * u[2];
        }
    }
}

/* where each touched block of a neighbour of species s of a centre of species c stands among the columns */
static int touched(const Layout *y, int c, int s, int *block)
{
    int S = y->S, count = 0;
    block[count++] = pair2(S, c, s);
    for (int q = 0; q < S; q++)
        for (int il = 0; il < y->nl; il++) block[count++] = y->three + (c * y->pairs + pair2(S, s, q)) * y->nl + il;
    for (int im = 0; im < y->nm; im++) block[count++] = y->many + (c * S + s) * y->nm + im;
    return count;
}

FAST static void scatter(int R, int count, const int *block, const double *D, double *plus, double *minus)
{
    for (int b = 0; b < count; b++) {
        const double *d = D + (long)b * R;
        double *p = plus + (long)block[b] * R, *m = minus + (long)block[b] * R;
        for (int n = 0; n < R; n++) p[n] += d[n], m[n] -= d[n];
    }
}

FAST static void scatter_stress(int R, int count, const int *block, const double *D, double x, double *row)
{
    for (int b = 0; b < count; b++) {
        const double *d = D + (long)b * R;
        double *p = row + (long)block[b] * R;
        for (int n = 0; n < R; n++) p[n] += x * d[n];
    }
}

/* values: X (N, P) or NULL; energy: (P,) or NULL; forces: (3N, P) or NULL; virial: (6, P) = sum of r_a dX/dr_b, or NULL.
 * All must be zeroed. Returns 0, or -1 if memory ran out. */
int alw_plip(long n, const int *species, const long *first, const int *second, const double *vec, const double *g,
             const double *dg, const double *h, const double *dh, int S, int R, int nl, const int *l, int nm, const int *m,
             double *values, double *energy, double *forces, double *virial)
{
    Layout y = layout(S, R, nl, l, nm, m);
    Monomials t;
    monomials(y.lmax, &t);
    long most = 0;
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
    int K = t.count, blocks = 1 + S * nl + nm;
    double *A = malloc(sizeof(double) * ((long)S * K * R + 2 * S * R + most * K + 3 * (long)blocks * R + 4 * R + 3 * K + 8));
    int *kind = malloc(sizeof(int) * (most + 1) + sizeof(int) * blocks);
    if (!A || !kind) {
        free(A), free(kind);
        return -1;
    }
    double *rho = A + (long)S * K * R, *two = rho + S * R, *value = two + S * R, *D = value + most * K;
    double *work = D + 3 * (long)blocks * R, (*grad)[3] = (double(*)[3])(work + 4 * R);
    int *block = kind + most + 1;
    long P = y.columns, width = (long)blocks * R;
    static const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    for (long i = 0; i < n; i++) {
        long lo = first[i], count = first[i + 1] - lo;
        int c = species[i];
        for (long p = 0; p < count; p++) {
            const double *v = vec + 3 * (lo + p);
            double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), u[3] = {v[0] / r, v[1] / r, v[2] / r};
            kind[p] = species[second[lo + p]];
            powers(&t, u, value + p * K, grad);
        }
        moments(&y, &t, count, kind, g + lo * R, h + lo * R, value, A, rho, two);
        if (values) centre_values(&y, &t, c, A, rho, two, values + i * P);
        if (energy) centre_values(&y, &t, c, A, rho, two, energy);
        if (!forces && !virial) continue;
        for (long p = 0; p < count; p++) {
            const double *v = vec + 3 * (lo + p);
            double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), u[3] = {v[0] / r, v[1] / r, v[2] / r};
            long q = lo + p, j = second[q];
            powers(&t, u, value + p * K, grad);
            pair_gradient(&y, &t, kind[p], r, u, g + q * R, dg + q * R, dh + q * R, value + p * K, grad, A, rho, work, D);
            int many = touched(&y, c, kind[p], block);
            if (forces && i != j)
                for (int d = 0; d < 3; d++)
                    scatter(R, many, block, D + d * width, forces + (3 * i + d) * P, forces + (3 * j + d) * P);
            if (virial)
                for (int e = 0; e < 6; e++)
                    scatter_stress(R, many, block, D + voigt[e][1] * width, v[voigt[e][0]], virial + e * P);
        }
    }
    free(A), free(kind);
    return 0;
}

/* ------------------------------------------------------------------ linear models for dynamics
 * M models with weights W (M, P) on the same descriptors; with stride P and M = 1, weights (N, P) of each atom's own. Radial functions come as Hermite tables over r:
 * table[bin][n][8] = coefficients of g and of h in the bin's variable x in [0, 1): g = a0 + x (a1 + x (a2 + x a3)).
 * forces (M, N, 3), energies (M, N), virial (M, 6) = sum r_a dE/dr_b. */
FAST static void lookup(int R, const double *row, double x, double scale, double *g, double *dg, double *h, double *dh)
{
    /* row is [8][R]: contiguous in n */
    const double *a0 = row, *a1 = row + R, *a2 = row + 2 * R, *a3 = row + 3 * R;
    const double *b0 = row + 4 * R, *b1 = row + 5 * R, *b2 = row + 6 * R, *b3 = row + 7 * R;
    for (int n = 0; n < R; n++) {
        g[n] = a0[n] + x * (a1[n] + x * (a2[n] + x * a3[n]));
        dg[n] = scale * (a1[n] + x * (2.0 * a2[n] + 3.0 * x * a3[n]));
        h[n] = b0[n] + x * (b1[n] + x * (b2[n] + x * b3[n]));
        dh[n] = scale * (b1[n] + x * (2.0 * b2[n] + 3.0 * x * b3[n]));
    }
}

FAST static double centre_energy(const Layout *y, const Monomials *t, int c, const double *A, const double *rho, const double *two,
                                 const double *W, double *dA, double *drho)
{
    int R = y->R, K = t->count, S = y->S;
    double e = 0.0;
    memset(dA, 0, sizeof(double) * S * K * R);
    memset(drho, 0, sizeof(double) * S * R);
    for (int s = 0; s < S; s++) {
        const double *w = W + (long)pair2(S, c, s) * R;
        for (int n = 0; n < R; n++) e += 0.5 * w[n] * two[s * R + n];
        for (int im = 0; im < y->nm; im++) {
            const double *z = W + ((long)y->many + (c * S + s) * y->nm + im) * R;
            for (int n = 0; n < R; n++) {
                double b = rho[s * R + n], q = z[n];
                for (int k = 1; k < y->m[im]; k++) q *= b;
                e += q * b;
                drho[s * R + n] += y->m[im] * q;
            }
        }
        for (int u = s; u < S; u++)
            for (int il = 0; il < y->nl; il++) {
                const double *z = W + ((long)y->three + (c * y->pairs + pair2(S, s, u)) * y->nl + il) * R;
                for (int k = t->start[y->l[il]]; k < t->start[y->l[il] + 1]; k++) {
                    const double *a = A + ((long)s * K + k) * R, *b = A + ((long)u * K + k) * R;
                    double *da = dA + ((long)s * K + k) * R, *db = dA + ((long)u * K + k) * R, w3 = t->weight[k];
                    for (int n = 0; n < R; n++) {
                        double q = w3 * z[n];
                        e += q * a[n] * b[n];
                        da[n] += q * b[n];
                        db[n] += q * a[n];
                    }
                }
            }
    }
    return e;
}

FAST static void contract(int R, int K, const double *D, const double *g, const double *dg, double *H, double *Q)
{
    for (int k = 0; k < K; k++) {
        const double *d = D + (long)k * R;
        double a = 0.0, b = 0.0;
        for (int n = 0; n < R; n++) a += d[n] * g[n], b += d[n] * dg[n];
        H[k] = a, Q[k] = b;
    }
}

int alw_linear(long n, const int *species, const long *first, const int *second, const double *vec, double cutoff, long bins,
               const double *table, int S, int R, int nl, const int *l, int nm, const int *m, int M, long stride, const double *W,
               double *energies, double *forces, double *virial)
{
    Layout y = layout(S, R, nl, l, nm, m);
    Monomials t;
    monomials(y.lmax, &t);
    long most = 0;
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
    int K = t.count;
    long P = y.columns;
    double *A = malloc(sizeof(double) * (2 * (long)S * K * R + 3 * S * R + most * (4L * K + 4L * R + 4) + 2 * K + 8));
    int *kind = malloc(sizeof(int) * (most + 1));
    long *atom = malloc(sizeof(long) * (most + 1));
    if (!A || !kind || !atom) {
        free(A), free(kind), free(atom);
        return -1;
    }
    double *dA = A + (long)S * K * R, *rho = dA + (long)S * K * R, *two = rho + S * R, *drho = two + S * R;
    double *value = drho + S * R, *gradient = value + most * K, *g = gradient + 3 * most * K, *dg = g + most * R;
    double *h = dg + most * R, *dh = h + most * R, *unit = dh + most * R, *H = unit + 4 * most, *Q = H + K;
    static const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    double scale = bins / cutoff;
    for (long i = 0; i < n; i++) {
        int c = species[i];
        long count = 0;
        for (long q = first[i]; q < first[i + 1]; q++) {
            const double *v = vec + 3 * q;
            double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
            if (r >= cutoff) continue; /* the list has a skin */
            double *u = unit + 4 * count, x = r * scale;
            long bin = (long)x;
            u[0] = v[0] / r, u[1] = v[1] / r, u[2] = v[2] / r, u[3] = r;
            kind[count] = species[second[q]];
            atom[count] = second[q];
            powers(&t, u, value + count * K, (double(*)[3])(gradient + 3 * count * K));
            lookup(R, table + bin * 8L * R, x - bin, scale, g + count * R, dg + count * R, h + count * R, dh + count * R);
            count++;
        }
        moments(&y, &t, count, kind, g, h, value, A, rho, two);
        for (int model = 0; model < M; model++) {
            const double *w = W + model * P + i * stride;
            double *F = forces + (long)model * 3 * n, *vir = virial + 6 * model;
            energies[model * n + i] = centre_energy(&y, &t, c, A, rho, two, w, dA, drho);
            for (long p = 0; p < count; p++) {
                int s = kind[p];
                const double *u = unit + 4 * p, *val = value + p * K, *grad = gradient + 3 * p * K;
                const double *gp = g + p * R, *dgp = dg + p * R, *dhp = dh + p * R, *w2 = w + (long)pair2(S, c, s) * R;
                double r = u[3], along = 0.0, f[3] = {0, 0, 0};
                for (int k = 0; k < R; k++) along += 0.5 * w2[k] * dgp[k] + drho[s * R + k] * dhp[k];
                if (nl) {
                    contract(R, K, dA + (long)s * K * R, gp, dgp, H, Q);
                    for (int deg = 0; deg <= y.lmax; deg++)
                        for (int k = t.start[deg]; k < t.start[deg + 1]; k++) {
                            along += val[k] * (Q[k] - deg * H[k] / r);
                            for (int d = 0; d < 3; d++) f[d] += H[k] * grad[3 * k + d];
                        }
                }
                for (int d = 0; d < 3; d++) {
                    f[d] = f[d] / r + along * u[d]; /* dE_i / dr_j */
                    F[3 * i + d] += f[d];
                    F[3 * atom[p] + d] -= f[d];
                }
                for (int e = 0; e < 6; e++) vir[e] += r * u[voigt[e][0]] * f[voigt[e][1]];
            }
        }
    }
    free(A), free(kind), free(atom);
    return 0;
}

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernels", "PLIP kernels; called through ctypes.", -1, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&module); }
