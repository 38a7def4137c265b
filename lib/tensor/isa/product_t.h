/* product_t.h - y = x W for weights stored [in, out], with the bits of the product by their transposed copy.
 *
 * Lanes now hold outputs that stand side by side, and the sixteen partial sums of kernels.h are taken one after the
 * other: for l in 0..15 the elements l, l + 16, … of k.  Their tree at the end is the same. */

#if defined(VS_ISA_avx512)
enum { T_ROWS = 6, T_VECTORS = 4 };
#elif defined(VS_ISA_avx2)
enum { T_ROWS = 6, T_VECTORS = 2 };
#elif defined(VS_ISA_neon)
enum { T_ROWS = 6, T_VECTORS = 4 };
#else
enum { T_ROWS = 2, T_VECTORS = 1 };
#endif
enum { T_WIDTH = T_VECTORS * PASS }; /* outputs of a tile; VS__T_OUTS is a multiple */

/* R rows of x times T_WIDTH columns of w [n, …] into y [R, T_WIDTH]. */
INLINE void tile_t_of(const size_t R, const float *x, size_t ldx, const float *w, size_t ldw, size_t n, float *y) {
    float sums[16][T_ROWS][T_WIDTH];
    for (size_t lane = 0; lane < 16; lane++) {
        vpass a[T_ROWS][T_VECTORS];
        UNROLLED (r, R)
            UNROLLED (c, T_VECTORS) a[r][c] = p_set(0);
        for (size_t k = lane; k < n; k += 16) {
            vpass row[T_VECTORS];
            UNROLLED (c, T_VECTORS) row[c] = p_load(w + k * ldw + c * PASS);
            UNROLLED (r, R) {
                vpass xr = p_set(x[r * ldx + k]);
                UNROLLED (c, T_VECTORS) a[r][c] = p_fma(xr, row[c], a[r][c]);
            }
        }
        bool filled = n % 16 != 0 && lane >= n % 16; /* the dot form adds a +0 here, which matters to -0 */
        UNROLLED (r, R)
            UNROLLED (c, T_VECTORS) p_store(&sums[lane][r][c * PASS], filled ? p_add(a[r][c], p_set(0)) : a[r][c]);
    }
    for (size_t r = 0; r < R; r++)
        for (size_t c = 0; c < T_WIDTH; c += PASS) {
            vpass t[16];
            UNROLLED (l, 16) t[l] = p_load(&sums[l][r][c]);
            UNROLLED (l, 8) t[l] = p_add(t[l], t[l + 8]);
            UNROLLED (l, 4) t[l] = p_add(t[l], t[l + 4]);
            p_store(y + r * T_WIDTH + c, p_add(p_add(t[0], t[2]), p_add(t[1], t[3])));
        }
}

/* How many of so many rows a tile takes. */
static size_t rows_of_tile(size_t rows) {
    if (rows >= T_ROWS) return T_ROWS;
    return T_ROWS > 2 && rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

static void tile_t(size_t rows, const float *x, size_t ldx, const float *w, size_t ldw, size_t n, float *y) {
    switch (rows) {
    case T_ROWS: tile_t_of(T_ROWS, x, ldx, w, ldw, n, y); break;
#if !defined(VS_ISA_scalar)
    case 4: tile_t_of(4, x, ldx, w, ldw, n, y); break;
    case 2: tile_t_of(2, x, ldx, w, ldw, n, y); break;
#endif
    default: tile_t_of(1, x, ldx, w, ldw, n, y); break;
    }
}

static void matmul_t(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                     size_t outs, size_t ldy, float *panel) {
    size_t bytes = vs_dtype_of(w.dtype)->block_bytes;
    for (size_t o0 = 0; o0 < outs; o0 += VS__T_OUTS) {
        size_t some = outs - o0 < VS__T_OUTS ? outs - o0 : VS__T_OUTS;
        if (some < VS__T_OUTS) memset(panel, 0, in * VS__T_OUTS * sizeof *panel);
        for (size_t k = 0; k < in; k++) widen(w.dtype, w.p + k * w.stride + o0 * bytes, panel + k * VS__T_OUTS, some);
        for (size_t r = 0, done; r < rows; r += done) {
            done = rows_of_tile(rows - r);
            for (size_t c = 0; c < some; c += T_WIDTH) {
                float t[T_ROWS * T_WIDTH];
                tile_t(done, x + r * ldx, ldx, panel + c, VS__T_OUTS, in, t);
                for (size_t i = 0; i < done; i++)
                    for (size_t j = 0; j < T_WIDTH && c + j < some; j++) {
                        size_t o = o0 + c + j;
                        y[(r + i) * ldy + o] = b ? t[i * T_WIDTH + j] + b[o] : t[i * T_WIDTH + j];
                    }
            }
        }
    }
}
