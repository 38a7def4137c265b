/* command_query.c - what many commands share: a query's answer, the texts of a command. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_impl.h"

void vs_out_notes(vs_out *o, const char *lines) {
    for (const char *p = lines ? lines : ""; *p;) {
        size_t n = strcspn(p, "\n");
        if (n) vs_out_note(o, "  %.*s", (int)n, p);
        p += n + (p[n] == '\n');
    }
}
void vs_say_notes(vs_out *o, const vs_value *v) { vs_out_notes(o, v->notes.len ? v->notes.s : ""); }

/* ---- neighbours ---- */

vs_operands vs_args_operands(const vs_args *a) {
    return vs_has(a, "both") ? VS_OPERANDS_BOTH : vs_has(a, "keep") ? VS_OPERANDS_KEPT : VS_OPERANDS_OUT;
}

/* Whether a hit is one of the operands. */
static bool is_operand(const vs_value *v, const vs_space *where, size_t row) {
    for (size_t i = 0; where == v->space && i < v->n_rows; i++)
        if (v->rows[i] == row) return true;
    return false;
}

/* k as it is given, or the session's. */
static vs_near_how with_k(vs_session *s, const vs_near_how *how) {
    enum { MOST = 1 << 22 }; /* more rows than anyone looks through */
    vs_near_how h = *how;
    if (!h.k) h.k = (size_t)vs_session_settings(s)->k;
    if (h.k > MOST) h.k = MOST;
    return h;
}

static void put_span(vs_buf *b, const char *s, size_t n) {
    vs_buf_clear(b);
    vs_buf_put(b, s, n);
    if (!b->s) vs_buf_putc(b, '\0');
}

/* An answer before its tables. */
static void put_where(vs_out *o, const vs_value *v, const vs_space *where, const vs_near_how *how) {
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(where));
    if (how->measure != VS_MEASURE_COSINE) vs_out_text(o, VS_COL_JSON_ONLY, "metric", vs_measure_name(how->measure));
    vs_say_notes(o, v);
}

/* One table of neighbours.  query: of many (NULL: the only one); kept: with the operands, marked.  A distance or a product
 * is no score between -1 and 1: it has no bar. */
static void put_hits(vs_out *o, const char *query, const vs_value *v, const vs_space *where, const vs_near_how *how,
                     const vs_hit *hit, size_t n, bool kept) {
    const vs_col cols[] = {{"query", VS_COL_TEXT, 0, VS_COL_NO_TTY | VS_COL_NO_JSON, NULL},
                           {"key", VS_COL_TOKEN, 0, 0, NULL},
                           {"score", how->measure == VS_MEASURE_COSINE ? VS_COL_SCORE : VS_COL_REAL, 4, 0, NULL},
                           {"operand", VS_COL_JSON, 0, VS_COL_NO_TTY, NULL},
                           {"operand", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, ""}};
    vs_buf text = {0};
    vs_out_table(o, kept ? "kept" : "results", query ? cols : cols + 1, (query ? 3 : 2) + (kept ? 2 : 0));
    for (size_t i = 0; i < n; i++) {
        put_span(&text, hit[i].key, hit[i].key_len);
        if (query) vs_out_cell_text(o, query);
        vs_out_cell_text(o, text.s);
        vs_out_cell_real(o, (double)hit[i].score);
        bool own = kept && is_operand(v, where, hit[i].row);
        if (kept) vs_out_cell_text(o, own ? "true" : "false");
        if (kept) vs_out_cell_text(o, own ? "operand" : "");
    }
    vs_out_end(o);
    if (!n && how->filter) vs_out_note(o, "  no row of %s is left", vs_space_name(where));
    vs_buf_free(&text);
}

static vs_status put_neighbours(vs_err *err, vs_session *s, const vs_value *v, vs_near_how how, vs_operands operands, vs_out *o) {
    vs_hit *hit = vs_alloc(how.k, sizeof *hit);
    size_t found = 0;
    vs_space *where = NULL;
    if (!hit) return vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", how.k);
    how.keep_operands = operands == VS_OPERANDS_KEPT;
    vs_status st = vs_session_near_many(err, s, v, 1, &how, hit, &found, &where);
    if (st == VS_OK) {
        put_where(o, v, where, &how);
        if (operands == VS_OPERANDS_BOTH) vs_out_heading(o, "operands left out");
        put_hits(o, NULL, v, where, &how, hit, found, false);
    }
    if (st == VS_OK && operands == VS_OPERANDS_BOTH) {
        how.keep_operands = true;
        st = vs_session_near_many(err, s, v, 1, &how, hit, &found, &where);
        vs_out_heading(o, "operands kept");
        if (st == VS_OK) put_hits(o, NULL, v, where, &how, hit, found, true);
    }
    vs_free(hit);
    return st;
}

vs_status vs_query(vs_err *err, vs_session *s, const char *expr, size_t n, const vs_near_how *how, vs_operands operands,
                   vs_out *o) {
    vs_value v;
    VS_TRY(vs_session_eval_any(err, s, expr, n, NULL, &v));
    vs_buf text = {0};
    while (n && isspace((unsigned char)*expr)) expr++, n--;
    put_span(&text, expr, n);
    vs_out_text(o, VS_COL_JSON_ONLY, "query", text.s);
    vs_buf_free(&text);
    vs_status st = VS_OK;
    if (v.vec) {
        st = put_neighbours(err, s, &v, with_k(s, how), operands, o);
    } else {
        vs_say_notes(o, &v);
        vs_out_real(o, VS_COL_NO_TTY, "number", v.number, 6);
        vs_out_note(o, "%.6g", v.number);
    }
    vs_value_free(&v);
    return st;
}

/* Questions read from a file. */
typedef struct questions {
    vs_value *value; /* [n] */
    char **text;     /* [n] */
    size_t n;
} questions;

static vs_status add_question(vs_err *err, vs_session *s, const char *line, size_t n, questions *q) {
    vs_value *value = vs_grow(q->value, q->n, q->n + 1, sizeof *value);
    if (value) q->value = value;
    char **text = vs_grow(q->text, q->n, q->n + 1, sizeof *text);
    if (text) q->text = text;
    char *copy = vs_strndup(line, n);
    vs_status st = value && text && copy ? vs_session_eval(err, s, line, n, &q->value[q->n])
                                         : vs_fail(err, VS_E_NOMEM, "no memory for the questions");
    if (st == VS_OK)
        q->text[q->n++] = copy;
    else
        vs_free(copy);
    return st;
}

static void free_questions(questions *q) {
    for (size_t i = 0; i < q->n; i++) {
        vs_value_free(&q->value[i]);
        vs_free(q->text[i]);
    }
    vs_free(q->value);
    vs_free(q->text);
}

/* For a person: a line of a table for each answer. */
static void put_lines(vs_out *o, const questions *q, const vs_near_how *how, const vs_hit *hit, const size_t *found) {
    static const vs_col cols[] = {{"query", VS_COL_TEXT, 0, 0, NULL}, {"nearest", VS_COL_TEXT, 0, 0, NULL}};
    vs_buf line = {0};
    for (size_t i = 0; i < q->n; i++) vs_say_notes(o, &q->value[i]);
    vs_out_table(o, "answers", cols, 2);
    for (size_t i = 0; i < q->n; i++) {
        put_span(&line, "", 0);
        for (size_t j = 0; j < found[i]; j++) {
            const vs_hit *h = &hit[i * how->k + j];
            vs_buf_printf(&line, "%s%.*s %.4f", j ? " · " : "", (int)h->key_len, h->key, (double)h->score);
        }
        vs_out_cell_text(o, q->text[i]);
        vs_out_cell_text(o, line.s);
    }
    vs_out_end(o);
    vs_buf_free(&line);
}

static vs_status answer_all(vs_err *err, vs_session *s, const questions *q, const vs_near_how *how, vs_out *o) {
    size_t slots;
    vs_hit *hit = vs_mul(q->n, how->k, &slots) ? vs_alloc(slots, sizeof *hit) : NULL;
    size_t *found = vs_alloc(q->n, sizeof *found);
    vs_space **where = vs_alloc(q->n, sizeof *where);
    vs_status st = hit && found && where ? vs_session_near_many(err, s, q->value, q->n, how, hit, found, where)
                                         : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", how->k);
    if (st == VS_OK && !vs_out_is_data(o)) put_lines(o, q, how, hit, found);
    for (size_t i = 0; st == VS_OK && i < q->n && vs_out_is_data(o); i++) {
        if (i) vs_out_flush_part(o);
        vs_out_text(o, VS_COL_JSON_ONLY, "query", q->text[i]);
        put_where(o, &q->value[i], where[i], how);
        put_hits(o, q->text[i], &q->value[i], where[i], how, hit + i * how->k, found[i], false);
    }
    vs_free(hit);
    vs_free(found);
    vs_free(where);
    return st;
}

vs_status vs_query_file(vs_err *err, vs_session *s, const char *path, const vs_near_how *asked, vs_out *o) {
    vs_near_how how = with_k(s, asked);
    questions q = {0};
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    vs_status st = VS_OK;
    const char *p = (const char *)m.bytes, *end = p + m.size;
    for (size_t line = 1; st == VS_OK && p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        while (p < stop && isspace((unsigned char)*p)) p++;
        while (stop > p && isspace((unsigned char)stop[-1])) stop--;
        if (stop > p) st = add_question(err, s, p, (size_t)(stop - p), &q);
        if (st != VS_OK) vs_fail_in(err, "%s, line %zu", path, line);
        p = nl ? nl + 1 : end;
    }
    if (st == VS_OK && !q.n) st = vs_fail(err, VS_E_FORMAT, "%s holds no expression", path);
    if (st == VS_OK) st = answer_all(err, s, &q, &how, o);
    free_questions(&q);
    vs_map_close(&m);
    return st;
}

/* ---- texts ---- */

static vs_status ids_of(vs_err *err, const char *opt, const char *list, vs_tokens *t) {
    size_t cap = 1;
    for (const char *p = list; *p; p++) cap += *p == ',' || isspace((unsigned char)*p);
    *t = (vs_tokens){.id = vs_alloc(cap, sizeof *t->id),
                     .begin = vs_zalloc(cap, sizeof *t->begin),
                     .end = vs_zalloc(cap, sizeof *t->end),
                     .type = vs_zalloc(cap, 1),
                     .text = vs_zalloc(cap, 1),
                     .special = vs_zalloc(cap, 1)};
    if (!t->id || !t->begin || !t->end || !t->type || !t->text || !t->special)
        return vs_fail(err, VS_E_NOMEM, "no memory for the ids");
    for (const char *p = list; *p;) {
        char *end;
        errno = 0;
        long v = strtol(p, &end, 10);
        const char *next = end + strspn(end, " \t\r\n");
        bool ends = !*next || next > end || *next == ',';
        if (*next == ',') next += 1 + strspn(next + 1, " \t\r\n");
        if (end == p || errno || v < 0 || v > INT32_MAX || !ends || (next[0] == '\0' && next[-1] == ','))
            return vs_fail(err, VS_E_USAGE, "--%s wants whole numbers with commas between, not %.40s", opt, p);
        t->id[t->n++] = (int32_t)v;
        p = next;
    }
    return t->n ? VS_OK : vs_fail(err, VS_E_USAGE, "--%s wants at least one id", opt);
}

static vs_status add_text(vs_err *err, vs_session *s, const vs_args *a, const char *text, size_t n, vs_texts *out) {
    const char *pair = vs_text(a, "pair");
    if (!n && !(a->cmd->needs & VS_EMPTY_TEXT)) return vs_fail(err, VS_E_RANGE, "%s: the text is empty", a->cmd->name);
    vs_text_input *grown = vs_grow(out->item, out->n, out->n + 1, sizeof *grown);
    if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for the texts");
    out->item = grown;
    vs_text_input *it = &out->item[out->n++];
    *it = (vs_text_input){.text = vs_strndup(text, n)};
    if (!it->text) return vs_fail(err, VS_E_NOMEM, "no memory for a text of %zu bytes", n);
    vs_model *m;
    const vs_tokenizer *tok;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    return vs_tokenize(err, tok, text, n, pair, pair ? strlen(pair) : 0, !vs_has(a, "no-special"), &it->tokens);
}

static vs_status texts_of_file(vs_err *err, vs_session *s, const vs_args *a, const char *path, vs_texts *out) {
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    vs_status st = VS_OK;
    const char *p = (const char *)m.bytes, *end = p + m.size;
    for (size_t line = 1; st == VS_OK && p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        size_t n = (size_t)(stop - p);
        if (n && p[n - 1] == '\r') n--;
        if (n) st = add_text(err, s, a, p, n, out);
        if (st != VS_OK) vs_fail_in(err, "%s, line %zu", path, line);
        p = nl ? nl + 1 : end;
    }
    vs_map_close(&m);
    if (st == VS_OK && !out->n) st = vs_fail(err, VS_E_FORMAT, "%s holds no text", path);
    return st;
}

/* What the decoder of a model of two stacks reads beside each text. */
static vs_status add_decoder(vs_err *err, vs_session *s, const vs_args *a, vs_text_input *in) {
    const char *target = vs_text(a, "target"), *ids = vs_text(a, "decoder-ids");
    if (target && ids) return vs_fail(err, VS_E_USAGE, "%s: --target and --decoder-ids say the same thing twice", a->cmd->name);
    if (!ids) return vs_session_decoder_input(err, s, target, target ? strlen(target) : 0, !vs_has(a, "no-special"), in);
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    if (vs_model_info_of(m)->n_stacks < 2) return vs_session_decoder_input(err, s, ids, 0, false, in); /* says so */
    in->given = true;
    return ids_of(err, "decoder-ids", ids, &in->decoder);
}

vs_status vs_args_texts(vs_err *err, vs_session *s, const vs_args *a, vs_texts *out) {
    *out = (vs_texts){0};
    vs_status st;
    if (vs_has(a, "ids")) {
        out->item = vs_zalloc(1, sizeof *out->item);
        if (!out->item) return vs_fail(err, VS_E_NOMEM, "no memory for the texts");
        out->n = 1;
        st = ids_of(err, "ids", vs_text(a, "ids"), &out->item[0].tokens);
    } else if (vs_has(a, "file")) {
        st = texts_of_file(err, s, a, vs_text(a, "file"), out);
    } else {
        const char *text = vs_arg(a, 0) ? vs_arg(a, 0) : "";
        st = add_text(err, s, a, text, strlen(text), out);
    }
    for (size_t i = 0; st == VS_OK && i < out->n; i++)
        if (!out->item[i].tokens.n && !(a->cmd->needs & VS_EMPTY_TEXT))
            st = vs_fail(err, VS_E_RANGE, "%s: the text has no token", a->cmd->name);
    for (size_t i = 0; st == VS_OK && i < out->n; i++) st = add_decoder(err, s, a, &out->item[i]);
    if (st != VS_OK) vs_texts_free(out);
    return st;
}

void vs_texts_free(vs_texts *t) {
    for (size_t i = 0; i < t->n; i++) vs_text_input_free(&t->item[i]);
    vs_free(t->item);
    *t = (vs_texts){0};
}

vs_mask vs_args_mask(const vs_args *a) {
    const char *name = vs_text(a, "mask");
    return !name ? VS_MASK_MODEL : !strcmp(name, "causal") ? VS_MASK_CAUSAL : VS_MASK_FULL;
}

vs_status vs_each_text(vs_err *err, vs_session *s, const vs_args *a, vs_text_fn *fn, vs_out *o) {
    vs_texts t;
    VS_TRY(vs_args_texts(err, s, a, &t));
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < t.n; i++) {
        st = fn(err, s, a, &t.item[i], t.n > 1, o);
        if (st == VS_OK && i + 1 < t.n) vs_out_flush_part(o);
        if (st == VS_OK && i + 1 < t.n && vs_interrupted())
            st = vs_fail(err, VS_E_STOPPED, "%s: stopped after %zu of %zu texts", a->cmd->name, i + 1, t.n);
    }
    vs_texts_free(&t);
    return st;
}
