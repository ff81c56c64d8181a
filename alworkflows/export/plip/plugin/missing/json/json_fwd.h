/* What LAMMPS' headers name of its JSON library, for an installation that does not bring that along. */
#ifndef LMP_JSON_FWD_H
#define LMP_JSON_FWD_H
class json;
#endif
