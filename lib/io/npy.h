/* npy.h - the head of a NumPy array: read for npy and npz, written for npz; internal to io. */
#ifndef VS_IO_NPY_H
#define VS_IO_NPY_H

#include "../base/str.h"
#include "../tensor/tensor.h"

typedef struct vs__npy {
    vs_dtype dtype;
    int ndim;
    size_t shape[VS_MAX_DIMS];
    size_t head;  /* bytes before the data */
    bool fortran; /* the first axis is the fastest */
    bool text;    /* NumPy's <U and |S: code points (u32) or bytes (u8) of each text, zeros behind, are a last axis */
} vs__npy;

/* vs__npy_probe() - whether p[n] begins like an npy. */
bool vs__npy_probe(const unsigned char *p, size_t n);

/* vs__npy_read() - the head of the array in p[n]; where begins the messages.
 * VS_OK | VS_E_FORMAT | VS_E_UNSUPPORTED (Fortran order, big-endian, a type without a row in dtypes.def, too many
 * axes). */
vs_status vs__npy_read(vs_err *err, const char *where, const unsigned char *p, size_t n, vs__npy *out) VS_MUST_CHECK;

/* vs__npy_row_major() - VS_E_UNSUPPORTED where a view cannot read the array as it lies. */
vs_status vs__npy_row_major(vs_err *err, const char *where, const vs__npy *a) VS_MUST_CHECK;

/* vs__npy_write() - append the head (version 1.0, a multiple of 64 bytes) to b; texts: as vs__npy has it, of u32.  VS_OK | VS_E_UNSUPPORTED (bf16,
 * blocks). */
vs_status vs__npy_write(vs_err *err, const char *where, vs_dtype t, int ndim, const size_t *shape, bool texts,
                        vs_buf *b) VS_MUST_CHECK;

/* vs__npz_zip64_from() - sizes and offsets from n on are written as zip64 (4 GB - 1 at the start); for tests. */
void vs__npz_zip64_from(uint64_t n);

#endif
