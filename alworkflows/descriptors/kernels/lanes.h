/* Several numbers at a time. The file that includes this one is compiled for one kind of processor: it gives LANES, how many doubles
 * a register holds, and VARIANT(name). */
#ifndef ALW_LANES_H
#define ALW_LANES_H

#include "sizes.h"
#ifdef __linux__
#include <sys/mman.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef double vec __attribute__((vector_size(8 * LANES)));
typedef double vecu __attribute__((vector_size(8 * LANES), aligned(8), may_alias)); /* at any address */

INLINE double sum_lanes(vec v)
{
    double total = 0.0;
    for (int i = 0; i < LANES; i++) total += v[i];
    return total;
}

/* from so many numbers on, memory is asked for in large pages */
#define LARGE (1 << 20)

/* memory for `count` numbers at a 64-byte boundary, zeroed; NULL if there is none */
static inline double *numbers(size_t count)
{
    if (count > PTRDIFF_MAX / 16) return NULL;
    size_t align = count < LARGE ? 64 : 1 << 21, bytes = (count * sizeof(double) / align + 1) * align;
    double *found = aligned_alloc(align, bytes);
#ifdef MADV_HUGEPAGE
    if (found && count >= LARGE) madvise(found, bytes, MADV_HUGEPAGE); /* one page fault for 512 */
#endif
    if (found) memset(found, 0, bytes);
    return found;
}

/* ------------------------------------------------------------------ shuffles
 * low, high: numbers 0 2 4.. (1 3 5..) of both vecs, in turns; even, odd: pairs of numbers 0 2.. (1 3..) of a, then of b */
#if LANES == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define HIGH(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13)
#define ODD(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15)
#elif LANES == 4
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 2, 6)
#define HIGH(a, b) __builtin_shufflevector(a, b, 1, 5, 3, 7)
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define ODD(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

/* out[c][r] = in[r][c], `stride` vecs apart in out */
INLINE void transpose(const vec *in, vec *out, int stride)
{
#if LANES == 8
    for (int h = 0; h < 2; h++) {
        vec t[4];
        for (int i = 0; i < 4; i++) t[i] = h ? HIGH(in[2 * i], in[2 * i + 1]) : LOW(in[2 * i], in[2 * i + 1]);
        vec e0 = EVEN(t[0], t[1]), e1 = EVEN(t[2], t[3]), o0 = ODD(t[0], t[1]), o1 = ODD(t[2], t[3]);
        out[h * stride] = EVEN(e0, e1), out[(4 + h) * stride] = ODD(e0, e1);
        out[(2 + h) * stride] = EVEN(o0, o1), out[(6 + h) * stride] = ODD(o0, o1);
    }
#elif LANES == 4
    vec a = LOW(in[0], in[1]), b = HIGH(in[0], in[1]), c = LOW(in[2], in[3]), d = HIGH(in[2], in[3]);
    out[0] = EVEN(a, c), out[stride] = EVEN(b, d), out[2 * stride] = ODD(a, c), out[3 * stride] = ODD(b, d);
#else
    out[0] = LOW(in[0], in[1]), out[stride] = HIGH(in[0], in[1]);
#endif
}

/* the sums of the numbers of each of LANES vecs */
INLINE vec sums(const vec *in)
{
#if LANES == 8
    vec s[4];
    for (int i = 0; i < 4; i++) s[i] = LOW(in[2 * i], in[2 * i + 1]) + HIGH(in[2 * i], in[2 * i + 1]);
    vec a = EVEN(s[0], s[1]) + ODD(s[0], s[1]), b = EVEN(s[2], s[3]) + ODD(s[2], s[3]);
    return EVEN(a, b) + ODD(a, b);
#elif LANES == 4
    vec a = LOW(in[0], in[1]) + HIGH(in[0], in[1]), b = LOW(in[2], in[3]) + HIGH(in[2], in[3]);
    return EVEN(a, b) + ODD(a, b);
#else
    return LOW(in[0], in[1]) + HIGH(in[0], in[1]);
#endif
}

#endif
