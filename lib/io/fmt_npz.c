/* fmt_npz.c - a zip of NumPy arrays, NAME.npy each (numpy.savez; the zip format is PKWARE's APPNOTE.TXT).
 *
 *   for each member: local header, data          then for each: a central record, then the end record
 *   local    "PK\3\4" u16 version, flags, method, time, date  u32 crc, packed, size  u16 name length, extra length name
 * extra central  "PK\1\2" u16 made by, version, flags, method, time, date  u32 crc, packed, size  u16 name, extra,
 * comment lengths, disk, attributes  u32 attributes, offset of the local header  name extra comment end      "PK\5\6"
 * u16 disk, disk, records, records  u32 size, offset of the central records  u16 comment length  comment Where a size
 * or an offset does not fit, it is all ones, and extra field 1 (zip64) holds it as u64; likewise the end has a zip64
 * record ("PK\6\6") that a locator ("PK\6\7") just before it points at.
 *
 * Members are stored, not compressed, so a view reads them where they lie; those written here begin at a multiple
 * of 64. */
#include <inttypes.h>
#include <string.h>

#include "npy.h"
#include "writer.h"

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR = 0x07064b50,
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    CENTRAL_BYTES = 46,
    ZIP64 = 1,          /* extra field: sizes and offset of 64 bits */
    PADDING = 0xD935,   /* extra field: nothing, for alignment (Android's zipalign has the number) */
    UTF8_NAME = 1 << 11 /* flag */
};

static bool probe(const unsigned char *p, size_t n) {
    return n >= 4 && !memcmp(p, "PK", 2) && ((p[2] == 3 && p[3] == 4) || (p[2] == 5 && p[3] == 6));
}

/* ---- reading ---- */

typedef struct directory {
    uint64_t records, size, at;
} directory;

typedef struct member {
    const char *name;
    size_t name_bytes;
    unsigned flags, method;
    uint64_t packed, size, at; /* at: of the local header */
} member;

/* The end record: the last place where its signature and its comment's length agree with the end of the file. */
static bool find_end(const vs_map *m, size_t *at) {
    size_t most = m->size < END_BYTES + 65535u ? m->size : END_BYTES + 65535u;
    for (size_t back = END_BYTES; back <= most; back++) {
        vs_cursor c = vs_cursor_over(m->bytes + m->size - back, back);
        if (vs_read_u32(&c) != END) continue;
        (void)vs_read_bytes(&c, 16);
        if (vs_read_u16(&c) == back - END_BYTES) {
            *at = m->size - back;
            return true;
        }
    }
    return false;
}

static vs_status read_end(vs_err *err, const vs_file *f, directory *out) {
    size_t at;
    if (!find_end(&f->map, &at)) return vs_fail(err, VS_E_FORMAT, "%s: no end record: the zip is cut off", f->path);
    vs_cursor c = vs_cursor_over(f->map.bytes + at + 8, END_BYTES - 8);
    (void)vs_read_u16(&c);
    *out = (directory){.records = vs_read_u16(&c)};
    out->size = vs_read_u32(&c);
    out->at = vs_read_u32(&c);
    size_t end = at;
    vs_cursor l = vs_cursor_over(f->map.bytes + (at < LOCATOR_BYTES ? 0 : at - LOCATOR_BYTES),
                                 at < LOCATOR_BYTES ? 0 : LOCATOR_BYTES);
    if (vs_read_u32(&l) == LOCATOR) {
        (void)vs_read_u32(&l);
        uint64_t at64 = vs_read_u64(&l);
        if (at64 > at - LOCATOR_BYTES || at - LOCATOR_BYTES - at64 < END64_BYTES)
            return vs_fail(err, VS_E_FORMAT, "%s: the zip64 end record would stand at byte %" PRIu64, f->path, at64);
        c = vs_cursor_over(f->map.bytes + at64, END64_BYTES);
        if (vs_read_u32(&c) != END64)
            return vs_fail(err, VS_E_FORMAT, "%s: no zip64 end record at byte %" PRIu64, f->path, at64);
        (void)vs_read_bytes(&c, 28);
        out->records = vs_read_u64(&c);
        out->size = vs_read_u64(&c);
        out->at = vs_read_u64(&c);
        end = (size_t)at64;
    }
    if (out->at <= end && out->size <= end - out->at && out->records <= out->size / CENTRAL_BYTES) return VS_OK;
    return vs_fail(err, VS_E_FORMAT,
                   "%s: the zip counts %" PRIu64 " members in %" PRIu64 " bytes from byte %" PRIu64 ", which cannot be",
                   f->path, out->records, out->size, out->at);
}

/* The values that did not fit into 32 bits, in their fixed order. */
static bool read_zip64(const unsigned char *extra, size_t n, member *m) {
    vs_cursor c = vs_cursor_over(extra, n);
    bool wanted = m->size == UINT32_MAX || m->packed == UINT32_MAX || m->at == UINT32_MAX;
    while (wanted && !c.failed && c.size - c.at >= 4) {
        unsigned id = vs_read_u16(&c), bytes = vs_read_u16(&c);
        const unsigned char *p = vs_read_bytes(&c, bytes);
        if (!p || id != ZIP64) continue;
        vs_cursor v = vs_cursor_over(p, bytes);
        if (m->size == UINT32_MAX) m->size = vs_read_u64(&v);
        if (m->packed == UINT32_MAX) m->packed = vs_read_u64(&v);
        if (m->at == UINT32_MAX) m->at = vs_read_u64(&v);
        return !v.failed;
    }
    return !wanted;
}

static vs_status read_member(vs_err *err, const vs_file *f, vs_cursor *c, uint64_t i, member *m) {
    bool ok = vs_read_u32(c) == CENTRAL;
    (void)vs_read_u32(c);
    *m = (member){.flags = vs_read_u16(c)};
    m->method = vs_read_u16(c);
    (void)vs_read_u64(c); /* time, date, crc */
    m->packed = vs_read_u32(c);
    m->size = vs_read_u32(c);
    m->name_bytes = vs_read_u16(c);
    size_t extra = vs_read_u16(c), comment = vs_read_u16(c);
    (void)vs_read_u64(c); /* disk, attributes */
    m->at = vs_read_u32(c);
    m->name = (const char *)vs_read_bytes(c, m->name_bytes);
    const unsigned char *more = vs_read_bytes(c, extra);
    (void)vs_read_bytes(c, comment);
    if (!ok || c->failed || !read_zip64(more, extra, m))
        return vs_fail(err, VS_E_FORMAT, "%s: record %" PRIu64 " of the zip's directory is broken", f->path, i);
    return VS_OK;
}

static bool ends(const member *m, const char *end) {
    size_t n = strlen(end);
    return m->name_bytes > n && !memcmp(m->name + m->name_bytes - n, end, n);
}

static vs_status check_member(vs_err *err, const vs_file *f, const member *m) {
    vs__shown name = vs__show(m->name, m->name_bytes);
    if (ends(m, "/data.pkl"))
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: a PyTorch checkpoint; convert it to safetensors", f->path);
    if (!ends(m, ".npy")) return vs_fail(err, VS_E_FORMAT, "%s: member %s is not an .npy array", f->path, name.s);
    if (m->flags & 1) return vs_fail(err, VS_E_UNSUPPORTED, "%s: member %s is encrypted", f->path, name.s);
    if (m->method != 0)
        return vs_fail(err, VS_E_UNSUPPORTED,
                       "%s: member %s is compressed; save it with numpy.savez, not savez_compressed", f->path, name.s);
    if (m->packed != m->size)
        return vs_fail(err, VS_E_FORMAT, "%s: member %s is stored, yet its sizes are %" PRIu64 " and %" PRIu64, f->path,
                       name.s, m->packed, m->size);
    return VS_OK;
}

/* Where the data of a member lie: its local header has a name and extra fields of its own. */
static vs_status find_data(vs_err *err, const vs_file *f, const member *m, size_t end, size_t *at) {
    vs__shown name = vs__show(m->name, m->name_bytes);
    if (m->at > end)
        return vs_fail(err, VS_E_FORMAT, "%s: member %s would stand at byte %" PRIu64 ", the members end at %zu",
                       f->path, name.s, m->at, end);
    vs_cursor c = vs_cursor_over(f->map.bytes + m->at, end - (size_t)m->at);
    bool ok = vs_read_u32(&c) == LOCAL;
    (void)vs_read_bytes(&c, 22);
    size_t name_bytes = vs_read_u16(&c), extra = vs_read_u16(&c);
    const unsigned char *own = vs_read_bytes(&c, name_bytes);
    (void)vs_read_bytes(&c, extra);
    if (!ok || c.failed || name_bytes != m->name_bytes || memcmp(own, m->name, name_bytes) != 0)
        return vs_fail(err, VS_E_FORMAT, "%s: member %s has no header of its own at byte %" PRIu64, f->path, name.s,
                       m->at);
    *at = (size_t)m->at + c.at;
    if (m->size <= c.size - c.at) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: member %s: %" PRIu64 " bytes from byte %zu, the members end at %zu", f->path,
                   name.s, m->size, *at, end);
}

static vs_status add_member(vs_err *err, vs_file *f, const member *m, size_t end) {
    VS_TRY(check_member(err, f, m));
    const char *name;
    VS_TRY(vs__file_name(err, f, "a member", m->name, m->name_bytes - strlen(".npy"), &name));
    size_t at = 0;
    VS_TRY(find_data(err, f, m, end, &at));
    vs__npy a;
    vs__shown shown = vs__show(name, strlen(name));
    vs_status s = vs__npy_read(err, shown.s, f->map.bytes + at, (size_t)m->size, &a);
    if (s == VS_OK) s = vs__npy_row_major(err, shown.s, &a);
    if (s != VS_OK) {
        vs_fail_in(err, "%s", f->path);
        return s;
    }
    VS_TRY(vs__file_add(err, f, name, a.dtype, a.ndim, a.shape, at + a.head));
    size_t bytes = f->tensor[f->tensors - 1].bytes;
    if (bytes == m->size - a.head) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: array %s takes %zu bytes, its member has %" PRIu64, f->path, shown.s, bytes,
                   m->size - a.head);
}

static vs_status open_npz(vs_err *err, vs_file *f) {
    directory d = {0};
    VS_TRY(read_end(err, f, &d));
    f->head = f->map.bytes + d.at;
    f->head_size = (size_t)d.size;
    VS_TRY(vs__file_reserve(err, f, d.records, 0));
    vs_cursor c = vs_cursor_over(f->head, f->head_size);
    for (uint64_t i = 0; i < d.records; i++) {
        member m;
        VS_TRY(read_member(err, f, &c, i, &m));
        VS_TRY(add_member(err, f, &m, (size_t)d.at));
    }
    return vs__file_place(err, f, f->map.bytes, (size_t)d.at);
}

/* ---- writing ---- */

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
    put_u16(b, 45); /* zip64 needs version 4.5 of a reader */
    put_u16(b, UTF8_NAME);
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
    vs_status s = vs__npy_write(err, w->path, t->dtype, t->ndim, t->shape, &head);
    vs_buf_free(&head);
    return s;
}

static vs_status begin(vs_err *err, vs_writer *w) {
    (void)err;
    (void)w;
    make_crc_table();
    return VS_OK;
}

static vs_status send(vs_err *err, vs_writer *w, vs_buf *b) {
    vs_status s = b->failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory to write it", w->path)
                            : vs__writer_bytes(err, w, b->s, b->len);
    vs_buf_free(b);
    return s;
}

static vs_status open_member(vs_err *err, vs_writer *w, vs__out *t) {
    vs_buf head = {0}, b = {0};
    VS_TRY(vs__npy_write(err, w->path, t->dtype, t->ndim, t->shape, &head));
    t->at = w->at;
    t->head = head.len;
    t->crc = crc_add(0, (const unsigned char *)head.s, head.len);
    size_t zip64 = is_big(t) ? 20u : 0u, fixed = 30 + strlen(t->name) + strlen(".npy") + zip64 + 4;
    size_t pad = (64 - (size_t)((w->at + fixed) % 64)) % 64;
    put_u32(&b, LOCAL);
    put_common(&b, t, zip64 + 4 + pad);
    vs_buf_puts(&b, t->name);
    vs_buf_puts(&b, ".npy");
    if (is_big(t)) {
        put_u16(&b, ZIP64);
        put_u16(&b, 16);
        put_u64(&b, member_size(t));
        put_u64(&b, member_size(t));
    }
    put_u16(&b, PADDING);
    put_u16(&b, (unsigned)pad);
    while (pad-- > 0) vs_buf_putc(&b, 0);
    if (head.len) vs_buf_put(&b, head.s, head.len);
    vs_buf_free(&head);
    return send(err, w, &b);
}

static void see_data(vs__out *t, const void *p, size_t n) { t->crc = crc_add(t->crc, p, n); }

static vs_status close_member(vs_err *err, vs_writer *w, vs__out *t) {
    return vs__writer_patch(err, w, t->at + 14, &t->crc, sizeof t->crc);
}

static vs_status put_central(vs_err *err, vs_writer *w, const vs__out *t) {
    bool far = t->at >= zip64_from;
    size_t values = (is_big(t) ? 16u : 0u) + (far ? 8u : 0u);
    vs_buf b = {0};
    put_u32(&b, CENTRAL);
    put_u16(&b, 45);
    put_common(&b, t, values ? 4 + values : 0);
    put_u16(&b, 0); /* comment */
    put_u16(&b, 0); /* disk */
    put_u16(&b, 0); /* attributes */
    put_u32(&b, 0);
    put_u32(&b, far ? UINT32_MAX : t->at);
    vs_buf_puts(&b, t->name);
    vs_buf_puts(&b, ".npy");
    if (values) {
        put_u16(&b, ZIP64);
        put_u16(&b, (unsigned)values);
    }
    if (is_big(t)) {
        put_u64(&b, member_size(t));
        put_u64(&b, member_size(t));
    }
    if (far) put_u64(&b, t->at);
    return send(err, w, &b);
}

static vs_status end(vs_err *err, vs_writer *w) {
    uint64_t at = w->at;
    for (size_t i = 0; i < w->outs; i++) VS_TRY(put_central(err, w, &w->out[i]));
    uint64_t stop = w->at, size = stop - at;
    vs_buf b = {0};
    if (w->outs >= UINT16_MAX || at >= zip64_from || size >= zip64_from) {
        put_u32(&b, END64);
        put_u64(&b, END64_BYTES - 12);
        put_u16(&b, 45);
        put_u16(&b, 45);
        put_u64(&b, 0); /* disks */
        put_u64(&b, w->outs);
        put_u64(&b, w->outs);
        put_u64(&b, size);
        put_u64(&b, at);
        put_u32(&b, LOCATOR);
        put_u32(&b, 0);
        put_u64(&b, stop);
        put_u32(&b, 1); /* disks in all */
    }
    unsigned records = w->outs >= UINT16_MAX ? UINT16_MAX : (unsigned)w->outs;
    put_u32(&b, END);
    put_u32(&b, 0); /* disks */
    put_u16(&b, records);
    put_u16(&b, records);
    put_u32(&b, size >= zip64_from ? UINT32_MAX : size);
    put_u32(&b, at >= zip64_from ? UINT32_MAX : at);
    put_u16(&b, 0); /* comment */
    return send(err, w, &b);
}

static const vs__writer_kind writer = {
    .check = check, .begin = begin, .open = open_member, .data = see_data, .close = close_member, .end = end};

const vs__format vs__format_npz = {.name = "npz", .probe = probe, .open = open_npz, .writer = &writer};
