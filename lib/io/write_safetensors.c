/* write_safetensors.c - tensors into a safetensors file (fmt_safetensors.c has its layout), in order of declaration. */
#include <inttypes.h>
#include <string.h>

#include "writer.h"

static void put_quoted(vs_buf *b, const char *s) { /* names hold no control characters (writer.c) */
    vs_buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') vs_buf_putc(b, '\\');
        vs_buf_putc(b, *s);
    }
    vs_buf_putc(b, '"');
}

static vs_status check(vs_err *err, const vs_writer *w, const vs__out *t) {
    if (*vs_dtype_of(t->dtype)->safetensors && strcmp(t->name, "__metadata__") != 0) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: safetensors cannot hold tensor %s of type %s", w->path,
                   vs__show(t->name, strlen(t->name)).s, vs_dtype_of(t->dtype)->name);
}

static vs_status head(vs_err *err, const vs_writer *w, vs_buf *b) {
    vs_buf_put(b, "\0\0\0\0\0\0\0", 8);
    vs_buf_putc(b, '{');
    if (w->identity) vs_buf_printf(b, "\"__metadata__\":{\"vecscope\":\"%016" PRIx64 "\"}%s", w->identity, w->outs ? "," : "");
    uint64_t at = 0;
    bool fits = true;
    for (size_t i = 0; i < w->outs; i++) {
        const vs__out *t = &w->out[i];
        if (i) vs_buf_putc(b, ',');
        put_quoted(b, t->name);
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

const vs__writer_kind vs__writer_safetensors = {.check = check, .head = head};
