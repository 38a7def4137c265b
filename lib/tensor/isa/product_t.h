/* product_t.h - y = x W for weights stored [in, out], with the bits of the product by their transposed copy.
 *
 * Several rows: VS__T_OUTS columns of W are turned into rows of a panel, and the product over rows (product.h) does the
 * rest.  One row is not worth that: W is read in its own order, and each output has its sixteen partial sums in memory. */

enum { T_SIDE = 16 }; /* rows and columns turned at a time */

/* The 16 x 16 numbers at w, row stride ldw, to p with columns as rows. */
#if defined(VS_ISA_avx512)
static void turn_block(const float *w, size_t ldw, float *p, size_t ldp) {
    __m512 a[16], b[16];
    UNROLLED (i, 16) a[i] = _mm512_loadu_ps(w + i * ldw);
    UNROLLED (i, 8) { /* pairs of rows, element by element */
        b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    UNROLLED (i, 4) { /* fours */
        a[4 * i] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        a[4 * i + 1] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        a[4 * i + 2] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        a[4 * i + 3] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    UNROLLED (j, 4) { /* and the quarters of a vector */
        __m512 lo = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x88), hi = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xdd);
        __m512 lo2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x88), hi2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xdd);
        _mm512_storeu_ps(p + j * ldp, _mm512_shuffle_f32x4(lo, lo2, 0x88));
        _mm512_storeu_ps(p + (4 + j) * ldp, _mm512_shuffle_f32x4(hi, hi2, 0x88));
        _mm512_storeu_ps(p + (8 + j) * ldp, _mm512_shuffle_f32x4(lo, lo2, 0xdd));
        _mm512_storeu_ps(p + (12 + j) * ldp, _mm512_shuffle_f32x4(hi, hi2, 0xdd));
    }
}
#elif defined(VS_ISA_avx2)
static void turn8(const float *w, size_t ldw, float *p, size_t ldp) {
    __m256 a[8], b[8];
    UNROLLED (i, 8) a[i] = _mm256_loadu_ps(w + i * ldw);
    UNROLLED (i, 4) {
        b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    UNROLLED (i, 2) {
        a[4 * i] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        a[4 * i + 1] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        a[4 * i + 2] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        a[4 * i + 3] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    UNROLLED (j, 4) {
        _mm256_storeu_ps(p + j * ldp, _mm256_permute2f128_ps(a[j], a[4 + j], 0x20));
        _mm256_storeu_ps(p + (4 + j) * ldp, _mm256_permute2f128_ps(a[j], a[4 + j], 0x31));
    }
}
static void turn_block(const float *w, size_t ldw, float *p, size_t ldp) {
    for (size_t i = 0; i < 16; i += 8)
        for (size_t j = 0; j < 16; j += 8) turn8(w + i * ldw + j, ldw, p + j * ldp + i, ldp);
}
#else
static void turn_block(const float *w, size_t ldw, float *p, size_t ldp) {
    for (size_t j = 0; j < 16; j++)
        for (size_t i = 0; i < 16; i++) p[j * ldp + i] = w[i * ldw + j];
}
#endif

/* Columns [o0, o0 + some) of W as rows of the panel, each of `ldp` floats; what is beyond W is 0. */
static void turn_columns(vs__weights w, size_t in, size_t o0, size_t some, float *panel, size_t ldp) {
    size_t bytes = vs_dtype_of(w.dtype)->block_bytes, wide = (some + T_SIDE - 1) / T_SIDE * T_SIDE;
    bool aligned = w.dtype == VS_F32 && w.stride % sizeof(float) == 0 && (uintptr_t)w.p % sizeof(float) == 0;
    float rows[T_SIDE * VS__T_OUTS];
    for (size_t k = 0; k < in; k += T_SIDE) {
        size_t n = in - k < T_SIDE ? in - k : T_SIDE, ld = w.stride / sizeof(float);
        const float *from = (const float *)(const void *)(w.p + k * w.stride + o0 * bytes);
        if (!aligned || some < wide || n < T_SIDE) {
            if (some < wide || n < T_SIDE) memset(rows, 0, sizeof rows);
            for (size_t i = 0; i < n; i++) widen(w.dtype, w.p + (k + i) * w.stride + o0 * bytes, rows + i * VS__T_OUTS, some);
            from = rows, ld = VS__T_OUTS;
        }
        for (size_t o = 0; o < wide; o += T_SIDE) turn_block(from + o, ld, panel + o * ldp + k, ldp);
    }
}

/* One row: element k of every output goes into its partial sum k mod 16, k ascending. */
static void row_t(const float *x, size_t in, vs__weights w, size_t o0, size_t some, float *y) {
    enum { OUTS = VS__T_OUTS };
    size_t bytes = vs_dtype_of(w.dtype)->block_bytes;
    float sums[16][OUTS] = {{0}}, row[OUTS] = {0};
    for (size_t k = 0; k < in; k++) {
        const uint8_t *p = w.p + k * w.stride + o0 * bytes;
        vpass xk = p_set(x[k]);
        float *s = sums[k % 16];
        const float *wk = (const float *)(const void *)p;
        if (w.dtype != VS_F32 || some < OUTS || (uintptr_t)p % sizeof(float)) widen(w.dtype, p, row, some), wk = row;
        for (size_t o = 0; o < OUTS; o += PASS) p_store(s + o, p_fma(xk, p_load(wk + o), p_load(s + o)));
    }
    if (in % 16) /* the dot form adds a +0 to the sums that the last step lacks, which matters to -0 */
        for (size_t l = in % 16; l < 16; l++)
            for (size_t o = 0; o < OUTS; o += PASS) p_store(sums[l] + o, p_add(p_load(sums[l] + o), p_set(0)));
    for (size_t half = 8; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            for (size_t o = 0; o < OUTS; o += PASS)
                p_store(sums[l] + o, p_add(p_load(sums[l] + o), p_load(sums[l + half] + o)));
    memcpy(y, sums[0], some * sizeof *y);
}

static void matmul_t(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                     size_t outs, size_t ldy, float *panel) {
    size_t ldp = VS__T_PANEL(in) / VS__T_OUTS;
    for (size_t o0 = 0; o0 < outs; o0 += VS__T_OUTS) {
        size_t some = outs - o0 < VS__T_OUTS ? outs - o0 : VS__T_OUTS;
        if (rows == 1) {
            row_t(x, in, w, o0, some, y + o0);
            if (b) add_into(y + o0, b + o0, y + o0, some);
            continue;
        }
        turn_columns(w, in, o0, some, panel, ldp);
        vs__weights turned = {(const uint8_t *)panel, ldp * sizeof *panel, VS_F32};
        matmul(x, rows, in, ldx, turned, b ? b + o0 : NULL, y + o0, some, ldy);
    }
}
