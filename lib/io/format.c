/* format.c - opening a container, and what is the same for all of them: names, order, overlaps, metadata. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

enum { NAME_BYTES = 65535 }; /* GGUF's limit for a key; nobody has longer tensor names */

static const vs__format *const formats[] = {
#define FORMAT(name, words) &vs__format_##name,
#include "formats.def"
#undef FORMAT
};

/* ---- opening ---- */

static bool begins(const vs_map *m, const char *s) {
    size_t n = strlen(s);
    return m->size >= n && !memcmp(m->bytes, s, n);
}

static vs_status unknown_format(vs_err *err, const vs_file *f) {
    if (!f->map.size) return vs_fail(err, VS_E_FORMAT, "%s: the file is empty", f->path);
    if (begins(&f->map, "version https://git-lfs"))
        return vs_fail(err, VS_E_FORMAT, "%s: a git-lfs pointer, not the file itself (git lfs pull fetches it)",
                       f->path);
    if (begins(&f->map, "\x80\x02"))
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: a Python pickle; convert it to safetensors", f->path);
    return vs_fail(err, VS_E_FORMAT, "%s: neither GGUF, safetensors, npy nor npz", f->path);
}

static vs_status read_file(vs_err *err, vs_file *f) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i]->probe(f->map.bytes, f->map.size)) {
            f->format = formats[i];
            return f->format->open(err, f);
        }
    return unknown_format(err, f);
}

static vs_status open_map(vs_err *err, const char *path, vs_map m, vs_file **out) {
    vs_file *f = vs_zalloc(1, sizeof *f);
    char *copy = vs_strdup(path);
    if (!f || !copy) {
        vs_free(f);
        vs_free(copy);
        vs_map_close(&m);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path);
    }
    f->path = copy;
    f->map = m;
    vs_status s = read_file(err, f);
    if (s != VS_OK)
        vs_file_close(f);
    else
        *out = f;
    return s;
}

vs_status vs_file_open(vs_err *err, const char *path, vs_file **out) {
    *out = NULL;
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    return open_map(err, path, m, out);
}

vs_status vs_file_open_bytes(vs_err *err, const char *name, const void *bytes, size_t size, vs_file **out) {
    *out = NULL;
    return open_map(err, name, vs_map_borrow(bytes, size), out);
}

void vs_file_close(vs_file *f) {
    if (!f) return;
    for (size_t i = 0; i < f->parts; i++) vs_file_close(f->part[i]);
    vs_free(f->part);
    vs_free(f->tensor);
    vs_free(f->key);
    vs_dict_free(&f->by_name);
    vs_dict_free(&f->by_key);
    vs_arena_free(&f->arena);
    vs_map_close(&f->map);
    vs_free(f->path);
    vs_free(f);
}

const char *vs_file_format(const vs_file *f) { return f->format->name; }
const char *vs_file_path(const vs_file *f) { return f->path; }

size_t vs_file_size(const vs_file *f) {
    size_t size = f->map.size;
    for (size_t i = 0; i < f->parts; i++) size += f->part[i]->map.size;
    return size;
}

uint64_t vs_file_header_hash(const vs_file *f) {
    if (!f->parts) return vs_hash(f->head, f->head_size);
    uint64_t h = 0;
    for (size_t i = 0; i < f->parts; i++) {
        uint64_t two[2] = {h, vs_file_header_hash(f->part[i])};
        h = vs_hash(two, sizeof two);
    }
    return h;
}

size_t vs_file_tensor_count(const vs_file *f) { return f->tensors; }

const vs_tensor *vs_file_tensor(const vs_file *f, size_t i, const char **name) {
    if (name) *name = i < f->tensors ? f->tensor[i].name : NULL;
    return i < f->tensors ? &f->tensor[i].tensor : NULL;
}

const vs_tensor *vs_file_find(const vs_file *f, const char *name) {
    uint32_t i;
    return vs_dict_find(&f->by_name, name, strlen(name), &i) ? &f->tensor[i].tensor : NULL;
}

/* ---- what readers fill in ---- */

vs__shown vs__show(const char *s, size_t n) {
    vs__shown out;
    size_t used = 0, i = 0;
    while (i < n) {
        size_t from = i;
        bool bad = false;
        uint32_t cp = vs_utf8_next(s, n, &i, &bad);
        bool plain = !bad && cp >= 0x20 && !(cp >= 0x7F && cp < 0xA0);
        size_t need = plain ? i - from : 4;
        if (used + need > 80) {
            memcpy(out.s + used, "…", 4);
            return out;
        }
        if (plain)
            memcpy(out.s + used, s + from, need);
        else
            snprintf(out.s + used, 5, "\\x%02X", (unsigned char)s[from]), i = from + 1;
        used += need;
    }
    out.s[used] = '\0';
    return out;
}

vs_status vs__file_name(vs_err *err, vs_file *f, const char *what, const char *s, size_t n, const char **out) {
    if (!n) return vs_fail(err, VS_E_FORMAT, "%s: %s has an empty name", f->path, what);
    if (n > NAME_BYTES)
        return vs_fail(err, VS_E_FORMAT, "%s: the name of %s is %zu bytes long, at most %d", f->path, what, n,
                       NAME_BYTES);
    size_t bad;
    if (!vs_utf8_valid(s, n, &bad))
        return vs_fail(err, VS_E_FORMAT, "%s: the name of %s is not UTF-8 at byte %zu: %s", f->path, what, bad,
                       vs__show(s, n).s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F)
            return vs_fail(err, VS_E_FORMAT, "%s: the name of %s has the control character \\x%02X: %s", f->path, what,
                           (unsigned char)s[i], vs__show(s, n).s);
    *out = vs_arena_strndup(&f->arena, s, n);
    return *out ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for the name of %s", f->path, what);
}

/* Room for one more of n records: they grow as they are read, since a count in a hostile file may be anything. */
static vs_status make_room(vs_err *err, const vs_file *f, void **list, size_t n, size_t *room, size_t size) {
    if (n < *room) return VS_OK;
    size_t more = n ? 2 * n : 64;
    void *bigger = n < UINT32_MAX / 2 ? vs_grow(*list, n, more, size) : NULL; /* the dictionaries count in 32 bits */
    if (!bigger) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu names", f->path, more);
    *list = bigger;
    *room = more;
    return VS_OK;
}

vs_status vs__file_add(vs_err *err, vs_file *f, const char *name, vs_dtype t, int ndim, const size_t *shape,
                       uint64_t offset) {
    void *list = f->tensor;
    VS_TRY(make_room(err, f, &list, f->tensors, &f->tensor_room, sizeof *f->tensor));
    f->tensor = list;
    vs__entry *e = &f->tensor[f->tensors];
    *e = (vs__entry){.name = name, .offset = offset};
    vs_status s = vs_tensor_over(err, NULL, t, ndim, shape, &e->tensor, &e->bytes);
    if (s != VS_OK) {
        vs_fail_in(err, "%s: tensor %s", f->path, vs__show(name, strlen(name)).s);
        return s;
    }
    f->tensors++;
    return VS_OK;
}

vs_status vs__file_add_key(vs_err *err, vs_file *f, const char *name, vs_meta value) {
    void *list = f->key;
    VS_TRY(make_room(err, f, &list, f->keys, &f->key_room, sizeof *f->key));
    f->key = list;
    bool added;
    VS_TRY(vs_dict_add(err, &f->by_key, name, strlen(name), (uint32_t)f->keys, &added));
    if (!added)
        return vs_fail(err, VS_E_FORMAT, "%s: metadata key %s stands there twice", f->path,
                       vs__show(name, strlen(name)).s);
    f->key[f->keys++] = (vs__key){.name = name, .value = value};
    return VS_OK;
}

static int by_offset(const void *a, const void *b) {
    const vs__entry *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static vs_status index_names(vs_err *err, vs_file *f) {
    VS_TRY(vs_dict_reserve(err, &f->by_name, f->tensors));
    for (size_t i = 0; i < f->tensors; i++) {
        const char *name = f->tensor[i].name;
        bool added;
        VS_TRY(vs_dict_add(err, &f->by_name, name, strlen(name), (uint32_t)i, &added));
        if (!added)
            return vs_fail(err, VS_E_FORMAT, "%s: there are two tensors named %s", f->path,
                           vs__show(name, strlen(name)).s);
    }
    return VS_OK;
}

/* Numbers are read as they lie, so they must be aligned; bytes that are not are copied once. */
static vs_status point_at(vs_err *err, vs_file *f, vs__entry *e, const unsigned char *p) {
    const vs_dtype_info *d = vs_dtype_of(e->tensor.dtype);
    size_t align = d->block == 1 ? d->block_bytes : 2; /* a block begins with a 16-bit scale */
    e->tensor.data = p;
    if (!e->bytes || (uintptr_t)p % align == 0) return VS_OK;
    void *copy = vs_arena_alloc(&f->arena, e->bytes, 1);
    if (!copy)
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for an aligned copy of %s (%zu bytes)", f->path,
                       vs__show(e->name, strlen(e->name)).s, e->bytes);
    memcpy(copy, p, e->bytes);
    e->tensor.data = copy;
    return VS_OK;
}

vs_status vs__file_place(vs_err *err, vs_file *f, const unsigned char *data, size_t size) {
    if (f->tensors) qsort(f->tensor, f->tensors, sizeof *f->tensor, by_offset);
    VS_TRY(index_names(err, f));
    uint64_t end = 0;
    for (size_t i = 0; i < f->tensors; i++) {
        vs__entry *e = &f->tensor[i];
        if (e->offset > size || e->bytes > size - e->offset)
            return vs_fail(err, VS_E_FORMAT,
                           "%s: tensor %s: wants %zu bytes from byte %" PRIu64 " of the data, the file has %zu",
                           f->path, vs__show(e->name, strlen(e->name)).s, e->bytes, e->offset, size);
        if (e->offset < end)
            return vs_fail(err, VS_E_FORMAT, "%s: tensors %s and %s overlap", f->path,
                           vs__show(f->tensor[i - 1].name, strlen(f->tensor[i - 1].name)).s,
                           vs__show(e->name, strlen(e->name)).s);
        end = e->offset + e->bytes;
        VS_TRY(point_at(err, f, e, data + e->offset));
    }
    return VS_OK;
}

static vs_status merge(vs_err *err, vs_file *all) {
    size_t tensors = 0;
    for (size_t i = 0; i < all->parts; i++) tensors += all->part[i]->tensors;
    all->tensor = vs_alloc(tensors, sizeof *all->tensor);
    if (!all->tensor) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu tensors", all->path, tensors);
    for (size_t i = 0; i < all->parts; i++)
        for (size_t k = 0; k < all->part[i]->tensors; k++) all->tensor[all->tensors++] = all->part[i]->tensor[k];
    return index_names(err, all);
}

vs_status vs__file_merge(vs_err *err, const char *path, vs_file **part, size_t n, vs_file **out) {
    *out = NULL;
    vs_file *all = vs_zalloc(1, sizeof *all);
    char *copy = vs_strdup(path);
    vs_file **parts = vs_alloc(n, sizeof *parts);
    if (!all || !copy || !parts) {
        vs_free(all);
        vs_free(copy);
        vs_free(parts);
        for (size_t i = 0; i < n; i++) vs_file_close(part[i]);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", path);
    }
    memcpy(parts, part, n * sizeof *parts);
    all->format = n ? part[0]->format : &vs__format_safetensors;
    all->path = copy;
    all->part = parts;
    all->parts = n;
    vs_status s = merge(err, all);
    if (s != VS_OK)
        vs_file_close(all);
    else
        *out = all;
    return s;
}

/* ---- metadata ---- */

vs_meta vs_file_meta(const vs_file *f, const char *key) {
    uint32_t i;
    return vs_dict_find(&f->by_key, key, strlen(key), &i) ? f->key[i].value : (vs_meta){0};
}

const char *vs_file_meta_key(const vs_file *f, size_t i) { return i < f->keys ? f->key[i].name : NULL; }

static uint64_t read_uint(size_t width, const unsigned char *p) {
    uint64_t v = 0;
    memcpy(&v, p, width); /* little-endian file, little-endian machine (map.h) */
    return v;
}

vs_meta vs__meta_number(vs_meta_type type, size_t width, const unsigned char *p) {
    vs_meta m = {.type = type};
    uint64_t bits = read_uint(width, p);
    if (type == VS_META_FLOAT) {
        float f32;
        memcpy(&f32, p, sizeof f32);
        m.f = (double)f32;
        if (width == 8) memcpy(&m.f, p, sizeof m.f);
    } else if (type == VS_META_INT) {
        unsigned shift = (unsigned)(64 - 8 * width);
        m.i = (int64_t)(bits << shift) >> shift; /* sign extension */
        m.u = m.i < 0 ? 0 : (uint64_t)m.i;
        m.f = (double)m.i;
    } else {
        m.u = bits;
        m.i = bits <= INT64_MAX ? (int64_t)bits : 0;
        m.f = (double)bits;
    }
    return m;
}

static const unsigned char *after(const unsigned char *p) { return p + 8 + read_uint(8, p); }

/* Where string i begins.  The lengths were checked when the file was opened. */
static const unsigned char *string_at(vs__array *a, size_t n, size_t i) {
    if (!a->at && (a->at = vs_arena_alloc(&a->owner->arena, n, sizeof *a->at))) {
        const unsigned char *p = a->data;
        for (size_t k = 0; k < n; k++, p = after(p)) a->at[k] = p;
    }
    if (a->at) return a->at[i];
    if (!a->seen_at || i < a->seen) {
        a->seen = 0;
        a->seen_at = a->data;
    }
    for (; a->seen < i; a->seen++) a->seen_at = after(a->seen_at);
    return a->seen_at;
}

vs_meta vs_meta_at(const vs_meta *array, size_t i) {
    if (array->type != VS_META_ARRAY || i >= array->n) return (vs_meta){0};
    vs__array *a = (vs__array *)(uintptr_t)array->array;
    if (a->width) return vs__meta_number(array->elem, a->width, a->data + i * a->width);
    const unsigned char *p = string_at(a, array->n, i);
    return (vs_meta){.type = VS_META_STR, .s = (const char *)p + 8, .n = (size_t)read_uint(8, p)};
}

/* The bytes of an array of numbers, NULL where it is none. */
static const vs__array *numbers(const vs_meta *array) {
    bool number = array->elem == VS_META_UINT || array->elem == VS_META_INT || array->elem == VS_META_FLOAT;
    return array->type == VS_META_ARRAY && number ? (const vs__array *)array->array : NULL;
}

bool vs_meta_floats(const vs_meta *array, float *out) {
    const vs__array *a = numbers(array);
    if (!a) return false;
    if (array->elem == VS_META_FLOAT && a->width == sizeof *out) {
        if (array->n) memcpy(out, a->data, array->n * sizeof *out);
        return true;
    }
    for (size_t i = 0; i < array->n; i++) out[i] = (float)vs_meta_at(array, i).f;
    return true;
}

bool vs_meta_ints(const vs_meta *array, int32_t *out) {
    const vs__array *a = numbers(array);
    if (!a) return false;
    if (array->elem == VS_META_INT && a->width == sizeof *out) {
        if (array->n) memcpy(out, a->data, array->n * sizeof *out);
        return true;
    }
    for (size_t i = 0; i < array->n; i++) {
        double x = vs_meta_at(array, i).f;
        out[i] = x >= INT32_MIN && x <= INT32_MAX ? (int32_t)x : -1;
    }
    return true;
}
