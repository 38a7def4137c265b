/* product_t.h - y = x W for weights stored [in, out], with the bits of the product by their transposed copy.
 *
 * Columns of W stand side by side in a register, so nothing has to be turned: partial sum l of sixteen is the chain of
 * outer.h over the elements k = l, l + 16, … alone.  The partial sums are made one after the other, l in the order of
 * t_lane, in which each meets its partner of the tree of kernels.h as soon as both are there.  One row is not worth the
 * copies that this makes of x and W: W is read in its own order, and each output has its partial sums in memory. */

_Static_assert((int)O_COLS == (int)VS__T_COLS && (int)VS__T_ROWS % (int)O_ROWS == 0 && VS__T_BLOCK % VS__T_ROWS == 0, "kernels_table.h");
enum { T_LEVELS = 4 }; /* of the tree: sums of 1, 2, 4, 8 partial sums wait for their partners */

/* The order of the partial sums: 0 and 8 are added first, then 4 and 12, their sums to each other, … */
static const unsigned char t_lane[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

typedef float t_sums[VS__T_BLOCK][O_COLS];

/* R rows times O_WIDTH columns of one partial sum, of n elements (as chains() has them), added to what waits for it in the
 * levels below its own, into that. */
INLINE void t_tile_of(const size_t R, const float *x, const float *w, size_t n, float *s, size_t level) {
    const size_t to = sizeof(t_sums) / sizeof(float);
    vpass a[O_ROWS][O_VECTORS];
    UNROLLED (r, R)
        UNROLLED (v, O_VECTORS) a[r][v] = p_set(0);
    chains(R, x, 1, VS__T_ROWS, w, n, a);
    for (; level; level--, s += to)
        UNROLLED (r, R)
            UNROLLED (v, O_VECTORS) a[r][v] = p_add(p_load(s + r * O_COLS + v * PASS), a[r][v]);
    UNROLLED (r, R)
        UNROLLED (v, O_VECTORS) p_store(s + r * O_COLS + v * PASS, a[r][v]);
}

static void t_tile(size_t rows, const float *x, const float *w, size_t n, float *s, size_t level) {
    switch (rows) {
    case O_ROWS: t_tile_of(O_ROWS, x, w, n, s, level); break;
#if !defined(VS_ISA_scalar)
    case 4: t_tile_of(4, x, w, n, s, level); break;
    case 2: t_tile_of(2, x, w, n, s, level); break;
#endif
    default: t_tile_of(1, x, w, n, s, level); break;
    }
}

/* Elements l, l + 16, … of each column of W: as rows of weights, *depth of them. */
static vs__weights t_part(vs__weights w, size_t in, size_t l, size_t *depth) {
    *depth = l < in ? (in - 1 - l) / 16 + 1 : 0;
    return (vs__weights){w.p + l * w.stride, 16 * w.stride, w.dtype};
}

/* Columns [o, o + cols) of the rows of `part`, zeros beyond: [O_COLS / O_WIDTH][depth][O_WIDTH]. */
static void t_copy(vs__weights part, size_t own, size_t depth, size_t o, size_t cols, float *to) {
    _Alignas(64) float wide[O_COLS] = {0};
    const unsigned char *p = part.p + o * vs_dtype_of(part.dtype)->block_bytes;
    for (size_t k = 0; k < depth; k++, p += part.stride, to += O_WIDTH) {
        const float *row = (const float *)(const void *)p;
        if (k >= own)
            row = memset(wide, 0, sizeof wide);
        else if (part.dtype != VS_F32 || (uintptr_t)p % sizeof(float) || cols < O_COLS)
            widen(part.dtype, p, wide, cols), row = wide;
        for (size_t j = 0; j < O_COLS; j += O_WIDTH)
            UNROLLED (v, O_VECTORS) p_store(to + j * depth + v * PASS, p_load(row + j + v * PASS));
    }
}

enum { T_ONE = 96 }; /* columns of W that one row takes at a time */

/* One row: element k of every output goes into its partial sum k mod 16, k ascending. */
static void row_t(const float *x, size_t in, vs__weights w, size_t o0, size_t some, float *y) {
    enum { OUTS = T_ONE };
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

static void pack_t(const float *x, size_t rows, size_t in, size_t ldx, float *packed, size_t lane) {
    size_t depth = (in + 15) / 16;
    if (rows < VS__T_ROWS || in % 16)
        for (size_t l = 0; l < 16; l++) memset(packed + l * lane, 0, depth * VS__T_ROWS * sizeof *packed);
    for (size_t k = 0; k < in; k++)
        for (size_t i = 0; i < rows; i++) packed[t_lane[k % 16] * lane + k / 16 * VS__T_ROWS + i] = x[i * ldx + k];
}

/* Rows of W fetched ahead, a few with each tile: where one copy serves several blocks of rows those of the next columns,
 * in their order; else those of the next partial sum. */
typedef struct t_ahead {
    const unsigned char *p;
    size_t step, bytes, left; /* to the next row, of a row, rows of this run */
    size_t part, o;           /* the run: partial sum in t_lane's order, columns from o */
    size_t due, each;         /* a row is due whenever `each` of W's rows have been added up */
} t_ahead;

/* What the product works on: W, and columns [o, o + cols) of it in `copy`, partial sum by partial sum. */
typedef struct t_job {
    vs__weights w;
    size_t in, depth, outs, o, cols;
    float *copy;
    bool keep; /* the copy serves several blocks of rows: each part has its own place */
    t_ahead next;
} t_job;

/* The next run of rows; false where there is none. */
static bool t_run(t_job *t) {
    t_ahead *a = &t->next;
    if (t->keep || ++a->part == 16) a->part = 0, a->o += O_COLS;
    if (a->o >= t->outs || a->o > t->o + O_COLS) return a->left = 0, a->due = 0, false;
    size_t bytes = vs_dtype_of(t->w.dtype)->block_bytes;
    vs__weights w = t->keep ? t->w : t_part(t->w, t->in, t_lane[a->part], &a->left);
    if (t->keep) a->left = t->in;
    a->p = w.p + a->o * bytes;
    a->step = w.stride;
    a->bytes = (t->outs - a->o < O_COLS ? t->outs - a->o : O_COLS) * bytes;
    return true;
}

static void t_fetch(t_job *t) {
    t_ahead *a = &t->next;
    for (a->due += t->in; a->due >= a->each; a->due -= a->each) {
        if (!a->left && !t_run(t)) return;
        if (!a->left) continue;
        for (size_t i = 0; i < a->bytes; i += O_LINE) __builtin_prefetch(a->p + i, 0, 2);
        a->p += a->step;
        a->left--;
    }
}

/* Columns of y for a block of rows; x: their part of what pack_t made.  first: it makes the copy. */
static void t_block(t_job *t, const float *x, size_t rows, const float *b, float *y, size_t ldy, bool first) {
    _Alignas(64) t_sums sums[T_LEVELS + 1]; /* the last: what is done */
    size_t depth = t->depth, tiles = (rows + VS__T_ROWS - 1) / VS__T_ROWS, own;
    for (size_t i = 0; i < 16; i++) {
        size_t level = 0;
        float *copy = t->copy + (t->keep ? i * O_COLS * depth : 0);
        while (i >> level & 1) level++;
        if (first) {
            vs__weights part = t_part(t->w, t->in, t_lane[i], &own);
            t_copy(part, own, depth, t->o, t->cols, copy);
        }
        for (size_t j = 0; j < t->cols; j += O_WIDTH)
            for (size_t r = 0, done; r < rows; r += done) {
                t_fetch(t);
                done = outer_rows(rows - r);
                t_tile(done, x + (i * tiles + r / VS__T_ROWS) * depth * VS__T_ROWS + r % VS__T_ROWS, copy + j * depth, depth,
                       &sums[0][r][j], level);
            }
    }
    write_rows(sums[T_LEVELS][0], O_COLS, rows, t->cols, b, y, ldy);
}

static void matmul_t(const float *x, size_t rows, size_t in, const float *packed, vs__weights w, const float *b, float *y, size_t outs,
                     size_t ldy, float *panel) {
    if (rows == 1) {
        for (size_t o = 0; o < outs; o += T_ONE) row_t(x, in, w, o, outs - o < T_ONE ? outs - o : T_ONE, y + o);
        if (b) add_into(y, b, y, outs);
        return;
    }
    t_job t = {.w = w, .in = in, .depth = (in + 15) / 16, .outs = outs, .copy = panel, .keep = rows > VS__T_BLOCK};
    t.next.each = ((rows - 1) / VS__T_ROWS + 1) * 16 * (O_COLS / O_WIDTH); /* tiles that a copy serves */
    for (; t.o < outs; t.o += O_COLS) {
        t.cols = outs - t.o < O_COLS ? outs - t.o : O_COLS;
        for (size_t r = 0; r < rows; r += VS__T_BLOCK)
            t_block(&t, packed + VS__T_PACKED(r, in), rows - r < VS__T_BLOCK ? rows - r : VS__T_BLOCK, b ? b + t.o : NULL,
                    y + r * ldy + t.o, ldy, !r);
    }
}
