/* quant.c - see quant.h.  The plain form of each format; the kernels hold faster ones with the same bits. */
#include "quant.h"

#include <math.h>
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

const int8_t vs__iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t vs__fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* The f8 numbers of four and three bits (e4m3, without infinities) and of five and two (e5m2: the upper half of an f16).
 * OCP 8-bit Floating Point Specification 1.0 (2023). */
static float f8e4m3(uint8_t b) {
    uint32_t exponent = b >> 3 & 15, fraction = b & 7, bits;
    float f = (float)fraction * 0x1p-9f; /* zero or subnormal */
    memcpy(&bits, &f, sizeof bits);
    if (exponent) bits = (exponent + 120) << 23 | fraction << 20;
    if (exponent == 15 && fraction == 7) bits = 0x7fc00000u;
    bits |= (uint32_t)(b & 0x80) << 24;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Small floats without infinities: `fraction` bits below `exponent` bits below a sign.  OCP Microscaling Formats Specification 1.0
 * (2023) has those of six and four bits. */
static float small(unsigned b, int exponent, int fraction, int bias) {
    int e = (int)(b >> fraction) & ((1 << exponent) - 1);
    float f = (float)(b & ((1u << fraction) - 1)) / (float)(1 << fraction);
    f = ldexpf(e ? 1 + f : f, (e ? e : 1) - bias);
    return b >> (exponent + fraction) & 1 ? -f : f;
}

/* The variants of f8 that have one zero: what would be minus zero is the one that is no number. */
static float fnuz(uint8_t b, int exponent, int fraction, int bias) { return b == 0x80 ? NAN : small(b, exponent, fraction, bias); }

static float f8e8m0(uint8_t b) { return b == 255 ? NAN : ldexpf(1, b - 127); } /* a power of two */

/* Four numbers in three bytes, and two in one: the first in the lowest bits. */
static void widen_f6(const uint8_t *b, float *dst, int exponent, int fraction, int bias) {
    unsigned all = b[0] | (unsigned)b[1] << 8 | (unsigned)b[2] << 16;
    for (int i = 0; i < 4; i++) dst[i] = small(all >> 6 * i & 63, exponent, fraction, bias);
}

static void widen_f4(const uint8_t *b, float *dst) {
    dst[0] = small(*b & 15, 2, 1, 1);
    dst[1] = small(*b >> 4, 2, 1, 1);
}

static float f8e5m2(uint8_t b) { return vs__half((const uint8_t[2]){0, b}); }

/* ---- blocks of 32 ---- */

static void widen_q4_0(const vs__q4_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)((b->q[i] & 15) - 8);
        dst[i + 16] = d * (float)((b->q[i] >> 4) - 8);
    }
}

static void widen_q4_1(const vs__q4_1 *b, float *dst) {
    float d = vs__half(b->d), m = vs__half(b->m);
    for (int i = 0; i < 16; i++) {
        float low = d * (float)(b->q[i] & 15), high = d * (float)(b->q[i] >> 4);
        dst[i] = low + m;
        dst[i + 16] = high + m;
    }
}

/* The five bits of code i of a Q5_0 or Q5_1 block. */
static int code_of_five(const uint8_t q[16], const uint8_t h[4], int i) {
    return (i < 16 ? q[i] & 15 : q[i - 16] >> 4) | (h[i / 8] >> i % 8 & 1) << 4;
}

static void widen_q5_0(const vs__q5_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 32; i++) dst[i] = d * (float)(code_of_five(b->q, b->h, i) - 16);
}

static void widen_q5_1(const vs__q5_1 *b, float *dst) {
    float d = vs__half(b->d), m = vs__half(b->m);
    for (int i = 0; i < 32; i++) {
        float w = d * (float)code_of_five(b->q, b->h, i);
        dst[i] = w + m;
    }
}

static void widen_q8_0(const vs__q8_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int i = 0; i < 32; i++) dst[i] = d * (float)(int8_t)b->q[i];
}

/* n pairs of weights n apart: d times what a table has for the low and the high four bits of each byte. */
static void widen_table(float d, const int8_t table[16], const uint8_t *q, int n, float *dst) {
    for (int i = 0; i < n; i++) {
        dst[i] = d * (float)table[q[i] & 15];
        dst[i + n] = d * (float)table[q[i] >> 4];
    }
}

static void widen_iq4_nl(const vs__iq4_nl *b, float *dst) { widen_table(vs__half(b->d), vs__iq4, b->q, 16, dst); }

static void widen_mxfp4(const vs__mxfp4 *b, float *dst) {
    widen_table(ldexpf(1, (int)b->e - 128), vs__fp4, b->q, 16, dst);
}

static void widen_nvfp4(const vs__nvfp4 *b, float *dst) {
    for (int g = 0; g < 4; g++) {
        uint8_t s = b->s[g];
        /* 0x7f counts as 0, 0xff as the number that a format without NaN would have there */
        float d = s == 0x7f ? 0 : (s & 0x7f) == 0x7f ? 240 : f8e4m3(s & 0x7f) * 0.5f;
        widen_table(d, vs__fp4, b->q + 8 * g, 8, dst + 16 * g);
    }
}

/* ---- blocks of 256 ---- */

/* The two bits of weight e that most such blocks have: halves of 128 in 32 bytes, quarters in pairs of bits. */
static int code_of_two(const uint8_t q[64], int e) { return q[e / 128 * 32 + e % 32] >> e % 128 / 32 * 2 & 3; }

static void widen_q2_k(const vs__q2_k *b, float *dst) {
    float d = vs__half(b->d), m = vs__half(b->m);
    for (int e = 0; e < 256; e++) {
        float ds = d * (float)(b->s[e / 16] & 15), mm = m * (float)(b->s[e / 16] >> 4);
        float w = ds * (float)code_of_two(b->q, e);
        dst[e] = w - mm;
    }
}

static void widen_q3_k(const vs__q3_k *b, float *dst) {
    float d = vs__half(b->d);
    for (int e = 0; e < 256; e++) {
        int g = e / 16, low = g < 8 ? b->s[g] & 15 : b->s[g - 8] >> 4, high = b->s[8 + g % 4] >> g / 4 * 2 & 3;
        float ds = d * (float)((low | high << 4) - 32);
        int third = b->h[e % 32] >> e / 32 & 1;
        dst[e] = ds * (float)(code_of_two(b->q, e) - (third ? 0 : 4));
    }
}

static void widen_iq4_xs(const vs__iq4_xs *b, float *dst) {
    float d = vs__half(b->d);
    int h = b->h[0] | b->h[1] << 8;
    for (int g = 0; g < 8; g++) {
        int scale = (b->l[g / 2] >> g % 2 * 4 & 15) | (h >> 2 * g & 3) << 4;
        widen_table(d * (float)(scale - 32), vs__iq4, b->q + 16 * g, 16, dst + 32 * g);
    }
}

/* Weights i, n + i, 2 n + i, … of n bytes that hold `digits` digits each. */
static void widen_thirds(float d, const uint8_t *q, int n, int digits, float *dst) {
    for (int i = 0; i < n; i++) {
        uint8_t b = q[i];
        for (int k = 0; k < digits; k++, b = (uint8_t)(b * 3)) dst[k * n + i] = d * (float)((b * 3 >> 8) - 1);
    }
}

static void widen_tq1_0(const vs__tq1_0 *b, float *dst) {
    float d = vs__half(b->d);
    widen_thirds(d, b->q, 32, 5, dst);
    widen_thirds(d, b->q + 32, 16, 5, dst + 160);
    widen_thirds(d, b->h, 4, 4, dst + 240);
}

static void widen_tq2_0(const vs__tq2_0 *b, float *dst) {
    float d = vs__half(b->d);
    for (int e = 0; e < 256; e++) dst[e] = d * (float)(code_of_two(b->q, e) - 1);
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
    case VS_F8E4M3:
        for (size_t i = 0; i < n; i++) dst[i] = f8e4m3(p[i]);
        break;
    case VS_F8E5M2:
        for (size_t i = 0; i < n; i++) dst[i] = f8e5m2(p[i]);
        break;
    case VS_F8E8M0:
        for (size_t i = 0; i < n; i++) dst[i] = f8e8m0(p[i]);
        break;
    case VS_F8E4M3FNUZ:
        for (size_t i = 0; i < n; i++) dst[i] = fnuz(p[i], 4, 3, 8);
        break;
    case VS_F8E5M2FNUZ:
        for (size_t i = 0; i < n; i++) dst[i] = fnuz(p[i], 5, 2, 16);
        break;
    case VS_F6E2M3:
        for (size_t i = 0; i < n / 4; i++) widen_f6(p + 3 * i, dst + 4 * i, 2, 3, 1);
        break;
    case VS_F6E3M2:
        for (size_t i = 0; i < n / 4; i++) widen_f6(p + 3 * i, dst + 4 * i, 3, 2, 3);
        break;
    case VS_F4:
        for (size_t i = 0; i < n / 2; i++) widen_f4(p + i, dst + 2 * i);
        break;
    case VS_I8: WIDEN_NUMBERS(int8_t);
    case VS_I16: WIDEN_NUMBERS(int16_t);
    case VS_I32: WIDEN_NUMBERS(int32_t);
    case VS_I64: WIDEN_NUMBERS(int64_t);
    case VS_U8: WIDEN_NUMBERS(uint8_t);
    case VS_U16: WIDEN_NUMBERS(uint16_t);
    case VS_U32: WIDEN_NUMBERS(uint32_t);
    case VS_U64: WIDEN_NUMBERS(uint64_t);
    case VS_BOOL:
        for (size_t i = 0; i < n; i++) dst[i] = p[i] ? 1.0f : 0.0f;
        break;
    case VS_Q4_0: WIDEN_BLOCKS(vs__q4_0, widen_q4_0, 32);
    case VS_Q4_1: WIDEN_BLOCKS(vs__q4_1, widen_q4_1, 32);
    case VS_Q5_0: WIDEN_BLOCKS(vs__q5_0, widen_q5_0, 32);
    case VS_Q5_1: WIDEN_BLOCKS(vs__q5_1, widen_q5_1, 32);
    case VS_Q8_0: WIDEN_BLOCKS(vs__q8_0, widen_q8_0, 32);
    case VS_Q2_K: WIDEN_BLOCKS(vs__q2_k, widen_q2_k, 256);
    case VS_Q3_K: WIDEN_BLOCKS(vs__q3_k, widen_q3_k, 256);
    case VS_Q4_K: WIDEN_BLOCKS(vs__q4_k, widen_q4_k, 256);
    case VS_Q5_K: WIDEN_BLOCKS(vs__q5_k, widen_q5_k, 256);
    case VS_Q6_K: WIDEN_BLOCKS(vs__q6_k, widen_q6_k, 256);
    case VS_IQ4_NL: WIDEN_BLOCKS(vs__iq4_nl, widen_iq4_nl, 32);
    case VS_IQ4_XS: WIDEN_BLOCKS(vs__iq4_xs, widen_iq4_xs, 256);
    case VS_TQ1_0: WIDEN_BLOCKS(vs__tq1_0, widen_tq1_0, 256);
    case VS_TQ2_0: WIDEN_BLOCKS(vs__tq2_0, widen_tq2_0, 256);
    case VS_MXFP4: WIDEN_BLOCKS(vs__mxfp4, widen_mxfp4, 32);
    case VS_NVFP4: WIDEN_BLOCKS(vs__nvfp4, widen_nvfp4, 64);
    case VS_DTYPE_COUNT: break;
    }
}
