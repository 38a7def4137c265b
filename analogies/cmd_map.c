/* cmd_map.c - map: learn a linear map from one space to another on the keys they share. */
#include <stdio.h>
#include <string.h>

#include "../lib/command.h"

#define OR(id, name) "|" name
static const char methods[] = VS_ALIGN_METHODS(OR);
#undef OR

static const vs_opt opts[] = {
    {"method", 0, VS_OPT_TEXT, methods + 1, "a rotation, or least squares", "procrustes", VS_COMPLETE_CHOICE},
    {"words", 0, VS_OPT_INT, "N", "shared keys to take, the most frequent", "5000", VS_COMPLETE_NONE},
    {"held-out", 0, VS_OPT_REAL, "SHARE", "of them, to try the map on", "0.2", VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static void put_precision(const vs_align_result *r, vs_out *o) {
    static const vs_col cols[] = {{"k", VS_COL_INT, 0, 0, NULL},
                                  {"precision", VS_COL_PROB, 4, 0, "precision@k"},
                                  {"low", VS_COL_REAL, 4, 0, "95 % from"},
                                  {"high", VS_COL_REAL, 4, 0, "to"},
                                  {"chance", VS_COL_REAL, 4, 0, NULL}};
    vs_out_table(o, "precision", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < VS_ALIGN_CUTS; i++) {
        double k = (double)vs_align_cut[i], all = (double)r->pairs;
        vs_out_cell_int(o, (int64_t)vs_align_cut[i]);
        vs_out_cell_real(o, (double)r->hits[i] / (double)r->held);
        vs_out_cell_real(o, r->low[i]);
        vs_out_cell_real(o, r->high[i]);
        vs_out_cell_real(o, k < all ? k / all : 1);
    }
    vs_out_end(o);
}

/* SPACE -> SPACE, as three words or, since a shell wants its > quoted, as one.  Its two ends; true where that is what it is. */
static bool ends_of(const vs_args *a, char *ends, size_t cap, const char **from, const char **to) {
    static const char *const arrows[] = {"->", "\xE2\x86\x92"};
    int n = vs_arg_count(a) == 3   ? snprintf(ends, cap, "%s %s %s", vs_arg(a, 0), vs_arg(a, 1), vs_arg(a, 2))
            : vs_arg_count(a) == 1 ? snprintf(ends, cap, "%s", vs_arg(a, 0))
                                   : -1;
    for (size_t i = 0; n > 0 && (size_t)n < cap && i < sizeof arrows / sizeof *arrows; i++) {
        size_t len = strlen(arrows[i]);
        for (char *at = ends; (at = strstr(at, arrows[i])); at++) {
            if (at == ends || at[-1] != ' ' || at[len] != ' ' || !at[len + 1]) continue;
            at[-1] = '\0';
            *from = ends;
            *to = at + len + 1;
            return true;
        }
    }
    return false;
}

static vs_status run_map(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    char ends[1024];
    const char *from_name, *to_name;
    int64_t words = vs_int(a, "words");
    if (!ends_of(a, ends, sizeof ends, &from_name, &to_name)) return vs_fail(err, VS_E_USAGE, "map wants SPACE -> SPACE, the arrow between blanks");
    if (words < 1) return vs_fail(err, VS_E_USAGE, "map: --words wants a number from 1, not %lld", (long long)words);
    vs_align_options with = {.words = (size_t)words, .held_out = vs_real(a, "held-out")};
    vs_align_result r;
    vs_space *from, *to;
    VS_TRY(vs_align_method_find(err, vs_text(a, "method"), &with.method));
    VS_TRY(vs_session_learn_map(err, s, from_name, to_name, &with, vs_out_progress(o), &r, &from, &to));
    vs_out_text(o, 0, "from", vs_space_name(from));
    vs_out_text(o, 0, "to", vs_space_name(to));
    vs_out_text(o, 0, "method", vs_text(a, "method"));
    vs_out_int(o, 0, "shared", (int64_t)r.shared);
    vs_out_int(o, 0, "learnt_from", (int64_t)(r.pairs - r.held));
    vs_out_int(o, 0, "held_out", (int64_t)r.held);
    put_precision(&r, o);
    vs_out_note(o, "  of the held-out keys, those whose row is among the k nearest of the %zu taken; map(EXPR, %s) asks there", r.pairs,
                to_name);
    return VS_OK;
}

static const char *const examples[] = {"map glove-6b-50d -> W_E", "map W_E -> glove-6b-50d --method lstsq", NULL};
const vs_cmd vs_cmd_map = {
    .name = "map",
    .group = "vectors",
    .synopsis = "SPACE -> SPACE",
    .summary = "learn a linear map between two spaces on the keys they share",
    .details = "Shared keys are words with the same spelling; in a table of pieces, a piece that begins a word (queen and ▁queen).  Either\n"
               "side's rows are centred and brought to length 1; procrustes finds the rotation between them (Schönemann 1966), lstsq the\n"
               "matrix of least squares.  Some keys are held out (set seed) and tried.  map(EXPR, SPACE) in an expression then brings a\n"
               "vector over: map(glove:queen, W_E).  The map is kept as the space map:FROM->TO, in a store on disk for good.\n"
               "A shell wants the arrow quoted: vecscope map 'glove-6b-50d -> W_E'.",
    .style = VS_ARGS_WORDS,
    .min_args = 1,
    .max_args = 3,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_SPACE,
    .run = run_map};
