/* cmd_senses.c - senses: what the contexts of a word gather into, shown by texts and by words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

static const vs_opt opts[] = {
    {"k", 'k', VS_OPT_TEXT, "A..B", "how many senses, at least and at most: the number that fits best; K alone: so many", "2..5", VS_COMPLETE_NONE},
    {"n", 'n', VS_OPT_INT, "N", "how many texts of each, the most central first", "2", VS_COMPLETE_NONE},
    {"nearest", 0, VS_OPT_INT, "N", "how many words of each", "5", VS_COMPLETE_NONE},
    {"in", 0, VS_OPT_TEXT, "SPACE", "where its words are looked up", NULL, VS_COMPLETE_SPACE},
    {"word", 0, VS_OPT_TEXT, "WORD", "only the contexts of one word of the space", NULL, VS_COMPLETE_NONE},
    {"seed", 0, VS_OPT_INT, "N", "of what is drawn at random (set seed)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

enum { WORDS = 64 };

/* The contexts that are looked at: their vectors, texts, labels. */
typedef struct contexts {
    const vs_space *space;
    const char *only; /* NULL: all words */
    size_t n, d, cap;
    float *x;    /* [n,d] */
    size_t *row; /* [n] of the space */
    const char **text, **rest; /* [n] rest: the text without the word */
    uint32_t *label;           /* [n] of names; UINT32_MAX: none */
    const char **names;        /* [n_names] */
    size_t n_names, labelled;
    vs_arena arena;
} contexts;

static void contexts_free(contexts *c) {
    vs_free(c->x);
    vs_free(c->row);
    vs_free((void *)(uintptr_t)c->text);
    vs_free((void *)(uintptr_t)c->rest);
    vs_free(c->label);
    vs_free((void *)(uintptr_t)c->names);
    vs_arena_free(&c->arena);
}

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the contexts"); }

static vs_status room_for(vs_err *err, contexts *c, size_t n, size_t d) {
    c->cap = n;
    c->d = d;
    c->x = vs_alloc(n * d, sizeof *c->x);
    c->row = vs_alloc(n, sizeof *c->row);
    c->text = vs_alloc(n, sizeof *c->text);
    c->rest = vs_alloc(n, sizeof *c->rest);
    c->label = vs_alloc(n, sizeof *c->label);
    c->names = vs_alloc(n, sizeof *c->names);
    return c->x && c->row && c->text && c->rest && c->label && c->names ? VS_OK : no_memory(err);
}

static bool same_word(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if ((*a >= 'A' && *a <= 'Z' ? *a + 32 : *a) != (*b >= 'A' && *b <= 'Z' ? *b + 32 : *b)) return false;
    return *a == *b;
}

static vs_status label_of(vs_err *err, contexts *c, const char *label, uint32_t *out) {
    *out = UINT32_MAX;
    if (!label) return VS_OK;
    for (size_t i = 0; i < c->n_names; i++)
        if (!strcmp(c->names[i], label)) *out = (uint32_t)i;
    c->labelled++;
    if (*out != UINT32_MAX) return VS_OK;
    *out = (uint32_t)c->n_names;
    return (c->names[c->n_names++] = vs_arena_strndup(&c->arena, label, strlen(label))) ? VS_OK : no_memory(err);
}

static vs_status take(vs_err *err, void *arg, size_t row, const vs_context *at) {
    contexts *c = arg;
    if ((c->only && !same_word(c->only, at->word)) || c->n == c->cap) return VS_OK;
    size_t n = strlen(at->text), word = strlen(at->word);
    char *rest = vs_arena_strndup(&c->arena, at->text, n);
    c->text[c->n] = vs_arena_strndup(&c->arena, at->text, n);
    if (!rest || !c->text[c->n]) return no_memory(err);
    for (size_t i = at->at; i < at->at + word && i < n; i++) rest[i] = ' ';
    c->rest[c->n] = rest;
    c->row[c->n] = row;
    VS_TRY(label_of(err, c, at->label, &c->label[c->n]));
    VS_TRY(vs_space_row(err, c->space, row, c->x + c->n * c->d));
    c->n++;
    return VS_OK;
}

static vs_status read_contexts(vs_err *err, vs_session *s, const vs_args *a, contexts *c) {
    const char *name = vs_arg(a, 0);
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    vs_space_record r;
    VS_TRY(vs_store_space_find(err, store, name, &r));
    c->only = vs_text(a, "word");
    c->space = vs_session_space_named(s, name);
    if (!c->space) return vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", name);
    VS_TRY(room_for(err, c, vs_space_rows(c->space), vs_space_dim(c->space)));
    VS_TRY(vs_store_contexts(err, store, name, take, c));
    if (c->n) return VS_OK;
    return c->only ? vs_fail(err, VS_E_UNKNOWN, "%s has no context of %s", name, c->only)
                   : vs_fail(err, VS_E_STATE, "%s is no space of contexts: space make stores those", name);
}

/* "3" or "2..5"; the upper end comes down to what so few rows can tell apart. */
static vs_status how_many(vs_err *err, const vs_args *a, size_t n, size_t *from, size_t *to) {
    const char *text = vs_text(a, "k");
    char *end;
    long low = strtol(text, &end, 10), high = low;
    bool range = !strncmp(end, "..", 2);
    if (range) high = strtol(end + 2, &end, 10);
    if (*end || end == text || low < 2 || high < low || high > VS_SENSES_MOST)
        return vs_fail(err, VS_E_USAGE, "senses: -k wants a number from 2 to %d, or A..B, not %s", (int)VS_SENSES_MOST, text);
    if (range && (size_t)high >= n && n > (size_t)low) high = (long)n - 1;
    *from = (size_t)low;
    *to = (size_t)high;
    return VS_OK;
}

/* ---- the words of a sense ---- */

/* What sets the texts of each sense apart in a space of words: the mean vector of their other words (Arora et al.'s weights, a =
 * 0.001), less the mean of all texts; Schuetze's context vectors (1998).  away [k,d] out. */
static vs_status away_by_words(vs_err *err, const vs_space *in, const contexts *c, const vs_senses *s, float *away) {
    size_t d = vs_space_dim(in), used = 0, *n = vs_zalloc(s->k, sizeof *n);
    float *v = vs_alloc(d, sizeof *v), *all = vs_zalloc(d, sizeof *all);
    vs_status st = n && v && all ? VS_OK : no_memory(err);
    memset(away, 0, s->k * d * sizeof *away);
    for (size_t i = 0; st == VS_OK && i < c->n; i++) {
        vs_bag bag;
        st = vs_bag_of(err, in, c->rest[i], strlen(c->rest[i]), &bag);
        if (st == VS_OK && bag.n) {
            st = vs_phrase(err, in, &bag, 1e-3, v, NULL);
            vs_axpy(1, v, away + s->which[i] * d, d);
            vs_axpy(1, v, all, d);
            n[s->which[i]]++;
            used++;
        }
        vs_bag_free(&bag);
    }
    for (size_t k = 0; st == VS_OK && used && k < s->k; k++) {
        if (n[k]) vs_scale_by(away + k * d, 1.0f / (float)n[k], d);
        vs_axpy(-1.0f / (float)used, all, away + k * d, d);
    }
    vs_free(n);
    vs_free(v);
    vs_free(all);
    return st;
}

/* Whether a place is in an encoder beside a decoder. */
static bool of_encoder(const vs_model *m, const char *place) {
    vs_site site;
    return vs_model_info_of(m)->n_stacks > 1 && (vs_site_parse_in(NULL, m, 0, place, strlen(place), &site) != VS_OK || !site.stack);
}

/* The n nearest keys of each sense, commas between, into word[k] of the arena; *where: the space they are of.  Without a space
 * that can answer there are none: *where is NULL. */
static vs_status words_of(vs_err *err, vs_session *s, const vs_args *a, contexts *c, const vs_senses *x, const char **word,
                          vs_space **where, bool *by_words) {
    const char *in = vs_text(a, "in");
    size_t n = (size_t)vs_int(a, "nearest"), found;
    vs_space *sp = in ? vs_session_space_named(s, in) : NULL;
    vs_model *m = NULL;
    *where = NULL;
    *by_words = sp && !strcmp(vs_space_place(sp), "words");
    if (in && !sp) return vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", in);
    if (!in && (vs_session_model(NULL, s, &m) != VS_OK || vs_model_info_of(m)->stack[0].d != c->d)) return VS_OK;
    if (!in && of_encoder(m, vs_space_place(c->space))) in = "W_E"; /* no unembedding reads that stream */
    size_t d = *by_words ? vs_space_dim(sp) : c->d;
    float *away = vs_alloc(x->k * d, sizeof *away);
    vs_hit hit[2 * WORDS];
    vs_status st = away ? VS_OK : no_memory(err);
    if (st == VS_OK && *by_words) st = away_by_words(err, sp, c, x, away);
    if (st == VS_OK && !*by_words) memcpy(away, x->away, x->k * d * sizeof *away);
    for (size_t k = 0; st == VS_OK && k < x->k; k++) {
        vs_buf b = {0};
        size_t said = 0;
        const vs_value v = {.vec = away + k * d, .dim = d};
        st = vs_session_near(err, s, &v, in, 2 * n, false, hit, &found, where);
        for (size_t i = 0; st == VS_OK && i < found && said < n; i++) {
            size_t from = b.len;
            if (said) vs_buf_puts(&b, ", ");
            size_t at = b.len;
            vs_put_key(&b, *where, hit[i].row);
            char *twice = NULL; /* " bank" and "bank" are one word to a reader */
            if (b.s) twice = strstr(b.s, b.s + at);
            if (b.failed || (twice && twice < b.s + from && (twice == b.s || twice[-1] == ' ') && twice[b.len - at] == ','))
                b.len = from;
            else said++;
        }
        word[k] = vs_arena_strndup(&c->arena, b.len ? b.s : "", b.len);
        vs_buf_free(&b);
        if (st == VS_OK && !word[k]) st = no_memory(err);
    }
    vs_free(away);
    return st;
}

/* ---- saying it ---- */

static void say_number(const vs_senses *x, vs_out *o) {
    static const vs_col cols[] = {{"k", VS_COL_INT, 0, 0, "senses"}, {"silhouette", VS_COL_SCORE, 3, 0, NULL}};
    vs_out_int(o, VS_COL_JSON_ONLY, "k", (int64_t)x->k);
    vs_out_real(o, VS_COL_JSON_ONLY, "silhouette", x->tried[x->k], 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "chance", x->chance, 4);
    vs_out_table(o, "tried", cols, 2);
    for (size_t k = x->from; k <= x->to; k++) {
        vs_out_cell_int(o, (int64_t)k);
        vs_out_cell_real(o, x->tried[k]);
    }
    vs_out_end(o);
    vs_out_note(o, "  %s %zu senses; %.3f is what they give where each coordinate is shuffled among the contexts",
                x->from < x->to ? "the largest:" : "asked for:", x->k, x->chance);
    if (x->tried[x->k] <= x->chance + 0.02) vs_out_note(o, "  no better than that: these vectors tell no senses apart");
}

static void say_senses(const vs_senses *x, const char *const *word, const vs_space *where, vs_out *o) {
    static const vs_col cols[] = {{"sense", VS_COL_INT, 0, 0, NULL},
                                  {"contexts", VS_COL_INT, 0, 0, NULL},
                                  {"silhouette", VS_COL_REAL, 3, 0, NULL},
                                  {"words", VS_COL_TEXT, 0, 0, NULL}};
    vs_out_table(o, "senses", cols, where ? 4 : 3);
    for (size_t k = 0; k < x->k; k++) {
        vs_out_cell_int(o, (int64_t)k + 1);
        vs_out_cell_int(o, (int64_t)x->size[k]);
        vs_out_cell_real(o, x->tight[k]);
        if (where) vs_out_cell_text(o, word[k]);
    }
    vs_out_end(o);
}

/* The n contexts of each sense that are nearest to its middle. */
static void say_texts(const contexts *c, const vs_senses *x, size_t n, vs_out *o) {
    static const vs_col cols[] = {{"sense", VS_COL_INT, 0, 0, NULL}, {"central", VS_COL_SCORE, 3, 0, NULL}, {"text", VS_COL_TEXT, 0, 0, NULL}};
    vs_buf key = {0};
    vs_out_table(o, "texts", cols, 3);
    for (size_t k = 0; k < x->k; k++) {
        size_t before = SIZE_MAX; /* the one shown last */
        for (size_t shown = 0; shown < n; shown++) {
            size_t best = SIZE_MAX;
            for (size_t i = 0; i < x->n; i++) {
                bool left = before == SIZE_MAX || x->central[i] < x->central[before] || (x->central[i] == x->central[before] && i > before);
                if (x->which[i] == k && left && (best == SIZE_MAX || x->central[i] > x->central[best])) best = i;
            }
            if (best == SIZE_MAX) break;
            before = best;
            size_t len;
            const char *s = vs_space_key(c->space, c->row[best], &len);
            vs_buf_clear(&key);
            vs_buf_put(&key, s, len);
            vs_out_cell_int(o, (int64_t)k + 1);
            vs_out_cell_real(o, x->central[best]);
            vs_out_cell_text(o, key.s ? key.s : "");
        }
    }
    vs_out_end(o);
    vs_buf_free(&key);
}

/* Beside the labels of the corpus, where every context has one. */
static vs_status say_labels(vs_err *err, const contexts *c, const vs_senses *x, vs_out *o) {
    if (c->labelled != c->n) return VS_OK;
    double purity, rand;
    VS_TRY(vs_agreement(err, x->which, x->k, c->label, c->n_names, c->n, &purity, &rand));
    vs_col *cols = vs_zalloc(c->n_names + 1, sizeof *cols);
    if (!cols) return no_memory(err);
    cols[0] = (vs_col){"sense", VS_COL_INT, 0, 0, NULL};
    for (size_t j = 0; j < c->n_names; j++) cols[j + 1] = (vs_col){c->names[j], VS_COL_INT, 0, 0, NULL};
    vs_out_table(o, "labels", cols, c->n_names + 1);
    for (size_t k = 0; k < x->k; k++) {
        vs_out_cell_int(o, (int64_t)k + 1);
        for (size_t j = 0; j < c->n_names; j++) {
            int64_t n = 0;
            for (size_t i = 0; i < c->n; i++) n += x->which[i] == k && c->label[i] == j;
            vs_out_cell_int(o, n);
        }
    }
    vs_out_end(o);
    vs_free(cols);
    vs_out_real(o, VS_COL_JSON_ONLY, "purity", purity, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "rand", rand, 4);
    vs_out_note(o, "  of the labels: purity %.3f, adjusted Rand index %.3f (0: chance, 1: the same division)", purity, rand);
    return VS_OK;
}

static vs_status tell(vs_err *err, vs_session *s, const vs_args *a, contexts *c, vs_out *o) {
    size_t from = 0, to = 0;
    vs_senses x;
    const char *word[VS_SENSES_MOST];
    vs_space *where;
    bool by_words;
    VS_TRY(how_many(err, a, c->n, &from, &to));
    uint64_t seed = vs_has(a, "seed") ? (uint64_t)vs_int(a, "seed") : vs_session_settings(s)->seed;
    VS_TRY(vs_senses_find(err, c->x, c->n, c->d, from, to, seed, &x));
    vs_status st = words_of(err, s, a, c, &x, word, &where, &by_words);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(c->space));
        say_number(&x, o);
        say_senses(&x, word, where, o);
        if (where)
            vs_out_note(o, "  words: nearest in %s to what sets a sense's %s apart, the mean less that of all", vs_space_name(where),
                        by_words ? "other words" : "vectors");
        else
            vs_out_note(o, "  no model of %zu numbers is open to name their words; --in SPACE says where", c->d);
        say_texts(c, &x, (size_t)vs_int(a, "n"), o);
        st = say_labels(err, c, &x, o);
    }
    vs_senses_free(&x);
    return st;
}

static vs_status run_senses(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    contexts c = {0};
    if (vs_int(a, "n") < 0 || vs_int(a, "nearest") < 1 || vs_int(a, "nearest") > WORDS)
        return vs_fail(err, VS_E_USAGE, "senses: -n counts texts, --nearest words, 1 to %d", (int)WORDS);
    vs_status st = read_contexts(err, s, a, &c);
    if (st == VS_OK) st = tell(err, s, a, &c, o);
    contexts_free(&c);
    return st;
}

const vs_cmd vs_cmd_senses = {
    .name = "senses",
    .group = "vectors",
    .synopsis = "SPACE [-k A..B]",
    .summary = "the senses of a word: what its stored contexts gather into",
    .details =
        "SPACE is one of space make.  Each coordinate is taken less its mean and over its deviation among the contexts, each\n"
        "vector over its norm; k-means divides them, and of the numbers of senses that are tried the one with the largest mean\n"
        "silhouette counts (0: no nearer to its own than to the next; 1: far from all others).  Words: nearest to the mean of a\n"
        "sense's vectors less the mean of all, in W_U through the final norm (a model without: in W_E).  With --in a space of\n"
        "words, of any width: nearest to the mean of the other words in its texts, less that of all.  Labels of the corpus are\n"
        "counted beside.",
    .style = VS_ARGS_WORDS,
    .min_args = 1,
    .max_args = 1,
    .opts = opts,
    .complete = VS_COMPLETE_SPACE,
    .run = run_senses};
