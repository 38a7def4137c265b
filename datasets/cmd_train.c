/* cmd_train.c - train words: vectors of the words of a text, watched while they are learned. */
#include <stdio.h>
#include <string.h>

#include "../lib/command.h"
#include "world.h"

enum { WATCHED = 8, NEAR = 4, MOST_K = 100 };

static const vs_opt opts[] = {
    {"world", 0, VS_OPT_FLAG, NULL, "a small world made up on the spot, instead of a file", NULL, VS_COMPLETE_NONE},
    {"name", 0, VS_OPT_TEXT, "NAME", "what the space is called (the file's name)", NULL, VS_COMPLETE_NONE},
    {"to", 0, VS_OPT_TEXT, "FILE", "write it there too (export has the formats)", NULL, VS_COMPLETE_FILE},
    {"watch", 0, VS_OPT_TEXT, "EXPR,…", "show the nearest words of these after each epoch", NULL, VS_COMPLETE_NONE},
    {"k", 'k', VS_OPT_INT, "K", "how many of them", "4", VS_COMPLETE_NONE},
    {"plain", 0, VS_OPT_FLAG, NULL, "words in lower case, without marks", NULL, VS_COMPLETE_NONE},
    {"dim", 0, VS_OPT_INT, "D", "numbers of a vector", "100", VS_COMPLETE_NONE},
    {"window", 0, VS_OPT_INT, "N", "words on each side, at most", "5", VS_COMPLETE_NONE},
    {"negative", 0, VS_OPT_INT, "N", "words drawn beside each that was seen", "5", VS_COMPLETE_NONE},
    {"epochs", 0, VS_OPT_INT, "N", "times through the text", "5", VS_COMPLETE_NONE},
    {"min-count", 0, VS_OPT_INT, "N", "leave out words that are rarer", "1", VS_COMPLETE_NONE},
    {"sample", 0, VS_OPT_REAL, "T", "thin out words more frequent than this share; 0: none", "0.001", VS_COMPLETE_NONE},
    {"alpha", 0, VS_OPT_REAL, "A", "the first learning rate", "0.025", VS_COMPLETE_NONE},
    {"seed", 0, VS_OPT_INT, "S", "of all that is drawn", "1", VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* ---- watching ---- */

typedef struct watch {
    vs_out *o;
    vs_span of[WATCHED];
    size_t n, k, columns;
    bool begun; /* a table of epochs is open (data) */
} watch;

/* Words alone are addresses in a space that is still being learned. */
static vs_status resolve(vs_err *err, void *self, const vs_addr *a, vs_value *out) {
    vs_space *sp = self;
    if (a->kind != VS_ADDR_KEY || a->space) return vs_fail(err, VS_E_SYNTAX, "watch wants words of the text and arithmetic on them");
    size_t rows[VS_LOOKUP_MAX], n = 0;
    vs_match how;
    out->dim = vs_space_dim(sp);
    out->space = sp;
    out->vec = vs_alloc(out->dim, sizeof *out->vec);
    if (!out->vec) return vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    VS_TRY(vs_space_lookup(err, sp, a->text, a->text_len, false, out->vec, rows, &n, &how, &out->notes));
    out->rows = vs_alloc(n, sizeof *out->rows);
    if (!out->rows) return vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    memcpy(out->rows, rows, n * sizeof *rows);
    out->n_rows = n;
    return VS_OK;
}

static bool is_key(void *self, const char *text, size_t n) { return vs_space_has(self, text, n); }

/* The nearest words of an expression: "king prince woman", into b. */
static vs_status put_near(vs_err *err, vs_space *sp, vs_span e, size_t k, vs_buf *b) {
    const vs_resolver r = {.self = sp, .resolve = resolve, .is_key = is_key};
    size_t idx[MOST_K], found = 0;
    float score[MOST_K];
    vs_value v = {0};
    vs_status st = vs_eval(err, e.s, e.n, &r, &v);
    if (st == VS_OK) st = vs_space_near(err, sp, v.vec, k, v.rows, v.n_rows, idx, score, &found);
    for (size_t i = 0; st == VS_OK && i < found; i++) {
        size_t len;
        const char *key = vs_space_key(sp, idx[i], &len);
        if (i) vs_buf_putc(b, ' ');
        vs_buf_put(b, key, len);
    }
    vs_value_free(&v);
    if (st == VS_OK && b->failed) st = vs_fail(err, VS_E_NOMEM, "no memory for what is watched");
    return st;
}

static size_t columns(vs_span e) {
    size_t n = 0;
    for (size_t i = 0; i < e.n; i++) n += ((unsigned char)e.s[i] & 0xC0) != 0x80; /* − is three bytes */
    return n;
}

static void show_epoch(watch *w, const vs_train_state *t) {
    vs_buf line = {0};
    vs_buf_printf(&line, "epoch %zu of %zu   loss %.3f\n", t->epoch, t->epochs, t->loss);
    if (!line.failed) vs_out_stream(w->o, line.s, line.len);
    vs_buf_free(&line);
}

static vs_status each_epoch(vs_err *err, void *arg, vs_space *now, const vs_train_state *t) {
    watch *w = arg;
    bool data = vs_out_is_data(w->o);
    vs_tick(vs_out_progress(w->o), "training", 1, 1); /* the bar makes room */
    if (!data) show_epoch(w, t);
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < w->n; i++) {
        vs_buf near = {0};
        st = put_near(err, now, w->of[i], w->k, &near);
        if (st == VS_OK && data) {
            char *of = vs_strndup(w->of[i].s, w->of[i].n);
            vs_out_cell_int(w->o, (int64_t)t->epoch);
            vs_out_cell_real(w->o, t->loss);
            vs_out_cell_text(w->o, of ? of : "");
            vs_out_cell_text(w->o, near.s ? near.s : "");
            vs_free(of);
        } else if (st == VS_OK) {
            vs_buf line = {0};
            vs_buf_printf(&line, "  %.*s", (int)w->of[i].n, w->of[i].s);
            for (size_t c = columns(w->of[i]); c < w->columns; c++) vs_buf_putc(&line, ' ');
            vs_buf_printf(&line, "  → %s\n", near.s ? near.s : "");
            if (!line.failed) vs_out_stream(w->o, line.s, line.len);
            vs_buf_free(&line);
        }
        vs_buf_free(&near);
    }
    return st;
}

static vs_status begin_watch(vs_err *err, const vs_args *a, vs_out *o, watch *w) {
    static const vs_col cols[] = {{"epoch", VS_COL_INT, 0, 0, NULL},
                                  {"loss", VS_COL_REAL, 4, 0, NULL},
                                  {"of", VS_COL_TEXT, 0, 0, NULL},
                                  {"near", VS_COL_TEXT, 0, 0, NULL}};
    const char *text = vs_text(a, "watch");
    int64_t k = vs_int(a, "k");
    if (k < 1 || k > MOST_K) return vs_fail(err, VS_E_USAGE, "train: -k wants a number from 1 to %d, not %lld", MOST_K, (long long)k);
    *w = (watch){.o = o, .k = (size_t)k};
    if (!text) return VS_OK;
    VS_TRY(vs_expr_split(err, text, strlen(text), w->of, WATCHED, &w->n));
    for (size_t i = 0; i < w->n; i++)
        if (columns(w->of[i]) > w->columns) w->columns = columns(w->of[i]);
    if (vs_out_is_data(o)) vs_out_table(o, "watched", cols, sizeof cols / sizeof *cols);
    return VS_OK;
}

/* ---- training ---- */

static vs_status read_options(vs_err *err, const vs_args *a, vs_train_options *t) {
    struct {
        const char *name;
        size_t *to;
    } const whole[] = {{"dim", &t->dim}, {"window", &t->window}, {"negative", &t->negative}, {"epochs", &t->epochs}, {"min-count", &t->min_count}};
    *t = vs_train_defaults();
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        int64_t v = vs_int(a, whole[i].name);
        if (v < 1) return vs_fail(err, VS_E_USAGE, "train: --%s wants a number from 1, not %lld", whole[i].name, (long long)v);
        *whole[i].to = (size_t)v;
    }
    t->sample = vs_real(a, "sample");
    t->alpha = vs_real(a, "alpha");
    t->seed = (uint64_t)vs_int(a, "seed");
    t->plain = vs_has(a, "plain");
    return VS_OK;
}

static void report(const vs_train_state *t, const vs_space *sp, vs_out *o) {
    double passed = (double)t->words * (double)t->epoch;
    vs_out_text(o, 0, "space", vs_space_name(sp));
    vs_out_int(o, 0, "words", (int64_t)t->words);
    vs_out_int(o, 0, "rows", (int64_t)t->kinds);
    vs_out_int(o, 0, "width", (int64_t)vs_space_dim(sp));
    vs_out_int(o, 0, "epochs", (int64_t)t->epoch);
    vs_out_real(o, 0, "loss", t->loss, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "seconds", t->seconds, 3);
    vs_out_real(o, VS_COL_JSON_ONLY, "words_per_second", t->seconds > 0 ? passed / t->seconds : 0, 0);
}

/* Keep what was learned: in the session, in its store, in a file. */
static vs_status keep(vs_err *err, vs_session *s, const vs_args *a, const vs_train_state *t, vs_space *sp, vs_out *o) {
    const char *to = vs_text(a, "to");
    char name[256];
    snprintf(name, sizeof name, "%s", vs_space_name(sp));
    if (t->stopped) vs_interrupt_clear(); /* what follows keeps it, and is short */
    VS_TRY(vs_session_add_space(err, s, sp, vs_out_progress(o)));
    report(t, sp, o);
    if (to) {
        size_t mended;
        VS_TRY(vs_space_write(err, sp, to, NULL, vs_space_rows(sp), vs_out_progress(o), &mended));
        vs_out_text(o, 0, "to", to);
    }
    if (!t->stopped) return VS_OK;
    return vs_fail(err, VS_E_STOPPED, "train: stopped in epoch %zu of %zu; what was learned till then is the space %s", t->epoch + 1,
                   t->epochs, name);
}

static vs_status run_train(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    enum { SENTENCES = 20000 };
    const char *path = vs_arg(a, 1);
    bool world = vs_has(a, "world");
    if (strcmp(vs_arg(a, 0), "words") != 0) return vs_fail(err, VS_E_USAGE, "train wants words FILE, or words --world, not %s", vs_arg(a, 0));
    if (world == (path != NULL)) return vs_fail(err, VS_E_USAGE, "train words wants a text FILE, or --world");
    if (vs_text(a, "to")) VS_TRY(vs_space_may_write(err, vs_text(a, "to"), NULL)); /* before anything is learned for nothing */
    vs_train_options t;
    VS_TRY(read_options(err, a, &t));
    char name[256] = "world";
    size_t n = 0;
    const char *stem = path ? vs_path_stem(path, &n) : NULL;
    if (path) snprintf(name, sizeof name, "%.*s", (int)n, stem);
    if (vs_text(a, "name")) snprintf(name, sizeof name, "%s", vs_text(a, "name"));
    if (!*name) return vs_fail(err, VS_E_USAGE, "train: --name wants a name");
    watch w;
    VS_TRY(begin_watch(err, a, o, &w));
    vs_buf told = {0};
    vs_train_state state;
    vs_space *sp = NULL;
    vs_status st = world ? vs_world_tell(err, SENTENCES, t.seed, &told) : VS_OK;
    if (st == VS_OK)
        st = vs_train_words(err, path, told.s, told.len, name, &t, vs_out_progress(o), w.n ? each_epoch : NULL, &w, &state, &sp);
    if (w.n && vs_out_is_data(o)) vs_out_end(o);
    if (st == VS_OK) st = keep(err, s, a, &state, sp, o);
    vs_buf_free(&told);
    return st;
}

static const char *const kinds[] = {"words", NULL};
static const char *const examples[] = {"train words --world --epochs 2 --dim 32 --watch \"queen, queen - king + man\"", NULL};
const vs_cmd vs_cmd_train = {
    .name = "train",
    .group = "study",
    .synopsis = "words FILE|--world [--watch EXPR,…]",
    .summary = "learn word vectors from a text, and watch the neighbours change",
    .details =
        "Skip-gram with negative sampling (Mikolov et al. 2013): each word learns to tell the words around it from words drawn at random.\n"
        "FILE is a text, a sentence a line; words stand between blanks (--plain: lower case, without marks).  The result is a space of the\n"
        "session, kept in its database where that is on disk; Ctrl-C keeps what was learned till then.  The same seed gives the same bits\n"
        "for any number of threads.  --watch \"queen, queen - king + man\" shows the nearest words after each epoch.",
    .style = VS_ARGS_WORDS,
    .min_args = 1,
    .max_args = 2,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_FILE,
    .choices = kinds,
    .run = run_train};
