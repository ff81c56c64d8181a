// pair_style plip
// pair_coeff * * FILE SYMBOL ...     one chemical symbol, or NULL, for each atom type

#include "pair_plip.h"
#include "plip.h"

#include "atom.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

PairPlip::PairPlip(LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
}

PairPlip::~PairPlip()
{
  plip_close(model);
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
    delete[] map;
    map = nullptr;
  }
}

void PairPlip::allocate()
{
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  map = new int[n];
  allocated = 1;
}

void PairPlip::settings(int narg, char **arg)
{
  if (narg != 0)
    error->all(FLERR, std::string("pair_style plip takes no arguments, got ") + arg[0] + "; the file belongs to pair_coeff");
}

void PairPlip::coeff(int narg, char **arg)
{
  if (!allocated) allocate();
  if (narg != 3 + atom->ntypes)
    error->all(FLERR, "pair_coeff for plip: expected * * FILE and a symbol or NULL for each of the " +
                   std::to_string(atom->ntypes) + " atom types, got " + std::to_string(narg) + " arguments");
  char reason[256];
  plip_close(model);
  model = plip_read(arg[2], reason);
  if (!model) error->all(FLERR, std::string("pair_coeff for plip: ") + reason);

  std::string known;
  for (int s = 0; s < plip_species(model); s++) known += std::string(" ") + plip_symbol(model, s);
  species.assign(atom->ntypes + 1, -1);
  for (int type = 1; type <= atom->ntypes; type++) {
    const char *symbol = arg[2 + type];
    if (!strcmp(symbol, "NULL")) continue;
    for (int s = 0; s < plip_species(model); s++)
      if (!strcmp(symbol, plip_symbol(model, s))) species[type] = s;
    if (species[type] < 0)
      error->all(FLERR, std::string("pair_coeff for plip: ") + arg[2] + " has no species " + symbol + "; it has" + known);
  }
  map_element2type(narg - 3, arg + 3);
}

void PairPlip::init_style()
{
  if (!force->newton_pair) error->all(FLERR, "pair_style plip needs newton pair on");
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, std::string("pair_style plip needs units metal (eV, A), got ") + update->unit_style);
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairPlip::init_one(int i, int j)
{
  if (!setflag[i][j]) error->all(FLERR, "pair_style plip: not all pairs of atom types have coefficients");
  return plip_cutoff(model);
}

void PairPlip::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  for (int ii = 0; ii < list->inum; ii++) {
    const int i = list->ilist[ii];
    if (species[atom->type[i]] < 0) continue;
    const double energy = plip_centre(model, i, atom->x, atom->type, species.data(), list->firstneigh[i], list->numneigh[i],
                                      NEIGHMASK, atom->f, vflag_atom ? vatom : nullptr);
    if (std::isnan(energy)) error->one(FLERR, "pair_style plip: the energy of an atom is not a number: two atoms at one place?");
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom) eatom[i] += energy;
  }
  if (vflag_fdotr) virial_fdotr_compute();
}
