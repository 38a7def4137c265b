/* cmd_embed.c - embed, sites: a text's vector, and the hook points of the model. */
#include <math.h>
#include <string.h>

#include "commands.h"

static const vs_opt opts[] = {
    {"pool", 0, VS_OPT_TEXT, "mean|cls|max|last", "the mean of all positions, the first, the largest of each number, the last (what the model's files say, else mean)",
     NULL, VS_COMPLETE_CHOICE},
    {"unit", 0, VS_OPT_FLAG, NULL, "scaled to length 1", NULL, VS_COMPLETE_NONE},
    VS_MASK_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* The encoder's output: the last hidden state, after the final norm where the model has one. */
static vs_site output_site(const vs_model *m) {
    const vs_model_info *in = vs_model_info_of(m);
    vs_site *all, out = {.kind = VS_SITE_RESID_PRE, .layer = (int16_t)in->stack[0].L, .head = -1};
    size_t n;
    if (vs_site_list(NULL, m, &all, &n) != VS_OK) return out;
    for (size_t i = 0; i < n; i++)
        if (all[i].kind == VS_SITE_FINAL_NORM && all[i].stack == 0) out = all[i];
    vs_free(all);
    return out;
}

/* How: as the command says, else the model's files, else the mean. */
static vs_status how_to_pool(vs_err *err, const vs_model *m, const vs_args *a, vs_pool *how) {
    const vs_model_info *in = vs_model_info_of(m);
    const char *said = vs_text(a, "pool");
    *how = said || in->pool == VS_POOL_UNSAID ? VS_POOL_MEAN : in->pool;
    for (int k = 0; said && k < VS_POOL_COUNT; k++)
        if (vs_pool_names[k] && !strcmp(said, vs_pool_names[k])) *how = (vs_pool)k;
    return *how != VS_POOL_OTHER ? VS_OK
                                 : vs_fail(err, VS_E_UNSUPPORTED, "embed: %s pools in another way than mean, cls, max or last: --pool says which of these to take", in->name);
}

/* The vector of one text: rows from..to of the output. */
static void pool(const vs_tensor *t, size_t from, size_t to, vs_pool how, bool unit, float *v) {
    size_t d = t->shape[1];
    if (how == VS_POOL_CLS) to = from + 1;
    if (how == VS_POOL_LAST) from = to - 1;
    memcpy(v, vs_tensor_row(t, from), d * sizeof *v);
    for (size_t r = from + 1; r < to; r++) {
        const float *x = vs_tensor_row(t, r);
        if (how != VS_POOL_MAX) vs_axpy(1.0f, x, v, d);
        for (size_t i = 0; how == VS_POOL_MAX && i < d; i++)
            if (x[i] > v[i]) v[i] = x[i];
    }
    if (how == VS_POOL_MEAN) vs_scale_by(v, 1.0f / (float)(to - from), d);
    float norm = sqrtf(vs_sum_squares(v, d));
    if (unit && norm > 0) vs_scale_by(v, 1.0f / norm, d);
}

static void show(const vs_text_input *in, const float *v, size_t d, bool several, vs_out *o) {
    if (several && in->text) vs_out_text(o, 0, "text", in->text);
    vs_out_reals(o, VS_COL_JSON_ONLY, "vector", v, d);
    vs_out_int(o, 0, "dim", (int64_t)d);
    vs_out_real(o, VS_COL_TTY_ONLY, "norm", sqrt((double)vs_sum_squares(v, d)), 4);
    vs_out_note(o, "  [% .4f, % .4f, % .4f, … % .4f]   all of them: --json", (double)v[0], (double)v[d > 1],
                (double)v[d > 2 ? 2 : 0], (double)v[d - 1]);
}

/* One pass over as many of the n texts as go together; *taken says how many. */
static vs_status embed_together(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, size_t n, bool several,
                                size_t *taken, vs_out *o) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    vs_site site = output_site(m);
    vs_request rq = {.keep = &site, .n_keep = 1, .mask = vs_args_mask(a)};
    vs_pass *p = NULL;
    vs_tensor t;
    size_t d = vs_model_info_of(m)->stack[0].d, *starts = vs_alloc(n + 1, sizeof *starts);
    float *v = vs_alloc(d, sizeof *v);
    vs_pool how = VS_POOL_MEAN;
    vs_status st = v && starts ? how_to_pool(err, m, a, &how) : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    if (st == VS_OK) st = vs_session_run_packed(err, s, in, n, &rq, taken, starts, &p);
    if (st == VS_OK) st = vs_pass_site(err, p, site, 0, &t);
    for (size_t i = 0; st == VS_OK && i < *taken; i++) {
        pool(&t, starts[i], starts[i + 1], how, vs_has(a, "unit"), v);
        if (i) vs_out_flush_part(o);
        show(&in[i], v, d, several, o);
    }
    vs_pass_free(p);
    vs_free(starts);
    vs_free(v);
    return st;
}

/* Without a model: by the rule of a space that makes vectors of texts. */
static vs_status embed_in_space(vs_err *err, const vs_space *sp, const char *text, bool unit, vs_out *o) {
    size_t d = vs_space_dim(sp);
    vs_buf note = {0};
    float *v = vs_alloc(d, sizeof *v);
    vs_status st = v ? vs_space_compose(err, sp, text, strlen(text), v, &note) : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    float norm = st == VS_OK ? sqrtf(vs_sum_squares(v, d)) : 0;
    if (unit && norm > 0) vs_scale_by(v, 1.0f / norm, d);
    if (st == VS_OK) show(&(vs_text_input){0}, v, d, false, o);
    if (st == VS_OK && note.s) vs_out_note(o, "  %s of %s", note.s, vs_space_name(sp));
    vs_buf_free(&note);
    vs_free(v);
    return st;
}

static vs_status run_embed(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_space *sp = vs_session_models(s) ? NULL : vs_session_space(s);
    if (sp && vs_space_composes(sp) && vs_arg(a, 0)) return embed_in_space(err, sp, vs_arg(a, 0), vs_has(a, "unit"), o);
    vs_status there = vs_session_model(err, s, &m);
    if (there != VS_OK) return vs_fail_in(err, "embed");
    vs_texts t;
    VS_TRY(vs_args_texts(err, s, a, &t));
    vs_status st = VS_OK;
    if (t.item[0].given) st = vs_fail(err, VS_E_USAGE, "embed: the vector of a text is the encoder's output; the decoder has no part in it");
    for (size_t i = 0, n = 0; st == VS_OK && i < t.n; i += n) {
        if (i) vs_out_flush_part(o);
        st = embed_together(err, s, a, t.item + i, t.n - i, t.n > 1, &n, o);
    }
    vs_texts_free(&t);
    return st;
}
static const char *const embed_examples[] = {"embed The white swan in the blue water",
                                             "embed \"a river bank\" --pool cls --unit", NULL};
const vs_cmd vs_cmd_embed = {.name = "embed",
                             .group = "passes",
                             .synopsis = "TEXT [--pool mean|cls|max|last] [--unit]",
                             .summary = "a text's vector: the encoder's output, pooled",
                             .details = "The word embedding has two meanings: the table that a token's id looks up "
                                        "(W_E:\" swan\"), and this, the output of\n"
                                        "the whole encoder for a text.  Where no model is open but static embeddings or fastText's n-grams "
                                        "are, it is theirs.",
                             .style = VS_ARGS_TEXT,
                             .min_args = 1,
                             .opts = opts,
                             .examples = embed_examples,
                             .run = run_embed};

/* ---- sites ---- */

/* A shape, S for positions of the encoder where the decoder's are not meant. */
static const char *shape_of(vs_site s) {
    const char *shape = vs_site_shape(s.kind);
    return !s.cross ? shape : shape[0] == 'H' ? "HTS" : vs_site_reads(s) != s.stack ? "SKh" : shape;
}

static vs_status run_sites(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {{"brief", VS_COL_TEXT, 0, 0, "short name"},
                                  {"name", VS_COL_TEXT, 0, 0, NULL},
                                  {"shape", VS_COL_TEXT, 0, 0, NULL},
                                  {"what", VS_COL_TEXT, 0, 0, NULL}};
    vs_model *m;
    vs_site *site;
    size_t n;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_site_list(err, m, &site, &n));
    bool all = vs_has(a, "all") || vs_out_is_data(o);
    vs_out_table(o, "sites", cols, 4);
    for (size_t i = 0; i < n; i++) {
        if (!all && site[i].layer > 0) continue; /* every block has the same */
        char name[96];
        vs_out_cell_text(o, vs_site_name(m, site[i], true, name, sizeof name));
        vs_out_cell_text(o, vs_site_name(m, site[i], false, name, sizeof name));
        vs_out_cell_text(o, shape_of(site[i]));
        vs_out_cell_text(o, vs_site_words(site[i].kind));
    }
    vs_out_end(o);
    if (!all)
        vs_out_note(o, "  the other blocks have the same (--all); T positions, d width, H heads, K key heads, h head "
                       "width, f MLP width, V vocabulary%s", vs_model_info_of(m)->n_stacks > 1 ? ", S positions of the encoder" : "");
    vs_free(site);
    return VS_OK;
}
static const vs_opt sites_opts[] = {{"all", 0, VS_OPT_FLAG, NULL, "of every block", NULL, VS_COMPLETE_NONE},
                                    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const sites_examples[] = {"sites", NULL};
const vs_cmd vs_cmd_sites = {.name = "sites",
                             .group = "passes",
                             .synopsis = "[--all]",
                             .summary = "the hook points: what can be looked at and changed",
                             .style = VS_ARGS_NONE,
                             .opts = sites_opts,
                             .examples = sites_examples,
                             .needs = VS_NEEDS_MODEL,
                             .run = run_sites};
