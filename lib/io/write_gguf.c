/* write_gguf.c - tensors into a GGUF file (fmt_gguf.c has its layout), version 3, aligned to 32 bytes. */
#include <inttypes.h>
#include <string.h>

#include "writer.h"

enum { ALIGN = 32, STRING = 8, ARRAY = 9 };

static void put_u32(vs_buf *b, uint32_t v) { vs_buf_put(b, (const char *)&v, sizeof v); }
static void put_u64(vs_buf *b, uint64_t v) { vs_buf_put(b, (const char *)&v, sizeof v); }

static void put_string(vs_buf *b, const char *s, size_t n) {
    put_u64(b, n);
    vs_buf_put(b, s, n);
}

static void pad(vs_buf *b, uint64_t at) {
    for (; at % ALIGN && !b->failed; at++) vs_buf_putc(b, '\0');
}

static vs_status check(vs_err *err, const vs_writer *w, const vs__out *t) {
    const vs_dtype_info *d = vs_dtype_of(t->dtype);
    bool empty = false;
    for (int k = 0; k < t->ndim; k++) empty = empty || !t->shape[k];
    if (d->gguf >= 0 && t->ndim && !empty) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: GGUF cannot hold tensor %s of type %s%s", w->path,
                   vs__show(t->name, strlen(t->name)).s, d->name, empty ? " without elements" : t->ndim ? "" : " without axes");
}

/* GGUF's number of a type of value and bytes of one. */
static void number_of(vs_meta_type type, uint32_t *number, size_t *width) {
    static const struct {
        uint32_t number;
        size_t width;
    } of[] = {[VS_META_BOOL] = {7, sizeof(bool)}, [VS_META_UINT] = {4, 4}, [VS_META_INT] = {5, 4}, [VS_META_FLOAT] = {6, 4},
              [VS_META_STR] = {STRING, sizeof(vs_meta_text)}};
    *number = of[type].number;
    *width = of[type].width;
}

static vs_status meta(vs_err *err, const vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n,
                      bool array, vs_buf *b) {
    uint32_t number;
    size_t width;
    (void)err, (void)w;
    number_of(type, &number, &width);
    put_string(b, key, strlen(key));
    if (array) {
        put_u32(b, ARRAY);
        put_u32(b, number);
        put_u64(b, n);
    } else
        put_u32(b, number);
    if (type == VS_META_STR)
        for (size_t i = 0; i < n; i++) put_string(b, ((const vs_meta_text *)values)[i].s, ((const vs_meta_text *)values)[i].n);
    else if (n)
        vs_buf_put(b, values, n * width);
    return VS_OK;
}

static vs_status head(vs_err *err, const vs_writer *w, vs_buf *b) {
    vs_buf_puts(b, "GGUF");
    put_u32(b, 3);
    put_u64(b, w->outs);
    put_u64(b, w->metas);
    vs_buf_put(b, w->meta.s, w->meta.len);
    uint64_t at = 0;
    bool fits = true;
    for (size_t i = 0; i < w->outs; i++) {
        const vs__out *t = &w->out[i];
        put_string(b, t->name, strlen(t->name));
        put_u32(b, (uint32_t)t->ndim);
        for (int k = t->ndim; k-- > 0;) put_u64(b, t->shape[k]);
        put_u32(b, (uint32_t)vs_dtype_of(t->dtype)->gguf);
        put_u64(b, at);
        fits = fits && vs_add(at, t->bytes, &at) && vs_add(at, (ALIGN - at % ALIGN) % ALIGN, &at);
    }
    pad(b, b->len);
    if (b->failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for the header", w->path);
    return fits ? VS_OK : vs_fail(err, VS_E_SHAPE, "%s: %zu tensors are more than a file can hold", w->path, w->outs);
}

/* The data of every tensor begin at a multiple of ALIGN. */
static vs_status before(vs_err *err, const vs_writer *w, vs__out *t, vs_buf *b) {
    (void)err, (void)w;
    pad(b, t->at);
    return VS_OK;
}

static vs_status end(vs_err *err, vs_writer *w) {
    vs_buf b = {0};
    pad(&b, w->at);
    return vs__writer_send(err, w, &b);
}

const vs__writer_kind vs__writer_gguf = {.check = check, .meta = meta, .head = head, .open = before, .end = end};

/* ---- keys of another file ---- */

/* An array of numbers keeps the width that it has. */
static void copy_numbers(vs_buf *b, const char *key, const vs_meta *m) {
    static const uint32_t uints[] = {[1] = 0, [2] = 2, [4] = 4, [8] = 10}, ints[] = {[1] = 1, [2] = 3, [4] = 5, [8] = 11};
    const vs__array *a = m->array;
    uint32_t number = m->elem == VS_META_BOOL    ? 7
                      : m->elem == VS_META_UINT  ? uints[a->width]
                      : m->elem == VS_META_INT   ? ints[a->width]
                      : a->width == sizeof(float) ? 6
                                                  : 12;
    put_string(b, key, strlen(key));
    put_u32(b, ARRAY);
    put_u32(b, number);
    put_u64(b, m->n);
    if (m->n) vs_buf_put(b, (const char *)a->data, m->n * a->width);
}

static void copy_strings(vs_buf *b, const char *key, const vs_meta *m) {
    put_string(b, key, strlen(key));
    put_u32(b, ARRAY);
    put_u32(b, STRING);
    put_u64(b, m->n);
    for (size_t i = 0; i < m->n; i++) {
        vs_meta e = vs_meta_at(m, i);
        put_string(b, e.s, e.n);
    }
}

/* A number as wide as it needs: readers take u32, i32 and f32 for what they know. */
static void copy_scalar(vs_buf *b, const char *key, const vs_meta *m) {
    put_string(b, key, strlen(key));
    float f32 = (float)m->f;
    switch (m->type) {
    case VS_META_BOOL:
        put_u32(b, 7);
        vs_buf_putc(b, m->u ? '\1' : '\0');
        break;
    case VS_META_UINT:
        put_u32(b, m->u > UINT32_MAX ? 10 : 4);
        vs_buf_put(b, (const char *)&m->u, m->u > UINT32_MAX ? 8 : 4);
        break;
    case VS_META_INT: {
        bool wide = m->i < INT32_MIN || m->i > INT32_MAX;
        put_u32(b, wide ? 11 : 5);
        vs_buf_put(b, (const char *)&m->i, wide ? 8 : 4);
        break;
    }
    case VS_META_FLOAT: {
        bool wide = (double)f32 < m->f || (double)f32 > m->f;
        put_u32(b, wide ? 12 : 6);
        vs_buf_put(b, wide ? (const char *)&m->f : (const char *)&f32, wide ? sizeof m->f : sizeof f32);
        break;
    }
    case VS_META_STR:
        put_u32(b, STRING);
        put_string(b, m->s, m->n);
        break;
    case VS_META_NONE:
    case VS_META_ARRAY: break;
    }
}

void vs__write_gguf_copy(vs_buf *b, const char *key, const vs_meta *m) {
    if (m->type != VS_META_ARRAY)
        copy_scalar(b, key, m);
    else if (m->elem == VS_META_STR)
        copy_strings(b, key, m);
    else
        copy_numbers(b, key, m);
}

void vs__write_gguf_bytes(vs_buf *b, const char *key, const void *bytes, size_t n) {
    put_string(b, key, strlen(key));
    put_u32(b, ARRAY);
    put_u32(b, 0); /* u8 */
    put_u64(b, n);
    vs_buf_put(b, bytes, n);
}
