/* cmd_patch.c - patch: vectors of another text put into this one, one place after another.
 *
 * Activation patching: Vig et al. 2020 ("Investigating Gender Bias in Language Models Using Causal Mediation Analysis",
 * section 3), Meng et al. 2022 ("Locating and Editing Factual Associations in GPT", section 2), and with the difference of
 * two logits Wang et al. 2023 ("Interpretability in the Wild"). */
#include <math.h>
#include <string.h>

#include "trial.h"

static const vs_opt opts[] = {
    {"from", 0, VS_OPT_TEXT, "TEXT", "the text whose vectors are put here, as many tokens long", NULL, VS_COMPLETE_NONE},
    {"from-target", 0, VS_OPT_TEXT, "TEXT", "of two stacks: what the decoder reads there, instead of --target", NULL, VS_COMPLETE_NONE},
    {"site", 0, VS_OPT_TEXT, "SITE", "which vectors, without a layer: resid_pre, attn_out, mlp_out, attn.z.h3, …", NULL, VS_COMPLETE_SITE},
    {"heads", 0, VS_OPT_FLAG, NULL, "each head's attn.z at all positions, instead of each position", NULL, VS_COMPLETE_NONE},
    VS_TRIAL_OPTS("prob"),
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* The other text, and its vectors. */
typedef struct patch {
    vs_trial t;
    vs_text_input from;
    vs_pass *pass;
    double there; /* the metric in the other text */
    bool heads;
    const char *site_name;
    vs_site *site;      /* [layers] */
    const char **label; /* [T] of this text */
    const char **other; /* [T] of the other */
    const char **column;
    size_t T, cols, width; /* columns of the picture; numbers of a vector put in place at one position */
    float *vec;            /* [layers, cols, width], or with heads [layers, cols, positions, width] */
    vs_arena arena;
} patch;

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for a patch"); }

/* Its site where none is named. */
static const char *usual_site(const patch *p) {
    if (p->heads) return p->t.where.cross ? "xattn.z" : "attn.z";
    return p->t.where.cross ? "xattn_out" : "resid_pre";
}

static vs_status site_in(vs_err *err, const patch *p, size_t layer, vs_site *out) {
    char name[120];
    size_t stack = !strncmp(p->site_name, "encoder.", 8) || !strncmp(p->site_name, "decoder.", 8) ? 8 : 0;
    int n = snprintf(name, sizeof name, "%.*s%zu.%.80s", (int)stack, p->site_name, layer, p->site_name + stack);
    return vs_site_parse_in(err, p->t.m, p->t.where.stack, name, (size_t)n, out);
}

/* The site in each block.  Of two stacks it may name one itself. */
static vs_status find_sites(vs_err *err, const vs_args *a, patch *p) {
    vs_site one;
    p->site_name = vs_has(a, "site") ? vs_text(a, "site") : usual_site(p);
    VS_TRY(site_in(err, p, 0, &one));
    if (vs_has(a, "stack") && (one.stack != p->t.where.stack || one.cross != p->t.where.cross))
        return vs_fail(err, VS_E_USAGE, "patch: --stack %s has no %s", vs_text(a, "stack"), p->site_name);
    VS_TRY(vs_trial_in(err, a, one, &p->t));
    p->site = vs_arena_alloc(&p->arena, p->t.layers, sizeof *p->site);
    if (!p->site) return no_memory(err);
    for (size_t l = 0; l < p->t.layers; l++) VS_TRY(site_in(err, p, p->t.layer0 + l, &p->site[l]));
    p->T = p->t.tokens->n;
    const char *shape = vs_site_shape(p->site[0].kind);
    bool by_head = strlen(shape) == 3 && shape[0] == 'T';
    if (shape[0] != 'T' || p->site[0].layer < 0)
        return vs_fail(err, VS_E_UNSUPPORTED, "patch: %s is no vector of a position in a block; attn_out, mlp_out, attn.z are", p->site_name);
    if (p->heads && (!by_head || p->site[0].head >= 0))
        return vs_fail(err, VS_E_USAGE, "patch: --heads wants a site that has them, all of them: attn.z, attn.q, attn.v; not %s", p->site_name);
    return VS_OK;
}

/* What is read there: what this text's stacks read, but for what --from and --from-target say. */
static vs_status read_other(vs_err *err, const vs_args *a, patch *p) {
    const vs_text_input *in = p->t.in;
    const char *text = vs_text(a, "from"), *target = vs_text(a, "from-target");
    vs_text_input *x = &p->from;
    if (!text && !target) return vs_fail(err, VS_E_USAGE, "patch wants --from \"TEXT\", the text whose vectors are put here");
    if (target) VS_TRY(vs_session_decoder_input(err, p->t.s, target, strlen(target), true, x));
    else x->decoder = in->decoder, x->given = in->given, x->target = in->target;
    if (!text) x->tokens = in->tokens, x->text = in->text;
    else if (!(x->text = vs_strndup(text, strlen(text)))) return no_memory(err);
    else VS_TRY(vs_session_tokenize(err, p->t.s, text, strlen(text), &x->tokens));
    const vs_tokens *there = p->t.reads ? &x->decoder : &x->tokens;
    const char *said = p->t.reads ? x->target : x->text;
    if (there->n == p->T) return VS_OK;
    return vs_fail(err, VS_E_SHAPE, "patch: the text has %zu tokens and \"%.60s\" has %zu: put in position by position, they want as many",
                   p->T, said ? said : "", there->n);
}

/* What is not this text's own. */
static void close_other(const vs_args *a, patch *p) {
    vs_text_input *x = &p->from;
    if (!vs_has(a, "from")) x->tokens = (vs_tokens){0}, x->text = NULL;
    if (!vs_has(a, "from-target")) x->decoder = (vs_tokens){0}, x->target = NULL;
    vs_text_input_free(x);
}

/* The other text's pass, under the edits in force as this one's; then this one's. */
static vs_status run_both(vs_err *err, const vs_args *a, patch *p) {
    vs_trial *t = &p->t;
    size_t V = vs_model_info_of(t->m)->V, row;
    bool all = vs_model_info_of(t->m)->masked;
    vs_request rq = {.keep = p->site, .n_keep = t->layers, .logits = all ? VS_LOGITS_ALL : VS_LOGITS_LAST};
    VS_TRY(read_other(err, a, p));
    VS_TRY(vs_trial_row(err, t, &p->from, &row));
    VS_TRY(vs_session_run(err, t->s, &p->from, &rq, &p->pass));
    const float *logits = vs_pass_logits(p->pass, NULL) + (all ? row * V : 0);
    VS_TRY(vs_trial_begin(err, t, (int32_t)vs_argmax(logits, V), NULL, 0, NULL));
    p->there = vs_trial_value(t, logits);
    return vs_token_labels(err, t->tok, t->reads ? &p->from.decoder : &p->from.tokens, &p->arena, &p->other);
}

/* Rows [pos] of a kept site, of one head or all, in a row. */
static void copy_row(const vs_tensor *t, size_t pos, size_t head0, size_t heads, size_t width, float *out) {
    const char *row = (const char *)t->data + pos * t->stride[0];
    for (size_t h = 0; h < heads; h++)
        memcpy(out + h * width, t->ndim == 3 ? row + (head0 + h) * t->stride[1] : row, width * sizeof *out);
}

/* Every vector that is put in place, and its edit: variant by variant. */
static vs_status make_edits(vs_err *err, patch *p, vs_edit **out, size_t *n) {
    const vs_trial *t = &p->t;
    vs_tensor v;
    VS_TRY(vs_pass_site(err, p->pass, p->site[0], 0, &v));
    size_t each = v.shape[v.ndim - 1], heads = v.ndim == 3 ? v.shape[1] : 1, positions = t->to - t->from + 1;
    p->cols = p->heads ? heads : positions;
    p->width = p->heads ? each : heads * each;
    size_t rows = p->heads ? positions : 1; /* of a column's edit */
    vs_edit *e = *out = vs_arena_alloc(&p->arena, t->layers * p->cols, sizeof *e);
    p->vec = vs_alloc(t->layers * p->cols, rows * p->width * sizeof *p->vec);
    if (!e || !p->vec) return no_memory(err);
    float *to = p->vec;
    for (size_t l = 0; l < t->layers; l++) {
        VS_TRY(vs_pass_site(err, p->pass, p->site[l], 0, &v));
        for (size_t c = 0; c < p->cols; c++) {
            size_t from = p->heads ? t->from : t->from + c, head0 = p->heads ? c : 0;
            *e = (vs_edit){.kind = VS_EDIT_SET, .site = p->site[l], .at = {.from = (int32_t)from, .to = (int32_t)(from + rows) - 1},
                           .vec = to, .width = p->width, .per_row = p->heads, .text = l * p->cols + c + 1};
            if (p->heads) e->site.head = (int16_t)c;
            for (size_t r = 0; r < rows; r++, to += p->width) copy_row(&v, from + r, head0, p->heads ? 1 : heads, each, to);
            e++;
        }
    }
    *n = t->layers * p->cols;
    return VS_OK;
}

/* ---- what is said ---- */

static vs_status name_columns(vs_err *err, patch *p) {
    p->column = p->label + p->t.from;
    if (!p->heads) return VS_OK;
    p->column = vs_arena_alloc(&p->arena, p->cols, sizeof *p->column);
    for (size_t h = 0; p->column && h < p->cols; h++) {
        char name[24];
        int n = snprintf(name, sizeof name, "%zu", h);
        if (!(p->column[h] = vs_arena_strndup(&p->arena, name, (size_t)n))) p->column = NULL;
    }
    return p->column ? VS_OK : no_memory(err);
}

static vs_status list_strongest(vs_err *err, const patch *p, const double *value, size_t k, vs_out *o) {
    const vs_trial *t = &p->t;
    double span = p->there - t->base;
    bool shared = t->metric != VS_METRIC_KL && fabs(span) > 1e-9;
    const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                           {p->heads ? "head" : "position", VS_COL_INT, 0, 0, NULL},
                           {"value", VS_COL_REAL, 4, 0, NULL},
                           {"change", VS_COL_REAL, 4, 0, NULL},
                           {"share", VS_COL_REAL, 3, 0, "of the way"},
                           {"token", VS_COL_TOKEN, 0, p->heads ? VS_COL_NO_TTY | VS_COL_NO_JSON : 0, NULL},
                           {"from", VS_COL_TOKEN, 0, p->heads ? VS_COL_NO_TTY | VS_COL_NO_JSON : 0, NULL}};
    size_t n = t->layers * p->cols, *idx;
    if (k > n) k = n;
    idx = vs_alloc(k, sizeof *idx);
    if (!idx) return no_memory(err);
    n = vs_trial_strongest(t, value, n, k, idx);
    vs_out_table(o, "strongest", cols, p->heads ? 5 : 7);
    for (size_t i = 0; i < n; i++) {
        size_t c = idx[i] % p->cols;
        double change = value[idx[i]] - t->base;
        vs_out_cell_int(o, (int64_t)(t->layer0 + idx[i] / p->cols));
        vs_out_cell_int(o, (int64_t)(p->heads ? c : t->from + c));
        vs_out_cell_real(o, value[idx[i]]);
        vs_out_cell_real(o, change);
        vs_out_cell_real(o, shared ? change / span : (double)NAN);
        if (p->heads) continue;
        vs_out_cell_text(o, p->label[t->from + c]);
        vs_out_cell_text(o, p->other[t->from + c]);
    }
    vs_out_end(o);
    vs_free(idx);
    return VS_OK;
}

static vs_status show(vs_err *err, const vs_args *a, patch *p, const double *value, vs_out *o) {
    const vs_trial *t = &p->t;
    const char *from = p->from.text, *target = vs_text(a, "from-target"), *what = vs_metric_words(t->metric);
    VS_TRY(name_columns(err, p));
    vs_trial_say(t, o);
    vs_out_text(o, VS_COL_JSON_ONLY, "site", p->site_name);
    vs_out_text(o, VS_COL_JSON_ONLY, "from", from ? from : "");
    if (target) vs_out_text(o, VS_COL_JSON_ONLY, "from_target", target);
    vs_out_real(o, VS_COL_JSON_ONLY, "there", p->there, 6);
    vs_out_note(o, "%s: %.4f here, %.4f in \"%s\"", what, t->base, p->there, t->reads && target ? target : from ? from : "");
    vs_out_heading(o, p->heads ? "How %s changes when a head's %s is that of the other text: rows are blocks, columns heads"
                               : "How %s changes when one vector, %s, is that of the other text: rows are blocks",
                   what, p->site_name);
    VS_TRY(vs_trial_map(err, t, value, p->cols, p->column, o));
    vs_out_heading(o, "The strongest");
    VS_TRY(list_strongest(err, p, value, (size_t)vs_int(a, "k"), o));
    json_t *about = json_pack("{s:s*,s:s*,s:s}", "from", from, "from_target", target, "site", p->site_name);
    const vs_trial_columns cols = {.column = p->heads ? "head" : "position", .n = p->cols, .first = p->heads ? 0 : t->from};
    vs_status st = vs_trial_keep(err, t, a, "patch", about, &cols, value, o);
    json_decref(about);
    return st;
}

static vs_status patch_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several, vs_out *o) {
    patch p = {.heads = vs_has(a, "heads")};
    double *value = NULL;
    vs_edit *edits = NULL;
    size_t n = 0;
    vs_status st = vs_trial_open(err, s, a, in, o, &p.t);
    if (st == VS_OK) st = find_sites(err, a, &p);
    if (st == VS_OK) st = run_both(err, a, &p);
    if (st == VS_OK) st = vs_token_labels(err, p.t.tok, p.t.tokens, &p.arena, &p.label);
    if (st == VS_OK) st = make_edits(err, &p, &edits, &n);
    if (st == VS_OK && !(value = vs_alloc(n, sizeof *value))) st = no_memory(err);
    if (st == VS_OK) st = vs_trial_run(err, &p.t, edits, n, n, "patches", value);
    if (st == VS_OK && several && in->text) vs_out_text(o, 0, "text", in->text);
    if (st == VS_OK) st = show(err, a, &p, value, o);
    vs_free(value);
    vs_free(p.vec);
    vs_pass_free(p.pass);
    close_other(a, &p);
    vs_arena_free(&p.arena);
    vs_trial_close(&p.t);
    return st;
}

static vs_status run_patch(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, patch_one, o);
}
static const char *const examples[] = {
    "patch \"The capital of France is the city of\" --from \"The capital of Spain is the city of\"",
    "patch \"The capital of France is the city of\" --from \"The capital of Spain is the city of\" --site mlp_out --position France",
    "patch \"The capital of France is the city of\" --from \"The capital of Spain is the city of\" --heads --against \" Paris\"", NULL};
const vs_cmd vs_cmd_patch = {
    .name = "patch",
    .group = "study",
    .synopsis = "TEXT --from TEXT [--site SITE | --heads] [--stack encoder|decoder|cross] [--answer TEXT] [--against TEXT]",
    .summary = "vectors of another text put into this one, place by place",
    .details =
        "In every block and at every position, the vector of SITE (resid_pre) is set to what it is there in the other text, and\n"
        "TEXT goes on from there: where does that carry the answer over?  Both texts want as many tokens.  The answer is what the\n"
        "other text predicts, unless --answer says; --against another word follows the difference of their logits.  `here` is the\n"
        "number in TEXT as it is, `there` in the other text; `of the way`: 1 where a patch goes all of it.  A masked-word model is\n"
        "read at its [MASK].  Of two stacks, the answer is what the decoder says after --target (without: its start token), --stack\n"
        "or SITE (encoder.mlp_out, xattn.z) says where vectors are put (without: in the decoder where it was given a --target, else\n"
        "in the encoder), --from-target what the decoder reads in the other run, and texts want as many tokens only there.\n"
        "Under edits in force, both texts are.  Only what a patch changes is run again.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .opts = opts,
    .examples = examples,
    .needs = VS_NEEDS_MODEL,
    .run = run_patch};
