/* session_eval.c - what an address means: the resolver behind expressions, and where answers are looked up. */
#include <string.h>

#include "session_impl.h"
#include "tensor/kernels.h"

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for a vector"); }

/* ---- keys ---- */

static vs_space *space_of(vs_session *s, const char *name) {
    return name ? vs_session_space_named(s, name) : vs_session_space(s);
}

/* Also says that no space has the name before the colon of a key that was not found, where there is one. */
static vs_status unknown_key(vs_err *err, const vs_addr *a) {
    const char *colon = a->space || a->quoted ? NULL : memchr(a->text, ':', a->text_len);
    size_t n = colon ? (size_t)(colon - a->text) : 0;
    if (!err || !n || n > 60 || (a->text[0] >= '0' && a->text[0] <= '9') || n + 1 == a->text_len || memchr(a->text, ' ', n)) return VS_E_UNKNOWN;
    vs_err said = *err;
    return vs_fail(err, VS_E_UNKNOWN, "%s; no space is called %.*s", said.msg, (int)n, a->text);
}

static vs_status resolve_key(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    vs_space *sp = space_of(s, a->space);
    if (!sp)
        return vs_fail(err, VS_E_UNKNOWN, a->space ? "no space is called %s; spaces lists them" : "no space is open%s",
                       a->space ? a->space : "");
    size_t rows[VS_LOOKUP_MAX], n = 0;
    out->dim = vs_space_dim(sp);
    out->vec = vs_alloc(out->dim, sizeof *out->vec);
    if (!out->vec) return no_memory(err);
    vs_match how;
    vs_status st = vs_space_lookup(err, sp, a->text, a->text_len, s->settings.exact_key, out->vec, rows, &n, &how, &out->notes);
    if (st != VS_OK) return st == VS_E_UNKNOWN ? unknown_key(err, a) : st;
    if (out->notes.len)
        vs_buf_printf(&out->notes, ": %s has no \"%.*s\"", vs_space_name(sp),
                      (int)(a->text_len < 80 ? a->text_len : 80), a->text);
    out->space = sp;
    out->of = vs_space_name(sp);
    out->rows = vs_alloc(n, sizeof *out->rows);
    if (!out->rows) return no_memory(err);
    memcpy(out->rows, rows, n * sizeof *rows);
    out->n_rows = n;
    return VS_OK;
}

/* ---- "text"@site[pos] ---- */

/* What comes later need not be computed. */
size_t vs__layers_for(const vs_site *site) {
    if (site->layer < 0)
        return site->kind == VS_SITE_FINAL_NORM || site->kind == VS_SITE_LOGITS || site->kind == VS_SITE_POOLED ||
                       site->kind == VS_SITE_NSP
                   ? 0
                   : 1;
    size_t l = (size_t)site->layer + (site->kind != VS_SITE_RESID_PRE);
    return l ? l : 1;
}

size_t vs__row_width(const vs_tensor *t) {
    size_t width = 1;
    for (int i = 1; i < t->ndim; i++) width *= t->shape[i];
    return width;
}

vs_status vs__rows_mean(vs_err *err, const vs_tensor *t, size_t from, size_t to, float *out) {
    size_t width = vs__row_width(t);
    bool whole = t->ndim < 2 || t->stride[t->ndim - 1] == sizeof(float);
    if (t->ndim == 3) whole = whole && t->stride[1] == t->shape[2] * sizeof(float);
    if (!whole || to >= t->shape[0])
        return vs_fail(err, VS_E_SHAPE, "positions %zu..%zu of a site with %zu", from, to, t->shape[0]);
    memset(out, 0, width * sizeof *out);
    for (size_t r = from; r <= to; r++)
        vs_axpy(1.0f, (const float *)((const char *)t->data + r * t->stride[0]), out, width);
    if (to > from) vs_scale_by(out, 1.0f / (float)(to - from + 1), width);
    return VS_OK;
}

vs_status vs__site_of(vs_err *err, const vs_model *m, int stack, const char *name, vs_site *out) {
    VS_TRY(vs_site_parse_in(err, m, stack, name, strlen(name), out));
    if (vs_site_shape(out->kind)[0] == 'H')
        return vs_fail(err, VS_E_SHAPE, "%s is a matrix for each head, not a vector for each position; dump keeps it", name);
    return VS_OK;
}

static vs_status resolve_site(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    vs_model *m;
    vs_site site;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs__site_of(err, m, a->target != NULL, a->site, &site)); /* of two stacks, the one that reads what was said last */
    const vs_model_info *in = vs_model_info_of(m);
    int reads = vs_site_reads(site);
    const char *pos = a->pos ? a->pos : in->stack[reads].causal ? "-1" : "mean";
    vs_text_input x = {.text = vs_strndup(a->text, a->text_len)};
    vs_pass *pass = NULL;
    size_t from = 0, to = 0;
    vs_tensor t;
    vs_request rq = {.keep = &site, .n_keep = 1}; /* under edits the whole pass: each of them is to hit */
    if (!vs_session_edit_count(s)) rq.stop_layer = vs__layers_for(&site);
    vs_status st = x.text ? vs_session_tokenize(err, s, x.text, a->text_len, &x.tokens) : no_memory(err);
    if (st == VS_OK) st = vs_session_decoder_input(err, s, a->target, a->target_len, true, &x);
    if (!site.stack) x.given = false; /* the encoder alone */
    if (st == VS_OK && site.kind == VS_SITE_LOGITS) rq.logits = VS_LOGITS_ALL;
    if (st == VS_OK)
        st = vs_position_find(err, m, reads, reads ? x.target : x.text, reads ? &x.decoder : &x.tokens, pos, strlen(pos), &from, &to);
    if (st == VS_OK) st = vs_session_run(err, s, &x, &rq, &pass);
    if (st == VS_OK) st = vs_pass_site(err, pass, site, 0, &t);
    if (st == VS_OK && t.shape[0] == 1) from = to = 0; /* pooled: one row */
    if (st == VS_OK) {
        out->dim = vs__row_width(&t);
        out->vec = vs_alloc(out->dim, sizeof *out->vec);
        st = out->vec ? vs__rows_mean(err, &t, from, to, out->vec) : no_memory(err);
    }
    if (st == VS_OK && site.stack + 1 < in->n_stacks && out->dim == in->stack[0].d) /* no unembedding reads it */
        st = vs__space_of_table(err, &s->model[s->current_model - 1], 0, &out->space);
    vs_pass_free(pass);
    vs_text_input_free(&x);
    return st;
}

static vs_status resolve_name(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    char *name = vs_strndup(a->text, a->text_len);
    if (!name) return no_memory(err);
    vs_buf space = {0};
    vs_status st = vs_store_name_get(err, store, name, &out->vec, &out->dim, &out->weight, &space);
    if (st == VS_OK && space.len) out->space = vs_session_space_named(s, space.s);
    if (out->space) out->of = vs_space_name(out->space);
    vs_buf_free(&space);
    vs_free(name);
    return st;
}

/* The calls there are: CALL(name, of a model, resolver). */
static const struct call {
    const char *name;
    bool of_model;
    vs__call_fn *resolve;
} calls[] = {{"neuron", true, vs__resolve_neuron}, {"head", true, vs__resolve_head},         {"file", false, vs__resolve_file},
             {"sql", false, vs__resolve_sql},      {"cluster", false, vs__resolve_cluster},
             {"map", false, vs__resolve_map}};
enum { CALLS = sizeof calls / sizeof *calls };

static vs_status resolve_call(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    for (size_t i = 0; i < CALLS; i++) {
        if (strcmp(a->text, calls[i].name) != 0) continue;
        if (a->space && !calls[i].of_model)
            return vs_fail(err, VS_E_SYNTAX, "%s is no part of a model: want %s(…), not %s:%s(…)", a->text, a->text, a->space, a->text);
        VS_TRY(calls[i].resolve(err, s, a, out));
        if (calls[i].of_model) out->of = s->model[s->current_model - 1].name;
        return VS_OK;
    }
    vs_buf names = {0};
    for (size_t i = 0; i < CALLS; i++) vs_buf_printf(&names, " %s", calls[i].name);
    vs_status st = vs_fail(err, VS_E_SYNTAX, "no function is called %.*s; there are unit mean project reject norm dot cos dist pc%s", (int)a->text_len,
                           a->text, names.s ? names.s : "");
    vs_buf_free(&names);
    return st;
}

static vs_status resolve_in_model(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    if (a->kind == VS_ADDR_CALL) return resolve_call(err, s, a, out);
    VS_TRY(resolve_site(err, s, a, out));
    out->of = s->model[s->current_model - 1].name;
    return VS_OK;
}

static vs_status resolve(vs_err *err, void *self, const vs_addr *a, vs_value *out) {
    vs_session *s = self;
    if (a->kind == VS_ADDR_KEY) return resolve_key(err, s, a, out);
    if (a->kind == VS_ADDR_NAME) return resolve_name(err, s, a, out);
    if (!a->space) return resolve_in_model(err, s, a, out);
    vs__open_model *m = vs__model_named(s, a->space, strlen(a->space));
    if (!m) return vs_fail(err, VS_E_UNKNOWN, "no model is called %s; models lists them", a->space);
    size_t was = s->current_model; /* the address alone is of that model */
    s->current_model = (size_t)(m - s->model) + 1;
    vs_status st = resolve_in_model(err, s, a, out);
    s->current_model = was;
    return st;
}

static vs_status resolve_pc(vs_err *err, void *self, size_t i, vs_value *out) {
    vs_space *sp = vs_session_space(self);
    if (!sp) return vs_fail(err, VS_E_STATE, "there is no space to take principal components of");
    out->space = sp;
    out->of = vs_space_name(sp);
    out->dim = vs_space_dim(sp);
    out->vec = vs_alloc(out->dim, sizeof *out->vec);
    if (!out->vec) return no_memory(err);
    return vs_space_pc(err, sp, i, out->vec, NULL);
}

static bool is_key(void *self, const char *text, size_t n) {
    vs_space *sp = vs_session_space(self);
    return sp && vs_space_has(sp, text, n);
}

static bool is_space(void *self, const char *name, size_t n) {
    char buf[256];
    if (n >= sizeof buf) return false;
    memcpy(buf, name, n);
    buf[n] = '\0';
    return vs_session_space_named(self, buf) != NULL;
}

static bool is_model(void *self, const char *name, size_t n) { return vs__model_named(self, name, n) != NULL; }

vs_status vs_session_eval_any(vs_err *err, vs_session *s, const char *expr, size_t n, vs_trace *trace, vs_value *out) {
    vs_resolver r = {s, resolve, resolve_pc, is_key, is_space, is_model};
    return vs_eval_any(err, expr, n, &r, trace, out);
}

vs_status vs_session_eval(vs_err *err, vs_session *s, const char *expr, size_t n, vs_value *out) {
    vs_resolver r = {s, resolve, resolve_pc, is_key, is_space, is_model};
    return vs_eval(err, expr, n, &r, out);
}

vs_status vs_session_eval_in(vs_err *err, vs_session *s, vs_space *in, const char *expr, size_t n, vs_value *out) {
    vs_space *was = s->current_space;
    if (in) s->current_space = in;
    vs_status st = vs_session_eval(err, s, expr, n, out);
    if (in) s->current_space = was;
    return st;
}

bool vs_session_is_expr(vs_session *s, const char *expr, size_t n) {
    vs_value v;
    for (size_t i = 0; i + 2 < n; i++)
        if (expr[i] == ' ' && expr[i + 1] == '-' && expr[i + 2] == '-') return false; /* an option: no one means that */
    if (n >= 1000 || vs_session_eval_any(NULL, s, expr, n, NULL, &v) != VS_OK) return false;
    /* a model's pieces have a mean for any text at all */
    bool any = v.space && strcmp(vs_space_place(v.space), "words") != 0 && v.notes.len && strstr(v.notes.s, "mean(");
    vs_value_free(&v);
    return !any;
}

/* The model that a vector of no space is from: the one it names, else the current one where it has the width; NULL. */
static vs__open_model *model_of(vs_session *s, const vs_value *v) {
    vs__open_model *m = s->current_model ? &s->model[s->current_model - 1] : NULL;
    for (size_t i = 0; v->of && i < s->n_models; i++)
        if (!strcmp(s->model[i].name, v->of)) m = &s->model[i];
    if (v->space || !m) return NULL;
    const vs_model_info *info = vs_model_info_of(m->model);
    return info->stack[info->n_stacks - 1].d == v->dim ? m : NULL;
}

vs_status vs__answers_in(vs_err *err, vs_session *s, const vs_value *v, const char *in, vs_space **where, vs_model **norm) {
    vs__open_model *m = model_of(s, v);
    *norm = NULL;
    *where = in ? vs_session_space_named(s, in) : v->space;
    if (in && !*where) return vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", in);
    if (!*where && m)
        VS_TRY(vs__space_of_table(err, m, vs_model_weight(m->model, VS_ROLE_UNEMBED, vs_model_info_of(m->model)->n_stacks - 1, 0) ? 1 : 0, where));
    if (!*where) *where = vs_session_space(s);
    if (m && *where && *where == m->table[1]) *norm = m->model;
    if (!*where || vs_space_dim(*where) != v->dim)
        return vs_fail(err, VS_E_SHAPE,
                       "a vector of %zu numbers has no neighbours in %s, which has %zu; name a space with --in", v->dim,
                       *where ? vs_space_name(*where) : "any open space", *where ? vs_space_dim(*where) : 0);
    return VS_OK;
}
