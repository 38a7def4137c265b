/* tensor.h - a borrowed view of numbers in memory: element type, shape, strides. */
#ifndef VS_TENSOR_TENSOR_H
#define VS_TENSOR_TENSOR_H

#include "../base/status.h"

typedef enum vs_dtype {
#define DTYPE(name, words, gguf, st, n, bytes) VS_##name,
#include "dtypes.def"
#undef DTYPE
    VS_DTYPE_COUNT
} vs_dtype;

typedef struct vs_dtype_info {
    const char *name; /* "q4_k" */
    int gguf;         /* GGUF's number of the type, -1: none */
    const char *safetensors;
    size_t block, block_bytes; /* elements and bytes of a block */
} vs_dtype_info;

/* vs_dtype_of() - the row of a type; static. */
const vs_dtype_info *vs_dtype_of(vs_dtype t);

/* vs_dtype_is_real() - whether a type holds real numbers, as weights are: floating point of any width, or quantised blocks. */
bool vs_dtype_is_real(vs_dtype t);

enum { VS_MAX_DIMS = 4 };

/* Row-major: shape[0] is the slowest axis.  stride[i] is in bytes; the innermost axis is contiguous (in blocks) except in
 * views of plain numbers.  A scalar has ndim 0.  data is borrowed from whoever made the view (a mapped file: until it is
 * closed).  Weights are [out, in]; where a file keeps several in one tensor, or the other way round, a view has the strides
 * for it: [heads, dh, in] of a fused tensor is [heads * dh, in], and {element, row} are the strides of a transposed one. */
typedef struct vs_tensor {
    const void *data;
    vs_dtype dtype;
    int ndim;
    size_t shape[VS_MAX_DIMS];
    size_t stride[VS_MAX_DIMS];
} vs_tensor;

/* vs_tensor_over() - a contiguous view; strides computed, sizes checked, *bytes (may be NULL) the span it covers.
 * VS_OK | VS_E_SHAPE (too many axes, overflow, a last axis that is not whole blocks). */
vs_status vs_tensor_over(vs_err *err, const void *data, vs_dtype t, int ndim, const size_t *shape, vs_tensor *out,
                         size_t *bytes) VS_MUST_CHECK;

/* Elements in all; elements of a row (the last axis; 1 for a scalar); rows (the product of the others). */
size_t vs_tensor_count(const vs_tensor *t);
size_t vs_tensor_cols(const vs_tensor *t);
size_t vs_tensor_rows(const vs_tensor *t);

/* vs_tensor_row() - where row r begins; borrowed.  Its elements lie side by side where vs_tensor_in_rows(). */
const void *vs_tensor_row(const vs_tensor *t, size_t r);
bool vs_tensor_in_rows(const vs_tensor *t);

/* vs_tensor_row_f32() - row r as f32 into out [cols].  VS_OK | VS_E_RANGE.  O(cols).
 * vs_tensor_widen_row() - the same for a row that is known to be there. */
vs_status vs_tensor_row_f32(vs_err *err, const vs_tensor *t, size_t r, float *out) VS_MUST_CHECK;
void vs_tensor_widen_row(const vs_tensor *t, size_t r, float *out);

/* vs_shape_text() - "[640, 262144]" into buf; returns buf. */
const char *vs_shape_text(const size_t *shape, int ndim, char *buf, size_t size);

#endif
