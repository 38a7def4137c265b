/* cmd_eval.c - eval: how well a space answers a file of analogies, or ranks pairs of words as people do. */
#include <string.h>

#include "../lib/command.h"

#define OR(name, word) "|" word
static const char methods[] = VS_ANALOGY_METHODS(OR), rules[] = VS_ANALOGY_RULES(OR);
#undef OR

static const vs_opt opts[] = {
    {"method", 0, VS_OPT_TEXT, methods + 1, "analogies: how an answer is scored", "3cosadd", VS_COMPLETE_CHOICE},
    {"rules", 0, VS_OPT_TEXT, rules + 1, "analogies: whose rules of case, vocabulary and exclusion", "gensim",
     VS_COMPLETE_CHOICE},
    {"restrict", 0, VS_OPT_INT, "N", "analogies: only the first N rows (gensim's rules: 300000)", NULL,
     VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static double share(size_t correct, size_t total) { return total ? (double)correct / (double)total : 0; }

static vs_status analogies(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {{"name", VS_COL_TEXT, 0, 0, "section"},
                                  {"correct", VS_COL_INT, 0, 0, NULL},
                                  {"total", VS_COL_INT, 0, 0, NULL},
                                  {"accuracy", VS_COL_PROB, 4, 0, NULL}};
    vs_analogy_options options = {0};
    int64_t rows = vs_int(a, "restrict");
    if (vs_has(a, "restrict") && rows < 1)
        return vs_fail(err, VS_E_USAGE, "eval: --restrict wants a number from 1, not %lld", (long long)rows);
    if (vs_has(a, "restrict")) options.restrict_rows = (size_t)rows;
    VS_TRY(vs_analogy_method_find(err, vs_text(a, "method"), &options.method));
    VS_TRY(vs_analogy_rules_find(err, vs_text(a, "rules"), &options.rules));
    vs_analogy_result r;
    double start = vs_seconds();
    VS_TRY(vs_analogy_eval(err, vs_session_space(s), vs_arg(a, 1), &options, vs_out_progress(o), &r));
    double seconds = vs_seconds() - start;
    vs_out_text(o, 0, "method", vs_analogy_method_name(options.method));
    vs_out_text(o, 0, "rules", vs_analogy_rules_name(options.rules));
    vs_out_int(o, 0, "correct", (int64_t)r.correct);
    vs_out_int(o, 0, "total", (int64_t)r.total);
    vs_out_int(o, 0, "skipped", (int64_t)r.skipped);
    vs_out_real(o, 0, "accuracy", share(r.correct, r.total), 4);
    vs_out_real(o, 0, "seconds", seconds, 3);
    vs_out_table(o, "sections", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < r.n; i++) {
        const vs_analogy_section *x = &r.section[i];
        vs_out_cell_text(o, x->name);
        vs_out_cell_int(o, (int64_t)x->correct);
        vs_out_cell_int(o, (int64_t)x->total);
        vs_out_cell_real(o, share(x->correct, x->total));
    }
    vs_out_end(o);
    vs_out_note(o, "  95 %% interval of the accuracy (Wilson): %.4f..%.4f; answers from %zu rows", r.low, r.high,
                r.rows);
    vs_analogy_result_free(&r);
    return VS_OK;
}

static vs_status similarity(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_similarity_result r;
    VS_TRY(vs_similarity_eval(err, vs_session_space(s), vs_arg(a, 1), &r));
    vs_out_real(o, 0, "spearman", r.spearman, 4);
    vs_out_real(o, 0, "pearson", r.pearson, 4);
    vs_out_int(o, 0, "pairs", (int64_t)r.pairs);
    vs_out_int(o, 0, "oov", (int64_t)r.oov);
    return VS_OK;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (strcmp(vs_arg(a, 0), "analogies") == 0) return analogies(err, s, a, o);
    if (strcmp(vs_arg(a, 0), "similarity") == 0) return similarity(err, s, a, o);
    return vs_fail(err, VS_E_USAGE, "eval wants analogies FILE or similarity FILE, not %s", vs_arg(a, 0));
}

static const char *const kinds[] = {"analogies", "similarity", NULL};
const vs_cmd vs_cmd_eval = {.name = "eval",
                            .group = "vectors",
                            .synopsis = "analogies|similarity FILE",
                            .summary = "score the current space on a file of analogies or of word pairs",
                            .details = "analogies: lines `: section` and `a b c d` (questions-words.txt): is d the "
                                       "best answer to \"a is to b as c is to\"?\n"
                                       "The rules are gensim's evaluate_word_analogies: words compared in upper case "
                                       "among the first 300,000 rows, a, b, c no answers,\n"
                                       "questions with an unknown word skipped.\n"
                                       "similarity: lines `word TAB word TAB score` (SimLex-999, WordSim-353, as gensim has them): "
                                       "Spearman's and Pearson's\n"
                                       "correlation of the cosines with the scores, by the rules of gensim's evaluate_word_pairs; oov counts the pairs with\n"
                                       "an unknown word.  Lines that begin with # and a heading are left out.",
                            .style = VS_ARGS_WORDS,
                            .min_args = 2,
                            .max_args = 2,
                            .opts = opts,
                            .needs = VS_NEEDS_SPACE,
                            .complete = VS_COMPLETE_FILE,
                            .choices = kinds,
                            .run = run};
