/* cmd_eval.c - eval: how well a space answers a file of analogies, or ranks pairs of words as people do. */
#include <math.h>
#include <string.h>

#include "words.h"

#define OR(name, word) "|" word
static const char methods[] = VS_ANALOGY_METHODS(OR);
#undef OR

static const vs_opt opts[] = {
    {"method", 0, VS_OPT_TEXT, methods + 1, "analogies: how an answer is scored", "3cosadd", VS_COMPLETE_CHOICE},
    {"rules", 0, VS_OPT_TEXT, vs_analogy_rules_choices + 1, "whose rules of case, vocabulary and exclusion (words: gensim, a model's pieces: vecscope)",
     NULL, VS_COMPLETE_CHOICE},
    {"restrict", 0, VS_OPT_INT, "N", "analogies: only the first N rows, whatever the rules say", NULL, VS_COMPLETE_NONE},
    {"section", 0, VS_OPT_TEXT, "NAME", "analogies: only the sections whose names begin so", NULL, VS_COMPLETE_NONE},
    {"space", 0, VS_OPT_TEXT, "SPACE", "another space, or a layer of a model over the file's words: gemma3-270m@12, @12", NULL,
     VS_COMPLETE_SPACE},
    {"layers", 0, VS_OPT_FLAG, NULL, "all layers of a model (--space MODEL; without: the current one), drawn", NULL, VS_COMPLETE_NONE},
    {"frame", 0, VS_OPT_TEXT, "TEXT", "layers: each word in this text, at %s", NULL, VS_COMPLETE_NONE},
    {"centre", 0, VS_OPT_FLAG, NULL, "layers: take the mean of the words away first", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

enum { WIDE = 30 }; /* columns of a curve */

static double share(size_t correct, size_t total) { return total ? (double)correct / (double)total : 0; }

/* Questions of all of whose words there is a row. */
static double coverage(const vs_analogy_section *x) { return 1 - share(x->unknown, x->total + x->skipped); }

static const vs_col section_cols[] = {{"name", VS_COL_TEXT, 0, 0, "section"}, {"correct", VS_COL_INT, 0, 0, NULL},
                                      {"total", VS_COL_INT, 0, 0, NULL},      {"accuracy", VS_COL_PROB, 4, 0, NULL},
                                      {"low", VS_COL_REAL, 4, 0, NULL},       {"high", VS_COL_REAL, 4, 0, NULL},
                                      {"coverage", VS_COL_REAL, 4, 0, NULL}};

static void show_section(vs_out *o, const vs_analogy_section *x) {
    vs_out_cell_text(o, x->name);
    vs_out_cell_int(o, (int64_t)x->correct);
    vs_out_cell_int(o, (int64_t)x->total);
    vs_out_cell_real(o, share(x->correct, x->total));
    vs_out_cell_real(o, x->low);
    vs_out_cell_real(o, x->high);
    vs_out_cell_real(o, coverage(x));
}

static void show_analogies(vs_out *o, const vs_analogy_options *options, const vs_analogy_result *r, double seconds) {
    enum { COLS = sizeof section_cols / sizeof *section_cols };
    vs_out_text(o, 0, "method", vs_analogy_method_name(options->method));
    vs_out_text(o, 0, "rules", vs_analogy_rules_name(options->rules));
    vs_out_text(o, VS_COL_JSON_ONLY, "rules_say", vs_analogy_rules_say(options->rules));
    vs_out_int(o, VS_COL_JSON_ONLY, "rows", (int64_t)r->rows);
    vs_out_int(o, 0, "correct", (int64_t)r->all.correct);
    vs_out_int(o, 0, "total", (int64_t)r->all.total);
    vs_out_int(o, 0, "skipped", (int64_t)r->all.skipped);
    vs_out_real(o, 0, "accuracy", share(r->all.correct, r->all.total), 4);
    vs_out_real(o, 0, "seconds", seconds, 3);
    vs_out_table(o, "sections", section_cols, COLS);
    for (size_t i = 0; i < r->n; i++) show_section(o, &r->section[i]);
    vs_out_end(o);
    vs_out_table(o, "groups", section_cols, COLS);
    if (r->semantic.total && r->syntactic.total) show_section(o, &r->semantic);
    if (r->semantic.total && r->syntactic.total) show_section(o, &r->syntactic);
    show_section(o, &r->all);
    vs_out_end(o);
    vs_out_note(o, "  rules of %s: %s", vs_analogy_rules_name(options->rules), vs_analogy_rules_say(options->rules));
    if (r->odd_lines) vs_out_note(o, "  lines that are not four words, left out as by the tools: %zu", r->odd_lines);
    vs_out_note(o, "  answers from %zu rows; low..high: 95 %% interval (Wilson); coverage: questions with every word known", r->rows);
}

static vs_status rules_of(vs_err *err, const vs_args *a, const vs_space *s, vs_analogy_rules *out) {
    *out = vs_analogy_rules_for(s);
    return vs_has(a, "rules") ? vs_analogy_rules_find(err, vs_text(a, "rules"), out) : VS_OK;
}

/* ---- where answers are looked up ---- */

/* One space that is open, or layers over the file's words. */
typedef struct where {
    vs_space *one;
    vs_layers at;
    vs_space **layer; /* [layers], ours */
    size_t layers;
    size_t words;
} where;

static void where_free(where *w) {
    for (size_t i = 0; i < w->layers; i++) vs_space_free(w->layer[i]);
    vs_free(w->layer);
    *w = (where){0};
}

static vs_status make_layers(vs_err *err, vs_session *s, const vs_args *a, const vs_word_set *words, vs_out *o, where *w) {
    vs_layer_words list = {words->at, words->n, vs_text(a, "frame"), vs_has(a, "centre")};
    size_t n = w->at.to - w->at.from + 1;
    w->words = words->n;
    w->layer = vs_zalloc(n, sizeof *w->layer);
    if (!w->layer) return vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", n);
    VS_TRY(vs_session_layer_spaces(err, s, &w->at, &list, vs_out_progress(o), w->layer));
    w->layers = n;
    return VS_OK;
}

static vs_status open_where(vs_err *err, vs_session *s, const vs_args *a, bool pairs, vs_out *o, where *w) {
    const char *what = vs_text(a, "space");
    bool layers = false;
    *w = (where){0};
    if (vs_has(a, "layers") || (what && strchr(what, '@')))
        VS_TRY(vs_session_layers(err, s, what ? what : "@", &layers, &w->at));
    if (vs_has(a, "layers") && !layers)
        return vs_fail(err, VS_E_UNKNOWN, "eval: --layers wants a model, and no model that is open is called %s", what);
    if (vs_has(a, "layers")) w->at.from = 0, w->at.to = vs_model_info_of(w->at.model)->stack[w->at.stack].L;
    if (!layers) {
        if (vs_has(a, "frame") || vs_has(a, "centre"))
            return vs_fail(err, VS_E_USAGE, "eval: --frame and --centre are of layers: --space MODEL@LAYER or --layers");
        w->one = what ? vs_session_space_named(s, what) : vs_session_space(s);
        return w->one ? VS_OK : vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", what ? what : "that");
    }
    vs_word_set words;
    VS_TRY(pairs ? vs_similarity_words(err, vs_arg(a, 1), &words) : vs_analogy_words(err, vs_arg(a, 1), vs_text(a, "section"), &words));
    vs_status st = make_layers(err, s, a, &words, o, w);
    vs_word_set_free(&words);
    return st;
}

/* What a score over layers is over. */
static void say_where(const vs_args *a, const where *w, vs_out *o) {
    if (!w->layers) return;
    vs_out_text(o, VS_COL_JSON_ONLY, "model", w->at.name);
    if (vs_has(a, "frame")) vs_out_text(o, VS_COL_JSON_ONLY, "frame", vs_text(a, "frame"));
    vs_out_bool(o, VS_COL_JSON_ONLY, "centred", vs_has(a, "centre"));
    vs_out_note(o, "  over the %zu words of the file, each read by %s%s%s%s%s; the stream at the word%s", w->words, w->at.name,
                vs_has(a, "frame") ? " in \"" : " by itself", vs_has(a, "frame") ? vs_text(a, "frame") : "", vs_has(a, "frame") ? "\"" : "",
                w->layers > 1 ? ", layer by layer" : "", vs_has(a, "centre") ? ", less the mean of all" : "");
}

/* ---- analogies ---- */

static vs_status options_of(vs_err *err, vs_session *s, const vs_args *a, const vs_space *in, vs_analogy_options *out) {
    *out = (vs_analogy_options){.section = vs_text(a, "section"), .seed = vs_session_settings(s)->seed};
    int64_t rows = vs_int(a, "restrict");
    if (vs_has(a, "restrict") && rows < 1)
        return vs_fail(err, VS_E_USAGE, "eval: --restrict wants a number from 1, not %lld", (long long)rows);
    if (vs_has(a, "restrict")) out->restrict_rows = (size_t)rows;
    VS_TRY(vs_analogy_method_find(err, vs_text(a, "method"), &out->method));
    return rules_of(err, a, in, &out->rules);
}

/* A row a layer, the share that is right drawn beside it, its interval as ticks. */
static vs_status analogy_layers(vs_err *err, vs_session *s, const vs_args *a, const where *w, vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL}, {"correct", VS_COL_INT, 0, 0, NULL},
                                  {"total", VS_COL_INT, 0, 0, NULL}, {"low", VS_COL_REAL, 4, 0, NULL},
                                  {"high", VS_COL_REAL, 4, 0, NULL}, {"accuracy", VS_COL_REAL, 4, 0, NULL},
                                  {"curve", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, "0 … 1"}};
    vs_analogy_options options;
    VS_TRY(options_of(err, s, a, w->layer[0], &options));
    say_where(a, w, o);
    vs_out_text(o, 0, "method", vs_analogy_method_name(options.method));
    vs_out_text(o, 0, "rules", vs_analogy_rules_name(options.rules));
    vs_out_table(o, "layers", cols, sizeof cols / sizeof *cols);
    vs_status st = VS_OK;
    for (size_t i = 0; i < w->layers && st == VS_OK; i++) {
        vs_analogy_result r;
        st = vs_analogy_eval(err, w->layer[i], vs_arg(a, 1), &options, vs_out_progress(o), &r);
        if (st != VS_OK) break;
        vs_out_cell_int(o, (int64_t)(w->at.from + i));
        vs_out_cell_int(o, (int64_t)r.all.correct);
        vs_out_cell_int(o, (int64_t)r.all.total);
        vs_out_cell_real(o, r.all.low);
        vs_out_cell_real(o, r.all.high);
        vs_out_cell_real(o, share(r.all.correct, r.all.total));
        vs_cell_track(o, share(r.all.correct, r.all.total), 0, 1, WIDE, (double[]){r.all.low, r.all.high}, 2);
        vs_analogy_result_free(&r);
    }
    vs_out_end(o);
    vs_out_note(o, "  rules of %s: %s", vs_analogy_rules_name(options.rules), vs_analogy_rules_say(options.rules));
    return st;
}

static vs_status analogies_in(vs_err *err, vs_session *s, const vs_args *a, const where *w, vs_out *o) {
    if (vs_has(a, "layers")) return analogy_layers(err, s, a, w, o);
    vs_space *in = w->layers ? w->layer[0] : w->one;
    vs_analogy_options options;
    vs_analogy_result r;
    VS_TRY(options_of(err, s, a, in, &options));
    double start = vs_seconds();
    VS_TRY(vs_analogy_eval(err, in, vs_arg(a, 1), &options, vs_out_progress(o), &r));
    double seconds = vs_seconds() - start;
    say_where(a, w, o);
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(in));
    show_analogies(o, &options, &r, seconds);
    vs_analogy_result_free(&r);
    return VS_OK;
}

/* ---- similarity ---- */

static vs_status similarity_layers(vs_err *err, const vs_args *a, const where *w, vs_analogy_rules rule, vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL}, {"pairs", VS_COL_INT, 0, 0, NULL},
                                  {"low", VS_COL_REAL, 4, 0, NULL},  {"high", VS_COL_REAL, 4, 0, NULL},
                                  {"spearman", VS_COL_REAL, 4, 0, NULL}, {"curve", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, "0 … 1"}};
    vs_status st = VS_OK;
    say_where(a, w, o);
    vs_out_table(o, "layers", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < w->layers && st == VS_OK; i++) {
        vs_similarity_result r;
        st = vs_similarity_eval(err, w->layer[i], vs_arg(a, 1), rule, &r);
        if (st != VS_OK) break;
        vs_out_cell_int(o, (int64_t)(w->at.from + i));
        vs_out_cell_int(o, (int64_t)r.pairs);
        vs_out_cell_real(o, r.low);
        vs_out_cell_real(o, r.high);
        vs_out_cell_real(o, r.spearman);
        if (isnan(r.spearman))
            vs_out_cell_text(o, "");
        else
            vs_cell_track(o, r.spearman, 0, 1, WIDE, (double[]){r.low, r.high}, 2);
    }
    vs_out_end(o);
    return st;
}

static vs_status similarity_in(vs_err *err, const vs_args *a, const where *w, vs_out *o) {
    vs_similarity_result r;
    vs_analogy_rules rule;
    vs_space *in = w->layers ? w->layer[0] : w->one;
    VS_TRY(rules_of(err, a, in, &rule));
    if (vs_has(a, "layers")) return similarity_layers(err, a, w, rule, o);
    VS_TRY(vs_similarity_eval(err, in, vs_arg(a, 1), rule, &r));
    say_where(a, w, o);
    vs_out_real(o, 0, "spearman", r.spearman, 4);
    vs_out_real(o, 0, "low", r.low, 4);
    vs_out_real(o, 0, "high", r.high, 4);
    vs_out_real(o, 0, "pearson", r.pearson, 4);
    vs_out_int(o, 0, "pairs", (int64_t)r.pairs);
    vs_out_int(o, 0, "oov", (int64_t)r.oov);
    vs_out_real(o, 0, "coverage", share(r.pairs, r.pairs + r.oov), 4);
    vs_out_text(o, VS_COL_JSON_ONLY, "rules", vs_analogy_rules_name(rule));
    vs_out_note(o, "  low..high: 95 %% interval of spearman, by 1000 samples of the pairs; words by the rules of %s", vs_analogy_rules_name(rule));
    return VS_OK;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    bool pairs = strcmp(vs_arg(a, 0), "similarity") == 0;
    where w;
    if (!pairs && strcmp(vs_arg(a, 0), "analogies") != 0)
        return vs_fail(err, VS_E_USAGE, "eval wants analogies FILE or similarity FILE, not %s", vs_arg(a, 0));
    static const char *const of_analogies[] = {"method", "restrict", "section"};
    for (size_t i = 0; pairs && i < sizeof of_analogies / sizeof *of_analogies; i++)
        if (vs_has(a, of_analogies[i])) return vs_fail(err, VS_E_USAGE, "eval: --%s is of analogies, not of similarity", of_analogies[i]);
    vs_status st = open_where(err, s, a, pairs, o, &w);
    if (st == VS_OK) st = pairs ? similarity_in(err, a, &w, o) : analogies_in(err, s, a, &w, o);
    where_free(&w);
    return st;
}

static const char *const kinds[] = {"analogies", "similarity", NULL};
const vs_cmd vs_cmd_eval = {
    .name = "eval",
    .group = "vectors",
    .synopsis = "analogies|similarity FILE",
    .summary = "score the current space on a file of analogies or of word pairs",
    .details = "analogies: is d the best answer to \"a is to b as c is to\"?  FILE has lines `: section` and `a b c d` (questions-words.txt), or\n"
               "lines `word TAB answer/answer` each two of which are a question (BATS), or is a folder of such files.\n"
               "Methods: 3cosadd, 3cosmul (Levy & Goldberg 2014), pairdirection, lrcos (Drozd et al. 2016: the class is what stands at b's\n"
               "side in the section's other questions).  Rules, each tool's own: gensim's evaluate_word_analogies (the first 300,000 rows),\n"
               "word2vec's compute-accuracy (the first 30,000), GloVe's evaluate.py, fastText's analogies, and ours; each score says which.\n"
               "similarity: lines `word TAB word TAB score` (WordSim-353, SimLex-999 also as published): Spearman's and Pearson's\n"
               "correlation of the cosines with the scores, by the rules of gensim's evaluate_word_pairs; oov counts the pairs with\n"
               "an unknown word.  Lines that begin with # and a heading are left out.\n"
               "--space MODEL@LAYER: each word of the file is read by the model, by itself or in --frame \"the word %s is\", and its vector is the\n"
               "stream entering that block (the last layer: leaving the last) at its last piece in a decoder, the mean of its pieces in an\n"
               "encoder; answers are looked up among the file's words.  --layers does so for all layers.  Of two stacks it is the encoder's;\n"
               "@decoder.3 is the decoder's, which reads each word too, behind its start token.",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = opts,
    .needs = VS_NEEDS_SPACE,
    .complete = VS_COMPLETE_FILE,
    .choices = kinds,
    .run = run};
