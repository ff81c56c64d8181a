/* A folded model read from its file, evaluated centre by centre: what the pair style calls. */
#ifndef PLIP_H
#define PLIP_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Plip Plip;

/* Read a model file; NULL if that fails, with the reason in `error` (of 256 characters). */
Plip *plip_read(const char *path, char *error);
void plip_close(Plip *p);

int plip_species(const Plip *p);
const char *plip_symbol(const Plip *p, int species);
double plip_cutoff(const Plip *p);

/* Energy (eV) of atom i among its neighbours; their forces (eV/A) are added to f. `species` is that of each LAMMPS type, -1 for types
 * that the model passes over; `mask` takes the flags off a neighbour's index. With `vatom` each pair's virial is shared between its
 * atoms (xx, yy, zz, xy, xz, yz). NaN if memory ran out. */
double plip_centre(Plip *p, int i, double **x, const int *type, const int *species, const int *neighbours, int count, int mask,
                   double **f, double **vatom);

#ifdef __cplusplus
}
#endif
#endif
