/* cmd_attention.c - attention: where each head looks, and what it says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/command.h"
#include "direct.h"
#include "trial.h"

static const vs_opt opts[] = {
    {"layer", 0, VS_OPT_INT, "L", "one block", NULL, VS_COMPLETE_NONE},
    {"head", 0, VS_OPT_INT, "H", "one head of that block", NULL, VS_COMPLETE_NONE},
    {"at", 0, VS_OPT_TEXT, "POS", "for one token, every head's look, sorted", NULL, VS_COMPLETE_NONE},
    {"k", 'k', VS_OPT_INT, "K", "rows of the table", "20", VS_COMPLETE_NONE},
    {"stack", 0, VS_OPT_TEXT, "encoder|decoder|cross", "of two stacks: which looks; cross: the decoder's at the encoder's words",
     NULL, VS_COMPLETE_CHOICE},
    VS_MASK_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* One text's patterns: [L][H, T, S], with labels for its tokens and for those looked at: the same, but in
 * cross-attention. */
typedef struct looks {
    const vs_model *m;
    const vs_tokenizer *tok;
    const vs_tokens *tokens, *keys;
    uint8_t stack;
    bool cross;
    vs_pass *pass;
    vs_mask mask;
    vs_site *site; /* [L] patterns */
    size_t L, H, T, S;
    const char **label, **key_label; /* [T], [S] */
    vs_arena arena;
} looks;

/* A head's one look. */
typedef struct look {
    size_t layer, head, query, key;
    float weight;
} look;

static vs_status pattern_row(vs_err *err, const looks *k, size_t layer, size_t head, size_t query, const float **row) {
    vs_tensor t;
    VS_TRY(vs_pass_site(err, k->pass, k->site[layer], 0, &t));
    *row = (const float *)((const char *)t.data + head * t.stride[0] + query * t.stride[1]);
    return VS_OK;
}

/* Its special tokens are where a head rests when it has nothing to say: not a look. */
static bool is_rest(const looks *k, const vs_tokens *t, size_t pos) {
    return t->special[pos] || vs_is_special(k->tok, t->id[pos]);
}

/* Which attention is meant: of two stacks, cross-attention where the decoder was given something, else the encoder's. */
static vs_status choose(vs_err *err, const vs_args *a, const vs_model_info *info, const vs_text_input *in, looks *k) {
    const char *name = vs_text(a, "stack");
    if (name && info->n_stacks < 2) return vs_fail(err, VS_E_USAGE, "attention: %s has one stack, so --stack has no choice", info->name);
    if (!name) name = info->n_stacks < 2 ? "" : in->given ? "cross" : "encoder";
    k->cross = !strcmp(name, "cross");
    k->stack = k->cross || !strcmp(name, "decoder");
    k->tokens = k->stack ? &in->decoder : &in->tokens;
    k->keys = k->cross ? &in->tokens : k->tokens;
    return VS_OK;
}

static vs_status looks_open(vs_err *err, vs_session *s, const vs_args *a, vs_model *m, const vs_text_input *in, looks *k) {
    const vs_model_info *info = vs_model_info_of(m);
    *k = (looks){.m = m, .mask = vs_args_mask(a)};
    VS_TRY(choose(err, a, info, in, k));
    k->L = info->stack[k->stack].L;
    k->H = info->stack[k->stack].H;
    k->T = k->tokens->n;
    k->S = k->keys->n;
    VS_TRY(vs_model_tokenizer(err, m, &k->tok));
    k->site = vs_arena_alloc(&k->arena, k->L, sizeof *k->site);
    if (!k->site) return vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", k->L);
    for (size_t l = 0; l < k->L; l++)
        k->site[l] = (vs_site){.kind = VS_SITE_PATTERN, .layer = (int16_t)l, .head = -1, .stack = k->stack, .cross = k->cross};
    VS_TRY(vs_token_labels(err, k->tok, k->tokens, &k->arena, &k->label));
    VS_TRY(vs_token_labels(err, k->tok, k->keys, &k->arena, &k->key_label));
    vs_request rq = {.keep = k->site, .n_keep = k->L, .mask = k->mask};
    return vs_session_run(err, s, in, &rq, &k->pass);
}

static void looks_close(looks *k) {
    vs_pass_free(k->pass);
    vs_arena_free(&k->arena);
}

/* ---- tables of looks ---- */

static int by_weight(const void *a, const void *b) {
    const look *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return x->layer != y->layer ? (x->layer < y->layer ? -1 : 1) : (x->head < y->head ? -1 : x->head > y->head);
}

static void look_table(const looks *k, const look *list, size_t n, const char *name, vs_out *o) {
    static const vs_col cols[] = {
        {"token", VS_COL_TEXT, 0, 0, NULL},          {"position", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
        {"looks_at", VS_COL_TEXT, 0, 0, "looks at"}, {"key", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
        {"layer", VS_COL_INT, 0, 0, NULL},           {"head", VS_COL_INT, 0, 0, NULL},
        {"weight", VS_COL_PROB, 3, 0, NULL}};
    vs_out_table(o, name, cols, 7);
    for (size_t i = 0; i < n; i++) {
        vs_out_cell_text(o, k->label[list[i].query]);
        vs_out_cell_int(o, (int64_t)list[i].query);
        vs_out_cell_text(o, k->key_label[list[i].key]);
        vs_out_cell_int(o, (int64_t)list[i].key);
        vs_out_cell_int(o, (int64_t)list[i].layer);
        vs_out_cell_int(o, (int64_t)list[i].head);
        vs_out_cell_real(o, (double)list[i].weight);
    }
    vs_out_end(o);
}

/* The strongest look of one head from one token; away: at another word, not itself nor a resting place. */
static vs_status strongest(vs_err *err, const looks *k, size_t layer, size_t head, size_t query, bool away, look *out) {
    const float *row;
    VS_TRY(pattern_row(err, k, layer, head, query, &row));
    *out = (look){.layer = layer, .head = head, .query = query, .key = query, .weight = -1};
    for (size_t j = 0; j < k->S; j++)
        if (row[j] > out->weight && !(away && ((j == query && !k->cross) || is_rest(k, k->keys, j)))) {
            out->weight = row[j];
            out->key = j;
        }
    return VS_OK;
}

/* Every head's look from one token, sorted; or, query = T, for each token the one head that looks hardest at another.
 */
static vs_status links(vs_err *err, const looks *k, size_t query, int64_t layer, size_t most, vs_out *o) {
    bool each = query == k->T;
    size_t n = 0, first = layer < 0 ? 0 : (size_t)layer, last = layer < 0 ? k->L - 1 : (size_t)layer;
    look *list = vs_alloc(each ? k->T : (last - first + 1) * k->H, sizeof *list);
    if (!list) return vs_fail(err, VS_E_NOMEM, "no memory for the looks");
    vs_status st = VS_OK;
    for (size_t q = each ? 0 : query; st == VS_OK && q < (each ? k->T : query + 1); q++) {
        look best = {.weight = -1};
        if (each && !k->cross && is_rest(k, k->tokens, q)) continue;
        for (size_t l = first; st == VS_OK && l <= last; l++)
            for (size_t h = 0; st == VS_OK && h < k->H; h++) {
                look one;
                st = strongest(err, k, l, h, q, true, &one);
                if (st == VS_OK && !each && one.weight > 0) list[n++] = one;
                if (st == VS_OK && each && one.weight > best.weight) best = one;
            }
        if (each && best.weight > 0) list[n++] = best;
    }
    if (!each) qsort(list, n, sizeof *list, by_weight);
    if (st == VS_OK) look_table(k, list, each || n < most ? n : most, each ? "links" : "heads", o);
    vs_free(list);
    return st;
}

/* ---- heatmaps ---- */

/* One head; the mean of a block's heads (head < 0); or, layer < 0, the hardest look of any head at each pair. */
static vs_status heat(vs_err *err, const looks *k, int64_t layer, int64_t head, vs_out *o) {
    float *map = vs_zalloc(k->T * k->S, sizeof *map);
    if (!map) return vs_fail(err, VS_E_NOMEM, "no memory for %zu x %zu weights", k->T, k->S);
    vs_status st = VS_OK;
    size_t l0 = layer < 0 ? 0 : (size_t)layer, l1 = layer < 0 ? k->L : l0 + 1, h0 = head < 0 ? 0 : (size_t)head,
           h1 = head < 0 ? k->H : h0 + 1;
    for (size_t l = l0; l < l1; l++)
        for (size_t h = h0; h < h1; h++)
            for (size_t q = 0; st == VS_OK && q < k->T; q++) {
                const float *row;
                st = pattern_row(err, k, l, h, q, &row);
                for (size_t j = 0; st == VS_OK && j < k->S; j++) {
                    float *cell = &map[q * k->S + j];
                    if (layer < 0)
                        *cell = is_rest(k, k->keys, j) ? NAN : fmaxf(*cell, row[j]);
                    else
                        *cell += row[j] / (float)(h1 - h0);
                }
            }
    if (st == VS_OK) vs_out_matrix(o, "pattern", map, k->T, k->S, k->label, k->key_label, 0, 1);
    vs_free(map);
    return st;
}

/* ---- what a head says ---- */

/* The words that one head's output at the last position moves the prediction towards. */
static vs_status head_words(vs_err *err, vs_session *s, const looks *k, const vs_text_input *in, int layer, int head,
                            size_t at, vs_out *o) {
    uint8_t stack = k->stack;
    bool branch = vs_model_weight(k->m, VS_ROLE_ATTN_BRANCH, stack, layer) != NULL;
    vs_site keep[3] = {{VS_SITE_RESULT, (int16_t)layer, -1, stack, k->cross},
                       {VS_SITE_RESID_PRE, (int16_t)k->L, -1, stack, 0},
                       {VS_SITE_ATTN_RAW, (int16_t)layer, -1, stack, 0}};
    vs_request rq = {.keep = keep, .n_keep = branch ? 3 : 2, .mask = k->mask};
    vs_pass *p = NULL;
    vs_tensor result, stream, raw = {0};
    vs_direct x = {0};
    vs_buf words = {0};
    float *mul = NULL, *logits = NULL;
    vs_status st = vs_session_run(err, s, in, &rq, &p);
    if (st == VS_OK) st = vs_pass_site(err, p, keep[0], 0, &result);
    if (st == VS_OK) st = vs_pass_site(err, p, keep[1], 0, &stream);
    if (st == VS_OK && branch) st = vs_pass_site(err, p, keep[2], 0, &raw);
    if (st == VS_OK) st = vs_direct_open(err, k->m, vs_tensor_row(&stream, at), &x);
    if (st == VS_OK) {
        mul = vs_alloc(x.d, sizeof *mul);
        logits = vs_alloc(x.V, sizeof *logits);
        if (!mul || !logits) st = vs_fail(err, VS_E_NOMEM, "no memory for the logits");
    }
    if (st == VS_OK)
        st = vs_direct_branch(err, &x, VS_ROLE_ATTN_BRANCH, layer, branch ? vs_tensor_row(&raw, at) : NULL, mul);
    if (st == VS_OK) {
        const float *v =
            (const float *)((const char *)result.data + at * result.stride[0] + (size_t)head * result.stride[1]);
        vs_mul_into(v, mul, mul, x.d);
        st = vs_direct_logits(err, &x, mul, 1, logits);
    }
    if (st == VS_OK) st = vs_direct_words(err, &x, k->tok, logits, 8, &words);
    if (st == VS_OK) {
        vs_out_note(o, "at \"%s\" it moves the prediction towards: %s", k->label[at], words.s);
        vs_out_text(o, VS_COL_JSON_ONLY, "towards", words.s);
    }
    vs_buf_free(&words);
    vs_free(mul);
    vs_free(logits);
    vs_direct_close(&x);
    vs_pass_free(p);
    return st;
}

/* ---- the command ---- */

static vs_status within(vs_err *err, const char *what, int64_t v, size_t n) {
    return v >= 0 && (size_t)v < n
               ? VS_OK
               : vs_fail(err, VS_E_RANGE, "attention: there is no %s %lld; they are 0..%zu", what, (long long)v, n - 1);
}

static vs_status show(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, looks *k, vs_out *o) {
    int64_t layer = vs_has(a, "layer") ? vs_int(a, "layer") : -1, head = vs_has(a, "head") ? vs_int(a, "head") : -1;
    size_t from = k->T, at = k->T, most = (size_t)(vs_int(a, "k") > 0 ? vs_int(a, "k") : 1);
    if (vs_has(a, "layer")) VS_TRY(within(err, "layer", layer, k->L));
    if (vs_has(a, "head")) VS_TRY(within(err, "head", head, k->H));
    if (head >= 0 && layer < 0) return vs_fail(err, VS_E_USAGE, "attention: --head wants --layer with it");
    if (vs_has(a, "at"))
        VS_TRY(
            vs_position_find(err, k->m, k->stack, k->stack ? in->target : in->text, k->tokens, vs_text(a, "at"),
                             strlen(vs_text(a, "at")), &from, &at));
    vs_out_texts(o, VS_COL_JSON_ONLY, "tokens", k->label, k->T);
    if (k->cross) vs_out_texts(o, VS_COL_JSON_ONLY, "keys", k->key_label, k->S);
    if (!vs_has(a, "at")) {
        const char *who = k->cross ? "rows, the decoder's, look at columns, the encoder's" : "rows look at columns";
        if (head >= 0)
            vs_out_heading(o, "Block %lld, head %lld: %s", (long long)layer, (long long)head, who);
        else if (layer >= 0)
            vs_out_heading(o, "Block %lld, the mean of its %zu heads: %s", (long long)layer, k->H, who);
        else
            vs_out_heading(o, "The hardest look of any of the %zu heads: %s", k->L * k->H, who);
        VS_TRY(heat(err, k, layer, head, o));
    }
    if (head >= 0) {
        const vs_model_info *info = vs_model_info_of(k->m);
        bool can = info->has_logits && !info->masked && k->stack == info->n_stacks - 1 && !info->stack[k->stack].post_norm;
        return can ? head_words(err, s, k, in, (int)layer, (int)head, vs_has(a, "at") ? at : k->T - 1, o) : VS_OK;
    }
    vs_out_heading(o,
                   vs_has(a, "at") ? "Where each head looks from \"%s\""
                                   : "For each word, the head that looks hardest at another%.0s",
                   vs_has(a, "at") ? k->label[at] : "");
    return links(err, k, at, layer, most, o);
}

static vs_status attention_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                               vs_out *o) {
    vs_model *m;
    looks k = {0};
    (void)several;
    VS_TRY(vs_session_model(err, s, &m));
    vs_status st = looks_open(err, s, a, m, in, &k);
    if (st == VS_OK) st = show(err, s, a, in, &k, o);
    looks_close(&k);
    return st;
}

static vs_status run_attention(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, attention_one, o);
}
static const char *const examples[] = {"attention the white swan in the blue water",
                                       "attention the white swan in the blue water --at swan",
                                       "attention the white swan in the blue water --layer 5 --head 2", NULL};
const vs_cmd vs_cmd_attention = {.name = "attention",
                                 .group = "attention",
                                 .synopsis = "TEXT [--layer L] [--head H] [--at POS] [--stack NAME]",
                                 .summary = "where each head looks, and what it says",
                                 .details = "A row of the picture is a token that looks, a column one that is looked "
                                            "at.  Looks at oneself and at special tokens,\n"
                                            "where heads rest, are left out of the tables.  With --layer and --head: "
                                            "one head's pattern, and the words that its\n"
                                            "output at the last position (or at --at) moves the prediction towards.\n"
                                            "Of two stacks, --stack says which; without it the decoder's looks at the encoder's "
                                            "words where there is a --target\n"
                                            "(the rows are the decoder's tokens, the columns the encoder's), else the encoder's.",
                                 .style = VS_ARGS_TEXT,
                                 .min_args = 1,
                                 .opts = opts,
                                 .examples = examples,
                                 .needs = VS_NEEDS_MODEL,
                                 .run = run_attention};
