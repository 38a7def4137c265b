/* outer.h - C = F + A B in the order of reverse.h, for one instruction set; included by body.c.
 *
 * Each element of C is one chain of fused multiply-adds, k ascending, so the pieces in which k is walked and what is
 * done side by side change no bit: a tile of C is loaded, goes on, and is stored again.
 *
 * Many rows: a panel of B is copied into the first-level cache, rows of A and of C that it meets lie in the second
 * (Goto and van de Geijn 2008, section 4).  Few rows: B is read once, where it lies, so reading it is all that counts. */

#if defined(VS_ISA_avx512)
enum { O_ROWS = 6, O_VECTORS = 4, O_BLOCK = 516 };
#elif defined(VS_ISA_avx2)
enum { O_ROWS = 6, O_VECTORS = 2, O_BLOCK = 258 };
#elif defined(VS_ISA_neon)
enum { O_ROWS = 6, O_VECTORS = 4, O_BLOCK = 258 };
#else
enum { O_ROWS = 2, O_VECTORS = 1, O_BLOCK = 258 };
#endif
enum {
    O_WIDTH = O_VECTORS * PASS, /* columns of a tile; O_COLS is a multiple */
    O_COLS = 64,                /* columns whose panel of B is made at once */
    O_GROUP = 192,              /* columns that a block of A serves while it is near */
    O_DEPTH = VS__OUTER_DEPTH,  /* elements of k walked at once: a tile's part of B stays in the first-level cache */
    O_LINE = 64                 /* bytes that are fetched ahead at once */
};

_Static_assert(VS__OUTER_ROWS % O_ROWS == 0, "kernels_table.h");

typedef struct outer_scratch {
    _Alignas(64) float a[O_BLOCK * O_DEPTH];
    _Alignas(64) float b[O_COLS * O_DEPTH]; /* [O_COLS / O_WIDTH][O_DEPTH][O_WIDTH] */
    _Alignas(64) float c[O_BLOCK * O_GROUP];
    _Alignas(64) float wide[512];           /* blocks of a quantised type */
} outer_scratch;

/* What the product works on: as vs__kernels.outer has it. */
typedef struct outer_job {
    const float *a;
    vs__packed packed;
    size_t m, rs, ks, depth, col;
    vs__weights b;
    const float *from;
    size_t ldfrom;
    float *c;
    size_t n, ldc;
} outer_job;

typedef vpass outer_sums[O_ROWS][O_VECTORS];

/* O_ROWS rows of C times O_WIDTH columns go on over n elements; a: [n][O_ROWS], b: [n][O_WIDTH]. */
INLINE void outer_chain(const float *a, const float *b, size_t n, outer_sums s) {
    for (size_t k = 0; k < n; k++, a += O_ROWS, b += O_WIDTH) {
        vpass row[O_VECTORS];
        UNROLLED (v, O_VECTORS) row[v] = p_load(b + v * PASS);
        __builtin_prefetch(a + O_ROWS * n, 0, 3);
        UNROLLED (r, O_ROWS) {
            vpass ar = p_set(a[r]);
            UNROLLED (v, O_VECTORS) s[r][v] = p_fma(ar, row[v], s[r][v]);
        }
    }
}

INLINE void outer_tile(const float *a, const float *b, size_t n, float *c, bool more) {
    outer_sums s;
    UNROLLED (r, O_ROWS)
        UNROLLED (v, O_VECTORS) s[r][v] = more ? p_load(c + r * O_GROUP + v * PASS) : p_set(0);
    outer_chain(a, b, n, s);
    UNROLLED (r, O_ROWS)
        UNROLLED (v, O_VECTORS) p_store(c + r * O_GROUP + v * PASS, s[r][v]);
}

/* Columns [col, col + cols) of row k of B as f32. */
static const float *outer_row(float *wide, vs__weights b, size_t k, size_t col, size_t cols) {
    const vs_dtype_info *info = vs_dtype_of(b.dtype);
    const unsigned char *p = b.p + k * b.stride + col / info->block * info->block_bytes;
    if (b.dtype == VS_F32 && (uintptr_t)p % sizeof(float) == 0) return (const float *)(const void *)p;
    size_t whole = info->block > 1 ? (cols + col % info->block + info->block - 1) / info->block * info->block : cols;
    widen(b.dtype, p, wide, whole);
    return wide + col % info->block;
}

/* The panel of n rows of B from row k, columns [col, col + cols), filled up with zeros. */
static void outer_panel(outer_scratch *s, vs__weights b, size_t k, size_t n, size_t col, size_t cols) {
    for (float *to = s->b, *end = to + n * O_WIDTH; to < end; to += O_WIDTH, k++) {
        const float *row = outer_row(s->wide, b, k, col, cols);
        for (size_t j = 0; j < O_COLS; j += O_WIDTH) {
            float *t = to + j * O_DEPTH;
            if (j + O_WIDTH <= cols) {
                UNROLLED (v, O_VECTORS) p_store(t + v * PASS, p_load(row + j + v * PASS));
            } else {
                size_t some = j < cols ? cols - j : 0;
                memset(t, 0, O_WIDTH * sizeof *t);
                memcpy(t, row + j, some * sizeof *t);
            }
        }
    }
}

/* Four numbers; four rows of four, turned: columns `step` apart. */
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
INLINE void turn_four(const float *const row[4], size_t at, float *to, size_t step) {
    four a, b, c, d;
    memcpy(&a, row[0] + at, sizeof a), memcpy(&b, row[1] + at, sizeof b), memcpy(&c, row[2] + at, sizeof c), memcpy(&d, row[3] + at, sizeof d);
    four ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    four r[4] = {__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5), __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7),
                 __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5), __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
    UNROLLED (i, 4) memcpy(to + i * step, &r[i], sizeof r[i]);
}

/* The same where columns of B lie in rows. */
static void outer_panel_turned(outer_scratch *s, vs__weights b, size_t k, size_t n, size_t col, size_t cols) {
    static const float none[O_DEPTH] = {0};
    vs__weights columns = {b.p, b.stride, b.dtype, false};
    for (size_t j = 0; j < O_COLS; j += 4) {
        const float *row[4];
        float *to = s->b + j / O_WIDTH * O_WIDTH * O_DEPTH + j % O_WIDTH;
        UNROLLED (i, 4) row[i] = j + i < cols ? outer_row(s->wide + i * O_DEPTH, columns, col + j + i, k, n) : none;
        size_t at = 0;
        for (; at + 4 <= n; at += 4, to += 4 * O_WIDTH) turn_four(row, at, to, O_WIDTH);
        for (; at < n; at++, to += O_WIDTH) UNROLLED (i, 4) to[i] = row[i][at];
    }
}

/* n elements of `rows` rows of A as a tile reads them, zeros in the others: [n][O_ROWS]. */
static void outer_pack_tile(const float *a, size_t rows, size_t rs, size_t ks, size_t n, float *t) {
    size_t k = 0;
    if (rows == O_ROWS && rs == 1)
        for (; k < n; k++, t += O_ROWS) memcpy(t, a + k * ks, O_ROWS * sizeof *t);
    if (rows == O_ROWS && ks == 1 && O_ROWS >= 4) {
        const float *const row[4] = {a, a + rs, a + 2 * rs, a + 3 * rs};
        for (; k + 4 <= n; k += 4, t += 4 * O_ROWS) {
            turn_four(row, k, t, O_ROWS);
            for (size_t r = 4; r < O_ROWS; r++) UNROLLED (i, 4) t[i * O_ROWS + r] = a[r * rs + k + i];
        }
    }
    for (; k < n; k++, t += O_ROWS) UNROLLED (r, O_ROWS) t[r] = r < rows ? a[r * rs + k * ks] : 0;
}

/* m rows of A, [m, depth], into their place of `to`. */
static void outer_pack(const float *a, size_t m, size_t rs, size_t ks, size_t depth, vs__packed to) {
    for (size_t k = 0; k < depth; k += O_DEPTH) {
        size_t n = depth - k < O_DEPTH ? depth - k : O_DEPTH;
        float *t = to.at + k * to.whole + to.row * n;
        for (size_t r = 0; r < m; r += O_ROWS, t += n * O_ROWS)
            outer_pack_tile(a + r * rs + k * ks, m - r < O_ROWS ? m - r : O_ROWS, rs, ks, n, t);
    }
}

/* Rows [k, k + n) of what the next panel is made of, fetched ahead while this one is used. */
static void outer_ahead(vs__weights b, size_t k, size_t n, size_t col, size_t cols) {
    const vs_dtype_info *info = vs_dtype_of(b.dtype);
    size_t from = col / info->block * info->block_bytes, to = (col + cols + info->block - 1) / info->block * info->block_bytes;
    if (b.turned) return; /* long pieces, which come of themselves */
    for (; n--; k++)
        for (size_t i = from; i < to; i += O_LINE) __builtin_prefetch(b.p + k * b.stride + i, 0, 2);
}

/* Where a panel of B begins: row k, column j of C's; `rows` of it (0: there is none). */
typedef struct outer_place {
    size_t k, j, rows;
} outer_place;

/* A block of A against the panel of `cols` columns and n rows of B; meanwhile the next one is fetched. */
static void outer_panel_times(const outer_scratch *s, const outer_job *o, const float *a, size_t rows, size_t n, float *c, size_t cols, bool more, outer_place next) {
    size_t tiles = (rows - 1) / O_ROWS + 1, share = (next.rows + tiles - 1) / tiles;
    size_t cols_next = o->n - next.j < O_COLS ? o->n - next.j : O_COLS;
    for (size_t r = 0; r < rows; r += O_ROWS) {
        size_t some = share < next.rows ? share : next.rows;
        outer_ahead(o->b, next.k, some, o->col + next.j, cols_next);
        next.k += some, next.rows -= some;
        for (size_t i = 0; i < cols; i += O_WIDTH)
            outer_tile(a + r * n, s->b + i * O_DEPTH, n, c + r * O_GROUP + i, more);
    }
}

static size_t outer_whole(size_t rows) { return (rows + O_ROWS - 1) / O_ROWS * O_ROWS; }
static size_t outer_depth(const outer_job *o, size_t k) { return o->depth - k < O_DEPTH ? o->depth - k : O_DEPTH; }

/* n numbers to another place: rows are too short for memcpy(), which gcc makes `rep movs` of. */
INLINE void copy_row(float *to, const float *from, size_t n) {
    size_t i = 0;
    for (; i + 64 <= n; i += 64) UNROLLED (v, 64 / PASS) p_store(to + i + v * PASS, p_load(from + i + v * PASS));
    for (; i + PASS <= n; i += PASS) p_store(to + i, p_load(from + i));
    for (; i < n; i++) to[i] = from[i];
}

/* Rows [m0, m0 + rows) of C, columns [g, g + cols). */
static void outer_group(outer_scratch *s, const outer_job *o, size_t m0, size_t rows, size_t g, size_t cols) {
    for (size_t r = 0; r < rows && o->from; r++) copy_row(s->c + r * O_GROUP, o->from + (m0 + r) * o->ldfrom + g, cols);
    size_t k = 0;
    do { /* once even where depth is 0 */
        size_t n = outer_depth(o, k);
        const float *a = o->packed.at ? o->packed.at + k * o->packed.whole + (o->packed.row + m0) * n : s->a;
        if (!o->packed.at) outer_pack(o->a + m0 * o->rs + k * o->ks, rows, o->rs, o->ks, n, (vs__packed){s->a, outer_whole(rows), 0});
        for (size_t j = 0; j < cols; j += O_COLS) {
            size_t some = cols - j < O_COLS ? cols - j : O_COLS;
            outer_place next = {k, g + j + O_COLS, n};
            if (some == cols - j) {
                next.k = k + n < o->depth ? k + n : 0;
                next.j = next.k || m0 + rows < o->m ? g : g + cols;
                next.rows = next.j < o->n ? outer_depth(o, next.k) : 0;
            }
            (o->b.turned ? outer_panel_turned : outer_panel)(s, o->b, k, n, o->col + g + j, some);
            outer_panel_times(s, o, a, rows, n, s->c + j, some, o->from || k, next);
        }
        k += n;
    } while (k < o->depth);
    for (size_t r = 0; r < rows; r++) copy_row(o->c + (m0 + r) * o->ldc + g, s->c + r * O_GROUP, cols);
}

static void outer_many(const outer_job *o) {
    outer_scratch s;
    size_t blocks = (o->m + O_BLOCK - 1) / O_BLOCK, block = outer_whole((o->m - 1) / blocks + 1); /* of one size */
    for (size_t g = 0; g < o->n; g += O_GROUP)
        for (size_t m0 = 0; m0 < o->m; m0 += block)
            outer_group(&s, o, m0, o->m - m0 < block ? o->m - m0 : block, g, o->n - g < O_GROUP ? o->n - g : O_GROUP);
}
