/* The kernels for processors with AVX2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx2,fma,bmi2")
#define LANES 4
#define WIDE 3
#define VARIANT(name) name##_v3
#include "design.h"
#include "products.h"
#include "potential.h"
#endif
