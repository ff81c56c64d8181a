/* The kernels of alworkflows around a model file. */
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
#define WIDE 4
#define VARIANT(name) plip_##name
#include "potential.h"

#include "plip.h"

#define FORMAT "alworkflows-plip"
#define VERSION 1

struct Plip {
    Model *model;
    Angular angular;
    Centre centre;
    long room;          /* neighbours that `centre` has room for; 0: not open */
    char symbol[MAXS][4];
    double level[MAXS];
};

/* ------------------------------------------------------------------ the file: a name, how many numbers, the numbers */

typedef struct {
    FILE *file;
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
    return r->failed ? 0 : count;
}

static double *read_doubles(Reader *r, const char *name, long *count)
{
    *count = expect(r, name);
    double *values = malloc(sizeof(double) * (*count + 1));
    if (!values) refuse(r, "out of memory for %ld numbers", *count);
    for (long i = 0; !r->failed && i < *count; i++)
        if (fscanf(r->file, "%lf", values + i) != 1) refuse(r, "%s: expected %ld numbers, got %ld", name, *count, i);
    return values;
}

static void *read_integers(Reader *r, const char *name, int wide, long *count)
{
    double *values = read_doubles(r, name, count);
    long *longs = malloc(sizeof(long) * (*count + 1));
    int *ints = malloc(sizeof(int) * (*count + 1));
    if (!longs || !ints) refuse(r, "out of memory for %ld numbers", *count);
    for (long i = 0; !r->failed && i < *count; i++) longs[i] = (long)values[i], ints[i] = (int)values[i];
    free(values), free(wide ? (void *)ints : (void *)longs);
    return wide ? (void *)longs : (void *)ints;
}

static void read_model(Reader *r, Plip *p)
{
    long n[12], species = expect(r, "species");
    if (species < 1 || species > MAXS) refuse(r, "expected 1 to %d species, got %ld", MAXS, species);
    for (long s = 0; !r->failed && s < species; s++)
        if (fscanf(r->file, "%3s", p->symbol[s]) != 1) refuse(r, "expected %ld chemical symbols, got %ld", species, s);
    double *levels = read_doubles(r, "levels", n), *range = read_doubles(r, "range", n + 1);
    int *size = read_integers(r, "size", 0, n + 2), *functions = read_integers(r, "functions", 0, n + 3);
    int *densities = read_integers(r, "densities", 0, n + 4), *rows = read_integers(r, "rows", 0, n + 5);
    double *tables = read_doubles(r, "tables", n + 6);
    int *function = read_integers(r, "function", 0, n + 7);
    double *polynomial = read_doubles(r, "polynomial", n + 8);
    long *begin = read_integers(r, "begin", 1, n + 9);
    int *column = read_integers(r, "column", 0, n + 10);
    double *weight = read_doubles(r, "weight", n + 11);
    if (!r->failed && (n[0] != species || n[1] != 3 || n[2] != 4)) refuse(r, "expected %ld levels, a range of 3, a size of 4 numbers", species);
    if (!r->failed && (size[2] != TABLE || size[3] != POLYNOMIAL || size[0] < 0 || size[0] > MAXL || size[1] < 1))
        refuse(r, "made for other kernels: degree %d, %d bins, %d and %d coefficients", size[0], size[1], size[2], size[3]);
    if (!r->failed) {
        long all = 0, moments = 0, sums = 0;
        for (long e = 0; e < n[3]; e++) all += functions[e];
        for (long e = 0; e < n[4]; e++) sums += densities[e];
        for (long e = 0; e < n[5]; e++) moments += rows[e];
        if (n[3] != species * species || n[4] != n[3] || n[5] != n[3] * (size[0] + 1) || n[6] != all * size[1] * TABLE || n[7] != moments
            || n[8] != sums * POLYNOMIAL || n[9] != moments + 1 || n[10] != begin[moments] || n[11] != n[10])
            refuse(r, "its arrays do not belong together");
    }
    if (!r->failed) {
        memcpy(p->level, levels, sizeof(double) * species);
        p->model = model_open((int)species, 1, size[0], range[0], range[1], range[2], size[1], functions, densities, rows, tables, function,
                              polynomial, begin, column, weight);
        if (!p->model) refuse(r, "out of memory");
    }
    free(levels), free(range), free(size), free(functions), free(densities), free(rows), free(tables), free(function);
    free(polynomial), free(begin), free(column), free(weight);
}

Plip *plip_read(const char *path, char *error)
{
    Reader r = {fopen(path, "r"), path, error, 0};
    Plip *p = calloc(1, sizeof(Plip));
    char format[64] = "";
    int version = 0;
    if (!r.file) {
        snprintf(error, 256, "%.200s: cannot be opened", path);
        free(p);
        return NULL;
    }
    if (!p) refuse(&r, "out of memory");
    if (fscanf(r.file, "%63s %d", format, &version) != 2 || strcmp(format, FORMAT)) refuse(&r, "not a model file of alworkflows");
    if (version != VERSION) refuse(&r, "format version %d, but this pair style knows version %d", version, VERSION);
    if (!r.failed) read_model(&r, p);
    fclose(r.file);
    if (r.failed) {
        plip_close(p);
        return NULL;
    }
    angular(p->model->lmax, &p->angular);
    return p;
}

void plip_close(Plip *p)
{
    if (!p) return;
    if (p->room) centre_close(&p->centre);
    model_close(p->model);
    free(p);
}

int plip_species(const Plip *p) { return p->model->S; }
const char *plip_symbol(const Plip *p, int species) { return p->symbol[species]; }
double plip_cutoff(const Plip *p) { return p->model->cutoff; }

/* ------------------------------------------------------------------ one centre */

static int make_room(Plip *p, long count)
{
    if (p->room >= count && p->room) return 0;
    if (p->room) centre_close(&p->centre);
    p->room = count + 64;
    int status = centre_open(&p->centre, p->model, &p->angular, p->room);
    if (status) centre_close(&p->centre), p->room = 0;
    return status;
}

double plip_centre(Plip *p, int i, double **x, const int *type, const int *species, const int *neighbours, int count, int mask,
                   double **f, double **vatom)
{
    if (make_room(p, count)) return NAN;
    const Model *m = p->model;
    Centre *w = &p->centre;
    long total = m->S * w->capacity;
    double limit = m->cutoff * m->cutoff;
    int c = species[type[i]];
    centre_clear(w, m->S);
    for (int n = 0; n < count; n++) {
        int j = neighbours[n] & mask, s = species[type[j]];
        if (s >= 0) centre_add(w, total, s, j, x[j][0] - x[i][0], x[j][1] - x[i][1], x[j][2] - x[i][2], limit);
    }
    centre_moments(w, m, &p->angular, c);
    vec virial[6] = {{0}};
    double energy = centre_model(w, m, c, 0, virial);
    for (int s = 0; s < m->S; s++)
        for (long q = s * w->capacity; q < s * w->capacity + w->count[s]; q++) {
            int j = w->atom[q];
            double g[3], r[3];
            for (int d = 0; d < 3; d++) {
                g[d] = w->force[d * total + q], r[d] = w->r[q] * w->x[d * total + q];
                f[i][d] += g[d], f[j][d] -= g[d];
            }
            if (!vatom) continue;
            const double v[6] = {r[0] * g[0], r[1] * g[1], r[2] * g[2], r[0] * g[1], r[0] * g[2], r[1] * g[2]};
            for (int e = 0; e < 6; e++) vatom[i][e] -= 0.5 * v[e], vatom[j][e] -= 0.5 * v[e];
        }
    return energy + p->level[c];
}
