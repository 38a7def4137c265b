/* outer.h - C += A B in the order of reverse.h, for one instruction set; included by body.c.
 *
 * Each element of C is one chain of fused multiply-adds, k ascending, so the pieces in which k is walked and what is
 * done side by side change no bit: a tile of C is loaded, goes on, and is stored again. */

#if defined(VS_ISA_avx512)
enum { O_ROWS = 6, O_VECTORS = 4 };
#elif defined(VS_ISA_avx2)
enum { O_ROWS = 6, O_VECTORS = 2 };
#elif defined(VS_ISA_neon)
enum { O_ROWS = 6, O_VECTORS = 4 };
#else
enum { O_ROWS = 2, O_VECTORS = 1 };
#endif
enum {
    O_WIDTH = O_VECTORS * PASS, /* columns of a tile; O_COLS is a multiple */
    O_COLS = 64,                /* columns whose panel of B is made at once */
    O_DEPTH = 256,              /* elements of k walked at once */
    O_BLOCK = 192,              /* rows of C that share a panel of B */
    O_PAD = 16                  /* keeps rows of packed A out of each other's cache sets */
};

typedef struct outer_scratch {
    _Alignas(64) float a[(O_BLOCK + O_PAD) * (O_DEPTH + O_PAD)];
    _Alignas(64) float b[O_COLS * O_DEPTH]; /* [O_COLS / O_WIDTH][O_DEPTH][O_WIDTH] */
    _Alignas(64) float wide[512];           /* blocks of a quantised type */
} outer_scratch;

/* R rows of C times O_WIDTH columns: element (r, k) of A at a[r rs + k ks], row k of B at b[k O_WIDTH]. */
INLINE void outer_tile_of(const size_t R, const float *a, size_t rs, size_t ks, const float *b, size_t n, float *c,
                          size_t ldc, bool more) {
    vpass s[O_ROWS][O_VECTORS];
    UNROLLED (r, R)
        UNROLLED (v, O_VECTORS) s[r][v] = more ? p_load(c + r * ldc + v * PASS) : p_set(0);
    for (size_t k = 0; k < n; k++, a += ks, b += O_WIDTH) {
        vpass row[O_VECTORS];
        UNROLLED (v, O_VECTORS) row[v] = p_load(b + v * PASS);
        UNROLLED (r, R) {
            vpass ar = p_set(a[r * rs]);
            UNROLLED (v, O_VECTORS) s[r][v] = p_fma(ar, row[v], s[r][v]);
        }
    }
    UNROLLED (r, R)
        UNROLLED (v, O_VECTORS) p_store(c + r * ldc + v * PASS, s[r][v]);
}

static void outer_tile(size_t rows, const float *a, size_t rs, size_t ks, const float *b, size_t n, float *c, size_t ldc,
                       bool more) {
    switch (rows) {
    case O_ROWS: outer_tile_of(O_ROWS, a, rs, ks, b, n, c, ldc, more); break;
#if !defined(VS_ISA_scalar)
    case 4: outer_tile_of(4, a, rs, ks, b, n, c, ldc, more); break;
    case 2: outer_tile_of(2, a, rs, ks, b, n, c, ldc, more); break;
#endif
    default: outer_tile_of(1, a, rs, ks, b, n, c, ldc, more); break;
    }
}

/* The same where fewer than O_WIDTH columns of C are there. */
static void outer_edge(size_t rows, const float *a, size_t rs, size_t ks, const float *b, size_t n, float *c, size_t ldc,
                       size_t cols, bool more) {
    float t[O_ROWS * O_WIDTH] = {0};
    for (size_t r = 0; more && r < rows; r++) memcpy(t + r * O_WIDTH, c + r * ldc, cols * sizeof *t);
    outer_tile(rows, a, rs, ks, b, n, t, O_WIDTH, more);
    for (size_t r = 0; r < rows; r++) memcpy(c + r * ldc, t + r * O_WIDTH, cols * sizeof *t);
}

static size_t outer_rows(size_t rows) {
    if (rows >= O_ROWS) return O_ROWS;
    return O_ROWS > 2 && rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

/* Columns [col, col + cols) of row k of B as f32. */
static const float *outer_row(outer_scratch *s, vs__weights b, size_t k, size_t col, size_t cols) {
    const vs_dtype_info *info = vs_dtype_of(b.dtype);
    const unsigned char *p = b.p + k * b.stride + col / info->block * info->block_bytes;
    if (b.dtype == VS_F32 && (uintptr_t)p % sizeof(float) == 0) return (const float *)(const void *)p;
    size_t whole = info->block > 1 ? (cols + col % info->block + info->block - 1) / info->block * info->block : cols;
    widen(b.dtype, p, s->wide, whole);
    return s->wide + col % info->block;
}

/* Panels of n rows of B from row k0, columns [col, col + cols), filled up with zeros. */
static void outer_panel(outer_scratch *s, vs__weights b, size_t k0, size_t n, size_t col, size_t cols) {
    for (size_t k = 0; k < n; k++) {
        const float *row = outer_row(s, b, k0 + k, col, cols);
        for (size_t j = 0; j < O_COLS; j += O_WIDTH) {
            float *to = s->b + j * O_DEPTH + k * O_WIDTH;
            if (j + O_WIDTH <= cols) {
                UNROLLED (v, O_VECTORS) p_store(to + v * PASS, p_load(row + j + v * PASS));
            } else {
                size_t some = j < cols ? cols - j : 0;
                memset(to, 0, O_WIDTH * sizeof *to);
                memcpy(to, row + j, some * sizeof *to);
            }
        }
    }
}

/* A block of A, [rows, n] from a: rows of k where its elements stand side by side, else columns. */
static void outer_pack(outer_scratch *s, const float *a, size_t rs, size_t ks, size_t rows, size_t n, size_t *to_rs,
                       size_t *to_ks) {
    if (ks == 1) {
        for (size_t r = 0; r < rows; r++) memcpy(s->a + r * (O_DEPTH + O_PAD), a + r * rs, n * sizeof *a);
        *to_rs = O_DEPTH + O_PAD, *to_ks = 1;
        return;
    }
    for (size_t k = 0; k < n; k++) {
        float *to = s->a + k * (O_BLOCK + O_PAD);
        if (rs == 1)
            memcpy(to, a + k * ks, rows * sizeof *a);
        else
            for (size_t r = 0; r < rows; r++) to[r] = a[r * rs + k * ks];
    }
    *to_rs = 1, *to_ks = O_BLOCK + O_PAD;
}

static void outer(const float *a, size_t m, size_t rs, size_t ks, vs__weights b, size_t depth, size_t col, size_t n,
                  float *c, size_t ldc, bool more) {
    outer_scratch s;
    for (size_t m0 = 0; m0 < m; m0 += O_BLOCK) {
        size_t rows = m - m0 < O_BLOCK ? m - m0 : O_BLOCK, k0 = 0;
        do { /* once even where depth is 0 */
            size_t some = depth - k0 < O_DEPTH ? depth - k0 : O_DEPTH, a_rs, a_ks;
            outer_pack(&s, a + m0 * rs + k0 * ks, rs, ks, rows, some, &a_rs, &a_ks);
            for (size_t j0 = 0; j0 < n; j0 += O_COLS) {
                size_t cols = n - j0 < O_COLS ? n - j0 : O_COLS;
                outer_panel(&s, b, k0, some, col + j0, cols);
                for (size_t j = 0; j < cols; j += O_WIDTH)
                    for (size_t r = 0, done; r < rows; r += done) {
                        float *to = c + (m0 + r) * ldc + j0 + j;
                        done = outer_rows(rows - r);
                        if (j + O_WIDTH <= cols)
                            outer_tile(done, s.a + r * a_rs, a_rs, a_ks, s.b + j * O_DEPTH, some, to, ldc, more || k0);
                        else
                            outer_edge(done, s.a + r * a_rs, a_rs, a_ks, s.b + j * O_DEPTH, some, to, ldc, cols - j, more || k0);
                    }
            }
            k0 += O_DEPTH;
        } while (k0 < depth);
    }
}
