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
    O_DEPTH = 128,              /* elements of k walked at once: a tile's part of B stays in the first-level cache */
    O_BLOCK = 384,              /* rows of C that share a panel of B */
    O_PAD = 16,                 /* keeps rows of packed A out of each other's cache sets */
    O_LINE = 64                 /* bytes that are fetched ahead at once */
};

typedef struct outer_scratch {
    _Alignas(64) float a[O_BLOCK * (O_DEPTH + O_PAD)];
    _Alignas(64) float b[O_COLS * O_DEPTH]; /* [O_COLS / O_WIDTH][O_DEPTH][O_WIDTH] */
    _Alignas(64) float wide[512];           /* blocks of a quantised type */
} outer_scratch;

/* s += A B for R rows times O_WIDTH columns: element (r, k) of A at a[r rs + k ks], row k of B at b[k O_WIDTH]. */
INLINE void chains(const size_t R, const float *a, size_t rs, size_t ks, const float *b, size_t n, vpass s[O_ROWS][O_VECTORS]) {
    for (size_t k = 0; k < n; k++, a += ks, b += O_WIDTH) {
        vpass row[O_VECTORS];
        UNROLLED (v, O_VECTORS) row[v] = p_load(b + v * PASS);
        UNROLLED (r, R) {
            vpass ar = p_set(a[r * rs]);
            UNROLLED (v, O_VECTORS) s[r][v] = p_fma(ar, row[v], s[r][v]);
        }
    }
}

/* R rows of C times O_WIDTH columns, as chains() has them. */
INLINE void outer_tile_of(const size_t R, const float *a, size_t rs, size_t ks, const float *b, size_t n, float *c,
                          size_t ldc, bool more) {
    vpass s[O_ROWS][O_VECTORS];
    UNROLLED (r, R)
        UNROLLED (v, O_VECTORS) s[r][v] = more ? p_load(c + r * ldc + v * PASS) : p_set(0);
    UNROLLED (r, R) /* the next tile's C lies below */
        for (size_t v = 0; v < O_WIDTH; v += O_LINE / sizeof *c) __builtin_prefetch(c + (R + r) * ldc + v, 1);
    chains(R, a, rs, ks, b, n, s);
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

/* A block of A, [rows, n] from a, as tiles read it: its rows where their elements stand side by side, else the columns of
 * each O_ROWS rows.  Tiles of rows from r begin at outer_at(). */
static void outer_pack(outer_scratch *s, const float *a, size_t rs, size_t ks, size_t rows, size_t n) {
    if (ks == 1) {
        for (size_t r = 0; r < rows; r++) memcpy(s->a + r * (O_DEPTH + O_PAD), a + r * rs, n * sizeof *a);
        return;
    }
    for (size_t r = 0; r < rows; r += O_ROWS) {
        size_t some = rows - r < O_ROWS ? rows - r : O_ROWS;
        for (size_t k = 0; k < n; k++) {
            float *to = s->a + r * O_DEPTH + k * O_ROWS;
            const float *from = a + r * rs + k * ks;
            if (some == O_ROWS)
                UNROLLED (i, O_ROWS) to[i] = from[i * rs];
            else
                for (size_t i = 0; i < some; i++) to[i] = from[i * rs];
        }
    }
}
static const float *outer_at(const outer_scratch *s, size_t ks, size_t r) {
    return s->a + (ks == 1 ? r * (O_DEPTH + O_PAD) : r / O_ROWS * O_ROWS * O_DEPTH + r % O_ROWS);
}

/* Rows [k, k + n) of what the next panel is made of, fetched ahead while this one is used. */
static void outer_ahead(vs__weights b, size_t k, size_t n, size_t col, size_t cols) {
    const vs_dtype_info *info = vs_dtype_of(b.dtype);
    size_t from = col / info->block * info->block_bytes, to = (col + cols + info->block - 1) / info->block * info->block_bytes;
    for (; n--; k++)
        for (size_t i = from; i < to; i += O_LINE) __builtin_prefetch(b.p + k * b.stride + i, 0, 2);
}

/* A panel of B against a block of A, into rows of C; meanwhile the panel at (next_k, next_col) is fetched. */
static void outer_panel_times(const outer_scratch *s, size_t rows, size_t ks, size_t n, size_t cols, float *c, size_t ldc, bool more,
                              vs__weights b, size_t next_k, size_t next_n, size_t next_col, size_t next_cols) {
    size_t a_rs = ks == 1 ? O_DEPTH + O_PAD : 1, a_ks = ks == 1 ? 1 : O_ROWS, at = 0;
    size_t tiles = (rows + O_ROWS - 1) / O_ROWS * ((cols + O_WIDTH - 1) / O_WIDTH), share = (next_n + tiles - 1) / tiles;
    for (size_t j = 0; j < cols; j += O_WIDTH)
        for (size_t r = 0, done; r < rows; r += done) {
            size_t some = at + share < next_n ? share : next_n - at;
            outer_ahead(b, next_k + at, some, next_col, next_cols);
            at += some;
            done = outer_rows(rows - r);
            if (j + O_WIDTH <= cols)
                outer_tile(done, outer_at(s, ks, r), a_rs, a_ks, s->b + j * O_DEPTH, n, c + r * ldc + j, ldc, more);
            else
                outer_edge(done, outer_at(s, ks, r), a_rs, a_ks, s->b + j * O_DEPTH, n, c + r * ldc + j, ldc, cols - j, more);
        }
}

static void outer(const float *a, size_t m, size_t rs, size_t ks, vs__weights b, size_t depth, size_t col, size_t n,
                  float *c, size_t ldc, bool more) {
    outer_scratch s;
    for (size_t m0 = 0; m0 < m; m0 += O_BLOCK) {
        size_t rows = m - m0 < O_BLOCK ? m - m0 : O_BLOCK, k0 = 0;
        do { /* once even where depth is 0 */
            size_t some = depth - k0 < O_DEPTH ? depth - k0 : O_DEPTH;
            outer_pack(&s, a + m0 * rs + k0 * ks, rs, ks, rows, some);
            for (size_t j = 0; j < n; j += O_COLS) {
                size_t cols = n - j < O_COLS ? n - j : O_COLS, next_j = j + O_COLS < n ? j + O_COLS : 0, next_k = next_j ? k0 : k0 + O_DEPTH;
                size_t next_n = next_k >= depth ? 0 : depth - next_k < O_DEPTH ? depth - next_k : O_DEPTH;
                outer_panel(&s, b, k0, some, col + j, cols);
                outer_panel_times(&s, rows, ks, some, cols, c + m0 * ldc + j, ldc, more || k0, b, next_k, next_n, col + next_j,
                                  n - next_j < O_COLS ? n - next_j : O_COLS);
            }
            k0 += O_DEPTH;
        } while (k0 < depth);
    }
}
