// Makes the pair style known to LAMMPS: plugin load plip.so

#include "lammps.h"
#include "pair_plip.h"

// from LAMMPS' lammpsplugin.h, which not every installation brings along
extern "C" {
typedef void *(lammpsplugin_factory1)(void *);
typedef void *(lammpsplugin_factory2)(void *, int, char **);
typedef struct {
  const char *version, *style, *name, *info, *author;
  union {
    lammpsplugin_factory1 *v1;
    lammpsplugin_factory2 *v2;
  } creator;
  void *handle;
} lammpsplugin_t;
typedef void (*lammpsplugin_regfunc)(lammpsplugin_t *, void *);

void lammpsplugin_init(void *lmp, void *handle, void *regfunc);
}

static void *make(void *lmp)
{
  return new LAMMPS_NS::PairPlip((LAMMPS_NS::LAMMPS *) lmp);
}

void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  lammpsplugin_t plugin;
  plugin.version = ((LAMMPS_NS::LAMMPS *) lmp)->version;
  plugin.style = "pair";
  plugin.name = "plip";
  plugin.info = "linear potentials on two-, three- and N-body descriptors";
  plugin.author = "alworkflows";
  plugin.creator.v1 = &make;
  plugin.handle = handle;
  ((lammpsplugin_regfunc) regfunc)(&plugin, lmp);
}
