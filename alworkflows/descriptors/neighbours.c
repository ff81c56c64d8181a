/* A full neighbour list by cells: any cell shape, any periodicity, as many images as the cutoff reaches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double det3(const double *c)
{
    return c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) + c[2] * (c[3] * c[7] - c[4] * c[6]);
}

/* Full list sorted by the first atom; returns the number of pairs, also when it exceeds the capacity (then call again),
 * or -1 if memory ran out. A non-periodic direction must come with a cell vector that spans all atoms. */
long alw_neighbours(long n, const double *pos, const double *cell, const int *pbc, double cutoff, long capacity,
                    long *first, int *second, double *vectors)
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
                            vectors[3 * count] = x, vectors[3 * count + 1] = y, vectors[3 * count + 2] = z;
                        }
                        count++;
                    }
                }
    }
    first[n] = count;
    free(wrapped), free(where), free(head), free(order);
    return count;
}
