/* The kernels for processors with AVX-512. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi2,prefer-vector-width=512")
#define LANES 8
#define WIDE 4
#define VARIANT(name) name##_v4
#include "design.h"
#include "products.h"
#include "potential.h"
#endif
