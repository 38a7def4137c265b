/* few.h - outer.h for a few rows: B is read once, in the order in which it lies, and C goes on a few elements of k at a
 * time; included by body.c. */

/* Rows side by side at most, and how many registers each of R rows has for its columns: as many as there are. */
#if defined(VS_ISA_avx512) || defined(VS_ISA_neon)
#define FEW_VECTORS(R) ((R) <= 3 ? 8 : (R) <= 6 ? 4 : 2)
enum { FEW_ROWS = 12 };
#elif defined(VS_ISA_avx2)
#define FEW_VECTORS(R) ((R) == 1 ? 8 : (R) == 2 ? 4 : 2)
enum { FEW_ROWS = 6 };
#else
#define FEW_VECTORS(R) 1
enum { FEW_ROWS = 6 };
#endif
enum {
    FEW_DEPTH = 48, /* rows of B read side by side */
    FEW_COLS = 256, /* columns widened at once, where B is not f32 */
    FEW_AHEAD = 32  /* columns fetched ahead at least */
};

typedef struct few_scratch {
    _Alignas(64) float a[FEW_DEPTH * VS__OUTER_FEW];
    _Alignas(64) float b[FEW_DEPTH * FEW_COLS];
    _Alignas(64) float c[VS__OUTER_FEW * FEW_COLS];
    _Alignas(64) float wide[FEW_COLS + 512]; /* blocks of a quantised type */
} few_scratch;

/* R rows of C times V registers of columns go on over n elements; a: [n][R]. */
INLINE void few_tile_of(const size_t R, const float *a, const float *b, size_t ldb, size_t n, float *c, size_t ldc) {
    const size_t V = FEW_VECTORS(R), width = V * PASS, ahead = width < FEW_AHEAD ? FEW_AHEAD : width;
    vpass s[FEW_ROWS][8];
    UNROLLED (r, R)
        UNROLLED (v, V) s[r][v] = p_load(c + r * ldc + v * PASS);
    for (size_t k = 0; k < n; k++, a += R, b += ldb) {
        vpass row[8];
        UNROLLED (v, V) row[v] = p_load(b + v * PASS);
        for (size_t v = 0; v < width; v += O_LINE / sizeof *b) __builtin_prefetch(b + ahead + v, 0, 2);
        UNROLLED (r, R) {
            vpass ar = p_set(a[r]);
            UNROLLED (v, V) s[r][v] = p_fma(ar, row[v], s[r][v]);
        }
    }
    UNROLLED (r, R)
        UNROLLED (v, V) p_store(c + r * ldc + v * PASS, s[r][v]);
}

static void few_tile(size_t rows, const float *a, const float *b, size_t ldb, size_t n, float *c, size_t ldc) {
#define CASE(R)                                                                                                        \
    case R: few_tile_of(R, a, b, ldb, n, c, ldc); break
    switch (rows) {
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
#if defined(VS_ISA_avx512) || defined(VS_ISA_neon)
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
#endif
    }
#undef CASE
}
/* Rows of A side by side: m of them in blocks of one size, or of two that differ by one and whose tiles are as wide. */
typedef struct few_rows {
    size_t m, blocks, width;
} few_rows;

static few_rows few_rows_of(size_t m) {
    size_t blocks = (m + FEW_ROWS - 1) / FEW_ROWS;
    if (FEW_VECTORS(m / blocks) != FEW_VECTORS((m - 1) / blocks + 1)) blocks++;
    return (few_rows){m, blocks, (size_t)FEW_VECTORS(m / blocks) * PASS};
}

/* Columns of one tile's width: all rows, while these columns of B are near. */
static void few_columns(few_rows f, const float *a, const float *b, size_t ldb, size_t n, float *c, size_t ldc) {
    for (size_t i = 0, r = 0, end; i < f.blocks; i++, r = end) {
        end = f.m * (i + 1) / f.blocks;
        few_tile(end - r, a + r * n, b, ldb, n, c + r * ldc, ldc);
    }
}

/* Columns [j, j + cols), at most FEW_COLS, of n rows of B and of C: copies where they are not whole tiles of f32. */
static void few_copied(few_scratch *s, const outer_job *o, few_rows f, size_t k, size_t n, size_t j, size_t cols) {
    size_t wide = (cols + f.width - 1) / f.width * f.width;
    for (size_t i = 0; i < n; i++) {
        float *to = s->b + i * FEW_COLS;
        memcpy(to, outer_row(s->wide, o->b, k + i, o->col + j, cols), cols * sizeof *to);
        memset(to + cols, 0, (wide - cols) * sizeof *to);
    }
    for (size_t r = 0; r < o->m; r++) {
        memcpy(s->c + r * FEW_COLS, o->c + r * o->ldc + j, cols * sizeof *s->c);
        memset(s->c + r * FEW_COLS + cols, 0, (wide - cols) * sizeof *s->c);
    }
    for (size_t i = 0; i < cols; i += f.width) few_columns(f, s->a, s->b + i, FEW_COLS, n, s->c + i, FEW_COLS);
    for (size_t r = 0; r < o->m; r++) memcpy(o->c + r * o->ldc + j, s->c + r * FEW_COLS, cols * sizeof *s->c);
}

/* n elements of each row of A from k on, as tiles read them: [blocks][n][rows of the block]. */
static void few_pack(float *to, const outer_job *o, few_rows f, size_t k, size_t n) {
    for (size_t i = 0, r = 0, end; i < f.blocks; i++, r = end) {
        end = f.m * (i + 1) / f.blocks;
        for (size_t j = 0; j < n; j++)
            for (size_t q = r; q < end; q++) *to++ = o->a[q * o->rs + (k + j) * o->ks];
    }
}

static void outer_few(const outer_job *o) {
    few_scratch s;
    few_rows f = few_rows_of(o->m);
    size_t n;
    bool plain = o->b.dtype == VS_F32 && o->b.stride % sizeof(float) == 0 && (uintptr_t)o->b.p % sizeof(float) == 0;
    for (size_t r = 0; r < o->m; r++) {
        if (!o->from)
            memset(o->c + r * o->ldc, 0, o->n * sizeof *o->c);
        else if (o->from + r * o->ldfrom != o->c + r * o->ldc)
            memcpy(o->c + r * o->ldc, o->from + r * o->ldfrom, o->n * sizeof *o->c);
    }
    for (size_t k = 0; k < o->depth; k += n) {
        n = o->depth - k < FEW_DEPTH ? o->depth - k : FEW_DEPTH;
        few_pack(s.a, o, f, k, n);
        size_t j = 0;
        const float *b = (const float *)(const void *)(o->b.p + k * o->b.stride) + o->col;
        if (plain)
            for (; j + f.width <= o->n; j += f.width) few_columns(f, s.a, b + j, o->b.stride / sizeof *b, n, o->c + j, o->ldc);
        for (; j < o->n; j += FEW_COLS) few_copied(&s, o, f, k, n, j, o->n - j < FEW_COLS ? o->n - j : FEW_COLS);
    }
}

static void outer(const float *a, vs__packed packed, size_t m, size_t rs, size_t ks, vs__weights b, size_t depth, size_t col, size_t n,
                  const float *from, size_t ldfrom, float *c, size_t ldc) {
    outer_job o = {a, packed, m, rs, ks, depth, col, b, from, ldfrom, c, n, ldc};
    if (m > VS__OUTER_FEW || b.turned)
        outer_many(&o);
    else if (m)
        outer_few(&o);
}
