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
    {"unit", 0, VS_OPT_FLAG, NULL, "take each vector over its norm", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static double share(size_t part, size_t whole) { return whole ? (double)part / (double)whole : (double)NAN; }

static void table(vs_out *o) {
    static const vs_col cols[] = {{"name", VS_COL_TEXT, 0, 0, "relation"},
                                  {"pairs", VS_COL_INT, 0, 0, NULL},
                                  {"unknown", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"first", VS_COL_REAL, 3, 0, NULL},
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

static void row(const vs_relation *r, const vs_relation_result *x, vs_out *o) {
    char interval[32];
    snprintf(interval, sizeof interval, "%.2f..%.2f", x->low, x->high);
    vs_out_cell_text(o, r->name);
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

/* The vector under its name, and what was measured beside it. */
static vs_status keep(vs_err *err, vs_session *s, const char *name, const char *file, const vs_relation *r,
                      const vs_relation_result *x, const float *offset, vs_out *o) {
    vs_space *sp = vs_session_space(s);
    vs_store *store;
    vs_buf from = {0}, json = {0};
    vs_buf_printf(&from, "relation fit %s --section %s", file, r->name);
    vs_buf_printf(&json,
                  "{\"pairs\":%zu,\"first\":%.6f,\"five\":%.6f,\"no_offset\":%.6f,\"shuffled\":%.6f,\"cosine\":%.6f}",
                  x->pairs, share(x->fit.first, x->pairs), share(x->fit.five, x->pairs), share(x->none.first, x->pairs),
                  share(x->shuffled.first, x->pairs), x->fit.cosine);
    vs_status st = from.failed || json.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a name")
                                              : vs_session_store(err, s, &store);
    if (st == VS_OK) st = vs_store_name_set(err, store, name, from.s, vs_space_name(sp), offset, vs_space_dim(sp), 0);
    if (st == VS_OK) st = vs_store_result(err, store, "relation", name, json.s, 0, 0);
    vs_buf_free(&from);
    vs_buf_free(&json);
    if (st == VS_OK) vs_out_note(o, "  $%s is the offset of %s", name, r->name);
    return st;
}

/* Each section that is wanted; *one is the last of them, fitted. */
static vs_status sections(vs_err *err, vs_session *s, const vs_args *a, const vs_relations *r, float *offset, vs_out *o,
                          const vs_relation **one, vs_relation_result *result) {
    const char *only = vs_text(a, "section");
    vs_relation_options options = {
        .folds = (size_t)vs_int(a, "folds"), .seed = vs_session_settings(s)->seed, .unit = vs_has(a, "unit")};
    size_t seen = 0;
    for (size_t i = 0; i < r->n; i++) seen += !only || !strcmp(r->at[i].name, only);
    if (!seen)
        return vs_fail(err, VS_E_UNKNOWN, "%s has no section %s; it begins with %s", vs_arg(a, 1), only, r->at[0].name);
    if (seen > 1 && (vs_has(a, "name") || vs_has(a, "pairs")))
        return vs_fail(err, VS_E_USAGE, "--%s is of one relation: name one of %zu with --section",
                       vs_has(a, "name") ? "name" : "pairs", seen);
    table(o);
    for (size_t i = 0; i < r->n; i++) {
        if (only && strcmp(r->at[i].name, only) != 0) continue;
        if (r->at[i].n < 2 && seen > 1) continue;
        vs_relation_result_free(result);
        VS_TRY(vs_relation_fit(err, vs_session_space(s), &r->at[i], &options, vs_out_progress(o), offset, result));
        row(&r->at[i], result, o);
        *one = &r->at[i];
    }
    vs_out_end(o);
    if (!*one)
        return vs_fail(err, VS_E_RANGE, "%s: no section has two pairs whose words %s knows", vs_arg(a, 1),
                       vs_space_name(vs_session_space(s)));
    return VS_OK;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (strcmp(vs_arg(a, 0), "fit") != 0)
        return vs_fail(err, VS_E_USAGE, "relation wants fit FILE, not %s", vs_arg(a, 0));
    const char *name = NULL;
    if (vs_int(a, "folds") < 0 || vs_int(a, "folds") == 1)
        return vs_fail(err, VS_E_USAGE, "--folds wants a number from 2, or 0 for each pair alone, not %lld",
                       (long long)vs_int(a, "folds"));
    if (vs_has(a, "name")) VS_TRY(vs_vector_name(err, vs_text(a, "name"), &name));
    vs_space *sp = vs_session_space(s);
    vs_relations r;
    VS_TRY(vs_relations_read(err, sp, vs_arg(a, 1), &r));
    float *offset = vs_alloc(vs_space_dim(sp), sizeof *offset);
    const vs_relation *one = NULL;
    vs_relation_result result = {0};
    vs_status st = offset ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(sp));
        st = sections(err, s, a, &r, offset, o, &one, &result);
    }
    if (st == VS_OK) {
        vs_out_note(o,
                    "  held-out pairs: b is the answer, in the first five; by a alone; with each b given to another a");
        vs_out_note(o, "  cos: of a held-out b - a with the offset of the others; with each b given to another a");
        if (vs_has(a, "pairs")) pairs(sp, one, &result, o);
        if (name) st = keep(err, s, name, vs_arg(a, 1), one, &result, offset, o);
    }
    vs_relation_result_free(&result);
    vs_free(offset);
    vs_relations_free(&r);
    return st;
}

static const char *const kinds[] = {"fit", NULL};
const vs_cmd vs_cmd_relation = {
    .name = "relation",
    .group = "vectors",
    .synopsis = "fit FILE [--section NAME] [--name NAME]",
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
               "class of words.",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = opts,
    .needs = VS_NEEDS_SPACE,
    .complete = VS_COMPLETE_FILE,
    .choices = kinds,
    .run = run};
