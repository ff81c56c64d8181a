/* Sizes that do not wrap around: a product or sum that is too large is SIZE_MAX, and of that there is no memory. */
#ifndef ALW_SIZES_H
#define ALW_SIZES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* counts of atoms, pairs and numbers are longs here, and 64-bit integers in what calls */
_Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "the kernels need a 64-bit machine");

static inline size_t times(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline size_t plus(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* memory for `count` things and one more, which loops without a branch may write; NULL if there is none, or the count is negative */
static inline void *room(int64_t count, size_t size)
{
    size_t bytes = count < 0 ? SIZE_MAX : times(plus((size_t)count, 1), size);
    return bytes > PTRDIFF_MAX ? NULL : malloc(bytes);
}

#endif
