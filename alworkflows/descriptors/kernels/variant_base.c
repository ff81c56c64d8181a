/* The kernels for any processor: SSE2, NEON, or plain arithmetic. */
#define LANES 2
#define WIDE 3
#define VARIANT(name) name##_base
#include "design.h"
#include "products.h"
#include "potential.h"
