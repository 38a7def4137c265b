/* case_values.h - numbers and weights for tests of kernels, the same on every machine; needs no test library. */
#ifndef VS_TESTS_CASE_VALUES_H
#define VS_TESTS_CASE_VALUES_H

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static uint32_t case_state;
static uint32_t case_bits(void) {
    case_state = case_state * 1664525u + 1013904223u;
    return case_state ^ case_state >> 16;
}
static float case_float(void) { return (float)(case_bits() >> 8) * 0x1p-23f - 1.0f; }
static void case_floats(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = case_float();
}

/* The last byte of each f16 in a block, 0: none. */
static const unsigned char case_factors[VS_DTYPE_COUNT][2] = {
    [VS_Q4_0] = {1},      [VS_Q4_1] = {1, 3}, [VS_Q5_0] = {1},   [VS_Q5_1] = {1, 3}, [VS_Q8_0] = {1},
    [VS_Q2_K] = {81, 83}, [VS_Q3_K] = {109},  [VS_Q4_K] = {1, 3}, [VS_Q5_K] = {1, 3}, [VS_Q6_K] = {209},
    [VS_IQ4_NL] = {1},    [VS_IQ4_XS] = {1},  [VS_TQ1_0] = {53}, [VS_TQ2_0] = {65},
};

/* n weights of type t: numbers, or blocks whose factors are finite. */
static inline void case_weights(vs_dtype t, unsigned char *p, size_t n) {
    const vs_dtype_info *info = vs_dtype_of(t);
    size_t bytes = n / info->block * info->block_bytes;
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)(case_bits() >> 7);
    for (size_t at = 0; at < bytes; at += info->block_bytes) {
        if (t == VS_F32 || t == VS_F64) {
            float f = case_float();
            double d = (double)f;
            memcpy(p + at, t == VS_F32 ? (const void *)&f : (const void *)&d, info->block_bytes);
        } else if (t == VS_F16) {
            p[at + 1] &= 0xbf; /* below 2 */
        } else if (t == VS_BF16) {
            p[at + 1] = (unsigned char)((p[at + 1] & 0x80) | 0x3f);
        } else if (info->block > 1) {
            for (size_t k = 0; k < 2; k++)
                if (case_factors[t][k]) p[at + case_factors[t][k]] &= 0xbb;
            if (t == VS_MXFP4) p[at] = (unsigned char)(120 + p[at] % 8);
            if (t == VS_NVFP4) p[at] &= 0x3f, p[at + 1] &= 0x3f, p[at + 2] &= 0x3f, p[at + 3] &= 0x3f;
        }
    }
}

#endif
