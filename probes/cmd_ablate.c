/* cmd_ablate.c - ablate: heads, MLPs or whole blocks silenced one by one.
 *
 * Zero and mean ablation: Michel et al. 2019 ("Are Sixteen Heads Really Better than One?"), Wang et al. 2023
 * ("Interpretability in the Wild", section 2). */
#include <string.h>

#include "trial.h"

static const vs_opt opts[] = {
    {"what", 0, VS_OPT_TEXT, "heads|mlps|layers", "what is silenced", "heads", VS_COMPLETE_CHOICE},
    {"mean", 0, VS_OPT_FLAG, NULL, "put its mean over the text's positions in its place, instead of zero", NULL, VS_COMPLETE_NONE},
    VS_TRIAL_OPTS("logprob"),
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* A column of the picture silences a head or a part of a block, or, the last of LAYERS, all its parts. */
enum { HEADS, MLPS, LAYERS, PARTS = 3 };
static const struct {
    const char *name, *column, *said;
} kinds[] = {[HEADS] = {"heads", "head", "a head is silent: rows are blocks, columns heads"},
             [MLPS] = {"mlps", "part", "a block's MLP is silent"},
             [LAYERS] = {"layers", "part", "a block's attention, its MLP, or both are silent"}};
static const char *const mlp_parts[] = {"MLP"}, *const layer_parts[] = {"attention", "MLP", "block"},
                  *const cross_parts[] = {"attention", "cross", "MLP", "block"};

typedef struct ablation {
    vs_trial t;
    int what;
    bool mean;
    size_t cols, sites; /* columns; sites of a block that they silence */
    const char *const *column;
    vs_site *site; /* [layers, sites] */
    vs_pass *pass;
    vs_arena arena;
} ablation;

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for an ablation"); }

/* The sites of a block that are silenced. */
static size_t sites_of(const ablation *x, vs_site site[PARTS]) {
    const vs_trial *t = &x->t;
    size_t n = 0;
    vs_site at = {.head = -1, .stack = t->where.stack, .cross = t->where.cross};
    if (x->what == HEADS) at.kind = VS_SITE_Z, site[n++] = at;
    if (x->what == LAYERS) at.kind = VS_SITE_ATTN_OUT, site[n++] = at;
    if (x->what == LAYERS && vs_model_info_of(t->m)->stack[t->where.stack].cross) at.cross = 1, site[n++] = at;
    at.cross = 0;
    if (x->what != HEADS) at.kind = VS_SITE_MLP_OUT, site[n++] = at;
    return n;
}

static vs_status open_columns(vs_err *err, const vs_args *a, ablation *x) {
    const char *what = vs_text(a, "what");
    vs_site site[PARTS];
    size_t n = sizeof kinds / sizeof *kinds, heads = vs_model_info_of(x->t.m)->stack[x->t.where.stack].H;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(kinds[i].name, what)) x->what = (int)i;
    if (x->t.where.cross && x->what != HEADS) return vs_fail(err, VS_E_USAGE, "ablate: cross-attention has heads, no %s: --stack decoder has", what);
    size_t sites = x->sites = sites_of(x, site);
    x->cols = x->what == HEADS ? heads : x->what == MLPS ? 1 : sites + 1;
    x->column = x->what == MLPS ? mlp_parts : sites == PARTS ? cross_parts : layer_parts;
    x->mean = vs_has(a, "mean");
    x->site = vs_arena_alloc(&x->arena, x->t.layers * sites, sizeof *x->site);
    const char **name = x->what == HEADS ? vs_arena_alloc(&x->arena, heads, sizeof *name) : NULL;
    if (!x->site || (x->what == HEADS && !name)) return no_memory(err);
    for (size_t i = 0; i < x->t.layers * sites; i++) {
        x->site[i] = site[i % sites];
        x->site[i].layer = (int16_t)(x->t.layer0 + i / sites);
    }
    for (size_t h = 0; name && h < heads; h++) {
        char b[24];
        int len = snprintf(b, sizeof b, "%zu", h);
        if (!(name[h] = vs_arena_strndup(&x->arena, b, (size_t)len))) return no_memory(err);
    }
    if (name) x->column = name;
    return VS_OK;
}

/* The mean over the text's positions of a kept site [T,d], or of each head [T,H,dh]: [heads, width]. */
static vs_status mean_of(vs_err *err, ablation *x, vs_site site, const float **mean, size_t *width) {
    vs_tensor v;
    VS_TRY(vs_pass_site(err, x->pass, site, 0, &v));
    size_t heads = v.ndim == 3 ? v.shape[1] : 1, T = v.shape[0], w = *width = v.shape[v.ndim - 1];
    float *sum = vs_arena_alloc(&x->arena, heads, w * sizeof *sum);
    if (!sum) return no_memory(err);
    for (size_t i = 0; i < T; i++)
        for (size_t h = 0; h < heads; h++)
            vs_axpy(1 / (float)T, (const float *)((const char *)v.data + i * v.stride[0] + (v.ndim == 3 ? h * v.stride[1] : 0)),
                    sum + h * w, w);
    *mean = sum;
    return VS_OK;
}

/* Variant by variant: which of a block's sites a column silences. */
static vs_status make_edits(vs_err *err, ablation *x, vs_edit **out, size_t *n) {
    const vs_trial *t = &x->t;
    size_t sites = x->sites;
    vs_edit *e = *out = vs_arena_alloc(&x->arena, t->layers * x->cols, sites * sizeof *e);
    if (!e) return no_memory(err);
    for (size_t l = 0; l < t->layers; l++) {
        const float *mean[PARTS] = {NULL};
        size_t width[PARTS] = {0};
        for (size_t k = 0; x->mean && k < sites; k++) VS_TRY(mean_of(err, x, x->site[l * sites + k], &mean[k], &width[k]));
        for (size_t c = 0; c < x->cols; c++)
            for (size_t k = 0; k < sites; k++) {
                if (x->what == LAYERS && c < sites && c != k) continue; /* one of them */
                *e = (vs_edit){.kind = VS_EDIT_SET, .site = x->site[l * sites + k], .at = {.from = (int32_t)t->from, .to = (int32_t)t->to},
                               .vec = mean[k], .width = width[k], .text = l * x->cols + c + 1};
                if (x->what == HEADS) {
                    e->site.head = (int16_t)c;
                    if (mean[k]) e->vec = mean[k] + c * width[k];
                }
                e++;
            }
    }
    *n = (size_t)(e - *out);
    return VS_OK;
}

static vs_status list_strongest(vs_err *err, const ablation *x, const double *value, size_t k, vs_out *o) {
    const vs_trial *t = &x->t;
    const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                           {kinds[x->what].column, x->what == HEADS ? VS_COL_INT : VS_COL_TEXT, 0, 0, NULL},
                           {"value", VS_COL_REAL, 4, 0, NULL},
                           {"change", VS_COL_REAL, 4, 0, NULL}};
    size_t n = t->layers * x->cols, *idx;
    if (k > n) k = n;
    idx = vs_alloc(k, sizeof *idx);
    if (!idx) return no_memory(err);
    n = vs_trial_strongest(t, value, n, k, idx);
    vs_out_table(o, "strongest", cols, 4);
    for (size_t i = 0; i < n; i++) {
        vs_out_cell_int(o, (int64_t)(t->layer0 + idx[i] / x->cols));
        if (x->what == HEADS) vs_out_cell_int(o, (int64_t)(idx[i] % x->cols));
        else vs_out_cell_text(o, x->column[idx[i] % x->cols]);
        vs_out_cell_real(o, value[idx[i]]);
        vs_out_cell_real(o, value[idx[i]] - t->base);
    }
    vs_out_end(o);
    vs_free(idx);
    return VS_OK;
}

static vs_status show(vs_err *err, const vs_args *a, const ablation *x, const double *value, vs_out *o) {
    const vs_trial *t = &x->t;
    vs_trial_say(t, o);
    vs_out_text(o, VS_COL_JSON_ONLY, "what", kinds[x->what].name);
    vs_out_bool(o, VS_COL_JSON_ONLY, "mean", x->mean);
    const char *said = x->sites == PARTS ? "a block's attention, cross-attention or MLP, or all three are silent" : kinds[x->what].said;
    vs_out_heading(o, "How %s changes when %s%s", vs_metric_words(t->metric), said,
                   x->mean ? " (their mean in their place)" : "");
    VS_TRY(vs_trial_map(err, t, value, x->cols, x->column, o));
    vs_out_heading(o, "The strongest");
    VS_TRY(list_strongest(err, x, value, (size_t)vs_int(a, "k"), o));
    json_t *about = json_pack("{s:b}", "mean", x->mean);
    const vs_trial_columns cols = {.column = kinds[x->what].column, .n = x->cols, .names = x->what == HEADS ? NULL : x->column};
    vs_status st = vs_trial_keep(err, t, a, "ablate", about, &cols, value, o);
    json_decref(about);
    return st;
}

static vs_status ablate_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several, vs_out *o) {
    ablation x = {0};
    double *value = NULL;
    vs_edit *edits = NULL;
    size_t n_edits = 0, n;
    vs_status st = vs_trial_open(err, s, a, in, o, &x.t);
    if (st == VS_OK) st = vs_trial_in(err, a, x.t.where, &x.t);
    if (st == VS_OK) st = open_columns(err, a, &x);
    n = x.t.layers * x.cols;
    if (st == VS_OK) st = vs_trial_begin(err, &x.t, -1, x.site, x.mean ? x.t.layers * x.sites : 0, &x.pass);
    if (st == VS_OK) st = make_edits(err, &x, &edits, &n_edits);
    if (st == VS_OK && !(value = vs_alloc(n, sizeof *value))) st = no_memory(err);
    if (st == VS_OK) st = vs_trial_run(err, &x.t, edits, n_edits, n, "ablations", value);
    if (st == VS_OK && several && in->text) vs_out_text(o, 0, "text", in->text);
    if (st == VS_OK) st = show(err, a, &x, value, o);
    vs_free(value);
    vs_pass_free(x.pass);
    vs_arena_free(&x.arena);
    vs_trial_close(&x.t);
    return st;
}

static vs_status run_ablate(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, ablate_one, o);
}
static const char *const examples[] = {"ablate The Eiffel Tower is in the city of",
                                       "ablate \"Michael Jordan plays the sport of\" --what layers --metric prob",
                                       "ablate \"The capital of France is\" --mean --layers 0..5 --position France", NULL};
const vs_cmd vs_cmd_ablate = {
    .name = "ablate",
    .group = "study",
    .synopsis = "TEXT [--what heads|mlps|layers] [--stack encoder|decoder|cross] [--mean] [--answer TEXT] [--against TEXT]",
    .summary = "heads, MLPs or blocks silenced one by one",
    .details = "Each is silenced at all positions (or at --position), by itself: a head's mix of values (attn.z), what an MLP or\n"
               "attention adds to the stream.  What that does to the answer (the prediction, unless --answer says) is drawn and listed:\n"
               "negative where the answer needs it.  --mean puts its mean over this text's positions in its place.  A masked-word model\n"
               "is read at its [MASK].  Of two stacks, the answer is what the decoder says after --target (without: its start token), and\n"
               "--stack says where: the encoder, the decoder or its attention to the encoder (cross); without it the decoder where it was\n"
               "given a --target, else the encoder.  Edits in force stay.  Only what is silenced, and what follows, is run again.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .opts = opts,
    .examples = examples,
    .needs = VS_NEEDS_MODEL,
    .run = run_ablate};
