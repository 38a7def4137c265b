/* fuzz_expr.c - any bytes as an expression, and as expressions between commas, over a few keys and spaces.
 * covers: lib/space/expr.c lib/space/expr_lex.c lib/space/expr_value.c */
#include <string.h>

#include "base/alloc.h"
#include "base/dict.h"
#include "space/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DIM = 3, WIDE = 5 };
static char place[2]; /* stand for two spaces */

static bool is_key(void *self, const char *text, size_t n) {
    static const char *const keys[] = {"queen", "new york", "-", "+", "c++", "a/b", "2", "12:30", ":)", "f(x)", "\"", "$", "-x"};
    (void)self;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strlen(keys[i]) == n && memcmp(keys[i], text, n) == 0) return true;
    return false;
}

static bool is_space(void *self, const char *text, size_t n) {
    (void)self;
    return n == 1 && (text[0] == 'g' || text[0] == 'w');
}

/* Numbers that follow from the address; some are zero, some huge, some addresses are unknown. */
static vs_status resolve(vs_err *err, void *self, const vs_addr *a, vs_value *out) {
    (void)self;
    uint64_t h = vs_hash(a->text, a->text_len) ^ (a->site ? vs_hash(a->site, strlen(a->site)) : 0) ^
                 (a->pos ? vs_hash(a->pos, strlen(a->pos)) : 0);
    for (size_t i = 0; i < a->n_args; i++) h ^= vs_hash(a->args[i], strlen(a->args[i]));
    if (strlen(a->text) != a->text_len) __builtin_trap();
    if (h % 16 == 0) return vs_fail(err, VS_E_UNKNOWN, "no key \"%.20s\"", a->text);
    out->dim = a->space && a->space[0] == 'w' ? WIDE : DIM;
    out->vec = vs_zalloc(out->dim, sizeof *out->vec);
    out->rows = vs_alloc(1, sizeof *out->rows);
    if (!out->vec || !out->rows) return vs_fail(err, VS_E_NOMEM, "no memory");
    if (h % 16 != 1)
        for (size_t j = 0; j < out->dim; j++) out->vec[j] = (float)(h >> 8 * j & 255) * (h % 16 == 2 ? 1e36F : 1);
    if (a->kind == VS_ADDR_KEY) {
        out->space = (vs_space *)(void *)&place[a->space != NULL];
        out->rows[out->n_rows++] = h % 100;
        if (h % 3 == 0) vs_buf_puts(&out->notes, "mean(a, b)");
    }
    return VS_OK;
}

static vs_status component(vs_err *err, void *self, size_t i, vs_value *out) {
    (void)self;
    if (i >= DIM) return vs_fail(err, VS_E_RANGE, "no such component");
    out->dim = DIM;
    out->vec = vs_zalloc(DIM, sizeof *out->vec);
    if (!out->vec) return vs_fail(err, VS_E_NOMEM, "no memory");
    out->vec[i] = 1;
    return VS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const vs_resolver r = {NULL, resolve, component, is_key, is_space, is_space};
    const char *text = (const char *)data;
    vs_err err = {0};
    vs_value v;
    vs_status s = vs_eval(&err, text, size, &r, &v);
    if ((s == VS_OK) != (v.vec != NULL)) __builtin_trap();
    if (s != VS_OK && (!err.msg[0] || strlen(err.msg) >= sizeof err.msg)) __builtin_trap();
    for (size_t i = 1; i < v.n_rows; i++)
        if (v.rows[i - 1] >= v.rows[i]) __builtin_trap();
    vs_value_free(&v);
    vs_trace t = {0};
    vs_status any = vs_eval_any(&err, text, size, &r, &t, &v);
    if (any != s && (any != VS_OK || v.vec)) __builtin_trap(); /* a number is the only difference */
    for (size_t i = 0; i < t.n; i++)
        if (t.operand[i].from >= t.operand[i].to || t.operand[i].to > size || !t.operand[i].v.vec) __builtin_trap();
    for (size_t i = 0; i < t.n_steps; i++)
        if (!t.step[i].rule || t.step[i].to > size) __builtin_trap();
    vs_value_free(&v);
    vs_trace_free(&t);
    vs_span part[4];
    size_t n;
    if (vs_expr_split(&err, text, size, part, 4, &n) == VS_OK)
        for (size_t i = 0; i < n; i++)
            if (part[i].s < text || part[i].s + part[i].n > text + size) __builtin_trap();
    return 0;
}
