/* Energies, forces and virial of folded models on one frame.
 *
 * Centres are handled in chunks, each with forces of its own that are added in order: the result does not depend on the number of
 * threads. */
#ifndef ALW_POTENTIAL_H
#define ALW_POTENTIAL_H

#include "centre.h"

#define CHUNK 32

typedef struct {
    long n;
    const int *kinds;
    const double *positions;
    const long *first;
    const int *second;
    const double *offsets, *deform; /* vector = x_j - x_i + offset . deform */
    double *energies, *forces, *virial; /* [M][n], [M][n][3], [M][6] */
} Frame;

/* Forces and virial of one chunk, and the atoms with forces. */
typedef struct {
    Centre centre;
    double *forces, *virial;
    int *touched;
    char *seen;
    long count;
} Share;

static int share_open(Share *share, const Model *m, long n, long most)
{
    int status = centre_open(&share->centre, m, most);
    share->count = 0;
    share->forces = numbers(times(times(3, m->M), n)), share->virial = numbers(times(6, m->M));
    share->touched = room(n, sizeof(int)), share->seen = calloc(n + 1, 1);
    return status || !share->forces || !share->virial || !share->touched || !share->seen ? -1 : 0;
}

static void share_close(Share *share)
{
    centre_close(&share->centre);
    free(share->forces), free(share->virial), free(share->touched), free(share->seen);
}

INLINE void touch(Share *share, int atom)
{
    share->touched[share->count] = atom; /* kept if new */
    share->count += !share->seen[atom];
    share->seen[atom] = 1;
}

static void add_neighbours(const Frame *frame, const Model *m, long i, Centre *w)
{
    const double *x = frame->positions, *h = frame->deform;
    double limit = m->cutoff * m->cutoff, xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
    centre_clear(w);
    for (long p = frame->first[i]; p < frame->first[i + 1]; p++) {
        int j = frame->second[p];
        const double *o = frame->offsets + 3 * p, *xj = x + 3L * j;
        centre_add(w, frame->kinds[j], j, xj[0] - xi + o[0] * h[0] + o[1] * h[3] + o[2] * h[6],
                   xj[1] - yi + o[0] * h[1] + o[1] * h[4] + o[2] * h[7], xj[2] - zi + o[0] * h[2] + o[1] * h[5] + o[2] * h[8], limit);
    }
}

/* what one model's derivative by the places of neighbours means for the forces on them and on centre i, and for the virial */
static void scatter(const Centre *w, int S, long i, double *forces, double *virial)
{
    static const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    long n = w->capacity;
    double own[3] = {0.0};
    for (int s = 0; s < S; s++)
        for (long p = w->begin[s]; p < w->begin[s] + w->count[s]; p++) {
            double *other = forces + 3L * w->atom[p];
            for (int d = 0; d < 3; d++) other[d] -= w->force[d * n + p], own[d] += w->force[d * n + p];
        }
    for (int d = 0; d < 3; d++) forces[3 * i + d] += own[d];
    for (int e = 0; e < 6; e++) {
        vec sum = {0};
        for (long p = 0; p < w->begin[S]; p += LANES)
            sum += *(const vec *)(w->d + voigt[e][0] * n + p) * *(const vec *)(w->force + voigt[e][1] * n + p);
        virial[e] += sum_lanes(sum);
    }
}

static void run_centres(const Frame *frame, const Model *m, long begin, long end, Share *share)
{
    Centre *w = &share->centre;
    for (long i = begin; i < end; i++) {
        int c = frame->kinds[i];
        add_neighbours(frame, m, i, w);
        centre_moments(w, m, c);
        touch(share, (int)i);
        for (int s = 0; s < m->S; s++)
            for (long p = w->begin[s]; p < w->begin[s] + w->count[s]; p++) touch(share, w->atom[p]);
        for (int model = 0; model < m->M; model++) {
            frame->energies[model * frame->n + i] = centre_model(w, m, c, model);
            scatter(w, m->S, i, share->forces + 3 * model * frame->n, share->virial + 6 * model);
        }
    }
}

/* add a chunk's share to the whole, and clear it */
static void hand_in(const Frame *frame, const Model *m, Share *share)
{
    for (long t = 0; t < share->count; t++) {
        long atom = share->touched[t];
        for (int model = 0; model < m->M; model++) {
            double *from = share->forces + 3 * (model * frame->n + atom), *to = frame->forces + 3 * (model * frame->n + atom);
            for (int d = 0; d < 3; d++) to[d] += from[d], from[d] = 0.0;
        }
        share->seen[atom] = 0;
    }
    for (int e = 0; e < 6 * m->M; e++) frame->virial[e] += share->virial[e], share->virial[e] = 0.0;
    share->count = 0;
}

/* Energies (M, n), forces (M, n, 3) and virial (M, 6) = sum of r_a dE/dr_b; forces and virial must be zeroed. Returns 0, or -1 if
 * memory ran out. */
int VARIANT(alw_potential)(const Model *m, long n, const int *kinds, const double *positions, const long *first, const int *second,
                           const double *offsets, const double *deform, double *energies, double *forces, double *virial)
{
    Frame frame = {n, kinds, positions, first, second, offsets, deform, energies, forces, virial};
    long most = 0, chunks = (n + CHUNK - 1) / CHUNK;
    int status = 0;
    for (long i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
#pragma omp parallel reduction(min : status) if (chunks > 1)
    {
        Share share;
        status = share_open(&share, m, n, most);
#pragma omp for ordered schedule(dynamic, 1)
        for (long chunk = 0; chunk < chunks; chunk++) {
            long begin = chunk * CHUNK, end = begin + CHUNK < n ? begin + CHUNK : n;
            if (!status) run_centres(&frame, m, begin, end, &share);
#pragma omp ordered
            if (!status) hand_in(&frame, m, &share);
        }
        share_close(&share);
    }
    return status;
}

#endif
