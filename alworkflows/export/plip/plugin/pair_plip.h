/* pair_style plip: linear potentials on two-, three- and N-body descriptors, as alworkflows exports them. */
#ifndef LMP_PAIR_PLIP_H
#define LMP_PAIR_PLIP_H

#include "pair.h"

#include <vector>

struct Plip;

namespace LAMMPS_NS {

class PairPlip : public Pair {
 public:
  PairPlip(class LAMMPS *);
  ~PairPlip() override;
  void compute(int, int) override;
  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  double memory_usage() override { return 0.0; }

 private:
  ::Plip *model = nullptr;
  std::vector<int> species;    // of each type; -1: not ours

  void allocate();
};

}    // namespace LAMMPS_NS

#endif
