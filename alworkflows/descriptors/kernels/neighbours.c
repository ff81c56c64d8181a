/* A full neighbour list: any cell shape, any periodicity, as many images as the cutoff reaches.
 *
 * Atoms and the images of them that the cutoff reaches stand in the bins of one box, sorted by bin. Bins along the last axis are
 * contiguous in memory, so that the search of an atom runs over a few long rows, and without a branch: which atoms are near is
 * hard to guess. */
#include <limits.h>

#include "sizes.h"

#define REACH 2 /* bins of half the cutoff */

/* why there is no list */
enum { NO_MEMORY = -1, NO_VOLUME = -2, TOO_MANY_IMAGES = -3, TOO_MANY_NEIGHBOURS = -4 };

typedef struct {
    int64_t n, all;           /* atoms; atoms and images, the atoms themselves first */
    int bins[3];
    double low[3], per[3]; /* where the box begins in fractional coordinates, and bins per unit */
    double *fractional;    /* (n, 3), wrapped */
    double *wrap;          /* (n, 3): what wrapping added */
    int *parent, *image;   /* (all), (all, 3) */
    int64_t *bin, *head;      /* (all), (bins + 1) */
    int64_t *sorted, *place;  /* (all): the p-th atom in order of bins; (n): where an atom stands in that order */
    double *x, *y, *z;     /* (all), in order of bins */
} Box;

static void close_box(Box *box)
{
    free(box->fractional), free(box->wrap), free(box->parent), free(box->image), free(box->bin), free(box->head);
    free(box->sorted), free(box->place), free(box->x);
}

/* Inverse of the cell, and the distance between its faces along each axis. Returns 0, or NO_VOLUME. */
static int invert(const double *c, double *inverse, double *height)
{
    double volume = c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) + c[2] * (c[3] * c[7] - c[4] * c[6]);
    for (int a = 0; a < 3; a++) {
        const double *u = c + 3 * ((a + 1) % 3), *v = c + 3 * ((a + 2) % 3);
        double w[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
        height[a] = fabs(volume) / sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
        for (int b = 0; b < 3; b++) inverse[3 * b + a] = w[b] / volume;
    }
    double sum = 0.0; /* not finite if one of its terms is not */
    for (int e = 0; e < 9; e++) sum += fabs(inverse[e]);
    for (int a = 0; a < 3; a++) sum += height[a] > 0.0 ? height[a] : NAN;
    return isfinite(sum) ? 0 : NO_VOLUME;
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

/* Wrap the atoms; return how many they are with their images, along each axis from `from` to `to` (n, 3), infinity if one has no place. */
static double wrap(Box *box, const double *positions, const double *inverse, const int *pbc, const double *margin, int *from, int *to)
{
    double all = 0.0;
    for (int64_t i = 0; i < box->n; i++) {
        double count = 1.0;
        for (int a = 0; a < 3; a++) {
            double f = positions[3 * i] * inverse[a] + positions[3 * i + 1] * inverse[3 + a] + positions[3 * i + 2] * inverse[6 + a];
            double added = pbc[a] ? -floor(f) : 0.0;
            box->wrap[3 * i + a] = added, box->fractional[3 * i + a] = f += added;
            if (pbc[a] && !(f >= 0.0 && f <= 1.0)) return INFINITY;
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
    int64_t next = box->n;
    int k[3];
    for (int64_t i = 0; i < box->n; i++)
        for (k[0] = from[3 * i]; k[0] <= to[3 * i]; k[0]++)
            for (k[1] = from[3 * i + 1]; k[1] <= to[3 * i + 1]; k[1]++)
                for (k[2] = from[3 * i + 2]; k[2] <= to[3 * i + 2]; k[2]++) {
                    int64_t a = k[0] || k[1] || k[2] ? next++ : i, bin = 0;
                    for (int e = 0; e < 3; e++) {
                        double b = (box->fractional[3 * i + e] + k[e] - box->low[e]) * box->per[e];
                        bin = bin * box->bins[e] + (b < 0.0 ? 0 : b < box->bins[e] ? (int)b : box->bins[e] - 1);
                        box->image[3 * a + e] = k[e];
                    }
                    box->parent[a] = (int)i, box->bin[a] = bin;
                }
}

/* order of bins, and coordinates in it */
static void sort_box(Box *box, const double *cell)
{
    int64_t bins = (int64_t)box->bins[0] * box->bins[1] * box->bins[2], *head = box->head;
    memset(head, 0, sizeof(int64_t) * (bins + 2));
    for (int64_t a = 0; a < box->all; a++) head[box->bin[a] + 2]++;
    for (int64_t b = 2; b < bins + 2; b++) head[b] += head[b - 1];
    for (int64_t a = 0; a < box->all; a++) {
        int64_t p = head[box->bin[a] + 1]++;
        const double *f = box->fractional + 3 * box->parent[a];
        double g[3];
        for (int e = 0; e < 3; e++) g[e] = f[e] + box->image[3 * a + e];
        box->x[p] = g[0] * cell[0] + g[1] * cell[3] + g[2] * cell[6];
        box->y[p] = g[0] * cell[1] + g[1] * cell[4] + g[2] * cell[7];
        box->z[p] = g[0] * cell[2] + g[1] * cell[5] + g[2] * cell[8];
        box->sorted[p] = a;
        if (a < box->n) box->place[a] = p;
    }
}

static int room_for_atoms(Box *box)
{
    box->fractional = room(box->n, 3 * sizeof(double)), box->wrap = room(box->n, 3 * sizeof(double));
    box->place = room(box->n, sizeof(int64_t));
    return box->fractional && box->wrap && box->place ? 0 : NO_MEMORY;
}

static int room_for_images(Box *box)
{
    box->parent = room(box->all, sizeof(int)), box->image = room(box->all, 3 * sizeof(int)), box->bin = room(box->all, sizeof(int64_t));
    box->head = room((int64_t)box->bins[0] * box->bins[1] * box->bins[2] + 1, sizeof(int64_t));
    box->sorted = room(box->all, sizeof(int64_t)), box->x = room(box->all, 3 * sizeof(double));
    return box->parent && box->image && box->bin && box->head && box->sorted && box->x ? 0 : NO_MEMORY;
}

/* Returns 0, or why the box cannot be made; to be closed in either case. */
static int open_box(Box *box, int64_t n, const double *positions, const double *cell, const int *pbc, double cutoff, int64_t most)
{
    double inverse[9], height[3], margin[3], all;
    memset(box, 0, sizeof *box);
    box->n = n;
    if (n < 0 || n > INT_MAX) return NO_MEMORY; /* names of atoms are ints */
    if (invert(cell, inverse, height)) return NO_VOLUME;
    size_box(box, height, pbc, cutoff, margin);
    for (int a = 0; a < 3; a++) /* counts of images along an axis are integers from here on */
        if (!(margin[a] < INT_MAX / 4)) return TOO_MANY_IMAGES;
    int *from = room(n, 3 * sizeof(int)), *to = room(n, 3 * sizeof(int));
    int status = room_for_atoms(box);
    if (!from || !to) status = NO_MEMORY;
    if (!status) {
        all = wrap(box, positions, inverse, pbc, margin, from, to);
        if (!(all <= (double)most)) status = TOO_MANY_IMAGES;
    }
    if (!status) {
        box->all = (int64_t)all;
        status = room_for_images(box);
    }
    if (!status) {
        box->y = box->x + box->all, box->z = box->y + box->all;
        add_images(box, from, to);
        sort_box(box, cell);
    }
    free(from), free(to);
    return status;
}

/* The places within reach of atom i; returns how many. */
static int64_t near(const Box *box, int64_t i, double limit, int64_t *found)
{
    int64_t self = box->place[i], bin = box->bin[i], count = 0;
    int b[3] = {(int)(bin / box->bins[2] / box->bins[1]), (int)(bin / box->bins[2] % box->bins[1]), (int)(bin % box->bins[2])}, lo[3], hi[3];
    double x = box->x[self], y = box->y[self], z = box->z[self];
    for (int a = 0; a < 3; a++) {
        lo[a] = b[a] > REACH ? b[a] - REACH : 0;
        hi[a] = b[a] + REACH < box->bins[a] ? b[a] + REACH : box->bins[a] - 1;
    }
    for (int u = lo[0]; u <= hi[0]; u++)
        for (int v = lo[1]; v <= hi[1]; v++) {
            int64_t row = ((int64_t)u * box->bins[1] + v) * box->bins[2], end = box->head[row + hi[2] + 1];
            for (int64_t p = box->head[row + lo[2]]; p < end; p++) {
                double dx = box->x[p] - x, dy = box->y[p] - y, dz = box->z[p] - z;
                found[count] = p;
                count += (dx * dx + dy * dy + dz * dz < limit) & (p != self);
            }
        }
    return count;
}

/* The list sorted by the first atom. `vectors` of pairs, or with `offsets` what they are beyond x_j - x_i: sums of lattice vectors.
 * Returns the number of pairs, also when it exceeds the capacity (then call again), or why there is no list: atoms and their images
 * may be `most_images`, the neighbours of one atom `most_near`. A direction without periodicity must come with a cell vector that
 * spans all atoms. */
int64_t alw_neighbours(int64_t n, const double *positions, const double *cell, const int *pbc, double cutoff, int offsets,
                       int64_t capacity, int64_t most_images, int64_t most_near, int64_t *first, int *second, double *vectors)
{
    Box box;
    int64_t count = 0, *found = NULL;
    int status = open_box(&box, n, positions, cell, pbc, cutoff, most_images);
    if (!status && !(found = room(box.all, sizeof(int64_t)))) status = NO_MEMORY;
    for (int64_t i = 0; !status && i < n; i++) {
        int64_t more = near(&box, i, cutoff * cutoff, found), self = box.place[i];
        if (more > most_near) status = TOO_MANY_NEIGHBOURS;
        first[i] = count;
        for (int64_t q = 0; q < more && count + more <= capacity; q++) {
            int64_t p = found[q], a = box.sorted[p], j = box.parent[a];
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
    free(found);
    close_box(&box);
    return status ? status : count;
}
