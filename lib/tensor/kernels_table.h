/* kernels_table.h - what one instruction set provides; private to this room.  Meanings as in kernels.h and reverse.h. */
#ifndef VS_TENSOR_KERNELS_TABLE_H
#define VS_TENSOR_KERNELS_TABLE_H

#include "reverse.h"

/* Rows of W, `stride` bytes apart, the first at p. */
typedef struct vs__weights {
    const unsigned char *p;
    size_t stride;
    vs_dtype dtype;
    bool turned; /* what lies in rows are the columns; plain numbers only */
} vs__weights;

/* A of vs__kernels.outer as its tiles read it, made once for all threads: [k / VS__OUTER_DEPTH][whole / VS__OUTER_ROWS][n][VS__OUTER_ROWS],
 * n VS__OUTER_DEPTH but for the last; zeros in rows that a last tile lacks.  Products of at most VS__OUTER_FEW rows read A as it is. */
enum { VS__OUTER_FEW = 96, VS__OUTER_ROWS = 6, VS__OUTER_DEPTH = 128 };
enum { VS__PACKED = 1 << 21 }; /* numbers that are packed at once: few enough to come back from a cache */
typedef struct vs__packed {
    float *at;         /* [k, whole] in all; NULL: not made */
    size_t whole, row; /* rows, a multiple of VS__OUTER_ROWS; which one A begins with, another */
} vs__packed;

#define VS__WORTH_A_TEAM 50e3 /* multiply-adds below which a team of threads costs more than it saves */

typedef struct vs__kernels {
    const char *name;
    void (*widen)(vs_dtype t, const void *src, float *dst, size_t n);
    void (*matmul)(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                   size_t outs, size_t ldy);
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
    /* b: columns [col, col + n) of its rows; c points at the first of them.  Row r goes on from from[r ldfrom], c itself
     * perhaps; NULL: from zero */
    void (*outer_pack)(const float *a, size_t m, size_t rs, size_t ks, size_t k, vs__packed to);
    void (*outer)(const float *a, vs__packed packed, size_t m, size_t rs, size_t ks, vs__weights b, size_t k, size_t col, size_t n,
                  const float *from, size_t ldfrom, float *c, size_t ldc);
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
