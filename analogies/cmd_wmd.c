/* cmd_wmd.c - wmd, phrase: texts as the words they have. */
#include <stdlib.h>
#include <string.h>

#include "words.h"

static void say_missing(const vs_bag *b, const vs_space *s, vs_out *o) {
    if (b->unknown)
        vs_out_note(o, "  left out, %s has no such word: %.*s%s", vs_space_name(s),
                    (int)(b->missing.len < 200 ? b->missing.len : 200), b->missing.s, b->missing.len > 200 ? "…" : "");
}

/* ---- wmd ---- */

typedef struct trip {
    size_t i, j;
    double share, far;
} trip;

/* By what each adds to the distance; then as the texts have them. */
static int by_work(const void *x, const void *y) {
    const trip *a = x, *b = y;
    double p = a->share * a->far, q = b->share * b->far;
    if (p != q) return p > q ? -1 : 1;
    return a->i != b->i ? (a->i < b->i ? -1 : 1) : a->j < b->j ? -1 : a->j > b->j;
}

static vs_status show_trips(vs_err *err, const vs_space *s, const vs_bag bag[2], const double *flow, const double *far,
                            vs_out *o) {
    static const vs_col cols[] = {{"from", VS_COL_TOKEN, 0, 0, NULL},
                                  {"to", VS_COL_TOKEN, 0, 0, NULL},
                                  {"share", VS_COL_REAL, 3, 0, NULL},
                                  {"distance", VS_COL_REAL, 4, 0, NULL},
                                  {"work", VS_COL_PROB, 4, 0, NULL}};
    size_t n = 0, cells = bag[0].n * bag[1].n;
    trip *t = vs_alloc(cells, sizeof *t);
    if (!t) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words by %zu", bag[0].n, bag[1].n);
    for (size_t c = 0; c < cells; c++)
        if (flow[c] > 0) t[n++] = (trip){c / bag[1].n, c % bag[1].n, flow[c], far[c]};
    qsort(t, n, sizeof *t, by_work);
    vs_out_table(o, "flow", cols, sizeof cols / sizeof *cols);
    for (size_t k = 0; k < n; k++) {
        vs_cell_key(o, s, bag[0].row[t[k].i]);
        vs_cell_key(o, s, bag[1].row[t[k].j]);
        vs_out_cell_real(o, t[k].share);
        vs_out_cell_real(o, t[k].far);
        vs_out_cell_real(o, t[k].share * t[k].far);
    }
    vs_out_end(o);
    vs_free(t);
    return VS_OK;
}

static vs_status run_wmd(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_space *sp = vs_session_space(s);
    vs_bag bag[2] = {{.row = NULL}, {.row = NULL}};
    double *flow = NULL, *far = NULL, distance;
    vs_status st = VS_OK;
    for (size_t i = 0; i < 2 && st == VS_OK; i++) st = vs_bag_of(err, sp, vs_arg(a, i), strlen(vs_arg(a, i)), &bag[i]);
    size_t cells;
    if (st == VS_OK) {
        bool fits = vs_mul(bag[0].n, bag[1].n, &cells);
        flow = fits ? vs_alloc(cells, sizeof *flow) : NULL;
        far = fits ? vs_alloc(cells, sizeof *far) : NULL;
        if (!flow || !far) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu words by %zu", bag[0].n, bag[1].n);
    }
    if (st == VS_OK) st = vs_word_movers(err, sp, &bag[0], &bag[1], flow, far, &distance);
    if (st == VS_OK) {
        vs_out_real(o, 0, "distance", distance, 4);
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(sp));
        vs_out_int(o, VS_COL_JSON_ONLY, "words_1", (int64_t)bag[0].words);
        vs_out_int(o, VS_COL_JSON_ONLY, "words_2", (int64_t)bag[1].words);
        vs_out_int(o, VS_COL_JSON_ONLY, "unknown", (int64_t)(bag[0].unknown + bag[1].unknown));
        for (size_t i = 0; i < 2; i++) say_missing(&bag[i], sp, o);
        st = show_trips(err, sp, bag, flow, far, o);
    }
    vs_free(flow);
    vs_free(far);
    vs_bag_free(&bag[0]);
    vs_bag_free(&bag[1]);
    return st;
}
static const char *const wmd_examples[] = {
    "wmd \"obama speaks to the media in illinois\" \"the president greets the press in chicago\"",
    "wmd \"the cat sat on the mat\" \"a dog lay on the rug\"", NULL};
const vs_cmd vs_cmd_wmd = {.name = "wmd",
                           .group = "vectors",
                           .synopsis = "TEXT TEXT",
                           .summary = "word mover's distance: what one text must travel to become another",
                           .details = "Each text weighs 1, shared out over its words; a share travels the euclidean "
                                      "distance of unit vectors from a word to\n"
                                      "another; the least that can be travelled is the distance (Kusner et al. 2015, "
                                      "exact; gensim's wmdistance).  The table\n"
                                      "says which word goes where.\n"
                                      "Words are what stands between blanks, in another case or without marks around "
                                      "it where the space asks for that; in a\n"
                                      "table of pieces, the pieces.",
                           .style = VS_ARGS_WORDS,
                           .min_args = 2,
                           .max_args = 2,
                           .examples = wmd_examples,
                           .needs = VS_NEEDS_SPACE,
                           .run = run_wmd};

/* ---- phrase ---- */

static void show_weights(const vs_space *s, const vs_bag *b, const double *weight, vs_out *o) {
    static const vs_col cols[] = {{"word", VS_COL_TOKEN, 0, 0, NULL},
                                  {"times", VS_COL_INT, 0, 0, NULL},
                                  {"rank", VS_COL_INT, 0, 0, NULL},
                                  {"weight", VS_COL_PROB, 4, 0, NULL}};
    vs_out_table(o, "words", cols, 4);
    for (size_t i = 0; i < b->n; i++) {
        vs_cell_key(o, s, b->row[i]);
        vs_out_cell_int(o, (int64_t)b->count[i]);
        vs_out_cell_int(o, (int64_t)b->row[i] + 1);
        vs_out_cell_real(o, weight[i]);
    }
    vs_out_end(o);
}

static vs_status show_near(vs_err *err, vs_space *s, const float *vec, const vs_bag *b, size_t k, bool keep,
                           vs_out *o) {
    static const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL}, {"score", VS_COL_SCORE, 4, 0, NULL}};
    size_t found = 0;
    if (k > vs_space_rows(s)) k = vs_space_rows(s);
    size_t *row = vs_alloc(k, sizeof *row);
    float *score = vs_alloc(k, sizeof *score);
    vs_status st = row && score ? vs_space_near(err, s, vec, k, b->row, keep ? 0 : b->n, row, score, &found)
                                : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", k);
    if (st == VS_OK) {
        vs_out_table(o, "results", cols, 2);
        for (size_t i = 0; i < found; i++) {
            vs_cell_key(o, s, row[i]);
            vs_out_cell_real(o, (double)score[i]);
        }
        vs_out_end(o);
    }
    vs_free(row);
    vs_free(score);
    return st;
}

/* The weights, the vector and its neighbours. */
static vs_status answer_phrase(vs_err *err, vs_space *sp, const vs_args *a, const vs_bag *b, size_t k, float *vec,
                               vs_out *o) {
    double *weight = vs_alloc(b->n, sizeof *weight);
    if (!weight) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", b->n);
    vs_status st = vs_phrase(err, sp, b, vs_has(a, "sif") ? vs_real(a, "sif") : 0, vec, weight);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "phrase", vs_arg(a, 0));
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(sp));
        say_missing(b, sp, o);
        show_weights(sp, b, weight, o);
        vs_out_heading(o, "Nearest");
        st = show_near(err, sp, vec, b, k, vs_has(a, "keep"), o);
    }
    vs_free(weight);
    return st;
}

static vs_status run_phrase(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_space *sp = vs_session_space(s);
    const char *text = vs_arg(a, 0), *name = NULL;
    size_t k;
    if (vs_has(a, "sif") && !(vs_real(a, "sif") > 0))
        return vs_fail(err, VS_E_USAGE, "--sif wants a number above 0 (0.001 is usual), not %g", vs_real(a, "sif"));
    VS_TRY(vs_count_opt(err, s, a, &k));
    if (vs_has(a, "name")) VS_TRY(vs_vector_name(err, vs_text(a, "name"), &name));
    vs_bag b;
    VS_TRY(vs_bag_of_phrase(err, sp, text, strlen(text), &b));
    float *vec = vs_alloc(vs_space_dim(sp), sizeof *vec);
    vs_status st = vec ? answer_phrase(err, sp, a, &b, k, vec, o) : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    vs_store *store;
    if (st == VS_OK && name) st = vs_session_store(err, s, &store);
    if (st == VS_OK && name)
        st = vs_store_name_set(err, store, name, text, vs_space_name(sp), vec, vs_space_dim(sp), 1);
    if (st == VS_OK && name) vs_out_note(o, "$%s is this vector", name);
    vs_free(vec);
    vs_bag_free(&b);
    return st;
}
static const vs_opt phrase_opts[] = {
    {"sif", 0, VS_OPT_REAL, "A", "weigh words by A / (A + frequency); 0.001 is usual", NULL, VS_COMPLETE_NONE},
    {"name", 0, VS_OPT_TEXT, "NAME", "keep the vector as $NAME", NULL, VS_COMPLETE_NONE},
    {"k", 'k', VS_OPT_INT, "K", "how many neighbours (set k)", NULL, VS_COMPLETE_NONE},
    {"keep", 0, VS_OPT_FLAG, NULL, "show the words of the phrase too", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const phrase_examples[] = {"phrase new york times",
                                              "phrase the history of the roman empire --sif 0.001 --name rome", NULL};
const vs_cmd vs_cmd_phrase = {.name = "phrase",
                              .group = "vectors",
                              .synopsis = "WORDS [--sif A] [--name NAME]",
                              .summary = "one vector for several words, and its neighbours",
                              .details = "A phrase that is a key of the space (new_york, mother-in-law too) is that "
                                         "row; else it is the mean of its words.\n"
                                         "--sif weighs them by smooth inverse frequency (Arora et al. 2017): A / (A + "
                                         "p), p by Zipf's law from the word's rank,\n"
                                         "which is its row: lists of words stand in order of frequency.  That paper's "
                                         "common direction is not taken away;\n"
                                         "reject($NAME, pc(1)) does what is near to it.",
                              .style = VS_ARGS_RAW,
                              .min_args = 1,
                              .opts = phrase_opts,
                              .examples = phrase_examples,
                              .needs = VS_NEEDS_SPACE,
                              .complete = VS_COMPLETE_WORD,
                              .run = run_phrase};
