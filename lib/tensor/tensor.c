/* tensor.c - see tensor.h. */
#include "tensor.h"

#include "../base/alloc.h"
#include "kernels.h"

#include <stdio.h>
#include <string.h>

static const vs_dtype_info dtypes[VS_DTYPE_COUNT] = {
#define DTYPE(name, words, gguf, st, n, bytes) [VS_##name] = {words, gguf, st, n, bytes},
#include "dtypes.def"
#undef DTYPE
};

const vs_dtype_info *vs_dtype_of(vs_dtype t) { return &dtypes[t]; }

bool vs_dtype_is_real(vs_dtype t) {
    return dtypes[t].block > 1 || t == VS_F32 || t == VS_F16 || t == VS_BF16 || t == VS_F64 || t == VS_F8E4M3 ||
           t == VS_F8E5M2 || t == VS_F8E8M0 || t == VS_F8E4M3FNUZ || t == VS_F8E5M2FNUZ;
}

vs_status vs_tensor_over(vs_err *err, const void *data, vs_dtype t, int ndim, const size_t *shape, vs_tensor *out,
                         size_t *bytes) {
    char text[96];
    if (ndim < 0 || ndim > VS_MAX_DIMS)
        return vs_fail(err, VS_E_SHAPE, "%d axes; a tensor here has at most %d", ndim, VS_MAX_DIMS);
    const vs_dtype_info *info = vs_dtype_of(t);
    if (info->block > 1 && (ndim == 0 || shape[ndim - 1] % info->block))
        return vs_fail(err, VS_E_SHAPE, "shape %s: rows of %s must be a multiple of %zu elements",
                       vs_shape_text(shape, ndim, text, sizeof text), info->name, info->block);
    vs_tensor view = {.data = data, .dtype = t, .ndim = ndim};
    size_t span = info->block_bytes;
    for (int i = ndim; i-- > 0;) {
        view.shape[i] = shape[i];
        view.stride[i] = span;
        size_t steps = i == ndim - 1 ? shape[i] / info->block : shape[i];
        if (!vs_mul(span, steps, &span))
            return vs_fail(err, VS_E_SHAPE, "shape %s: more bytes than memory has",
                           vs_shape_text(shape, ndim, text, sizeof text));
    }
    size_t count = 1;
    for (int i = 0; i < ndim; i++)
        if (!vs_mul(count, shape[i], &count))
            return vs_fail(err, VS_E_SHAPE, "shape %s: more elements than can be counted",
                           vs_shape_text(shape, ndim, text, sizeof text));
    *out = view;
    if (bytes) *bytes = span;
    return VS_OK;
}

size_t vs_tensor_count(const vs_tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
    return n;
}

size_t vs_tensor_cols(const vs_tensor *t) { return t->ndim ? t->shape[t->ndim - 1] : 1; }

size_t vs_tensor_rows(const vs_tensor *t) {
    size_t n = 1;
    for (int i = 0; i + 1 < t->ndim; i++) n *= t->shape[i];
    return n;
}

const void *vs_tensor_row(const vs_tensor *t, size_t r) {
    const char *p = t->data;
    for (int i = t->ndim - 1; i-- > 0; r /= t->shape[i]) {
        if (i == 0) return p + r * t->stride[0];
        p += r % t->shape[i] * t->stride[i];
    }
    return p;
}

bool vs_tensor_in_rows(const vs_tensor *t) {
    return t->ndim == 0 || t->stride[t->ndim - 1] == vs_dtype_of(t->dtype)->block_bytes;
}

void vs_tensor_widen_row(const vs_tensor *t, size_t r, float *out) {
    const char *row = vs_tensor_row(t, r);
    size_t n = vs_tensor_cols(t);
    size_t step = t->ndim ? t->stride[t->ndim - 1] : 0;
    if (vs_tensor_in_rows(t)) vs_widen(t->dtype, row, out, n);
    else if (t->dtype == VS_F32)
        for (size_t i = 0; i < n; i++) memcpy(out + i, row + i * step, sizeof *out);
    else
        for (size_t i = 0; i < n; i++) vs_widen(t->dtype, row + i * step, out + i, 1);
}

vs_status vs_tensor_row_f32(vs_err *err, const vs_tensor *t, size_t r, float *out) {
    char text[96];
    if (r >= vs_tensor_rows(t))
        return vs_fail(err, VS_E_RANGE, "row %zu of a tensor of shape %s", r,
                       vs_shape_text(t->shape, t->ndim, text, sizeof text));
    vs_tensor_widen_row(t, r, out);
    return VS_OK;
}

const char *vs_shape_text(const size_t *shape, int ndim, char *buf, size_t size) {
    size_t at = 0;
    if (size) buf[0] = 0;
    for (int i = 0; i < ndim && at < size; i++) {
        int n = snprintf(buf + at, size - at, "%s%zu", i ? ", " : "[", shape[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at < size) snprintf(buf + at, size - at, ndim ? "]" : "[]");
    return buf;
}
