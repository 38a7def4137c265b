/* default_space.c - see default_space.h. */
#include "default_space.h"

#include "../base/alloc.h"
#include "../base/map.h"

#include <math.h>
#include <string.h>

extern const unsigned char vs__default_bytes[], vs__default_end[]; /* default_data.S */

void vs_default_space(const void **bytes, size_t *n) {
    *bytes = vs__default_bytes;
    *n = (size_t)(vs__default_end - vs__default_bytes);
}

vs_status vs_packed_open(vs_err *err, const void *bytes, size_t n, vs_packed *out) {
    memset(out, 0, sizeof *out);
    vs_cursor c = vs_cursor_over(bytes, n);
    const unsigned char *magic = vs_read_bytes(&c, 8);
    if (!magic || memcmp(magic, "VSWORDS1", 8) != 0)
        return vs_fail(err, VS_E_FORMAT, "packed words: no VSWORDS1 at the start");
    size_t rows = vs_read_u32(&c), dim = vs_read_u32(&c), keys = vs_read_u32(&c), scales, codes;
    if (!vs_mul(rows, sizeof(float), &scales) || !vs_mul(rows, dim, &codes))
        return vs_fail(err, VS_E_FORMAT, "packed words: %zu rows of %zu numbers are too many", rows, dim);
    out->scales = vs_read_bytes(&c, scales);
    out->codes = vs_read_bytes(&c, codes);
    out->keys = vs_read_bytes(&c, keys);
    if (c.failed || c.at != c.size || dim == 0)
        return vs_fail(err, VS_E_FORMAT,
                       "packed words: %zu rows of %zu numbers and %zu bytes of keys do not make %zu bytes", rows, dim,
                       keys, n);
    out->keys_end = out->keys + keys;
    out->rows = rows;
    out->dim = dim;
    return VS_OK;
}

vs_status vs_default_open(vs_err *err, vs_packed *out) {
    const void *bytes;
    size_t n;
    vs_default_space(&bytes, &n);
    return vs_packed_open(err, bytes, n, out);
}

vs_status vs_packed_next(vs_err *err, vs_packed *p, const char **key, size_t *len, float *vec) {
    *key = NULL;
    *len = 0;
    if (p->at == p->rows) return VS_OK;
    const unsigned char *end = memchr(p->keys, 0, (size_t)(p->keys_end - p->keys));
    if (!end) return vs_fail(err, VS_E_FORMAT, "packed words: row %zu: its key does not end", p->at);
    vs_cursor c = vs_cursor_over(p->scales + p->at * sizeof(float), sizeof(float));
    float scale = vs_read_f32(&c);
    if (!isfinite(scale)) return vs_fail(err, VS_E_FORMAT, "packed words: row %zu: its scale is not a number", p->at);
    const unsigned char *code = p->codes + p->at * p->dim;
    for (size_t j = 0; j < p->dim; j++) vec[j] = scale * (float)(signed char)code[j];
    *key = (const char *)p->keys;
    *len = (size_t)(end - p->keys);
    p->keys = end + 1;
    p->at++;
    return VS_OK;
}
