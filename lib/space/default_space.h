/* default_space.h - the words that are built in: the 20,000 most frequent of GloVe, 8 bits a number.
 *
 * The layout (little-endian, no padding), made by datasets/make_default.py:
 *   bytes  8  magic "VSWORDS1"
 *   u32    n  rows, best known first (GloVe's order is by frequency)
 *   u32    d  dimensions
 *   u32    k  bytes of the keys
 *   f32    scale [n]
 *   i8     code [n,d]      value = code * scale of its row
 *   bytes  keys [k]        n UTF-8 keys, each with a NUL behind it */
#ifndef VS_SPACE_DEFAULT_SPACE_H
#define VS_SPACE_DEFAULT_SPACE_H

#include "../base/status.h"

/* A reader: its fields are checked against each other by vs_packed_open(); read rows and dim, leave the others alone.
 */
typedef struct vs_packed {
    size_t rows, dim;
    size_t at; /* the row that comes next */
    const unsigned char *scales, *codes, *keys, *keys_end;
} vs_packed;

/* vs_default_space() - the built-in bytes, static. */
void vs_default_space(const void **bytes, size_t *n);

/* vs_packed_open() - read a file of this layout from memory; bytes are borrowed as long as the reader is used.
 * vs_default_open() - the same over the built-in bytes.
 * VS_OK | VS_E_FORMAT (not this layout, or sizes that do not fit n).  O(1): allocates and reads nothing. */
vs_status vs_packed_open(vs_err *err, const void *bytes, size_t n, vs_packed *out) VS_MUST_CHECK;
vs_status vs_default_open(vs_err *err, vs_packed *out) VS_MUST_CHECK;

/* vs_packed_next() - the next row.
 *   key  out: UTF-8 with its NUL, borrowed from the bytes; NULL after the last row   len  its bytes, without the NUL
 *   vec [dim]  out
 * VS_OK | VS_E_FORMAT (a key that does not end, a scale that is not a number).  O(dim). */
vs_status vs_packed_next(vs_err *err, vs_packed *p, const char **key, size_t *len, float *vec) VS_MUST_CHECK;

#endif
