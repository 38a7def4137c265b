/* fmt_gguf.c - GGUF, versions 2 and 3 (the format of llama.cpp; ggml/docs/gguf.md is its description).
 *
 *   "GGUF"  u32 version  u64 tensors  u64 keys
 *   keys    × { string name, u32 type, value }                   string = u64 length, bytes
 *   tensors × { string name, u32 ndim, u64 dim[ndim], u32 type, u64 offset }
 *   padding to a multiple of general.alignment (32 where the key is absent)
 *   the tensors' data; offsets count from here and are multiples of the alignment
 *
 *   types of values: 0 u8, 1 i8, 2 u16, 3 i16, 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array, 10 u64, 11 i64, 12 f64
 *   array = u32 type, u64 count, elements
 *
 * dim[0] is the fastest axis: a view has them the other way round.  All numbers are little-endian. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "writer.h"

enum { STRING = 8, ARRAY = 9, TYPES = 13 };
enum { MIN_KEY = 8 + 4 + 1, MIN_TENSOR = 8 + 4 + 4 + 8 }; /* bytes that the smallest record takes */

static const struct {
    vs_meta_type type;
    unsigned char width;
} value_types[TYPES] = {
    {VS_META_UINT, 1}, {VS_META_INT, 1},   {VS_META_UINT, 2},  {VS_META_INT, 2}, {VS_META_UINT, 4},
    {VS_META_INT, 4},  {VS_META_FLOAT, 4}, {VS_META_BOOL, 1},  {VS_META_STR, 0}, {VS_META_ARRAY, 0},
    {VS_META_UINT, 8}, {VS_META_INT, 8},   {VS_META_FLOAT, 8},
};

/* Types of GGUF that have no row in dtypes.def, so that a message can name them. */
static const struct {
    uint32_t number;
    const char *name;
} other_types[] = {
    {9, "Q8_1"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {29, "IQ1_M"},  {41, "Q1_0"},
};

static bool probe(const unsigned char *p, size_t n) { return n >= 4 && !memcmp(p, "GGUF", 4); }

static vs_status cut_off(vs_err *err, const vs_file *f, const char *where) {
    return vs_fail(err, VS_E_FORMAT, "%s: the file ends (at byte %zu) in %s", f->path, f->map.size, where);
}

static vs_status read_name(vs_err *err, vs_file *f, vs_cursor *c, const char *what, const char **out) {
    uint64_t n = vs_read_u64(c);
    if (!c->failed && n > c->size - c->at)
        return vs_fail(err, VS_E_FORMAT, "%s: the name of %s is %" PRIu64 " bytes long, %zu are left of the file",
                       f->path, what, n, c->size - c->at);
    const unsigned char *s = vs_read_bytes(c, n);
    if (!s) return cut_off(err, f, what);
    return vs__file_name(err, f, what, (const char *)s, (size_t)n, out);
}

/* ---- metadata ---- */

/* Step over count strings; false where one runs over the end: *at is its number. */
static bool skip_strings(vs_cursor *c, uint64_t count, uint64_t *at) {
    const unsigned char *p = c->p + c->at, *end = c->p + c->size;
    for (*at = 0; *at < count; ++*at) {
        uint64_t n;
        if (end - p < (ptrdiff_t)sizeof n) return false;
        memcpy(&n, p, sizeof n);
        p += sizeof n;
        if (n > (uint64_t)(end - p)) return false;
        p += n;
    }
    c->at = (size_t)(p - c->p);
    return true;
}

static vs_status read_array(vs_err *err, vs_file *f, vs_cursor *c, const char *key, vs_meta *out) {
    uint32_t type = vs_read_u32(c);
    uint64_t count = vs_read_u64(c);
    if (c->failed) return cut_off(err, f, key);
    if (type == ARRAY) return vs_fail(err, VS_E_UNSUPPORTED, "%s: key %s: an array of arrays", f->path, key);
    if (type >= TYPES)
        return vs_fail(err, VS_E_FORMAT, "%s: key %s: an array of type %u, there are 0 to 12", f->path, key, type);
    size_t width = value_types[type].width, left = c->size - c->at;
    if (count > left / (width ? width : 8))
        return vs_fail(err, VS_E_FORMAT,
                       "%s: key %s: an array of %" PRIu64 " elements, but %zu bytes are left of the file", f->path, key,
                       count, left);
    vs__array *a = vs_arena_alloc(&f->arena, 1, sizeof *a);
    if (!a) return vs_fail(err, VS_E_NOMEM, "%s: no memory for key %s", f->path, key);
    *a = (vs__array){.owner = f, .data = c->p + c->at, .width = width};
    *out = (vs_meta){.type = VS_META_ARRAY, .elem = value_types[type].type, .n = (size_t)count, .array = a};
    uint64_t at = 0;
    if (type == STRING && !skip_strings(c, count, &at))
        return vs_fail(err, VS_E_FORMAT, "%s: key %s: string %" PRIu64 " of %" PRIu64 " runs over the end of the file",
                       f->path, key, at, count);
    const unsigned char *p = vs_read_bytes(c, count * width);
    for (uint64_t i = 0; out->elem == VS_META_BOOL && i < count; i++)
        if (p[i] > 1)
            return vs_fail(err, VS_E_FORMAT, "%s: key %s: element %" PRIu64 " is %u, a truth value is 0 or 1", f->path,
                           key, i, p[i]);
    return VS_OK;
}

static vs_status read_value(vs_err *err, vs_file *f, vs_cursor *c, const char *key, vs_meta *out) {
    uint32_t type = vs_read_u32(c);
    if (c->failed) return cut_off(err, f, key);
    if (type >= TYPES)
        return vs_fail(err, VS_E_FORMAT, "%s: key %s: value type %u, there are 0 to 12", f->path, key, type);
    if (type == ARRAY) return read_array(err, f, c, key, out);
    if (type == STRING) {
        uint64_t n = vs_read_u64(c);
        size_t left = c->size - c->at;
        const unsigned char *s = vs_read_bytes(c, n);
        if (!s)
            return vs_fail(err, VS_E_FORMAT, "%s: key %s: a string of %" PRIu64 " bytes, %zu are left of the file",
                           f->path, key, n, left);
        *out = (vs_meta){.type = VS_META_STR, .s = (const char *)s, .n = (size_t)n};
        return VS_OK;
    }
    const unsigned char *p = vs_read_bytes(c, value_types[type].width);
    if (!p) return cut_off(err, f, key);
    *out = vs__meta_number(value_types[type].type, value_types[type].width, p);
    if (out->type == VS_META_BOOL && out->u > 1)
        return vs_fail(err, VS_E_FORMAT, "%s: key %s is %u, a truth value is 0 or 1", f->path, key, *p);
    return VS_OK;
}

static vs_status read_keys(vs_err *err, vs_file *f, vs_cursor *c, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        char what[80];
        snprintf(what, sizeof what, "metadata key %" PRIu64 " of %" PRIu64, i, count);
        const char *name;
        VS_TRY(read_name(err, f, c, what, &name));
        vs_meta value;
        VS_TRY(read_value(err, f, c, vs__show(name, strlen(name)).s, &value));
        VS_TRY(vs__file_add_key(err, f, name, value));
    }
    return VS_OK;
}

static vs_status find_alignment(vs_err *err, const vs_file *f, size_t *out) {
    vs_meta m = vs_file_meta(f, "general.alignment");
    *out = 32;
    if (m.type == VS_META_NONE) return VS_OK;
    if (m.type != VS_META_UINT || m.u == 0 || m.u > UINT32_MAX || (m.u & (m.u - 1)))
        return vs_fail(err, VS_E_FORMAT,
                       "%s: key general.alignment: want a power of two as an unsigned integer, the file has %g",
                       f->path, m.f);
    *out = (size_t)m.u;
    return VS_OK;
}

/* ---- tensors ---- */

static vs_status find_dtype(vs_err *err, const vs_file *f, const char *name, uint32_t number, vs_dtype *out) {
    *out = VS_F32;
    for (unsigned t = 0; t < VS_DTYPE_COUNT; t++)
        if (vs_dtype_of((vs_dtype)t)->gguf >= 0 && (uint32_t)vs_dtype_of((vs_dtype)t)->gguf == number) {
            *out = (vs_dtype)t;
            return VS_OK;
        }
    for (size_t i = 0; i < sizeof other_types / sizeof *other_types; i++)
        if (other_types[i].number == number)
            return vs_fail(err, VS_E_UNSUPPORTED,
                           "%s: tensor %s has the type %s; every type but IQ1 to IQ3, Q1_0, Q8_1 and Q8_K is read", f->path,
                           vs__show(name, strlen(name)).s, other_types[i].name);
    return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: unknown type %u", f->path, vs__show(name, strlen(name)).s, number);
}

static vs_status read_tensor(vs_err *err, vs_file *f, vs_cursor *c, const char *what, size_t align) {
    const char *name;
    VS_TRY(read_name(err, f, c, what, &name));
    uint32_t ndim = vs_read_u32(c);
    if (!c->failed && ndim > VS_MAX_DIMS)
        return vs_fail(err, VS_E_FORMAT, "%s: tensor %s has %u axes, at most %d", f->path,
                       vs__show(name, strlen(name)).s, ndim, VS_MAX_DIMS);
    size_t shape[VS_MAX_DIMS] = {0};
    for (uint32_t k = 0; !c->failed && k < ndim; k++) {
        uint64_t dim = vs_read_u64(c);
        if (!c->failed && dim == 0)
            return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: axis %u has no elements", f->path,
                           vs__show(name, strlen(name)).s, k);
        shape[ndim - 1 - k] = (size_t)dim;
    }
    uint32_t number = vs_read_u32(c);
    uint64_t offset = vs_read_u64(c);
    if (c->failed) return cut_off(err, f, vs__show(name, strlen(name)).s);
    vs_dtype dtype;
    VS_TRY(find_dtype(err, f, name, number, &dtype));
    if (offset % align)
        return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: offset %" PRIu64 " is not a multiple of the alignment, %zu",
                       f->path, vs__show(name, strlen(name)).s, offset, align);
    return vs__file_add(err, f, name, dtype, (int)ndim, shape, offset);
}

static vs_status open_gguf(vs_err *err, vs_file *f) {
    vs_cursor c = vs_cursor_over(f->map.bytes, f->map.size);
    (void)vs_read_u32(&c); /* the magic, seen by probe() */
    uint32_t version = vs_read_u32(&c);
    if (!c.failed && version != 2 && version != 3)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: GGUF version %u%s; 2 and 3 are read", f->path, version,
                       version && !(version & 0xFFFF) ? " (big-endian)" : "");
    uint64_t tensors = vs_read_u64(&c), keys = vs_read_u64(&c);
    if (c.failed) return cut_off(err, f, "the header");
    size_t left = c.size - c.at;
    if (keys > left / MIN_KEY || tensors > left / MIN_TENSOR)
        return vs_fail(err, VS_E_FORMAT,
                       "%s: the header counts %" PRIu64 " tensors and %" PRIu64 " keys, but only %zu bytes follow",
                       f->path, tensors, keys, left);
    VS_TRY(read_keys(err, f, &c, keys));
    size_t align;
    VS_TRY(find_alignment(err, f, &align));
    for (uint64_t i = 0; i < tensors; i++) {
        char what[80];
        snprintf(what, sizeof what, "tensor %" PRIu64 " of %" PRIu64, i, tensors);
        VS_TRY(read_tensor(err, f, &c, what, align));
    }
    f->head = c.p;
    f->head_size = c.at;
    size_t pad = (align - c.at % align) % align;
    (void)vs_read_bytes(&c, pad);
    if (c.failed && tensors) return cut_off(err, f, "the padding before the tensors' data");
    return vs__file_place(err, f, c.p + c.at, c.size - c.at);
}

const vs__format vs__format_gguf = {.name = "gguf", .probe = probe, .open = open_gguf, .writer = &vs__writer_gguf};
