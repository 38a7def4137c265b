/* write_safetensors.c - tensors into a safetensors file (fmt_safetensors.c has its layout), in order of declaration. */
#include <inttypes.h>
#include <string.h>

#include "writer.h"

static void put_quoted(vs_buf *b, const char *s, size_t n) {
    vs_buf_putc(b, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\') vs_buf_putc(b, '\\');
        if ((unsigned char)s[i] < 0x20)
            vs_buf_printf(b, "\\u%04x", (unsigned char)s[i]);
        else
            vs_buf_putc(b, s[i]);
    }
    vs_buf_putc(b, '"');
}

static vs_status meta(vs_err *err, const vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n,
                      bool array, vs_buf *b) {
    const vs_meta_text *text = values;
    (void)n;
    if (type != VS_META_STR || array)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: safetensors' metadata are texts; %s is none", w->path,
                       vs__show(key, strlen(key)).s);
    if (b->len) vs_buf_putc(b, ',');
    put_quoted(b, key, strlen(key));
    vs_buf_putc(b, ':');
    put_quoted(b, text->s, text->n);
    return VS_OK;
}

static vs_status check(vs_err *err, const vs_writer *w, const vs__out *t) {
    if (*vs_dtype_of(t->dtype)->safetensors && strcmp(t->name, "__metadata__") != 0) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: safetensors cannot hold tensor %s of type %s", w->path,
                   vs__show(t->name, strlen(t->name)).s, vs_dtype_of(t->dtype)->name);
}

static vs_status head(vs_err *err, const vs_writer *w, vs_buf *b) {
    vs_buf_put(b, "\0\0\0\0\0\0\0", 8);
    vs_buf_putc(b, '{');
    if (w->identity || w->metas) {
        vs_buf_puts(b, "\"__metadata__\":{");
        if (w->identity) vs_buf_printf(b, "\"vecscope\":\"%016" PRIx64 "\"%s", w->identity, w->metas ? "," : "");
        vs_buf_put(b, w->meta.s ? w->meta.s : "", w->meta.len);
        vs_buf_puts(b, w->outs ? "}," : "}");
    }
    uint64_t at = 0;
    bool fits = true;
    for (size_t i = 0; i < w->outs; i++) {
        const vs__out *t = &w->out[i];
        if (i) vs_buf_putc(b, ',');
        put_quoted(b, t->name, strlen(t->name));
        vs_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", vs_dtype_of(t->dtype)->safetensors);
        for (int k = 0; k < t->ndim; k++) vs_buf_printf(b, "%s%zu", k ? "," : "", t->shape[k]);
        vs_buf_printf(b, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + t->bytes);
        fits = fits && vs_add(at, t->bytes, &at);
    }
    vs_buf_putc(b, '}');
    while (!b->failed && b->len % 8) vs_buf_putc(b, ' ');
    if (b->failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for the header", w->path);
    uint64_t n = b->len - 8;
    if (!fits || n > VS__SAFETENSORS_HEADER)
        return vs_fail(err, VS_E_SHAPE, "%s: %zu tensors are more than safetensors can hold", w->path, w->outs);
    memcpy(b->s, &n, sizeof n);
    return VS_OK;
}

const vs__writer_kind vs__writer_safetensors = {.check = check, .meta = meta, .head = head};
