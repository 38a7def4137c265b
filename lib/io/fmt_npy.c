/* fmt_npy.c - one array of NumPy (numpy.lib.format describes it).
 *
 *   "\x93NUMPY"  u8 major  u8 minor  header length: u16 (major 1), u32 (major 2 and 3)
 *   a Python dict, { 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, padded with blanks to a multiple of 64
 *   the array, row-major
 *
 * Views need C order and little-endian numbers (word vectors are read in Fortran order, too: fmt_wordlist.c).  The only
 * tensor of the file is named "array". */
#include <inttypes.h>
#include <string.h>

#include "file.h"
#include "npy.h"

enum { HEADER_LIMIT = 65536, FIELDS = 3 };

static const struct {
    vs_dtype dtype;
    const char *descr;
} types[] = {
    {VS_F32, "<f4"}, {VS_F16, "<f2"}, {VS_F64, "<f8"}, {VS_I8, "|i1"},   {VS_I16, "<i2"},
    {VS_I32, "<i4"}, {VS_I64, "<i8"}, {VS_U8, "|u1"},  {VS_U16, "<u2"},  {VS_U32, "<u4"}, {VS_U64, "<u8"}, {VS_BOOL, "|b1"},
};

bool vs__npy_probe(const unsigned char *p, size_t n) { return n >= 6 && !memcmp(p, "\x93NUMPY", 6); }

/* ---- the dict ---- */

typedef struct text {
    const char *p, *end;
} text;

static void skip_blanks(text *t) {
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\n' || *t->p == '\t')) t->p++;
}

static bool take(text *t, const char *word) {
    skip_blanks(t);
    size_t n = strlen(word);
    if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0) return false;
    t->p += n;
    return true;
}

/* 'abc' or "abc", without escapes. */
static bool take_string(text *t, const char **s, size_t *n) {
    skip_blanks(t);
    if (t->p == t->end || (*t->p != '\'' && *t->p != '"')) return false;
    const char *close = memchr(t->p + 1, *t->p, (size_t)(t->end - t->p - 1));
    if (!close) return false;
    *s = t->p + 1;
    *n = (size_t)(close - t->p - 1);
    t->p = close + 1;
    return true;
}

static bool take_size(text *t, size_t *out) {
    skip_blanks(t);
    const char *from = t->p;
    for (*out = 0; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++)
        if (!vs_mul(*out, 10, out) || !vs_add(*out, (size_t)(*t->p - '0'), out)) return false;
    return t->p > from;
}

/* *width: of a text, 0 for numbers. */
static vs_status read_descr(vs_err *err, const char *where, text *t, vs_dtype *out, size_t *width) {
    const char *s;
    size_t n;
    if (take(t, "[")) return vs_fail(err, VS_E_UNSUPPORTED, "%s: an array of records; want plain numbers", where);
    if (!take_string(t, &s, &n)) return vs_fail(err, VS_E_FORMAT, "%s: npy header: want 'descr' to be a string", where);
    if (n > 2 && (!memcmp(s, "<U", 2) || !memcmp(s, "|S", 2))) {
        text digits = {s + 2, s + n};
        if (take_size(&digits, width) && digits.p == digits.end && *width) {
            *out = s[1] == 'U' ? VS_U32 : VS_U8;
            return VS_OK;
        }
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (n == 3 && !memcmp(s + 1, types[i].descr + 1, 2) &&
            (*s == *types[i].descr || *s == '=' || types[i].descr[0] == '|')) {
            *out = types[i].dtype;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNSUPPORTED,
                   "%s: an array of type %s%s; <f4, <f2, <f8, |i1 to <i8, |u1 to <u8, |b1 and texts <U and |S are read", where,
                   vs__show(s, n).s,
                   n && *s == '>'                     ? " (big-endian)"
                   : n == 2 && !memcmp(s, "|O", 2) ? " (Python objects; astype(str) makes texts of them)"
                                                      : "");
}

static vs_status read_order(vs_err *err, const char *where, text *t, bool *fortran) {
    *fortran = take(t, "True");
    if (*fortran || take(t, "False")) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: npy header: want 'fortran_order' to be True or False", where);
}

static vs_status read_shape(vs_err *err, const char *where, text *t, vs__npy *out) {
    bool ok = take(t, "(");
    while (ok && !take(t, ")")) {
        if (out->ndim == VS_MAX_DIMS)
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: an array of more than %d axes", where, VS_MAX_DIMS);
        ok = take_size(t, &out->shape[out->ndim++]);
        if (ok && !take(t, ",")) {
            ok = take(t, ")");
            break;
        }
    }
    return ok ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: npy header: want 'shape' to be a tuple of whole numbers", where);
}

static vs_status read_field(vs_err *err, const char *where, text *t, const char *key, size_t n, unsigned *seen,
                            size_t *width, vs__npy *out) {
    static const char *const keys[FIELDS] = {"descr", "fortran_order", "shape"};
    int k = 0;
    while (k < FIELDS && !(strlen(keys[k]) == n && !memcmp(keys[k], key, n))) k++;
    if (k == FIELDS) return vs_fail(err, VS_E_FORMAT, "%s: npy header: unknown key '%s'", where, vs__show(key, n).s);
    if (*seen & 1u << k) return vs_fail(err, VS_E_FORMAT, "%s: npy header: '%s' twice", where, keys[k]);
    *seen |= 1u << k;
    if (k == 0) return read_descr(err, where, t, &out->dtype, width);
    if (k == 1) return read_order(err, where, t, &out->fortran);
    return read_shape(err, where, t, out);
}

static vs_status read_dict(vs_err *err, const char *where, text t, vs__npy *out) {
    unsigned seen = 0;
    size_t width = 0;
    if (!take(&t, "{")) return vs_fail(err, VS_E_FORMAT, "%s: npy header: want a dict", where);
    while (!take(&t, "}")) {
        const char *key;
        size_t n;
        if (!take_string(&t, &key, &n) || !take(&t, ":"))
            return vs_fail(err, VS_E_FORMAT, "%s: npy header: want 'key': value, or }", where);
        VS_TRY(read_field(err, where, &t, key, n, &seen, &width, out));
        (void)take(&t, ",");
    }
    skip_blanks(&t);
    if (t.p < t.end) return vs_fail(err, VS_E_FORMAT, "%s: npy header: something follows the dict", where);
    if (seen != (1u << FIELDS) - 1)
        return vs_fail(err, VS_E_FORMAT, "%s: npy header: want descr, fortran_order and shape", where);
    if (!width) return VS_OK;
    if (out->ndim == VS_MAX_DIMS) return vs_fail(err, VS_E_UNSUPPORTED, "%s: an array of texts with %d axes", where, out->ndim);
    out->fortran = out->fortran && out->ndim > 1;
    out->shape[out->ndim++] = width;
    out->text = true;
    return VS_OK;
}

vs_status vs__npy_read(vs_err *err, const char *where, const unsigned char *p, size_t n, vs__npy *out) {
    *out = (vs__npy){0};
    if (!vs__npy_probe(p, n)) return vs_fail(err, VS_E_FORMAT, "%s: not an npy array", where);
    vs_cursor c = vs_cursor_over(p, n);
    (void)vs_read_bytes(&c, 6);
    unsigned major = vs_read_u8(&c);
    (void)vs_read_u8(&c);
    if (!c.failed && (major < 1 || major > 3))
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: npy version %u; 1 to 3 are read", where, major);
    uint32_t length = major == 1 ? vs_read_u16(&c) : vs_read_u32(&c);
    if (length > HEADER_LIMIT)
        return vs_fail(err, VS_E_FORMAT, "%s: an npy header of %" PRIu32 " bytes, at most %d are read", where, length,
                       HEADER_LIMIT);
    const char *s = (const char *)vs_read_bytes(&c, length);
    if (!s) return vs_fail(err, VS_E_FORMAT, "%s: the file ends (at byte %zu) in the npy header", where, n);
    out->head = c.at;
    return read_dict(err, where, (text){s, s + length}, out);
}

vs_status vs__npy_row_major(vs_err *err, const char *where, const vs__npy *a) {
    if (!a->fortran || a->ndim < 2) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: the array is in Fortran order; save it with numpy.ascontiguousarray",
                   where);
}

vs_status vs__npy_write(vs_err *err, const char *where, vs_dtype t, int ndim, const size_t *shape, bool texts, vs_buf *b) {
    const char *descr = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == t) descr = types[i].descr;
    if (!descr)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: NumPy has no type %s; write f32, or safetensors", where,
                       vs_dtype_of(t)->name);
    size_t from = b->len;
    vs_buf_put(b, "\x93NUMPY\x01\x00\x00\x00", 10);
    if (texts)
        vs_buf_printf(b, "{'descr': '<U%zu', 'fortran_order': False, 'shape': (", shape[--ndim]);
    else
        vs_buf_printf(b, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int k = 0; k < ndim; k++) vs_buf_printf(b, "%s%zu", k ? ", " : "", shape[k]);
    vs_buf_puts(b, ndim == 1 ? ",), }" : "), }");
    while (!b->failed && (b->len - from) % 64 != 63) vs_buf_putc(b, ' ');
    vs_buf_putc(b, '\n');
    if (b->failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for an npy header", where);
    size_t length = b->len - from - 10;
    b->s[from + 8] = (char)(length & 0xFF);
    b->s[from + 9] = (char)(length >> 8);
    return VS_OK;
}

/* ---- the file ---- */

static vs_status open_npy(vs_err *err, vs_file *f) {
    vs__npy a;
    VS_TRY(vs__npy_read(err, f->path, f->map.bytes, f->map.size, &a));
    VS_TRY(vs__npy_row_major(err, f->path, &a));
    f->head = f->map.bytes;
    f->head_size = a.head;
    VS_TRY(vs__file_add(err, f, "array", a.dtype, a.ndim, a.shape, a.head));
    VS_TRY(vs__file_place(err, f, f->map.bytes, f->map.size));
    size_t end = a.head + f->tensor[0].bytes;
    if (end == f->map.size) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: %zu bytes follow the array", f->path, f->map.size - end);
}

const vs__format vs__format_npy = {.name = "npy", .probe = vs__npy_probe, .open = open_npy};
