/* quant.c - see quant.h.  The plain form of each format; the kernels hold faster ones with the same bits. */
#include "quant.h"

#include <string.h>

float vs__half(const uint8_t *p) {
    uint32_t h = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff, bits;
    if (exponent == 31)
        bits = 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0);
    else if (exponent)
        bits = (exponent + 112) << 23 | fraction << 13;
    else { /* zero or subnormal: fraction * 2^-24 is exact in f32 */
        float f = (float)fraction * 0x1p-24f;
        memcpy(&bits, &f, sizeof bits);
    }
    bits |= sign;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void widen_q4_0(const vs__q4_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)((b->q[i] & 15) - 8);
        dst[i + 16] = d * (float)((b->q[i] >> 4) - 8);
    }
}

static void widen_q5_0(const vs__q5_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 32; i++) {
        int low = i < 16 ? b->q[i] & 15 : b->q[i - 16] >> 4;
        int high = b->h[i / 8] >> i % 8 & 1;
        dst[i] = d * (float)((low | high << 4) - 16);
    }
}

static void widen_q8_0(const vs__q8_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 32; i++) dst[i] = d * (float)(int8_t)b->q[i];
}

/* The six-bit scale and minimum of group g of a Q4_K or Q5_K block. */
static void scale_min(const uint8_t s[12], int g, int *scale, int *min) {
    *scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | s[g - 4] >> 6 << 4;
    *min = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | s[g] >> 6 << 4;
}

static void widen_q4_k(const vs__q4_k *b, float *dst) {
    float d = vs__half(b->d), m = vs__half(b->m);
    for (int g = 0; g < 8; g++) {
        int scale, min;
        scale_min(b->s, g, &scale, &min);
        float ds = d * (float)scale, mm = m * (float)min;
        for (int i = 0; i < 32; i++) {
            int q = b->q[g / 2 * 32 + i], code = g & 1 ? q >> 4 : q & 15;
            float w = ds * (float)code;
            dst[g * 32 + i] = w - mm;
        }
    }
}

static void widen_q5_k(const vs__q5_k *b, float *dst) {
    float d = vs__half(b->d), m = vs__half(b->m);
    for (int g = 0; g < 8; g++) {
        int scale, min;
        scale_min(b->s, g, &scale, &min);
        float ds = d * (float)scale, mm = m * (float)min;
        for (int i = 0; i < 32; i++) {
            int q = b->q[g / 2 * 32 + i], code = (g & 1 ? q >> 4 : q & 15) | (b->h[i] >> g & 1) << 4;
            float w = ds * (float)code;
            dst[g * 32 + i] = w - mm;
        }
    }
}

static void widen_q6_k(const vs__q6_k *b, float *dst) {
    float d = vs__half(b->d);
    for (int e = 0; e < 256; e++) {
        int half = e / 128, k = e % 128 / 32, i = e % 32;
        int q = b->q[half * 64 + (k & 1) * 32 + i];
        int code = (k < 2 ? q & 15 : q >> 4) | (b->h[half * 32 + i] >> 2 * k & 3) << 4;
        float ds = d * (float)(int8_t)b->s[e / 16];
        dst[e] = ds * (float)(code - 32);
    }
}

/* Numbers of one C type. */
#define WIDEN_NUMBERS(ctype)                                                                                           \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        ctype v;                                                                                                       \
        memcpy(&v, p + i * sizeof v, sizeof v);                                                                        \
        dst[i] = (float)v;                                                                                             \
    }                                                                                                                  \
    break

#define WIDEN_BLOCKS(type, fn, of)                                                                                     \
    for (size_t i = 0; i < n / (of); i++) fn((const type *)src + i, dst + i * (of));                                   \
    break

void vs__widen_plain(vs_dtype t, const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    switch (t) {
    case VS_F32: memcpy(dst, src, n * sizeof *dst); break;
    case VS_F16:
        for (size_t i = 0; i < n; i++) dst[i] = vs__half(p + 2 * i);
        break;
    case VS_BF16: /* the upper half of an f32 */
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24;
            memcpy(dst + i, &bits, sizeof bits);
        }
        break;
    case VS_F64: WIDEN_NUMBERS(double);
    case VS_I8: WIDEN_NUMBERS(int8_t);
    case VS_I16: WIDEN_NUMBERS(int16_t);
    case VS_I32: WIDEN_NUMBERS(int32_t);
    case VS_I64: WIDEN_NUMBERS(int64_t);
    case VS_U8: WIDEN_NUMBERS(uint8_t);
    case VS_BOOL:
        for (size_t i = 0; i < n; i++) dst[i] = p[i] ? 1.0f : 0.0f;
        break;
    case VS_Q4_0: WIDEN_BLOCKS(vs__q4_0, widen_q4_0, 32);
    case VS_Q5_0: WIDEN_BLOCKS(vs__q5_0, widen_q5_0, 32);
    case VS_Q8_0: WIDEN_BLOCKS(vs__q8_0, widen_q8_0, 32);
    case VS_Q4_K: WIDEN_BLOCKS(vs__q4_k, widen_q4_k, 256);
    case VS_Q5_K: WIDEN_BLOCKS(vs__q5_k, widen_q5_k, 256);
    case VS_Q6_K: WIDEN_BLOCKS(vs__q6_k, widen_q6_k, 256);
    case VS_DTYPE_COUNT: break;
    }
}
