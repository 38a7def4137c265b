/* fmt_npz.c - a zip of NumPy arrays, NAME.npy each (numpy.savez; zip.h has the records).
 *
 * Members are stored, not compressed, so a view reads them where they lie. */
#include <inttypes.h>
#include <string.h>

#include "npy.h"
#include "writer.h"
#include "zip.h"

static bool probe(const unsigned char *p, size_t n) {
    return n >= 4 && !memcmp(p, "PK", 2) && ((p[2] == 3 && p[3] == 4) || (p[2] == 5 && p[3] == 6));
}

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
    size_t most = m->size < ZIP_END_BYTES + 65535u ? m->size : ZIP_END_BYTES + 65535u;
    for (size_t back = ZIP_END_BYTES; back <= most; back++) {
        vs_cursor c = vs_cursor_over(m->bytes + m->size - back, back);
        if (vs_read_u32(&c) != ZIP_END) continue;
        (void)vs_read_bytes(&c, 16);
        if (vs_read_u16(&c) == back - ZIP_END_BYTES) {
            *at = m->size - back;
            return true;
        }
    }
    return false;
}

static vs_status read_end(vs_err *err, const vs_file *f, directory *out) {
    size_t at;
    if (!find_end(&f->map, &at)) return vs_fail(err, VS_E_FORMAT, "%s: no end record: the zip is cut off", f->path);
    vs_cursor c = vs_cursor_over(f->map.bytes + at + 8, ZIP_END_BYTES - 8);
    (void)vs_read_u16(&c);
    *out = (directory){.records = vs_read_u16(&c)};
    out->size = vs_read_u32(&c);
    out->at = vs_read_u32(&c);
    size_t end = at;
    vs_cursor l = vs_cursor_over(f->map.bytes + (at < ZIP_LOCATOR_BYTES ? 0 : at - ZIP_LOCATOR_BYTES),
                                 at < ZIP_LOCATOR_BYTES ? 0 : ZIP_LOCATOR_BYTES);
    if (vs_read_u32(&l) == ZIP_LOCATOR) {
        (void)vs_read_u32(&l);
        uint64_t at64 = vs_read_u64(&l);
        if (at64 > at - ZIP_LOCATOR_BYTES || at - ZIP_LOCATOR_BYTES - at64 < ZIP_END64_BYTES)
            return vs_fail(err, VS_E_FORMAT, "%s: the zip64 end record would stand at byte %" PRIu64, f->path, at64);
        c = vs_cursor_over(f->map.bytes + at64, ZIP_END64_BYTES);
        if (vs_read_u32(&c) != ZIP_END64)
            return vs_fail(err, VS_E_FORMAT, "%s: no zip64 end record at byte %" PRIu64, f->path, at64);
        (void)vs_read_bytes(&c, 28);
        out->records = vs_read_u64(&c);
        out->size = vs_read_u64(&c);
        out->at = vs_read_u64(&c);
        end = (size_t)at64;
    }
    if (out->at <= end && out->size <= end - out->at && out->records <= out->size / ZIP_CENTRAL_BYTES) return VS_OK;
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
        if (!p || id != ZIP_EXTRA_64) continue;
        vs_cursor v = vs_cursor_over(p, bytes);
        if (m->size == UINT32_MAX) m->size = vs_read_u64(&v);
        if (m->packed == UINT32_MAX) m->packed = vs_read_u64(&v);
        if (m->at == UINT32_MAX) m->at = vs_read_u64(&v);
        return !v.failed;
    }
    return !wanted;
}

static vs_status read_member(vs_err *err, const vs_file *f, vs_cursor *c, uint64_t i, member *m) {
    bool ok = vs_read_u32(c) == ZIP_CENTRAL;
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
    bool ok = vs_read_u32(&c) == ZIP_LOCAL;
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
    vs_cursor c = vs_cursor_over(f->head, f->head_size);
    for (uint64_t i = 0; i < d.records; i++) {
        member m;
        VS_TRY(read_member(err, f, &c, i, &m));
        VS_TRY(add_member(err, f, &m, (size_t)d.at));
    }
    return vs__file_place(err, f, f->map.bytes, (size_t)d.at);
}

const vs__format vs__format_npz = {.name = "npz", .probe = probe, .open = open_npz, .writer = &vs__writer_npz};
