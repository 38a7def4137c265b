/* codes_avx512.h - the decoders of codes.h where AVX-512 has a shorter way.
 *
 * A code of four bits chooses among sixteen weights of its group, one of five bits among thirty-two:
 * so the weights are computed once a group and looked up (vpermps looks at the low four bits of an
 * index, vpermi2ps at the low five, so what stands above them need not be cleared). */
#ifndef VS_TENSOR_CODES_AVX512_H
#define VS_TENSOR_CODES_AVX512_H

enum { PART = 64 };

/* from, from + 1, … */
INLINE v16 v_ramp(float from) {
    return _mm512_add_ps(_mm512_set1_ps(from), _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
INLINE __m512i indices(b16 a) { return _mm512_cvtepu8_epi32(a); }
INLINE b16 upper(__m256i a) { return _mm256_extracti128_si256(a, 1); }
INLINE b16 lower(__m256i a) { return _mm256_castsi256_si128(a); }
INLINE __m256i load32(const uint8_t *p) { return _mm256_loadu_si256((const void *)p); }
/* Bit 4 of each byte from h, the others from q. */
INLINE __m256i with_bit4(__m256i q, __m256i h) { return _mm256_ternarylogic_epi32(_mm256_set1_epi8(16), h, q, 0xca); }

INLINE void part_q4_0(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q4_0 *b = (const vs__q4_0 *)block;
    v16 table = v_mul(v_half(b->d), v_ramp(-8));
    __m512i q = indices(b_load(b->q));
    (void)t, (void)p;
    w[0] = _mm512_permutexvar_ps(q, table);
    w[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), table);
}

INLINE void part_q5_0(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q5_0 *b = (const vs__q5_0 *)block;
    v16 d = v_half(b->d), first = v_mul(d, v_ramp(-16)), second = v_mul(d, v_ramp(0));
    const __m256i shifts = _mm256_inserti128_si256(_mm256_setzero_si256(), _mm_set1_epi16(4), 1);
    __m256i q = _mm256_srlv_epi16(_mm256_broadcastsi128_si256(b_load(b->q)), shifts);
    q = with_bit4(q, _mm256_movm_epi8(u32_at(b->h)));
    (void)t, (void)p;
    w[0] = _mm512_permutex2var_ps(first, indices(lower(q)), second);
    w[1] = _mm512_permutex2var_ps(first, indices(upper(q)), second);
}

INLINE void part_q4_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q4_k *b = (const vs__q4_k *)block;
    __m512i q0 = indices(b_load(b->q + 32 * p)), q1 = indices(b_load(b->q + 32 * p + 16));
    v16 even = v_fma(v_ramp(0), v_set(t[2 * p]), v_set(t[2 * p + 8]));
    v16 odd = v_fma(v_ramp(0), v_set(t[2 * p + 1]), v_set(t[2 * p + 9]));
    w[0] = _mm512_permutexvar_ps(q0, even);
    w[1] = _mm512_permutexvar_ps(q1, even);
    w[2] = _mm512_permutexvar_ps(_mm512_srli_epi32(q0, 4), odd);
    w[3] = _mm512_permutexvar_ps(_mm512_srli_epi32(q1, 4), odd);
}

/* Two vectors of group g, whose codes' low bits are in q. */
INLINE void group_q5_k(__m256i q, __m256i h, const float t[16], int g, v16 *w) {
    v16 d = v_set(t[g]), m = v_set(t[g + 8]), first = v_fma(v_ramp(0), d, m), second = v_fma(v_ramp(16), d, m);
    q = with_bit4(q, g < 4 ? _mm256_slli_epi16(h, 4 - g) : _mm256_srli_epi16(h, g - 4));
    w[0] = _mm512_permutex2var_ps(first, indices(lower(q)), second);
    w[1] = _mm512_permutex2var_ps(first, indices(upper(q)), second);
}

INLINE void part_q5_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q5_k *b = (const vs__q5_k *)block;
    __m256i q = load32(b->q + 32 * p), h = load32(b->h);
    group_q5_k(q, h, t, 2 * p, w);
    group_q5_k(_mm256_srli_epi16(q, 4), h, t, 2 * p + 1, w + 2);
}

INLINE void part_q6_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q6_k *b = (const vs__q6_k *)block;
    int half = p / 2;
    __m512i q = _mm512_loadu_si512(b->q + 64 * half), h = _mm512_broadcast_i64x4(load32(b->h + 32 * half));
    if (p % 2) {
        q = _mm512_srli_epi16(q, 4);
        h = _mm512_srlv_epi16(h, _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1));
    } else {
        h = _mm512_sllv_epi16(h, _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1));
    }
    q = _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), q, h, 0xca); /* four bits of q, the others of h */
    q = _mm512_sub_epi8(_mm512_and_si512(q, _mm512_set1_epi8(63)), _mm512_set1_epi8(32));
    w[0] = v_mul(v_signed(_mm512_castsi512_si128(q)), v_set(t[4 * p]));
    w[1] = v_mul(v_signed(_mm512_extracti32x4_epi32(q, 1)), v_set(t[4 * p + 1]));
    w[2] = v_mul(v_signed(_mm512_extracti32x4_epi32(q, 2)), v_set(t[4 * p + 2]));
    w[3] = v_mul(v_signed(_mm512_extracti32x4_epi32(q, 3)), v_set(t[4 * p + 3]));
}

#endif
