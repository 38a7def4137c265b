/* map.h - files as memory, and the one cursor through which untrusted bytes are read.
 *
 * Multi-byte numbers are little-endian, as every format here has them; the machines
 * vecscope runs on are too, so tensors are used where they lie. */
#ifndef VS_BASE_MAP_H
#define VS_BASE_MAP_H

#include "status.h"

typedef struct vs_map {
    const unsigned char *bytes; /* NULL for an empty file */
    size_t size;
    bool owned; /* false: vs_map_borrow */
} vs_map;

/* vs_map_open() - map a regular file read-only.  VS_OK | VS_E_IO | VS_E_UNKNOWN (no such file).  vs_map_close() unmaps.
 * vs_map_borrow() - the same view over memory of the caller's (embedded data, fuzzing). */
vs_status vs_map_open(vs_err *err, const char *path, vs_map *out) VS_MUST_CHECK;
vs_map vs_map_borrow(const void *bytes, size_t size);
void vs_map_close(vs_map *m);

/* A position in a span of bytes.  A read beyond the end sets `failed`, yields 0 and reads nothing: check once a record. */
typedef struct vs_cursor {
    const unsigned char *p;
    size_t size, at;
    bool failed;
} vs_cursor;
vs_cursor vs_cursor_over(const void *p, size_t size);
uint8_t vs_read_u8(vs_cursor *c);
uint16_t vs_read_u16(vs_cursor *c);
uint32_t vs_read_u32(vs_cursor *c);
uint64_t vs_read_u64(vs_cursor *c);
float vs_read_f32(vs_cursor *c);
double vs_read_f64(vs_cursor *c);
const unsigned char *vs_read_bytes(vs_cursor *c, uint64_t n); /* borrowed; NULL when fewer are left */

#endif
