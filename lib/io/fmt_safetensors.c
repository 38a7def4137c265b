/* fmt_safetensors.c - safetensors, the tensor files of the Hugging Face hub (huggingface/safetensors describes them).
 *
 *   u64 n   n bytes of JSON, beginning with '{', padded with blanks   the tensors' data
 *   JSON: { "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …,
 *           "__metadata__": {"KEY": "TEXT", …} }
 *
 * A complex number (C64) is read as two F32, along an axis of their own behind the others.
 * Offsets count from the end of the JSON.  The tensors cover the data without gap or overlap.  All little-endian. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/json.h"
#include "writer.h"

static bool probe(const unsigned char *p, size_t n) { return n >= 9 && p[8] == '{'; }

static vs_status bad_tensor(vs_err *err, const vs_file *f, const char *name, const char *want) {
    return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: want %s", f->path, vs__show(name, strlen(name)).s, want);
}

static bool read_size(const json_t *v, uint64_t *out) {
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static vs_status find_dtype(vs_err *err, const vs_file *f, const char *name, const char *word, vs_dtype *out) {
    *out = VS_F32;
    for (unsigned t = 0; t < VS_DTYPE_COUNT; t++) {
        const char *s = vs_dtype_of((vs_dtype)t)->safetensors;
        if (*s && !strcmp(s, word)) {
            *out = (vs_dtype)t;
            return VS_OK;
        }
    }
    return vs_fail(err, VS_E_UNSUPPORTED,
                   "%s: tensor %s has the type %s; F64 to F4, C64, I64 to I8, U64 to U8 and BOOL are read", f->path, vs__show(name, strlen(name)).s, vs__show(word, strlen(word)).s);
}

static vs_status read_tensor(vs_err *err, vs_file *f, const char *key, const json_t *v) {
    const char *name;
    VS_TRY(vs__file_name(err, f, "a tensor", key, strlen(key), &name));
    const json_t *dtype = json_object_get(v, "dtype"), *shape = json_object_get(v, "shape"),
                 *span = json_object_get(v, "data_offsets");
    if (!json_is_string(dtype)) return bad_tensor(err, f, name, "\"dtype\", a string");
    if (!json_is_array(shape)) return bad_tensor(err, f, name, "\"shape\", an array");
    if (!json_is_array(span) || json_array_size(span) != 2)
        return bad_tensor(err, f, name, "\"data_offsets\", an array of two");
    if (json_object_size(v) != 3)
        return bad_tensor(err, f, name, "\"dtype\", \"shape\" and \"data_offsets\", nothing else");
    vs_dtype t;
    bool pairs = !strcmp(json_string_value(dtype), "C64");
    VS_TRY(find_dtype(err, f, name, pairs ? "F32" : json_string_value(dtype), &t));
    size_t ndim = json_array_size(shape), dim[VS_MAX_DIMS] = {0};
    if (ndim + pairs > VS_MAX_DIMS)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: tensor %s has %zu axes, at most %d", f->path,
                       vs__show(name, strlen(name)).s, ndim, VS_MAX_DIMS);
    for (size_t k = 0; k < ndim; k++) {
        uint64_t n;
        if (!read_size(json_array_get(shape, k), &n))
            return bad_tensor(err, f, name, "\"shape\" of whole numbers >= 0");
        dim[k] = (size_t)n;
    }
    if (pairs) dim[ndim++] = 2;
    uint64_t begin, end;
    if (!read_size(json_array_get(span, 0), &begin) || !read_size(json_array_get(span, 1), &end) || begin > end)
        return bad_tensor(err, f, name, "\"data_offsets\" [begin, end], 0 <= begin <= end");
    VS_TRY(vs__file_add(err, f, name, t, (int)ndim, dim, begin));
    size_t bytes = f->tensor[f->tensors - 1].bytes;
    if (bytes == end - begin) return VS_OK;
    char text[96];
    return vs_fail(err, VS_E_FORMAT, "%s: tensor %s: %s %s takes %zu bytes, data_offsets give %" PRIu64, f->path,
                   vs__show(name, strlen(name)).s, vs_shape_text(dim, (int)ndim, text, sizeof text),
                   vs_dtype_of(t)->name, bytes, end - begin);
}

static vs_status read_metadata(vs_err *err, vs_file *f, json_t *table) {
    const char *key;
    json_t *v;
    json_object_foreach(table, key, v) {
        const char *name, *text;
        VS_TRY(vs__file_name(err, f, "a metadata key", key, strlen(key), &name));
        if (!json_is_string(v))
            return vs_fail(err, VS_E_FORMAT, "%s: metadata key %s: want a string", f->path,
                           vs__show(name, strlen(name)).s);
        size_t n = json_string_length(v);
        if (!(text = vs_arena_strndup(&f->arena, json_string_value(v), n)))
            return vs_fail(err, VS_E_NOMEM, "%s: no memory for the metadata", f->path);
        VS_TRY(vs__file_add_key(err, f, name, (vs_meta){.type = VS_META_STR, .s = text, .n = n}));
    }
    return VS_OK;
}

static vs_status read_header(vs_err *err, vs_file *f, json_t *header) {
    json_t *meta = json_object_get(header, "__metadata__");
    if (meta && !json_is_object(meta))
        return vs_fail(err, VS_E_FORMAT, "%s: __metadata__: want an object of strings", f->path);
    if (meta) VS_TRY(read_metadata(err, f, meta));
    const char *key;
    json_t *v;
    json_object_foreach(header, key, v) {
        if (v == meta) continue;
        if (!json_is_object(v)) return bad_tensor(err, f, key, "an object with dtype, shape and data_offsets");
        VS_TRY(read_tensor(err, f, key, v));
    }
    return VS_OK;
}

/* The tensors, in order of their offsets, cover the data: no byte stands for nothing. */
static vs_status check_gaps(vs_err *err, const vs_file *f, size_t size) {
    uint64_t end = 0;
    for (size_t i = 0; i < f->tensors; i++) {
        const vs__entry *e = &f->tensor[i];
        if (e->offset != end)
            return vs_fail(err, VS_E_FORMAT,
                           "%s: tensor %s begins at byte %" PRIu64 " of the data, the one before it ends at %" PRIu64,
                           f->path, vs__show(e->name, strlen(e->name)).s, e->offset, end);
        end += e->bytes;
    }
    if (end == size) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: the tensors take %" PRIu64 " bytes, the file has %zu", f->path, end, size);
}

static vs_status open_safetensors(vs_err *err, vs_file *f) {
    vs_cursor c = vs_cursor_over(f->map.bytes, f->map.size);
    uint64_t n = vs_read_u64(&c);
    if (n > VS__SAFETENSORS_HEADER)
        return vs_fail(err, VS_E_FORMAT, "%s: a header of %" PRIu64 " bytes, at most %zu are read", f->path, n,
                       VS__SAFETENSORS_HEADER);
    size_t left = c.size - c.at;
    const unsigned char *text = vs_read_bytes(&c, n);
    if (!text)
        return vs_fail(err, VS_E_FORMAT, "%s: a header of %" PRIu64 " bytes, %zu are left of the file", f->path, n,
                       left);
    f->head = c.p;
    f->head_size = c.at;
    json_t *header;
    VS_TRY(vs_json_parse(err, f->path, (const char *)text, (size_t)n, VS__SAFETENSORS_HEADER, &header));
    vs_status s = read_header(err, f, header);
    json_decref(header);
    VS_TRY(s);
    VS_TRY(vs__file_place(err, f, c.p + c.at, c.size - c.at));
    return check_gaps(err, f, c.size - c.at);
}

const vs__format vs__format_safetensors = {
    .name = "safetensors", .probe = probe, .open = open_safetensors, .writer = &vs__writer_safetensors};
