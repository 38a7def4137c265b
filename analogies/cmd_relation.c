/* cmd_relation.c - relation: the offset of a relation between words, and how well it answers pairs it has not seen. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "words.h"

static const vs_opt opts[] = {
    {"section", 0, VS_OPT_TEXT, "NAME", "only that section of FILE", NULL, VS_COMPLETE_NONE},
    {"folds", 0, VS_OPT_INT, "N", "held out in N parts; 0: each pair alone", "5", VS_COMPLETE_NONE},
    {"name", 0, VS_OPT_TEXT, "NAME", "keep the offset as $NAME, and its accuracy as a result", NULL, VS_COMPLETE_NONE},
    {"pairs", 0, VS_OPT_FLAG, NULL, "show what was answered to each pair", NULL, VS_COMPLETE_NONE},
    {"space", 0, VS_OPT_TEXT, "SPACE", "another space, or a layer of a model over FILE's words: gemma3-270m@12, @12",
     NULL, VS_COMPLETE_SPACE},
    {"layers", 0, VS_OPT_FLAG, NULL, "all layers of a model (--space MODEL; without: the current one), a section", NULL,
     VS_COMPLETE_NONE},
    {"frame", 0, VS_OPT_TEXT, "TEXT", "layers: each word in this text, at %s", NULL, VS_COMPLETE_NONE},
    {"centre", 0, VS_OPT_FLAG, NULL, "layers: take the mean of the words away first", NULL, VS_COMPLETE_NONE},
    {"unit", 0, VS_OPT_FLAG, NULL, "take each vector over its norm", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static double share(size_t part, size_t whole) { return whole ? (double)part / (double)whole : (double)NAN; }

static void table(vs_out *o, bool layers) {
    const vs_col cols[] = {{"name", VS_COL_TEXT, 0, layers ? VS_COL_JSON_ONLY : 0, "relation"},
                           {"space", VS_COL_TEXT, 0, layers ? 0 : VS_COL_JSON_ONLY, "layer"},
                           {"pairs", VS_COL_INT, 0, 0, NULL},
                           {"unknown", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                           {"first", layers ? VS_COL_PROB : VS_COL_REAL, 3, 0, NULL},
                           {"low", VS_COL_REAL, 3, VS_COL_JSON_ONLY, NULL},
                           {"high", VS_COL_REAL, 3, VS_COL_JSON_ONLY, NULL},
                           {"interval", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, "95 %"},
                           {"five", VS_COL_REAL, 3, 0, NULL},
                           {"none", VS_COL_REAL, 3, 0, "alone"},
                           {"shuffled", VS_COL_REAL, 3, 0, NULL},
                           {"shuffled_five", VS_COL_REAL, 3, VS_COL_JSON_ONLY, NULL},
                           {"none_five", VS_COL_REAL, 3, VS_COL_JSON_ONLY, NULL},
                           {"cosine", VS_COL_REAL, 2, 0, "cos"},
                           {"shuffled_cosine", VS_COL_REAL, 2, 0, "shuffled"}};
    vs_out_table(o, "relations", cols, sizeof cols / sizeof *cols);
}

static void row(const vs_space *sp, const vs_relation *r, const vs_relation_result *x, vs_out *o) {
    char interval[32];
    snprintf(interval, sizeof interval, "%.2f..%.2f", x->low, x->high);
    vs_out_cell_text(o, r->name);
    vs_out_cell_text(o, vs_space_name(sp));
    vs_out_cell_int(o, (int64_t)x->pairs);
    vs_out_cell_int(o, (int64_t)r->unknown);
    vs_out_cell_real(o, share(x->fit.first, x->pairs));
    vs_out_cell_real(o, x->low);
    vs_out_cell_real(o, x->high);
    vs_out_cell_text(o, interval);
    vs_out_cell_real(o, share(x->fit.five, x->pairs));
    vs_out_cell_real(o, share(x->none.first, x->pairs));
    vs_out_cell_real(o, share(x->shuffled.first, x->pairs));
    vs_out_cell_real(o, share(x->shuffled.five, x->pairs));
    vs_out_cell_real(o, share(x->none.five, x->pairs));
    vs_out_cell_real(o, x->fit.cosine);
    vs_out_cell_real(o, x->shuffled.cosine);
}

static void pairs(const vs_space *s, const vs_relation *r, const vs_relation_result *x, vs_out *o) {
    static const vs_col cols[] = {{"a", VS_COL_TOKEN, 0, 0, NULL},
                                  {"b", VS_COL_TOKEN, 0, 0, NULL},
                                  {"answer", VS_COL_TOKEN, 0, 0, NULL},
                                  {"rank", VS_COL_INT, 0, 0, NULL}};
    vs_out_table(o, "answers", cols, 4);
    for (size_t i = 0; i < r->n; i++) {
        vs_cell_key(o, s, r->pair[i].a);
        vs_cell_key(o, s, r->pair[i].b[0]);
        if (x->answer[i] == SIZE_MAX)
            vs_out_cell_text(o, "");
        else
            vs_cell_key(o, s, x->answer[i]);
        vs_out_cell_int(o, (int64_t)x->rank[i]);
    }
    vs_out_end(o);
}

/* Whether a space is a layer's, which lives as long as the command. */
static bool of_stream(const vs_space *sp) { return !strncmp(vs_space_place(sp), "resid", 5); }

/* The vector under its name, and what was measured beside it. */
static vs_status keep(vs_err *err, vs_session *s, const char *name, const char *file, const vs_space *sp,
                      const vs_relation *r, const vs_relation_result *x, const float *offset, vs_out *o) {
    vs_store *store;
    vs_buf from = {0}, json = {0};
    vs_buf_printf(&from, "relation fit %s --section %s", file, r->name);
    vs_buf_printf(&json,
                  "{\"pairs\":%zu,\"first\":%.6f,\"five\":%.6f,\"no_offset\":%.6f,\"shuffled\":%.6f,\"cosine\":%.6f}",
                  x->pairs, share(x->fit.first, x->pairs), share(x->fit.five, x->pairs), share(x->none.first, x->pairs),
                  share(x->shuffled.first, x->pairs), x->fit.cosine);
    vs_status st = from.failed || json.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a name")
                                              : vs_session_store(err, s, &store);
    if (st == VS_OK)
        st = vs_store_name_set(err, store, name, from.s, of_stream(sp) ? "" : vs_space_name(sp), offset,
                               vs_space_dim(sp), 0);
    if (st == VS_OK) st = vs_store_result(err, store, "relation", name, json.s, 0, 0);
    vs_buf_free(&from);
    vs_buf_free(&json);
    if (st == VS_OK) vs_out_note(o, "  $%s is the offset of %s", name, r->name);
    return st;
}

/* Each section that is wanted, in one space; *one is the last of them, fitted. */
static vs_status sections(vs_err *err, vs_session *s, const vs_args *a, vs_space *sp, const vs_relations *r,
                          bool layers, float *offset, vs_out *o, const vs_relation **one, vs_relation_result *result) {
    const char *only = vs_text(a, "section");
    vs_relation_options options = {
        .folds = (size_t)vs_int(a, "folds"), .seed = vs_session_settings(s)->seed, .unit = vs_has(a, "unit")};
    size_t seen = 0;
    for (size_t i = 0; i < r->n; i++) seen += !only || !strcmp(r->at[i].name, only);
    if (!seen)
        return vs_fail(err, VS_E_UNKNOWN, "%s has no section %s; it begins with %s", vs_arg(a, 1), only, r->at[0].name);
    if (seen > 1 && (layers || vs_has(a, "name") || vs_has(a, "pairs")))
        return vs_fail(err, VS_E_USAGE, "--%s is of one relation: name one of %zu with --section",
                       layers              ? "layers"
                       : vs_has(a, "name") ? "name"
                                           : "pairs",
                       seen);
    for (size_t i = 0; i < r->n; i++) {
        if (only && strcmp(r->at[i].name, only) != 0) continue;
        if (r->at[i].n < 2 && seen > 1) continue;
        vs_relation_result_free(result);
        VS_TRY(vs_relation_fit(err, sp, &r->at[i], &options, vs_out_progress(o), offset, result));
        row(sp, &r->at[i], result, o);
        *one = &r->at[i];
    }
    if (!*one)
        return vs_fail(err, VS_E_RANGE, "%s: no section has two pairs whose words %s knows", vs_arg(a, 1),
                       vs_space_name(sp));
    return VS_OK;
}

/* ---- where answers are looked up ---- */

/* One space that is open, or layers over the file's words. */
typedef struct where {
    vs_space *one, **layer; /* [n], ours */
    size_t n, words;
} where;

static void where_free(where *w) {
    for (size_t i = 0; i < w->n && w->layer; i++) vs_space_free(w->layer[i]);
    vs_free(w->layer);
}

static vs_status open_where(vs_err *err, vs_session *s, const vs_args *a, vs_out *o, where *w) {
    const char *what = vs_text(a, "space");
    bool layers = false, all = vs_has(a, "layers");
    vs_layers at = {0};
    if (all || (what && strchr(what, '@'))) VS_TRY(vs_session_layers(err, s, what ? what : "@", &layers, &at));
    if (all && !layers)
        return vs_fail(err, VS_E_UNKNOWN, "relation: --layers wants a model, and none that is open is called %s", what);
    if (!layers && (vs_has(a, "frame") || vs_has(a, "centre")))
        return vs_fail(err, VS_E_USAGE,
                       "relation: --frame and --centre are of layers: --space MODEL@LAYER or --layers");
    if (!layers) {
        w->one = what ? vs_session_space_named(s, what) : vs_session_space(s);
        return w->one ? VS_OK
                      : vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", what ? what : "that");
    }
    if (all) at.from = 0, at.to = vs_model_info_of(at.model)->stack[at.stack].L;
    size_t n = at.to - at.from + 1;
    vs_word_set words;
    VS_TRY(vs_relation_words(err, vs_arg(a, 1), vs_text(a, "section"), &words));
    vs_layer_words list = {words.at, words.n, vs_text(a, "frame"), vs_has(a, "centre")};
    w->words = words.n;
    w->layer = vs_zalloc(n, sizeof *w->layer);
    vs_status st = w->layer ? vs_session_layer_spaces(err, s, &at, &list, vs_out_progress(o), w->layer)
                            : vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", n);
    if (st == VS_OK) w->n = n;
    vs_word_set_free(&words);
    return st;
}

/* The file in one space: its rows of the table; and, of one relation, its pairs and its name. */
static vs_status in_space(vs_err *err, vs_session *s, const vs_args *a, vs_space *sp, bool layers, const char *name,
                          vs_out *o) {
    vs_relations r;
    VS_TRY(vs_relations_read(err, sp, vs_arg(a, 1), &r));
    float *offset = vs_alloc(vs_space_dim(sp), sizeof *offset);
    const vs_relation *one = NULL;
    vs_relation_result result = {0};
    vs_status st = offset ? sections(err, s, a, sp, &r, layers, offset, o, &one, &result)
                          : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    if (st == VS_OK && !layers) {
        vs_out_end(o);
        if (vs_has(a, "pairs")) pairs(sp, one, &result, o);
        if (name) st = keep(err, s, name, vs_arg(a, 1), sp, one, &result, offset, o);
    }
    vs_relation_result_free(&result);
    vs_free(offset);
    vs_relations_free(&r);
    return st;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (strcmp(vs_arg(a, 0), "fit") != 0)
        return vs_fail(err, VS_E_USAGE, "relation wants fit FILE, not %s", vs_arg(a, 0));
    const char *name = NULL;
    if (vs_int(a, "folds") < 0 || vs_int(a, "folds") == 1)
        return vs_fail(err, VS_E_USAGE, "--folds wants a number from 2, or 0 for each pair alone, not %lld",
                       (long long)vs_int(a, "folds"));
    if (vs_has(a, "name")) VS_TRY(vs_vector_name(err, vs_text(a, "name"), &name));
    where w = {.one = NULL};
    vs_status st = open_where(err, s, a, o, &w);
    bool layers = w.n > 1;
    if (st == VS_OK && layers && (name || vs_has(a, "pairs")))
        st = vs_fail(err, VS_E_USAGE, "relation: --%s is of one layer: --space MODEL@LAYER", name ? "name" : "pairs");
    if (st == VS_OK) {
        if (!layers) vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(w.n ? w.layer[0] : w.one));
        if (w.n) vs_out_note(o, "  answers are looked up among the %zu words of the file", w.words);
        table(o, layers);
    }
    for (size_t i = 0; i < (w.n ? w.n : 1) && st == VS_OK; i++)
        st = in_space(err, s, a, w.n ? w.layer[i] : w.one, layers, name, o);
    if (st == VS_OK) {
        if (layers) vs_out_end(o);
        vs_out_note(o,
                    "  held-out pairs: b is the answer, in the first five; by a alone; with each b given to another a");
        vs_out_note(o, "  cos: of a held-out b - a with the offset of the others; with each b given to another a");
    }
    where_free(&w);
    return st;
}

static const char *const kinds[] = {"fit", NULL};
const vs_cmd vs_cmd_relation = {
    .name = "relation",
    .group = "vectors",
    .synopsis = "fit FILE [--section NAME] [--name NAME] [--space SPACE | --layers]",
    .summary = "the offset of a relation between words, and how well it answers pairs it has not seen",
    .details = "FILE has pairs `a b`, a line each, in sections `: name`; questions-words.txt and files in BATS's "
               "format (a TAB b/c)\n"
               "are read too.\n"
               "The offset is the mean of b - a; a held-out pair asks for the row nearest to a + offset, spellings of "
               "a left out.\n"
               "--name capital keeps it: peru + $capital (with --unit: unit(peru) + $capital).  Two controls: no "
               "offset at all (the\n"
               "neighbours of a), and shuffled: each b given to another a.\n"
               "The mean does not change by that: what is lost with the pairs is all that the relation knows beyond a "
               "class of words.\n"
               "--space MODEL@LAYER and --layers: each word of the file is read by the model, by itself or in --frame "
               "\"the word %s is\", its\n"
               "vector is the stream entering that block, and answers are looked up among the file's words, as in eval "
               "analogies (of two stacks also @decoder.3).",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = opts,
    .needs = VS_NEEDS_SPACE,
    .complete = VS_COMPLETE_FILE,
    .choices = kinds,
    .run = run};
