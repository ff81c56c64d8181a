#!/bin/sh
# Tests of the kernels under the address and undefined-behaviour sanitizers: what they report ends the run.
#
#     tests/sanitized/run.sh [TEST ...]      from the root of the repository, with .venv installed; the kernels' own tests by default
#
# All happens in a copy, build/sanitized: the library in the working tree stays as it is.
set -e
python=$(pwd)/.venv/bin/python
place=$(pwd)/build/sanitized
[ $# -gt 0 ] || set -- tests/alworkflows/descriptors tests/alworkflows/models/test_linear_model.py tests/alworkflows/models/test_model_files.py \
    tests/alworkflows/export/plip/test_plugin_files.py

rm -rf "$place"
mkdir -p "$place"
cp -r alworkflows workchains tests pyproject.toml "$place"
find "$place" -name '*.so' -delete
cd "$place"

# -O1: the inlined kernels take minutes otherwise; a number that no integer holds is not among `undefined`
flags="-O1 -g1 -fPIC -fopenmp -fno-math-errno -fno-trapping-math -fno-omit-frame-pointer -Wno-psabi"
flags="$flags -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
kernels=alworkflows/descriptors/kernels
waiting=
for source in $kernels/*.c; do
    gcc $flags -I"$include" -c "$source" -o "${source%.c}.o" &
    waiting="$waiting $!"
done
for one in $waiting; do wait "$one"; done
gcc $flags -shared $kernels/*.o -o "alworkflows/descriptors/_kernels$suffix"

# Python itself is not instrumented: the sanitizer comes first by LD_PRELOAD, with the C++ library, whose exceptions it watches.
# Leaks are not looked for: Python and NumPy keep memory to the end on purpose, and hide what leaks in the kernels. NumPy and Python
# give each array and object memory of its own (PYTHONMALLOC), so that one step beyond is seen.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)"
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1
PYTHONMALLOC=malloc
OMP_NUM_THREADS=2
PYTHONPATH=$place:$place/tests
export PYTHONPATH LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS PYTHONMALLOC OMP_NUM_THREADS
"$python" tests/sanitized/armed.py
"$python" -m fuzz --seconds 15 --seed 1 --format lammps-plip --format linear-plip
exec "$python" -m pytest -q -p no:cacheprovider --numprocesses "${WORKERS:-2}" --dist loadfile "$@"
