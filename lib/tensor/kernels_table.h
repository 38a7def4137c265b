/* kernels_table.h - what one instruction set provides; private to this room.  Meanings as in kernels.h and reverse.h. */
#ifndef VS_TENSOR_KERNELS_TABLE_H
#define VS_TENSOR_KERNELS_TABLE_H

#include "reverse.h"

/* Rows of W, `stride` bytes apart, the first at p. */
typedef struct vs__weights {
    const unsigned char *p;
    size_t stride;
    vs_dtype dtype;
} vs__weights;

/* matmul_t reads x as [rows / VS__T_BLOCK][16][VS__T_BLOCK / VS__T_ROWS][depth][VS__T_ROWS], depth = in / 16 rounded up:
 * what makes partial sum l of a block of rows lies in one piece, zeros where x has nothing.  A last block has fewer tiles.
 * VS__T_PACKED: floats of that. */
enum { VS__T_ROWS = 6, VS__T_BLOCK = 12, VS__T_COLS = 64 };
#define VS__T_PANEL(in) (VS__T_COLS * (((in) + 15) / 16 * 16))
#define VS__T_PACKED(rows, in) (((rows) + VS__T_ROWS - 1) / VS__T_ROWS * VS__T_ROWS * (((in) + 15) / 16 * 16))

typedef struct vs__kernels {
    const char *name;
    void (*widen)(vs_dtype t, const void *src, float *dst, size_t n);
    void (*matmul)(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                   size_t outs, size_t ldy);
    /* w [in, outs]; packed: [VS__T_PACKED(rows, in)], x by pack_t; not read where rows is 1 */
    void (*matmul_t)(const float *x, size_t rows, size_t in, const float *packed, vs__weights w, const float *b, float *y,
                     size_t outs, size_t ldy, float *panel);
    /* a tile of up to VS__T_ROWS rows; `lane` floats lie between the parts of its partial sums */
    void (*pack_t)(const float *x, size_t rows, size_t in, size_t ldx, float *packed, size_t lane);
    float (*dot)(const float *x, const float *y, size_t n);
    float (*sum)(const float *x, size_t n);
    float (*sum_squares)(const float *x, size_t n);
    void (*dot_rows)(const float *x, const float *m, size_t rows, size_t ld, size_t n, float *y);
    void (*mix)(const float *p, size_t rows, size_t ldp, const float *m, size_t s, size_t ldm, size_t n, float *y,
                size_t ldy);
    void (*axpy)(float a, const float *x, float *y, size_t n);
    void (*scale_by)(float *x, float a, size_t n);
    void (*layer_norm)(const float *x, const float *g, const float *b, float eps, float *y, size_t n);
    void (*rms_norm)(const float *x, const float *g, float plus, float eps, float *y, size_t n);
    bool (*softmax)(float *x, size_t n);
    float (*log_sum_exp)(const float *x, size_t n);
    void (*activate)(vs_act act, const float *x, float *y, size_t n);
    void (*mul_into)(const float *a, const float *b, float *y, size_t n);
    void (*add_into)(const float *a, const float *b, float *y, size_t n);
    void (*rope)(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin);
    size_t (*argmax)(const float *x, size_t n);
    void (*scan_codes)(const vs_scan *s, uint16_t *reach);
    void (*sums_above)(const float *x, const float *m, size_t ld, const uint32_t *row, size_t rows, size_t n,
                       const float *floor, bool *above);
    void (*fold_max)(const float *x, size_t n, size_t s, float *out);
    /* b: columns [col, col + n) of its rows; c points at the first of them */
    void (*outer)(const float *a, size_t m, size_t rs, size_t ks, vs__weights b, size_t k, size_t col, size_t n, float *c,
                  size_t ldc, bool more);
    void (*pull_pairs)(const vs_pull *p, size_t pairs, float *x, float *y, size_t n, float rate);
    void (*add_rows)(const float *x, size_t rows, size_t ldx, size_t n, float *y);
    void (*layer_norm_back)(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n);
    void (*rms_norm_back)(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n);
    void (*norm_gain_back)(const float *x, const float *dy, const float *stats, size_t rows, size_t ld, size_t n, float *dg,
                           float *db);
    void (*softmax_back)(const float *p, const float *dp, float *ds, size_t n);
    void (*activate_back)(vs_act act, const float *x, const float *dy, float *dx, size_t n);
    void (*rope_back)(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin);
} vs__kernels;

/* vs__kernels_in_use() - the table chosen by cpu.c. */
const vs__kernels *vs__kernels_in_use(void);

#define ISA(name, available) extern const vs__kernels vs__kernels_##name;
#include "isas.def"
#undef ISA

#endif
