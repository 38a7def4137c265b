/* trial.c - see trial.h. */
#include "trial.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOGITS_AT_ONCE = 64 << 20 }; /* bytes of all variants of a sweep */

static const struct {
    const char *name, *words;
    int digits;
} metrics[] = {[VS_METRIC_PROB] = {"prob", "the probability", 4},
               [VS_METRIC_LOGPROB] = {"logprob", "the log-probability", 3},
               [VS_METRIC_LOGIT] = {"logit", "the logit", 3},
               [VS_METRIC_KL] = {"kl", "KL(as it is ‖ changed)", 4}};
enum { METRICS = sizeof metrics / sizeof *metrics };

const char *vs_metric_words(vs_metric k) { return metrics[k].words; }

vs_status vs_answer_token(vs_err *err, const char *who, const vs_tokenizer *tok, const char *answer, int64_t *id, size_t *n) {
    vs_tokens t;
    VS_TRY(vs_tokenize(err, tok, answer, strlen(answer), NULL, 0, false, &t));
    vs_status st = t.n ? VS_OK : vs_fail(err, VS_E_RANGE, "%s: the answer is empty", who);
    if (t.n) *id = t.id[0];
    *n = t.n;
    vs_tokens_free(&t);
    return st;
}

vs_status vs_token_labels(vs_err *err, const vs_tokenizer *tok, const vs_tokens *t, vs_arena *arena, const char ***out) {
    const char **label = *out = vs_arena_alloc(arena, t->n, sizeof *label);
    bool ok = label != NULL;
    for (size_t i = 0; ok && i < t->n; i++) {
        vs_buf b = {0};
        vs_piece_text(tok, t->id[i], &b);
        const char *p = b.s ? b.s : "";
        while (*p == ' ' && p[1]) p++;
        label[i] = vs_arena_strndup(arena, *p == '\n' ? "\\n" : p, *p == '\n' ? 2 : strlen(p));
        ok = label[i] != NULL;
        vs_buf_free(&b);
    }
    return ok ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the labels of %zu tokens", t->n);
}

/* ---- what is asked ---- */

static vs_status read_metric(vs_err *err, const vs_args *a, vs_trial *t) {
    const char *name = vs_text(a, "metric");
    size_t k = 0;
    while (k + 1 < METRICS && strcmp(metrics[k].name, name) != 0) k++; /* the option names them all */
    t->metric = (vs_metric)k;
    if (!vs_has(a, "against")) return VS_OK;
    if (vs_has(a, "metric") && t->metric != VS_METRIC_LOGIT)
        return vs_fail(err, VS_E_USAGE, "--against is a difference of logits, not of %s", name);
    t->metric = VS_METRIC_LOGIT;
    return VS_OK;
}

static vs_status read_word(vs_err *err, const vs_args *a, const char *opt, const vs_trial *t, vs_out *o, int32_t *id) {
    char dashed[24];
    int64_t token = -1;
    size_t n;
    snprintf(dashed, sizeof dashed, "--%s", opt);
    VS_TRY(vs_answer_token(err, dashed, t->tok, vs_text(a, opt), &token, &n));
    if (token >= (int64_t)vs_model_info_of(t->m)->V)
        return vs_fail(err, VS_E_RANGE, "--%s %s: %s has no row for it", opt, vs_text(a, opt), vs_model_info_of(t->m)->name);
    if (n > 1) vs_out_note(o, "--%s is %zu tokens: its first is followed", opt, n);
    *id = (int32_t)token;
    return VS_OK;
}

/* "3" or "3..7" within n blocks. */
static vs_status read_layers(vs_err *err, const char *text, size_t n, vs_trial *t) {
    char *end = NULL;
    errno = 0;
    long a = strtol(text, &end, 10), b = a;
    bool ok = end != text;
    if (ok && end[0] == '.' && end[1] == '.') {
        text = end + 2;
        b = strtol(text, &end, 10);
        ok = end != text;
    }
    if (!ok || *end || errno) return vs_fail(err, VS_E_USAGE, "--layers wants a block, or A..B");
    if (a < 0 || b < a || (size_t)b >= n) return vs_fail(err, VS_E_RANGE, "--layers %ld..%ld: the blocks are 0..%zu", a, b, n - 1);
    t->layer0 = (size_t)a;
    t->layers = (size_t)(b - a) + 1;
    return VS_OK;
}

vs_status vs_trial_row(vs_err *err, const vs_trial *t, const vs_text_input *in, size_t *row) {
    const vs_tokens *tokens = vs_text_grows(in);
    int32_t mask = vs_role_id(t->tok, VS_TOK_MASK);
    size_t masks = 0;
    *row = tokens->n - 1;
    if (!vs_model_info_of(t->m)->masked) return VS_OK;
    for (size_t i = 0; i < tokens->n; i++)
        if (mask >= 0 && tokens->id[i] == mask) *row = i, masks++;
    return masks == 1 ? VS_OK
                      : vs_fail(err, VS_E_RANGE, "%s fills masks: the text wants one [MASK] where the answer is read, it has %zu",
                                vs_model_info_of(t->m)->name, masks);
}

const char *vs_trial_stack(const vs_trial *t) {
    static const char *const names[] = {"encoder", "decoder", "cross"};
    return vs_model_info_of(t->m)->n_stacks > 1 ? names[t->where.stack + t->where.cross] : NULL;
}

vs_status vs_trial_in(vs_err *err, const vs_args *a, vs_site where, vs_trial *t) {
    const char *at = vs_text(a, "position");
    t->where = where;
    t->reads = vs_site_reads(where);
    t->tokens = t->reads ? &t->in->decoder : &t->in->tokens;
    t->text = t->reads ? t->in->target : t->in->text;
    t->from = 0;
    t->to = t->tokens->n - 1;
    t->layer0 = 0;
    t->layers = vs_model_info_of(t->m)->stack[where.stack].L;
    if (vs_has(a, "layers")) VS_TRY(read_layers(err, vs_text(a, "layers"), t->layers, t));
    return at ? vs_position_find(err, t->m, t->reads, t->text, t->tokens, at, strlen(at), &t->from, &t->to) : VS_OK;
}

/* The stack that --stack names. */
static vs_status read_stack(vs_err *err, const vs_args *a, vs_trial *t) {
    const char *name = vs_text(a, "stack");
    const vs_model_info *info = vs_model_info_of(t->m);
    if (name && info->n_stacks < 2) return vs_fail(err, VS_E_USAGE, "%s has one stack, so --stack has no choice", info->name);
    bool cross = name && !strcmp(name, "cross"), decoder = name ? cross || !strcmp(name, "decoder") : t->in->given;
    t->where = (vs_site){.kind = VS_SITE_COUNT, .stack = decoder, .cross = cross};
    return VS_OK;
}

vs_status vs_trial_open(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, vs_out *o, vs_trial *t) {
    *t = (vs_trial){.s = s, .in = in, .progress = vs_out_progress(o), .answer = -1, .against = -1};
    VS_TRY(vs_session_model(err, s, &t->m));
    const vs_model_info *info = vs_model_info_of(t->m);
    if (!info->has_logits)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s has no head that gives words, so there is no answer to follow", info->name);
    VS_TRY(vs_model_tokenizer(err, t->m, &t->tok));
    VS_TRY(read_metric(err, a, t));
    if (vs_int(a, "k") < 0) return vs_fail(err, VS_E_USAGE, "-k wants a number from 0");
    VS_TRY(read_stack(err, a, t));
    VS_TRY(vs_trial_row(err, t, in, &t->row));
    if (vs_has(a, "answer")) VS_TRY(read_word(err, a, "answer", t, o, &t->answer));
    if (vs_has(a, "against")) VS_TRY(read_word(err, a, "against", t, o, &t->against));
    return VS_OK;
}

vs_status vs_trial_begin(vs_err *err, vs_trial *t, int32_t answer, const vs_site *keep, size_t n_keep, vs_pass **pass) {
    size_t V = vs_model_info_of(t->m)->V;
    bool all = vs_model_info_of(t->m)->masked;
    vs_pass *p = NULL;
    vs_request rq = {.keep = keep, .n_keep = n_keep, .logits = all ? VS_LOGITS_ALL : VS_LOGITS_LAST};
    t->clean = vs_alloc(V, sizeof *t->clean);
    if (!t->clean) return vs_fail(err, VS_E_NOMEM, "no memory for %zu logits", V);
    VS_TRY(vs_session_run(err, t->s, t->in, &rq, &p));
    memcpy(t->clean, vs_pass_logits(p, NULL) + (all ? t->row * V : 0), V * sizeof *t->clean);
    if (t->answer < 0) t->answer = answer >= 0 ? answer : (int32_t)vs_argmax(t->clean, V);
    t->base = vs_trial_value(t, t->clean);
    if (pass) *pass = p;
    else vs_pass_free(p);
    return VS_OK;
}

void vs_trial_close(vs_trial *t) {
    vs_free(t->clean);
    *t = (vs_trial){0};
}

double vs_trial_value(const vs_trial *t, const float *logits) {
    size_t V = vs_model_info_of(t->m)->V, answer = (size_t)t->answer;
    switch (t->metric) {
    case VS_METRIC_PROB: return exp(vs_log_prob(logits, V, answer));
    case VS_METRIC_LOGPROB: return vs_log_prob(logits, V, answer);
    case VS_METRIC_LOGIT: return (double)logits[answer] - (t->against < 0 ? 0 : (double)logits[t->against]);
    case VS_METRIC_KL: break;
    }
    return vs_divergence(t->clean, logits, V);
}

/* ---- sweeps ---- */

/* What the parts of a sweep share. */
typedef struct work {
    vs_trial *t;
    size_t V, rows;    /* of the logits of a variant */
    vs_edit *forced;   /* [n_forced] those in force */
    size_t n_forced;
    vs_edit *edits;    /* of the variants of one sweep */
    float *logits;     /* [at_once, rows, V] */
    size_t at_once;
} work;

/* The variants [from, to): those in force and their own; *next moves on behind their own. */
static vs_status one_sweep(vs_err *err, work *w, const vs_edit *own, size_t n_own, size_t from, size_t to, size_t *next,
                           double *value) {
    vs_trial *t = w->t;
    const vs_tokens *tokens = &t->in->tokens, *decoder = &t->in->decoder;
    size_t n = 0;
    for (size_t v = from; v < to; v++) {
        for (size_t i = 0; i < w->n_forced; i++) {
            w->edits[n] = w->forced[i];
            w->edits[n++].text = v - from + 1;
        }
        for (; *next < n_own && own[*next].text == v + 1; ++*next) {
            w->edits[n] = own[*next];
            w->edits[n++].text = v - from + 1;
        }
    }
    vs_request rq = {.in = {.ids = tokens->id, .types = tokens->type, .rows = tokens->n, .n_seqs = 1},
                     .decoder = {.ids = decoder->id, .rows = decoder->n, .n_seqs = 1},
                     .edits = w->edits,
                     .n_edits = n,
                     .logits = w->rows > 1 ? VS_LOGITS_ALL : VS_LOGITS_LAST};
    VS_TRY(vs_sweep(err, t->m, &rq, to - from, w->logits, NULL));
    for (size_t v = from; v < to; v++)
        value[v] = vs_trial_value(t, w->logits + ((v - from) * w->rows + (w->rows > 1 ? t->row : 0)) * w->V);
    return VS_OK;
}

vs_status vs_trial_run(vs_err *err, vs_trial *t, const vs_edit *edits, size_t n_edits, size_t n, const char *what, double *value) {
    work w = {.t = t, .V = vs_model_info_of(t->m)->V, .n_forced = vs_session_edit_count(t->s)};
    w.rows = vs_model_info_of(t->m)->masked ? t->in->tokens.n : 1;
    w.at_once = LOGITS_AT_ONCE / (w.V * sizeof *w.logits) / w.rows;
    if (w.at_once < 1) w.at_once = 1;
    if (w.at_once > n) w.at_once = n;
    w.forced = vs_alloc(w.n_forced, sizeof *w.forced);
    w.edits = vs_alloc(n_edits + w.n_forced * w.at_once, sizeof *w.edits);
    w.logits = vs_alloc(w.at_once, w.rows * w.V * sizeof *w.logits);
    vs_status st = w.forced && w.edits && w.logits ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu changes", n);
    if (st == VS_OK && w.n_forced) st = vs_session_edits_in(err, t->s, t->in, w.forced);
    size_t next = 0;
    for (size_t from = 0, to; st == VS_OK && from < n; from = to) {
        to = from + w.at_once < n ? from + w.at_once : n;
        st = one_sweep(err, &w, edits, n_edits, from, to, &next, value);
        vs_tick(t->progress, what, to, n);
    }
    vs_free(w.forced);
    vs_free(w.edits);
    vs_free(w.logits);
    return st;
}

/* ---- what is said ---- */

static const char *word(const vs_trial *t, int32_t id, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    vs_piece_text(t->tok, id, b);
    return b->s ? b->s : "";
}

void vs_trial_say(const vs_trial *t, vs_out *o) {
    vs_buf b = {0}, c = {0};
    const char *answer = word(t, t->answer, &b), *against = t->against < 0 ? NULL : word(t, t->against, &c);
    size_t V = vs_model_info_of(t->m)->V, rank = 1;
    for (size_t v = 0; v < V; v++) rank += t->clean[v] > t->clean[t->answer];
    double prob = exp(vs_log_prob(t->clean, V, (size_t)t->answer));
    vs_out_text(o, VS_COL_JSON_ONLY, "metric", metrics[t->metric].name);
    vs_out_text(o, VS_COL_JSON_ONLY, "answer", answer);
    vs_out_int(o, VS_COL_JSON_ONLY, "answer_id", t->answer);
    if (against) vs_out_text(o, VS_COL_JSON_ONLY, "against", against);
    if (against) vs_out_int(o, VS_COL_JSON_ONLY, "against_id", t->against);
    if (vs_trial_stack(t)) vs_out_text(o, VS_COL_JSON_ONLY, "stack", vs_trial_stack(t));
    vs_out_real(o, VS_COL_JSON_ONLY, "base", t->base, 6);
    vs_out_real(o, VS_COL_JSON_ONLY, "prob", prob, 6);
    vs_out_int(o, VS_COL_JSON_ONLY, "rank", (int64_t)rank);
    vs_out_note(o, "\"%s\": probability %.4f, rank %zu, logit %.3f", answer, prob, rank, (double)t->clean[t->answer]);
    if (against) vs_out_note(o, "its logit is %.3f above that of \"%s\"", t->base, against);
    vs_buf_free(&b);
    vs_buf_free(&c);
}

vs_status vs_trial_map(vs_err *err, const vs_trial *t, const double *value, size_t cols, const char *const *col_labels, vs_out *o) {
    vs_arena arena = {0};
    const char **row = vs_arena_alloc(&arena, t->layers, sizeof *row);
    float *change = vs_arena_alloc(&arena, t->layers * cols, sizeof *change);
    bool ok = row && change;
    double most = 0;
    for (size_t l = 0; ok && l < t->layers; l++) {
        char name[24];
        int n = snprintf(name, sizeof name, "%zu", t->layer0 + l);
        row[l] = vs_arena_strndup(&arena, name, (size_t)n);
        ok = row[l] != NULL;
        for (size_t c = 0; c < cols; c++) {
            change[l * cols + c] = (float)(value[l * cols + c] - t->base);
            most = fmax(most, fabs(value[l * cols + c] - t->base));
        }
    }
    if (ok) vs_out_matrix(o, "change", change, t->layers, cols, row, col_labels, -most, most);
    vs_arena_free(&arena);
    return ok ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a picture of %zu x %zu", t->layers, cols);
}

size_t vs_trial_strongest(const vs_trial *t, const double *value, size_t n, size_t k, size_t *idx) {
    size_t have = 0;
    for (size_t i = 0; i < n && k; i++) {
        double far = fabs(value[i] - t->base);
        if (have == k && !(far > fabs(value[idx[k - 1]] - t->base))) continue;
        size_t at = have < k ? have++ : k - 1;
        for (; at > 0 && far > fabs(value[idx[at - 1]] - t->base); at--) idx[at] = idx[at - 1];
        idx[at] = i;
    }
    return have;
}

static vs_status keep_one(vs_err *err, vs_store *store, const vs_trial *t, const char *kind, json_t *row, double value) {
    json_object_set_new(row, "value", json_real(value));
    json_object_set_new(row, "change", json_real(value - t->base));
    char *text = json_dumps(row, JSON_COMPACT);
    vs_status st = text ? vs_store_result(err, store, kind, t->in->text ? t->in->text : "", text, 0, 0)
                        : vs_fail(err, VS_E_NUMERIC, "a result that is no number");
    free(text);
    return st;
}

vs_status vs_trial_keep(vs_err *err, const vs_trial *t, const vs_args *a, const char *kind, const json_t *about,
                        const vs_trial_columns *cols, const double *value, vs_out *o) {
    vs_store *store;
    vs_buf answer = {0};
    if (!vs_has(a, "store")) return VS_OK;
    VS_TRY(vs_session_store(err, t->s, &store));
    VS_TRY(vs_store_begin(err, store));
    json_t *row = about ? json_deep_copy(about) : json_object();
    json_object_set_new(row, "model", json_string(vs_model_info_of(t->m)->name));
    json_object_set_new(row, "metric", json_string(metrics[t->metric].name));
    json_object_set_new(row, "answer", json_string(word(t, t->answer, &answer)));
    json_object_set_new(row, "answer_id", json_integer(t->answer));
    if (t->against >= 0) json_object_set_new(row, "against", json_string(word(t, t->against, &answer)));
    if (vs_trial_stack(t)) json_object_set_new(row, "stack", json_string(vs_trial_stack(t)));
    if (t->in->target) json_object_set_new(row, "target", json_string(t->in->target));
    if (vs_session_edit_count(t->s)) json_object_set_new(row, "edits", json_string(vs_session_edits_text(t->s)));
    vs_buf_free(&answer);
    vs_status st = row ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a result");
    for (size_t i = 0; st == VS_OK && i < t->layers * cols->n; i++) {
        size_t c = i % cols->n;
        json_object_set_new(row, "layer", json_integer((json_int_t)(t->layer0 + i / cols->n)));
        json_object_set_new(row, cols->column, cols->names ? json_string(cols->names[c]) : json_integer((json_int_t)(cols->first + c)));
        st = keep_one(err, store, t, kind, row, value[i]);
    }
    json_decref(row);
    if (st != VS_OK) {
        vs_store_rollback(store);
        return st;
    }
    VS_TRY(vs_store_commit(err, store));
    vs_out_int(o, VS_COL_JSON_ONLY, "stored", (int64_t)(t->layers * cols->n));
    vs_out_note(o, "%zu results of kind \"%s\" are in the store (sql: results)", t->layers * cols->n, kind);
    return VS_OK;
}
