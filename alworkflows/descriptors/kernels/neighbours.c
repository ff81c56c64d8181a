/* A full neighbour list: any cell shape, any periodicity, as many images as the cutoff reaches.
 *
 * Atoms and the images of them that the cutoff reaches stand in the bins of one box, sorted by bin. Bins along the last axis are
 * contiguous in memory, so that the search of an atom runs over a few long rows, and without a branch: which atoms are near is
 * hard to guess. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REACH 2 /* bins of half the cutoff */

typedef struct {
    long n, all;           /* atoms; atoms and images, the atoms themselves first */
    int bins[3];
    double low[3], per[3]; /* where the box begins in fractional coordinates, and bins per unit */
    double *fractional;    /* (n, 3), wrapped */
    double *wrap;          /* (n, 3): what wrapping added */
    int *parent, *image;   /* (all), (all, 3) */
    long *bin, *head;      /* (all), (bins + 1) */
    long *sorted, *place;  /* (all): the p-th atom in order of bins; (n): where an atom stands in that order */
    double *x, *y, *z;     /* (all), in order of bins */
} Box;

static void close_box(Box *box)
{
    free(box->fractional), free(box->wrap), free(box->parent), free(box->image), free(box->bin), free(box->head);
    free(box->sorted), free(box->place), free(box->x);
}

/* inverse of the cell, and the distance between its faces along each axis */
static void invert(const double *c, double *inverse, double *height)
{
    double volume = c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) + c[2] * (c[3] * c[7] - c[4] * c[6]);
    for (int a = 0; a < 3; a++) {
        const double *u = c + 3 * ((a + 1) % 3), *v = c + 3 * ((a + 2) % 3);
        double w[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
        height[a] = fabs(volume) / sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
        for (int b = 0; b < 3; b++) inverse[3 * b + a] = w[b] / volume;
    }
}

/* Bins no narrower than cutoff / REACH over the cell and a margin of one cutoff around it along periodic axes. */
static void size_box(Box *box, const double *height, const int *pbc, double cutoff, double *margin)
{
    double most = 8.0 * cbrt((double)box->n) + 8.0; /* a sparse frame needs few */
    for (int a = 0; a < 3; a++) {
        margin[a] = pbc[a] ? cutoff / height[a] * (1.0 + 1e-12) : 0.0;
        double bins = (1.0 + 2.0 * margin[a]) * height[a] * REACH / cutoff;
        box->bins[a] = (int)(bins < 1.0 ? 1.0 : bins < most ? bins : most);
        box->low[a] = -margin[a], box->per[a] = box->bins[a] / (1.0 + 2.0 * margin[a]);
    }
}

/* Wrap the atoms; return how many they are with their images, along each axis from `from` to `to` (n, 3). */
static double wrap(Box *box, const double *positions, const double *inverse, const int *pbc, const double *margin, int *from, int *to)
{
    double all = 0.0;
    for (long i = 0; i < box->n; i++) {
        double count = 1.0;
        for (int a = 0; a < 3; a++) {
            double f = positions[3 * i] * inverse[a] + positions[3 * i + 1] * inverse[3 + a] + positions[3 * i + 2] * inverse[6 + a];
            double added = pbc[a] ? -floor(f) : 0.0;
            box->wrap[3 * i + a] = added, box->fractional[3 * i + a] = f += added;
            from[3 * i + a] = pbc[a] ? (int)ceil(-margin[a] - f) : 0;
            to[3 * i + a] = pbc[a] ? (int)floor(1.0 + margin[a] - f) : 0;
            count *= to[3 * i + a] - from[3 * i + a] + 1;
        }
        all += count;
    }
    return all;
}

static void add_images(Box *box, const int *from, const int *to)
{
    long next = box->n;
    int k[3];
    for (long i = 0; i < box->n; i++)
        for (k[0] = from[3 * i]; k[0] <= to[3 * i]; k[0]++)
            for (k[1] = from[3 * i + 1]; k[1] <= to[3 * i + 1]; k[1]++)
                for (k[2] = from[3 * i + 2]; k[2] <= to[3 * i + 2]; k[2]++) {
                    long a = k[0] || k[1] || k[2] ? next++ : i, bin = 0;
                    for (int e = 0; e < 3; e++) {
                        int b = (int)((box->fractional[3 * i + e] + k[e] - box->low[e]) * box->per[e]);
                        bin = bin * box->bins[e] + (b < 0 ? 0 : b < box->bins[e] ? b : box->bins[e] - 1);
                        box->image[3 * a + e] = k[e];
                    }
                    box->parent[a] = (int)i, box->bin[a] = bin;
                }
}

/* order of bins, and coordinates in it */
static void sort_box(Box *box, const double *cell)
{
    long bins = (long)box->bins[0] * box->bins[1] * box->bins[2], *head = box->head;
    memset(head, 0, sizeof(long) * (bins + 2));
    for (long a = 0; a < box->all; a++) head[box->bin[a] + 2]++;
    for (long b = 2; b < bins + 2; b++) head[b] += head[b - 1];
    for (long a = 0; a < box->all; a++) {
        long p = head[box->bin[a] + 1]++;
        const double *f = box->fractional + 3L * box->parent[a];
        double g[3];
        for (int e = 0; e < 3; e++) g[e] = f[e] + box->image[3 * a + e];
        box->x[p] = g[0] * cell[0] + g[1] * cell[3] + g[2] * cell[6];
        box->y[p] = g[0] * cell[1] + g[1] * cell[4] + g[2] * cell[7];
        box->z[p] = g[0] * cell[2] + g[1] * cell[5] + g[2] * cell[8];
        box->sorted[p] = a;
        if (a < box->n) box->place[a] = p;
    }
}

/* Returns 0, or -1 if memory ran out. */
static int open_box(Box *box, long n, const double *positions, const double *cell, const int *pbc, double cutoff)
{
    double inverse[9], height[3], margin[3], all = 0.0;
    invert(cell, inverse, height);
    memset(box, 0, sizeof *box);
    box->n = n;
    size_box(box, height, pbc, cutoff, margin);
    int *from = malloc(sizeof(int) * 3 * (n + 1)), *to = malloc(sizeof(int) * 3 * (n + 1));
    box->fractional = malloc(sizeof(double) * 3 * (n + 1)), box->wrap = malloc(sizeof(double) * 3 * (n + 1));
    int sound = from && to && box->fractional && box->wrap;
    if (sound) all = wrap(box, positions, inverse, pbc, margin, from, to), sound = all < 2e9;
    if (sound) {
        box->all = (long)all;
        size_t room = box->all + 1;
        box->parent = malloc(sizeof(int) * room), box->image = malloc(sizeof(int) * 3 * room), box->bin = malloc(sizeof(long) * room);
        box->head = malloc(sizeof(long) * ((size_t)box->bins[0] * box->bins[1] * box->bins[2] + 2));
        box->sorted = malloc(sizeof(long) * room), box->place = malloc(sizeof(long) * (n + 1)), box->x = malloc(sizeof(double) * 3 * room);
        sound = box->parent && box->image && box->bin && box->head && box->sorted && box->place && box->x;
    }
    if (sound) {
        box->y = box->x + box->all, box->z = box->y + box->all;
        add_images(box, from, to);
        sort_box(box, cell);
    }
    free(from), free(to);
    return sound ? 0 : -1;
}

/* The places within reach of atom i; returns how many. */
static long near(const Box *box, long i, double limit, long *found)
{
    long self = box->place[i], bin = box->bin[i], count = 0;
    int b[3] = {(int)(bin / box->bins[2] / box->bins[1]), (int)(bin / box->bins[2] % box->bins[1]), (int)(bin % box->bins[2])}, lo[3], hi[3];
    double x = box->x[self], y = box->y[self], z = box->z[self];
    for (int a = 0; a < 3; a++) {
        lo[a] = b[a] > REACH ? b[a] - REACH : 0;
        hi[a] = b[a] + REACH < box->bins[a] ? b[a] + REACH : box->bins[a] - 1;
    }
    for (int u = lo[0]; u <= hi[0]; u++)
        for (int v = lo[1]; v <= hi[1]; v++) {
            long row = ((long)u * box->bins[1] + v) * box->bins[2], end = box->head[row + hi[2] + 1];
            for (long p = box->head[row + lo[2]]; p < end; p++) {
                double dx = box->x[p] - x, dy = box->y[p] - y, dz = box->z[p] - z;
                found[count] = p;
                count += (dx * dx + dy * dy + dz * dz < limit) & (p != self);
            }
        }
    return count;
}

/* The list sorted by the first atom. `vectors` of pairs, or with `offsets` what they are beyond x_j - x_i: sums of lattice vectors.
 * Returns the number of pairs, also when it exceeds the capacity (then call again), or -1 if memory ran out. A direction without
 * periodicity must come with a cell vector that spans all atoms. */
long alw_neighbours(long n, const double *positions, const double *cell, const int *pbc, double cutoff, int offsets, long capacity,
                    long *first, int *second, double *vectors)
{
    Box box;
    long count = 0, *found = NULL;
    int status = open_box(&box, n, positions, cell, pbc, cutoff);
    if (!status) found = malloc(sizeof(long) * (box.all + 1));
    for (long i = 0; found && i < n; i++) {
        long more = near(&box, i, cutoff * cutoff, found), self = box.place[i];
        first[i] = count;
        for (long q = 0; q < more && count + more <= capacity; q++) {
            long p = found[q], a = box.sorted[p], j = box.parent[a];
            double *v = vectors + 3 * (count + q), s[3];
            second[count + q] = (int)j;
            if (offsets) {
                for (int e = 0; e < 3; e++) s[e] = box.image[3 * a + e] + box.wrap[3 * j + e] - box.wrap[3 * i + e];
                for (int d = 0; d < 3; d++) v[d] = s[0] * cell[d] + s[1] * cell[3 + d] + s[2] * cell[6 + d];
            } else
                v[0] = box.x[p] - box.x[self], v[1] = box.y[p] - box.y[self], v[2] = box.z[p] - box.z[self];
        }
        count += more;
    }
    first[n] = count;
    if (!found) count = -1;
    free(found);
    close_box(&box);
    return count;
}
