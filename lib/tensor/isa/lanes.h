/* lanes.h - sixteen f32 side by side, in whatever registers the instruction set has.
 *
 * The kernels are written once over this type; every operation here is exact or correctly rounded
 * (IEEE 754), so all sets give the same bits.  Which set: the macro VS_ISA_<name> from isa.mk.
 * v_max, v_min return b where a and b are not ordered (x86's rule). */
#ifndef VS_TENSOR_LANES_H
#define VS_TENSOR_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

/* A loop over registers: n is a constant once all is inlined, and the loop must become straight code. */
#if defined(VS_ISA_scalar) /* lanes are loops themselves: nothing is gained, and the compiler would take minutes over  \
                              it */
#define UNROLLED(i, n) for (size_t i = 0; i < (size_t)(n); i++)
#elif defined(__clang__)
#define UNROLLED(i, n) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (size_t)(n); i++)
#else
#define UNROLLED(i, n) _Pragma("GCC unroll 16") for (size_t i = 0; i < (size_t)(n); i++)
#endif

#if defined(VS_ISA_avx512)
#define ISA_NAME avx512
enum { MIX_ROWS = 4, MIX_VECTORS = 4 }; /* what body.c holds in registers */
#include <immintrin.h>
typedef __m512 v16;
INLINE v16 v_set(float a) { return _mm512_set1_ps(a); }
INLINE v16 v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, v16 a) { _mm512_storeu_ps(p, a); }
/* The first n < 16 lanes from p, the others `fill`. */
INLINE v16 v_load_part(const float *p, size_t n, float fill) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), (__mmask16)((1u << n) - 1), p);
}
INLINE void v_store_part(float *p, v16 a, size_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a); }
INLINE v16 v_add(v16 a, v16 b) { return _mm512_add_ps(a, b); }
INLINE v16 v_sub(v16 a, v16 b) { return _mm512_sub_ps(a, b); }
INLINE v16 v_mul(v16 a, v16 b) { return _mm512_mul_ps(a, b); }
INLINE v16 v_div(v16 a, v16 b) { return _mm512_div_ps(a, b); }
INLINE v16 v_fma(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); } /* a b + c */
INLINE v16 v_max(v16 a, v16 b) { return _mm512_max_ps(a, b); }
INLINE v16 v_min(v16 a, v16 b) { return _mm512_min_ps(a, b); }
INLINE v16 v_abs(v16 a) { return _mm512_abs_ps(a); }
/* |a| with the sign of s. */
INLINE v16 v_sign(v16 a, v16 s) {
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_set1_epi32((int)0x80000000), _mm512_castps_si512(s),
                                                         _mm512_castps_si512(a), 0xca));
}
/* a < b ? x : y. */
INLINE v16 v_less(v16 a, v16 b, v16 x, v16 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
/* 2^a for whole numbers a in [-126, 127]. */
INLINE v16 v_pow2(v16 a) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127)), 23));
}
INLINE float v_total(v16 a) { /* the tree of kernels.h: l+8, l+4, l+2, l+1 */
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
/* t[i] = v_total(s + 16 i) for four i: the same additions, the four side by side. */
INLINE void v_totals4(const float *s, float *t) {
    v16 a = v_load(s), b = v_load(s + 16), c = v_load(s + 32), d = v_load(s + 48);
    v16 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    v16 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    v16 q = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    q = _mm512_add_ps(q, _mm512_permute_ps(q, 0x0e));
    q = _mm512_add_ps(q, _mm512_movehdup_ps(q));
    q = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), q);
    _mm_storeu_ps(t, _mm512_castps512_ps128(q));
}

#elif defined(VS_ISA_avx2)
#define ISA_NAME avx2
enum { MIX_ROWS = 4, MIX_VECTORS = 1 }; /* what body.c holds in registers */
#include <immintrin.h>
typedef struct v16 {
    __m256 a, b;
} v16;
#define V16_EACH(expr_a, expr_b) ((v16){(expr_a), (expr_b)})
INLINE v16 v_set(float a) { return V16_EACH(_mm256_set1_ps(a), _mm256_set1_ps(a)); }
INLINE v16 v_load(const float *p) { return V16_EACH(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
INLINE void v_store(float *p, v16 a) {
    _mm256_storeu_ps(p, a.a);
    _mm256_storeu_ps(p + 8, a.b);
}
INLINE v16 v_load_part(const float *p, size_t n, float fill) {
    float t[16];
    for (int i = 0; i < 16; i++) t[i] = fill;
    memcpy(t, p, n * sizeof *t);
    return v_load(t);
}
INLINE void v_store_part(float *p, v16 a, size_t n) {
    float t[16];
    v_store(t, a);
    memcpy(p, t, n * sizeof *t);
}
INLINE v16 v_add(v16 x, v16 y) { return V16_EACH(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)); }
INLINE v16 v_sub(v16 x, v16 y) { return V16_EACH(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)); }
INLINE v16 v_mul(v16 x, v16 y) { return V16_EACH(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)); }
INLINE v16 v_div(v16 x, v16 y) { return V16_EACH(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)); }
INLINE v16 v_fma(v16 x, v16 y, v16 z) {
    return V16_EACH(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}
INLINE v16 v_max(v16 x, v16 y) { return V16_EACH(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)); }
INLINE v16 v_min(v16 x, v16 y) { return V16_EACH(_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)); }
INLINE v16 v_abs(v16 x) {
    __m256 s = _mm256_set1_ps(-0.0f);
    return V16_EACH(_mm256_andnot_ps(s, x.a), _mm256_andnot_ps(s, x.b));
}
INLINE v16 v_sign(v16 x, v16 s) {
    __m256 m = _mm256_set1_ps(-0.0f);
    return V16_EACH(_mm256_or_ps(_mm256_andnot_ps(m, x.a), _mm256_and_ps(m, s.a)),
                    _mm256_or_ps(_mm256_andnot_ps(m, x.b), _mm256_and_ps(m, s.b)));
}
INLINE v16 v_less(v16 a, v16 b, v16 x, v16 y) {
    return V16_EACH(_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_LT_OQ)),
                    _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_LT_OQ)));
}
INLINE __m256 v_pow2_half(__m256 a) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127)), 23));
}
INLINE v16 v_pow2(v16 x) { return V16_EACH(v_pow2_half(x.a), v_pow2_half(x.b)); }
INLINE float v_total(v16 x) {
    __m256 h = _mm256_add_ps(x.a, x.b);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
/* t[i] = v_total(s + 16 i) for four i: the same additions, the four side by side. */
INLINE void v_totals4(const float *s, float *t) {
    __m256 h[4];
    for (int i = 0; i < 4; i++) h[i] = _mm256_add_ps(_mm256_loadu_ps(s + 16 * i), _mm256_loadu_ps(s + 16 * i + 8));
    __m256 ab = _mm256_add_ps(_mm256_permute2f128_ps(h[0], h[1], 0x20), _mm256_permute2f128_ps(h[0], h[1], 0x31));
    __m256 cd = _mm256_add_ps(_mm256_permute2f128_ps(h[2], h[3], 0x20), _mm256_permute2f128_ps(h[2], h[3], 0x31));
    __m256 q = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee)); /* a a c c | b b d d */
    q = _mm256_add_ps(q, _mm256_movehdup_ps(q));
    __m128 ac = _mm256_castps256_ps128(q), bd = _mm256_extractf128_ps(q, 1);
    _mm_storeu_ps(t, _mm_shuffle_ps(_mm_unpacklo_ps(ac, bd), _mm_unpackhi_ps(ac, bd), 0x44));
}

#else
#if defined(VS_ISA_neon)
#define ISA_NAME neon
enum { MIX_ROWS = 4, MIX_VECTORS = 1 };
#include <arm_neon.h>
typedef struct v16 {
    float32x4_t q[4];
} v16;
#define V16_DO(expr)                                                                                                   \
    v16 r;                                                                                                             \
    for (int i = 0; i < 4; i++) r.q[i] = (expr);                                                                       \
    return r
INLINE v16 v_set(float a) { V16_DO(vdupq_n_f32(a)); }
INLINE v16 v_load(const float *p) { V16_DO(vld1q_f32(p + 4 * i)); }
INLINE void v_store(float *p, v16 a) {
    for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, a.q[i]);
}
INLINE v16 v_add(v16 a, v16 b) { V16_DO(vaddq_f32(a.q[i], b.q[i])); }
INLINE v16 v_sub(v16 a, v16 b) { V16_DO(vsubq_f32(a.q[i], b.q[i])); }
INLINE v16 v_mul(v16 a, v16 b) { V16_DO(vmulq_f32(a.q[i], b.q[i])); }
INLINE v16 v_div(v16 a, v16 b) { V16_DO(vdivq_f32(a.q[i], b.q[i])); }
INLINE v16 v_fma(v16 a, v16 b, v16 c) { V16_DO(vfmaq_f32(c.q[i], a.q[i], b.q[i])); }
INLINE v16 v_max(v16 a, v16 b) { V16_DO(vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i])); }
INLINE v16 v_min(v16 a, v16 b) { V16_DO(vbslq_f32(vcltq_f32(a.q[i], b.q[i]), a.q[i], b.q[i])); }
INLINE v16 v_abs(v16 a) { V16_DO(vabsq_f32(a.q[i])); }
INLINE v16 v_sign(v16 a, v16 s) { V16_DO(vbslq_f32(vdupq_n_u32(0x80000000u), s.q[i], a.q[i])); }
INLINE v16 v_less(v16 a, v16 b, v16 x, v16 y) { V16_DO(vbslq_f32(vcltq_f32(a.q[i], b.q[i]), x.q[i], y.q[i])); }
INLINE v16 v_pow2(v16 a) {
    V16_DO(vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(a.q[i]), vdupq_n_s32(127)), 23)));
}
INLINE float v_total(v16 a) {
    float32x4_t s = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
    float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}

#else /* plain C: the definition that the others are tested against */
#define ISA_NAME scalar
enum { MIX_ROWS = 1, MIX_VECTORS = 1 };
typedef struct v16 {
    float f[16];
} v16;
#define V16_DO(expr)                                                                                                   \
    v16 r;                                                                                                             \
    for (int i = 0; i < 16; i++) r.f[i] = (expr);                                                                      \
    return r
INLINE v16 v_set(float a) { V16_DO(a); }
INLINE v16 v_load(const float *p) {
    v16 r;
    memcpy(&r, p, sizeof r);
    return r;
}
INLINE void v_store(float *p, v16 a) { memcpy(p, &a, sizeof a); }
INLINE v16 v_add(v16 a, v16 b) { V16_DO(a.f[i] + b.f[i]); }
INLINE v16 v_sub(v16 a, v16 b) { V16_DO(a.f[i] - b.f[i]); }
INLINE v16 v_mul(v16 a, v16 b) { V16_DO(a.f[i] * b.f[i]); }
INLINE v16 v_div(v16 a, v16 b) { V16_DO(a.f[i] / b.f[i]); }
INLINE v16 v_fma(v16 a, v16 b, v16 c) { V16_DO(fmaf(a.f[i], b.f[i], c.f[i])); }
INLINE v16 v_max(v16 a, v16 b) { V16_DO(a.f[i] > b.f[i] ? a.f[i] : b.f[i]); }
INLINE v16 v_min(v16 a, v16 b) { V16_DO(a.f[i] < b.f[i] ? a.f[i] : b.f[i]); }
INLINE v16 v_abs(v16 a) { V16_DO(fabsf(a.f[i])); }
INLINE v16 v_sign(v16 a, v16 s) { V16_DO(copysignf(a.f[i], s.f[i])); }
INLINE v16 v_less(v16 a, v16 b, v16 x, v16 y) { V16_DO(a.f[i] < b.f[i] ? x.f[i] : y.f[i]); }
INLINE float bits_to_float(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
INLINE v16 v_pow2(v16 a) { V16_DO(bits_to_float((uint32_t)((int32_t)a.f[i] + 127) << 23)); }
INLINE float v_total(v16 a) {
    for (int step = 8; step; step /= 2)
        for (int i = 0; i < step; i++) a.f[i] += a.f[i + step];
    return a.f[0];
}
#endif

INLINE void v_totals4(const float *s, float *t) {
    for (int i = 0; i < 4; i++) t[i] = v_total(v_load(s + 16 * i));
}
INLINE v16 v_load_part(const float *p, size_t n, float fill) {
    float t[16];
    for (int i = 0; i < 16; i++) t[i] = fill;
    memcpy(t, p, n * sizeof *t);
    return v_load(t);
}
INLINE void v_store_part(float *p, v16 a, size_t n) {
    float t[16];
    v_store(t, a);
    memcpy(p, t, n * sizeof *t);
}
#endif

/* Any set. */
INLINE v16 v_zero(void) { return v_set(0.0f); }
INLINE float v_largest(v16 a) {
    float t[16], m;
    v_store(t, a);
    m = t[0];
    for (int i = 1; i < 16; i++) m = t[i] > m ? t[i] : m;
    return m;
}
/* To the nearest whole number, ties to even, for |a| < 2^22. */
INLINE v16 v_round(v16 a) { return v_sub(v_add(a, v_set(0x1.8p23f)), v_set(0x1.8p23f)); }

#endif
