/* The kernels of alworkflows around a model file. */
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX2__)
#define LANES 4
#else
#define LANES 2
#endif
#define VARIANT(name) plip_##name
#include "centre.h"

#include "plip.h"

#define FORMAT "alworkflows-plip"
#define VERSION 3

#define ARRAYS 15

/* the largest sizes that a model of ours has, and then some: products of them are far from overflow */
#define MOST_BINS 65536
#define MOST_ROW 65536
#define MOST_POWER 64
#define LONGEST_CUTOFF 100.0

struct Plip {
    Model model;
    void *array[ARRAYS]; /* what the model points to */
    Centre centre;
    long room;           /* neighbours that `centre` has room for; 0: not open */
    char symbol[MOST_KINDS][4];
    double reference_energy[MOST_KINDS];
};

/* ------------------------------------------------------------------ the file: a name, how many numbers, the numbers */

typedef struct {
    FILE *file;
    long most; /* numbers that a file of its size can hold */
    const char *path;
    char *error;
    int failed;
} Reader;

static void refuse(Reader *r, const char *format, ...)
{
    va_list rest;
    if (r->failed) return;
    int used = snprintf(r->error, 256, "%.120s: ", r->path);
    va_start(rest, format);
    vsnprintf(r->error + used, 256 - used, format, rest);
    va_end(rest);
    r->failed = 1;
}

static long expect(Reader *r, const char *name)
{
    char found[64] = "";
    long count = -1;
    if (r->failed) return 0;
    if (fscanf(r->file, "%63s %ld", found, &count) != 2 || strcmp(found, name) || count < 0)
        refuse(r, "expected '%s' and how many, got '%s': not a whole model file", name, found);
    if (count > r->most) refuse(r, "%s: expected %ld numbers, more than a file of its size holds", name, count);
    return r->failed ? 0 : count;
}

static double *read_doubles(Reader *r, const char *name, long *count)
{
    *count = expect(r, name);
    double *values = room(*count, sizeof(double));
    if (!values) refuse(r, "out of memory for %ld numbers", *count);
    for (long i = 0; !r->failed && i < *count; i++) {
        if (fscanf(r->file, "%lf", values + i) != 1) refuse(r, "%s: expected %ld numbers, got %ld", name, *count, i);
        else if (!isfinite(values[i])) refuse(r, "%s: number %ld is not finite", name, i);
    }
    return values;
}

static void *read_integers(Reader *r, const char *name, int wide, long *count)
{
    double *values = read_doubles(r, name, count);
    long *longs = room(*count, sizeof(long));
    int *ints = room(*count, sizeof(int));
    if (!longs || !ints) refuse(r, "out of memory for %ld numbers", *count);
    for (long i = 0; !r->failed && i < *count; i++) {
        if (!(values[i] >= 0.0 && values[i] <= INT_MAX)) refuse(r, "%s: number %ld, %g, is no index", name, i, values[i]);
        else longs[i] = (long)values[i], ints[i] = (int)values[i];
    }
    free(values), free(wide ? (void *)ints : (void *)longs);
    return wide ? (void *)longs : (void *)ints;
}

/* whether `count` starts, the first of them 0, never fall */
static int rising(const long *start, long count)
{
    for (long i = 0; i + 1 < count; i++)
        if (start[i] > start[i + 1]) return 0;
    return start[0] == 0;
}

/* whether numbers lie between 0 and the limit */
static int within(const int *values, long count, long limit)
{
    for (long i = 0; i < count; i++)
        if (values[i] < 0 || values[i] >= limit) return 0;
    return 1;
}

/* Whether rows of moments of each centre and degree begin where those before end, and a centre has `most` numbers of them at most. */
static int rows_fit(const Model *m)
{
    int end = 0;
    long most = 0;
    for (int c = 0; c < m->S; c++) {
        long numbers = 0;
        for (int l = 0; l <= m->lmax; l++) {
            const int *rows = m->rows + (c * (m->lmax + 1) + l) * (m->S + 1);
            if (rows[0] != end) return 0;
            for (int s = 0; s < m->S; s++)
                if (rows[s] > rows[s + 1]) return 0;
            end = rows[m->S];
            numbers += (long)(end - rows[0]) * row_length(l);
        }
        if (numbers > most) most = numbers;
    }
    return most == m->most;
}

/* Whether rows of D are of moments of their own centre and degree, no more than those, and coupled to such. */
static int derivatives_fit(const Model *m)
{
    for (int c = 0; c < m->S; c++)
        for (int l = 0; l <= m->lmax; l++) {
            const int *rows = m->rows + (c * (m->lmax + 1) + l) * (m->S + 1);
            const long *own = m->own + (c * (m->lmax + 1L) + l) * m->S;
            long count = rows[m->S] - rows[0];
            if (own[m->S] - own[0] > count) return 0;
            if (!within(m->place + own[0], own[m->S] - own[0], count)) return 0;
            if (!within(m->column + m->entry[own[0]], m->entry[own[m->S]] - m->entry[own[0]], count)) return 0;
        }
    return 1;
}

/* whether powers of densities are such that no loop over them is long */
static int powers_fit(const Model *m, long count)
{
    for (long i = 0; i < count; i++)
        if (m->power[i] < 1 || m->power[i] > MOST_POWER) return 0;
    return 1;
}

static int sound(const Model *m, const long *n)
{
    long sides = (long)m->S * m->S, degrees = m->lmax + 1;
    return n[0] == sides && n[1] == sides && n[2] == m->S * degrees * (m->S + 1) && n[3] == m->rows[n[2] - 1]
        && n[4] == sides * m->bins * (DEGREE + 1) * (m->linear + m->angular) && n[5] == sides * degrees + 1 && rising(m->own, n[5])
        && n[6] == m->own[n[5] - 1] && n[7] == n[6] && n[8] == n[6] + 1 && rising(m->entry, n[8]) && n[9] == m->entry[n[8] - 1]
        && n[10] == n[9] && n[11] == sides + 1 && rising(m->begin, n[11]) && n[12] == m->begin[n[11] - 1] && n[13] == n[12]
        && n[14] == n[12] && within(m->slots, n[0], m->linear + 1) && within(m->used, n[1], m->angular + 1)
        && within(m->rows, n[2], n[3] + 1) && within(m->function, n[3], m->angular) && within(m->place, n[6], n[3])
        && within(m->own_function, n[7], m->angular) && within(m->column, n[9], n[3]) && within(m->slot, n[12], m->linear)
        && n[3] >= 0 && rows_fit(m) && derivatives_fit(m) && powers_fit(m, n[13]);
}

static void read_model(Reader *r, Plip *p)
{
    static const char *name[ARRAYS] = {"slots", "used", "rows", "function", "table", "own", "place", "own_function", "entry", "column",
                                       "coupling", "begin", "slot", "power", "weight"};
    static const char kind[ARRAYS] = "iiiidliilidliid"; /* int, long, double */
    long n[ARRAYS], energies, ranges, sizes, species = expect(r, "species");
    void **a = p->array;
    if (species < 1 || species > MOST_KINDS) refuse(r, "expected 1 to %d species, got %ld", MOST_KINDS, species);
    for (long s = 0; !r->failed && s < species; s++)
        if (fscanf(r->file, "%3s", p->symbol[s]) != 1) refuse(r, "expected %ld chemical symbols, got %ld", species, s);
    double *energy = read_doubles(r, "reference_energies", &energies), *range = read_doubles(r, "range", &ranges);
    int *size = read_integers(r, "size", 0, &sizes);
    for (int i = 0; i < ARRAYS; i++) a[i] = kind[i] == 'd' ? (void *)read_doubles(r, name[i], n + i) : read_integers(r, name[i], kind[i] == 'l', n + i);
    if (!r->failed && (energies != species || ranges != 3 || sizes != 6)) refuse(r, "expected %ld reference energies, a range of 3, a size of 6 numbers", species);
    if (!r->failed && (size[0] < 0 || size[0] > TOP || size[1] < 1 || size[2] != DEGREE + 1 || size[3] < PAD || size[3] % PAD || size[4] < 0 || size[4] % PAD))
        refuse(r, "made for other kernels: degree %d, %d bins, %d coefficients", size[0], size[1], size[2]);
    if (!r->failed && (size[1] > MOST_BINS || size[3] > MOST_ROW || size[4] > MOST_ROW))
        refuse(r, "too large: %d bins of %d and %d functions", size[1], size[3], size[4]);
    if (!r->failed && !(range[0] > 0.0 && range[0] <= LONGEST_CUTOFF && range[1] < range[2]))
        refuse(r, "expected a cutoff up to %g A and a switch that rises, got %g A, %g to %g A", LONGEST_CUTOFF, range[0], range[1], range[2]);
    if (!r->failed) {
        memcpy(p->reference_energy, energy, sizeof(double) * species);
        p->model = (Model){(int)species, 1, size[0], size[3], size[4], size[5], size[1], range[0], range[1], range[2],
                           a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14]};
        if (!sound(&p->model, n)) refuse(r, "its arrays do not belong together");
    }
    free(energy), free(range), free(size);
}

Plip *plip_read(const char *path, char *error)
{
    Reader r = {fopen(path, "r"), 0, path, error, 0};
    Plip *p = calloc(1, sizeof(Plip));
    char format[64] = "";
    int version = 0;
    if (!r.file) {
        snprintf(error, 256, "%.200s: cannot be opened", path);
        free(p);
        return NULL;
    }
    if (!p) refuse(&r, "out of memory");
    if (fseek(r.file, 0, SEEK_END) || (r.most = ftell(r.file)) < 0 || fseek(r.file, 0, SEEK_SET)) refuse(&r, "not a file that can be read twice");
    r.most = r.most / 2 + 1; /* a digit and a blank each */
    if (fscanf(r.file, "%63s %d", format, &version) != 2 || strcmp(format, FORMAT)) refuse(&r, "not a model file of alworkflows");
    if (version != VERSION) refuse(&r, "format version %d, but this pair style knows version %d", version, VERSION);
    if (!r.failed) read_model(&r, p);
    fclose(r.file);
    if (r.failed) {
        plip_close(p);
        return NULL;
    }
    return p;
}

void plip_close(Plip *p)
{
    if (!p) return;
    if (p->room) centre_close(&p->centre);
    for (int i = 0; i < ARRAYS; i++) free(p->array[i]);
    free(p);
}

int plip_species(const Plip *p) { return p->model.S; }
const char *plip_symbol(const Plip *p, int species) { return p->symbol[species]; }
double plip_cutoff(const Plip *p) { return p->model.cutoff; }

/* ------------------------------------------------------------------ one centre */

static int make_room(Plip *p, long count)
{
    if (p->room >= count && p->room) return 0;
    if (p->room) centre_close(&p->centre);
    p->room = count + 64;
    int status = centre_open(&p->centre, &p->model, p->room);
    if (status) centre_close(&p->centre), p->room = 0;
    return status;
}

double plip_centre(Plip *p, int i, double **x, const int *type, const int *species, const int *neighbours, int count, int mask,
                   double **f, double **vatom)
{
    if (make_room(p, count)) return NAN;
    const Model *m = &p->model;
    Centre *w = &p->centre;
    long total = w->capacity;
    double limit = m->cutoff * m->cutoff;
    int c = species[type[i]];
    centre_clear(w);
    for (int n = 0; n < count; n++) {
        int j = neighbours[n] & mask, s = species[type[j]];
        if (s >= 0) centre_add(w, s, j, x[j][0] - x[i][0], x[j][1] - x[i][1], x[j][2] - x[i][2], limit);
    }
    centre_moments(w, m, c);
    double energy = centre_model(w, m, c, 0);
    for (int s = 0; s < m->S; s++)
        for (long q = w->begin[s]; q < w->begin[s] + w->count[s]; q++) {
            int j = w->atom[q];
            double g[3], r[3];
            for (int d = 0; d < 3; d++) {
                g[d] = w->force[d * total + q], r[d] = w->d[d * total + q];
                f[i][d] += g[d], f[j][d] -= g[d];
            }
            if (!vatom) continue;
            const double v[6] = {r[0] * g[0], r[1] * g[1], r[2] * g[2], r[0] * g[1], r[0] * g[2], r[1] * g[2]};
            for (int e = 0; e < 6; e++) vatom[i][e] -= 0.5 * v[e], vatom[j][e] -= 0.5 * v[e];
        }
    return energy + p->reference_energy[c];
}
