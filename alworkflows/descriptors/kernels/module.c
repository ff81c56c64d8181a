/* The extension module that carries the kernels; they are called through ctypes, which lets other threads run meanwhile. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Which variant of the kernels this processor runs best: 0 base, 1 AVX2, 2 AVX-512. */
int alw_variant(void)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw"))
        return 2;
    return 1;
#else
    return 0;
#endif
}

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernels", "Kernels of the descriptors; called through ctypes.", -1, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&definition); }
