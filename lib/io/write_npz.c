/* write_npz.c - tensors into a zip of NumPy arrays (zip.h has the records): stored, each array at a multiple of 64. */
#include <string.h>

#include "npy.h"
#include "writer.h"
#include "zip.h"

enum { UTF8_NAME = 1 << 11, VERSION = 45 }; /* a flag; zip64 needs version 4.5 of a reader */

static uint64_t zip64_from = UINT32_MAX;
void vs__npz_zip64_from(uint64_t n) { zip64_from = n; }

/* CRC-32 of zip, eight bytes a step ("slicing by 8", Kounavis and Berry, 2005). */
static uint32_t crc_of[8][256];

static void make_crc_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
        crc_of[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (size_t i = 0; i < 256; i++) crc_of[t][i] = crc_of[t - 1][i] >> 8 ^ crc_of[0][crc_of[t - 1][i] & 0xFF];
}

static uint32_t crc_add(uint32_t crc, const unsigned char *p, size_t n) {
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + 4, 4);
        a ^= crc;
        crc = crc_of[7][a & 0xFF] ^ crc_of[6][a >> 8 & 0xFF] ^ crc_of[5][a >> 16 & 0xFF] ^ crc_of[4][a >> 24] ^
              crc_of[3][b & 0xFF] ^ crc_of[2][b >> 8 & 0xFF] ^ crc_of[1][b >> 16 & 0xFF] ^ crc_of[0][b >> 24];
    }
    for (; n; n--, p++) crc = crc >> 8 ^ crc_of[0][(crc ^ *p) & 0xFF];
    return ~crc;
}

static void put_number(vs_buf *b, uint64_t v, size_t bytes) {
    char s[8];
    memcpy(s, &v, sizeof s);
    vs_buf_put(b, s, bytes);
}

static void put_u16(vs_buf *b, unsigned v) { put_number(b, v, 2); }
static void put_u32(vs_buf *b, uint64_t v) { put_number(b, v, 4); }
static void put_u64(vs_buf *b, uint64_t v) { put_number(b, v, 8); }

static uint64_t member_size(const vs__out *t) { return (uint64_t)t->head + t->bytes; }
static bool is_big(const vs__out *t) { return member_size(t) >= zip64_from; }

/* What local and central header share, from the version on to the extra field's length. */
static void put_common(vs_buf *b, const vs__out *t, size_t extra) {
    uint64_t size = is_big(t) ? UINT32_MAX : member_size(t);
    put_u16(b, 45);         /* zip64 needs version 4.5 of a reader */
    put_u16(b, UTF8_NAME);  /* names are UTF-8 */
    put_u16(b, 0);          /* stored */
    put_u16(b, 0);          /* 00:00 */
    put_u16(b, 1 << 5 | 1); /* 1 January 1980: the same tensors give the same bytes */
    put_u32(b, t->crc);
    put_u32(b, size);
    put_u32(b, size);
    put_u16(b, (unsigned)(strlen(t->name) + strlen(".npy")));
    put_u16(b, (unsigned)extra);
}

static vs_status check(vs_err *err, const vs_writer *w, const vs__out *t) {
    if (strlen(t->name) > 60000)
        return vs_fail(err, VS_E_FORMAT, "%s: the name of a tensor is longer than 60,000 bytes", w->path);
    vs_buf head = {0};
    vs_status s = vs__npy_write(err, w->path, t->dtype, t->ndim, t->shape, t->text, &head);
    vs_buf_free(&head);
    return s;
}

static vs_status begin(vs_err *err, const vs_writer *w, vs_buf *b) { /* a zip begins with its first member */
    (void)err;
    (void)w;
    (void)b;
    make_crc_table();
    return VS_OK;
}

static vs_status open_member(vs_err *err, const vs_writer *w, vs__out *t, vs_buf *b) {
    vs_buf head = {0};
    vs_status s = vs__npy_write(err, w->path, t->dtype, t->ndim, t->shape, t->text, &head);
    if (s != VS_OK) {
        vs_buf_free(&head);
        return s;
    }
    t->head = head.len;
    t->crc = crc_add(0, (const unsigned char *)head.s, head.len);
    size_t extra = (is_big(t) ? 20u : 0u) + (w->identity ? 12u : 0u) + 4;
    size_t pad = (64 - (size_t)((t->at + ZIP_LOCAL_BYTES + strlen(t->name) + strlen(".npy") + extra) % 64)) % 64;
    put_u32(b, ZIP_LOCAL);
    put_common(b, t, extra + pad);
    vs_buf_puts(b, t->name);
    vs_buf_puts(b, ".npy");
    if (is_big(t)) {
        put_u16(b, ZIP_EXTRA_64);
        put_u16(b, 16);
        put_u64(b, member_size(t));
        put_u64(b, member_size(t));
    }
    if (w->identity) {
        put_u16(b, ZIP_EXTRA_IDENTITY);
        put_u16(b, 8);
        put_u64(b, w->identity);
    }
    put_u16(b, ZIP_EXTRA_PADDING);
    put_u16(b, (unsigned)pad);
    while (pad-- > 0) vs_buf_putc(b, 0);
    vs_buf_put(b, head.s, head.len);
    vs_buf_free(&head);
    return VS_OK;
}

static void see_data(vs__out *t, const void *p, size_t n) { t->crc = crc_add(t->crc, p, n); }

static vs_status put_central(vs_err *err, vs_writer *w, const vs__out *t) {
    bool far = t->at >= zip64_from;
    size_t values = (is_big(t) ? 16u : 0u) + (far ? 8u : 0u);
    vs_buf b = {0};
    put_u32(&b, ZIP_CENTRAL);
    put_u16(&b, VERSION);
    put_common(&b, t, values ? 4 + values : 0);
    put_u16(&b, 0); /* comment */
    put_u16(&b, 0); /* disk */
    put_u16(&b, 0); /* attributes */
    put_u32(&b, 0);
    put_u32(&b, far ? UINT32_MAX : t->at);
    vs_buf_puts(&b, t->name);
    vs_buf_puts(&b, ".npy");
    if (values) {
        put_u16(&b, ZIP_EXTRA_64);
        put_u16(&b, (unsigned)values);
    }
    if (is_big(t)) {
        put_u64(&b, member_size(t));
        put_u64(&b, member_size(t));
    }
    if (far) put_u64(&b, t->at);
    return vs__writer_send(err, w, &b);
}

static vs_status end(vs_err *err, vs_writer *w) {
    uint64_t at = w->at;
    for (size_t i = 0; i < w->outs; i++) VS_TRY(put_central(err, w, &w->out[i]));
    uint64_t stop = w->at, size = stop - at;
    vs_buf b = {0};
    if (w->outs >= UINT16_MAX || at >= zip64_from || size >= zip64_from) {
        put_u32(&b, ZIP_END64);
        put_u64(&b, ZIP_END64_BYTES - 12);
        put_u16(&b, VERSION);
        put_u16(&b, VERSION);
        put_u64(&b, 0); /* disks */
        put_u64(&b, w->outs);
        put_u64(&b, w->outs);
        put_u64(&b, size);
        put_u64(&b, at);
        put_u32(&b, ZIP_LOCATOR);
        put_u32(&b, 0);
        put_u64(&b, stop);
        put_u32(&b, 1); /* disks in all */
    }
    unsigned records = w->outs >= UINT16_MAX ? UINT16_MAX : (unsigned)w->outs;
    put_u32(&b, ZIP_END);
    put_u32(&b, 0); /* disks */
    put_u16(&b, records);
    put_u16(&b, records);
    put_u32(&b, size >= zip64_from ? UINT32_MAX : size);
    put_u32(&b, at >= zip64_from ? UINT32_MAX : at);
    put_u16(&b, 0); /* comment */
    return vs__writer_send(err, w, &b);
}

const vs__writer_kind vs__writer_npz = {
    .check = check, .head = begin, .open = open_member, .data = see_data, .crc_at = 14, .end = end};
