/* product.h - y = x W^T in the order of kernels.h, for one instruction set; included by body.c.
 *
 * Everything here is one loop in different blocking: sixteen partial sums for each output, element k
 * into partial sum k mod 16, k ascending; then v_total().  How much is done side by side (TILE_ROWS
 * rows times TILE_OUTS outputs in registers) and in which pieces k is walked changes no bit. */

/* IN_REGISTER(a): what was loaded into a is used several times; compilers would rather load it again each time.
 * A pass keeps PASS of the sixteen partial sums of each output of a tile in registers; 16/PASS passes make a tile. */
#if defined(VS_ISA_avx512)
#define IN_REGISTER(a) __asm__("" : "+v"(a))
typedef __m512 vpass;
enum { PASS = 16, TILE_ROWS = 4, TILE_OUTS = 6 };
INLINE vpass p_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void p_store(float *p, vpass a) { _mm512_storeu_ps(p, a); }
INLINE vpass p_fma(vpass a, vpass b, vpass c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vpass p_add(vpass a, vpass b) { return _mm512_add_ps(a, b); }
INLINE vpass p_set(float a) { return _mm512_set1_ps(a); }
#elif defined(VS_ISA_avx2)
#define IN_REGISTER(a) __asm__("" : "+x"(a))
typedef __m256 vpass;
enum { PASS = 8, TILE_ROWS = 2, TILE_OUTS = 6 };
INLINE vpass p_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void p_store(float *p, vpass a) { _mm256_storeu_ps(p, a); }
INLINE vpass p_fma(vpass a, vpass b, vpass c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vpass p_add(vpass a, vpass b) { return _mm256_add_ps(a, b); }
INLINE vpass p_set(float a) { return _mm256_set1_ps(a); }
#elif defined(VS_ISA_neon)
#define IN_REGISTER(a) __asm__("" : "+w"(a))
typedef float32x4_t vpass;
enum { PASS = 4, TILE_ROWS = 4, TILE_OUTS = 6 };
INLINE vpass p_load(const float *p) { return vld1q_f32(p); }
INLINE void p_store(float *p, vpass a) { vst1q_f32(p, a); }
INLINE vpass p_fma(vpass a, vpass b, vpass c) { return vfmaq_f32(c, a, b); }
INLINE vpass p_add(vpass a, vpass b) { return vaddq_f32(a, b); }
INLINE vpass p_set(float a) { return vdupq_n_f32(a); }
#else
#define IN_REGISTER(a) (void)(a)
typedef v16 vpass;
enum { PASS = 16, TILE_ROWS = 1, TILE_OUTS = 6 };
INLINE vpass p_load(const float *p) { return v_load(p); }
INLINE void p_store(float *p, vpass a) { v_store(p, a); }
INLINE vpass p_fma(vpass a, vpass b, vpass c) { return v_fma(a, b, c); }
INLINE vpass p_add(vpass a, vpass b) { return v_add(a, b); }
INLINE vpass p_set(float a) { return v_set(a); }
#endif

/* Partial sums of a tile: [TILE_ROWS][TILE_OUTS][16]. */
enum { TILE = TILE_ROWS * TILE_OUTS * 16 };

/* R rows of x times TILE_OUTS rows of w over n elements (a multiple of 16) into s; `more`: go on from what s holds. */
INLINE void tile_of(const size_t R, const float *x, size_t ldx, const float *w, size_t ldw, size_t n, float *s,
                    bool more) {
    for (size_t lane = 0; lane < 16; lane += PASS) {
        vpass a[TILE_ROWS][TILE_OUTS];
        UNROLLED (r, R)
            UNROLLED (o, TILE_OUTS) a[r][o] = more ? p_load(s + (r * TILE_OUTS + o) * 16 + lane) : p_set(0);
        for (size_t k = lane; k < n; k += 16) {
            vpass xr[TILE_ROWS];
            UNROLLED (r, R) xr[r] = p_load(x + r * ldx + k);
            UNROLLED (o, TILE_OUTS) {
                vpass wo = p_load(w + o * ldw + k);
                IN_REGISTER(wo);
                UNROLLED (r, R) a[r][o] = p_fma(wo, xr[r], a[r][o]);
            }
        }
        UNROLLED (r, R)
            UNROLLED (o, TILE_OUTS) p_store(s + (r * TILE_OUTS + o) * 16 + lane, a[r][o]);
    }
}

static void tile(size_t rows, const float *x, size_t ldx, const float *w, size_t ldw, size_t n, float *s, bool more) {
    switch (rows) {
    case 1: tile_of(1, x, ldx, w, ldw, n, s, more); break;
#if !defined(VS_ISA_scalar)
    case 2: tile_of(2, x, ldx, w, ldw, n, s, more); break;
#if !defined(VS_ISA_avx2)
    case 3: tile_of(3, x, ldx, w, ldw, n, s, more); break;
    case 4: tile_of(4, x, ldx, w, ldw, n, s, more); break;
#endif
#endif
    default: break;
    }
}

enum {
    PANEL = 768, /* elements of k walked at once: TILE_OUTS rows of W stay in the first-level cache */
    BLOCK = 96,  /* rows of x that share a widened panel */
    GROUP = 96,  /* outputs whose W serves all blocks of rows while it is near, and that are written out together */
    PAD = 16     /* keeps the panel's rows out of each other's cache sets */
};

typedef struct scratch {
    _Alignas(64) float panel[TILE_OUTS * (PANEL + PAD)];
    _Alignas(64) float sums[BLOCK / TILE_ROWS * TILE];
    _Alignas(64) float done[BLOCK * GROUP];
} scratch;

/* The outputs of a tile from its partial sums; y has a row for each of TILE_ROWS and room for TILE_OUTS in each. */
INLINE void tile_total(size_t rows, const float *s, float *y, size_t ldy) {
    for (size_t r = 0; r < rows; r++, s += TILE_OUTS * 16, y += ldy) {
        float t[4];
        v_totals4(s, t);
        memcpy(y, t, sizeof t);
        y[4] = v_total(v_load(s + 64));
        y[5] = v_total(v_load(s + 80));
    }
}

/* The last n % 16 elements of a tile's rows, as one more step over copies filled up with zeros. */
static void tile_rest(size_t rows, const float *x, size_t ldx, const float *w, size_t ldw, size_t n, float *s,
                      bool more) {
    float xs[TILE_ROWS * 16] = {0}, ws[TILE_OUTS * 16] = {0};
    for (size_t r = 0; r < rows; r++) memcpy(xs + r * 16, x + r * ldx, n * sizeof *xs);
    for (size_t o = 0; o < TILE_OUTS; o++) memcpy(ws + o * 16, w + o * ldw, n * sizeof *ws);
    tile(rows, xs, 16, ws, 16, 16, s, more);
}

/* `outs` (up to TILE_OUTS) outputs for `rows` (up to BLOCK) rows; y [rows, TILE_OUTS]. */
static void product_block(scratch *c, const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, float *y, size_t outs,
                          size_t ldy) {
    const vs_dtype_info *info = vs_dtype_of(w.dtype);
    /* f32 is used where it lies, unless it is not aligned, or the rows of W would share cache sets */
    bool aligned = w.stride % sizeof(float) == 0 && (uintptr_t)w.p % sizeof(float) == 0;
    bool direct = w.dtype == VS_F32 && outs == TILE_OUTS && aligned && (rows < 32 || w.stride % 4096);
    size_t k = 0;
    do { /* once even where in is 0 */
        size_t n = in - k < PANEL ? in - k : PANEL, whole = n / 16 * 16;
        const unsigned char *p = w.p + k / info->block * info->block_bytes;
        const float *panel = (const float *)(const void *)p;
        size_t ldw = w.stride / sizeof(float);
        if (!direct) {
            panel = c->panel, ldw = PANEL + PAD;
            for (size_t o = 0; o < outs; o++) widen(w.dtype, p + o * w.stride, c->panel + o * ldw, n);
        }
        float *s = c->sums;
        for (size_t r = 0; r < rows; r += TILE_ROWS) {
            size_t some = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
            tile(some, x + r * ldx + k, ldx, panel, ldw, whole, s, k > 0);
            if (whole < n) tile_rest(some, x + r * ldx + k + whole, ldx, panel + whole, ldw, n - whole, s, true);
            if (n == in - k) tile_total(some, s, y + r * ldy, ldy);
            if (in > PANEL) s += TILE; /* else they are done with at once, and stay near */
        }
        k += PANEL;
    } while (k < in);
}

/* n outputs of each row from where they were made, with b (NULL: 0), into y. */
static void write_rows(const float *from, size_t ld, size_t rows, size_t n, const float *b, float *y, size_t ldy) {
    for (size_t r = 0; r < rows; r++, from += ld, y += ldy) {
        if (b)
            add_into(from, b, y, n);
        else
            memcpy(y, from, n * sizeof *y);
    }
}

/* ---- one row: weights widened in registers, never stored ---- */

enum { SIDE = 4 }; /* outputs at a time, so that their sums do not wait for each other */

typedef void head_fn(const uint8_t *block, float t[16]);
typedef void part_fn(const uint8_t *block, const float t[16], int p, v16 *w);

/* R outputs of one row over whole blocks of `of` weights, `bytes` bytes each. */
INLINE void row_times(const int R, head_fn head, part_fn part, const size_t of, const size_t bytes, const float *x,
                      size_t in, const uint8_t *w, size_t stride, float *total) {
    const int parts = of == 256 ? 256 / PART : 1, vectors = of == 256 ? PART / 16 : 2;
    v16 s[SIDE];
    UNROLLED (r, R) s[r] = v_zero();
    for (size_t k = 0; k < in; k += of, x += of, w += bytes) {
        float t[SIDE][16];
        UNROLLED (r, R) head(w + r * stride, t[r]);
        if (parts > 1)
            __asm__ volatile("" ::"r"(t) : "memory"); /* read t from memory: gcc would shuffle registers instead */
        UNROLLED (p, parts)
            UNROLLED (r, R) {
                v16 v[PART / 16];
                part(w + r * stride, t[r], p, v);
                UNROLLED (j, vectors) s[r] = v_fma(v[j], v_load(x + p * PART + j * 16), s[r]);
            }
    }
    UNROLLED (r, R) total[r] = v_total(s[r]);
}

/* The rows done side by side lie a SIDE-th of W apart: each is a long run of bytes in order, which prefetchers follow.
 */
#define ROW_PRODUCT(type, of, head)                                                                                    \
    static void row_##type(const float *x, size_t in, const uint8_t *w, size_t stride, size_t outs, float *y) {        \
        size_t share = outs / SIDE, o = 0;                                                                             \
        float t[SIDE];                                                                                                 \
        for (; o < share; o++) {                                                                                       \
            row_times(SIDE, head, part_##type, of, sizeof(vs__##type), x, in, w + o * stride, share * stride, t);      \
            for (size_t r = 0; r < SIDE; r++) y[o + r * share] = t[r];                                                 \
        }                                                                                                              \
        for (o = share * SIDE; o < outs; o++)                                                                          \
            row_times(1, head, part_##type, of, sizeof(vs__##type), x, in, w + o * stride, stride, y + o);             \
    }
ROW_PRODUCT(f32, 32, head_none)
ROW_PRODUCT(f16, 32, head_none)
ROW_PRODUCT(bf16, 32, head_none)
ROW_PRODUCT(q4_0, 32, head_none)
ROW_PRODUCT(q5_0, 32, head_none)
ROW_PRODUCT(q8_0, 32, head_none)
ROW_PRODUCT(q4_k, 256, head_q4_k)
ROW_PRODUCT(q5_k, 256, head_q5_k)
ROW_PRODUCT(q6_k, 256, head_q6_k)

/* y [outs] for one row x; false where the type or the length of a row has no such kernel. */
static bool row_product(const float *x, size_t in, vs__weights w, size_t outs, float *y) {
    if (in % 32) return false;
    switch (w.dtype) {
    case VS_F32: row_f32(x, in, w.p, w.stride, outs, y); return true;
    case VS_F16: row_f16(x, in, w.p, w.stride, outs, y); return true;
    case VS_BF16: row_bf16(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q4_0: row_q4_0(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q5_0: row_q5_0(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q8_0: row_q8_0(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q4_K: row_q4_k(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q5_K: row_q5_k(x, in, w.p, w.stride, outs, y); return true;
    case VS_Q6_K: row_q6_k(x, in, w.p, w.stride, outs, y); return true;
    default: return false;
    }
}

static void matmul(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                   size_t outs, size_t ldy) {
    if (rows == 1 && row_product(x, in, w, outs, y)) {
        if (b) add_into(y, b, y, outs);
        return;
    }
    scratch c;
    memset(c.panel, 0, sizeof c.panel); /* rows that a last, narrower tile lacks */
    for (size_t g = 0; g < outs; g += GROUP) {
        size_t some_outs = outs - g < GROUP ? outs - g : GROUP;
        for (size_t r = 0; r < rows; r += BLOCK) {
            size_t some = rows - r < BLOCK ? rows - r : BLOCK;
            vs__weights at = {.p = w.p + g * w.stride, .stride = w.stride, .dtype = w.dtype};
            for (size_t o = 0; o < some_outs; o += TILE_OUTS, at.p += TILE_OUTS * w.stride)
                product_block(&c, x + r * ldx, some, in, ldx, at, c.done + o, some_outs - o < TILE_OUTS ? some_outs - o : TILE_OUTS, GROUP);
            write_rows(c.done, GROUP, some, some_outs, b ? b + g : NULL, y + r * ldy + g, ldy);
        }
    }
}
