/* cmd_space.c - space: stored spaces: make one of a word's contexts, look at one, delete one. */
#include <string.h>

#include "../lib/command.h"

static const vs_opt opts[] = {
    {"corpus", 0, VS_OPT_TEXT, "FILE", "make: texts, one a line", NULL, VS_COMPLETE_FILE},
    {"word", 0, VS_OPT_TEXT, "WORD", "make: the word whose contexts are stored (again for more); else what NAME says", NULL, VS_COMPLETE_WORD},
    {"words", 0, VS_OPT_TEXT, "FILE", "make: words, one a line", NULL, VS_COMPLETE_FILE},
    {"labels", 0, VS_OPT_FLAG, NULL, "make: each line is LABEL, a tab, TEXT; senses compares with them", NULL, VS_COMPLETE_NONE},
    {"sentences", 0, VS_OPT_FLAG, NULL, "make: running text, split into sentences", NULL, VS_COMPLETE_NONE},
    {"most", 0, VS_OPT_INT, "N", "make: stop after so many occurrences", "0", VS_COMPLETE_NONE},
    {"k", 'k', VS_OPT_INT, "K", "show: how many rows (set k)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* ---- make ---- */

/* The words of --word and --words; without them, what stands before the @. */
static vs_status words_of(vs_err *err, const vs_args *a, const char *name, const char *at, vs_word_texts *c, char **own) {
    size_t n = vs_text_list(a, "word", NULL, 0);
    bool by_name = !n && !c->words;
    const char **word = vs_alloc(n + 1, sizeof *word);
    *own = by_name ? vs_strndup(name, (size_t)(at - name)) : NULL;
    c->word = word;
    if (!word || (by_name && !*own)) return vs_fail(err, VS_E_NOMEM, "no memory for the words");
    vs_text_list(a, "word", word, n);
    if (by_name) word[n++] = *own;
    c->n_words = n;
    return VS_OK;
}

static vs_status make(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *name = vs_arg(a, 1), *at = strrchr(name, '@');
    if (!at || at == name || !at[1])
        return vs_fail(err, VS_E_USAGE, "space make wants NAME@SITE, as bank@6 or bank@6.mlp_out; not %s", name);
    if (vs_int(a, "most") < 0) return vs_fail(err, VS_E_USAGE, "space make: --most counts occurrences");
    vs_word_texts c = {.path = vs_text(a, "corpus"),
                   .words = vs_text(a, "words"),
                   .prose = vs_has(a, "sentences"),
                   .labelled = vs_has(a, "labels"),
                   .most = (size_t)vs_int(a, "most")};
    if (!c.path) return vs_fail(err, VS_E_USAGE, "space make wants --corpus FILE, a text a line");
    vs_word_texts_count count;
    char *own;
    double began = vs_seconds();
    vs_status st = words_of(err, a, name, at, &c, &own);
    if (st == VS_OK) st = vs_session_make_space(err, s, name, at + 1, &c, vs_out_progress(o), &count);
    vs_free((void *)(uintptr_t)c.word);
    vs_free(own);
    VS_TRY(st);
    vs_out_text(o, 0, "space", name);
    vs_out_int(o, 0, "rows", (int64_t)count.occurrences);
    vs_out_int(o, 0, "texts", (int64_t)count.texts);
    vs_out_int(o, count.used < count.texts ? 0 : VS_COL_JSON_ONLY, "used", (int64_t)count.used);
    vs_out_int(o, count.too_long ? 0 : VS_COL_JSON_ONLY, "too_long", (int64_t)count.too_long);
    vs_out_real(o, VS_COL_JSON_ONLY, "seconds", vs_seconds() - began, 3);
    if (count.too_long) vs_out_note(o, "  too_long: texts that the model's context does not hold; --sentences splits running text");
    if (!vs_session_keeps(s)) vs_out_note(o, "  kept until this session ends; -d FILE keeps it");
    return VS_OK;
}

/* ---- show ---- */

/* One row of SQL's answer as fields; rows as those of a table; a number. */
static vs_status fields(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    for (size_t i = 0; i < n; i++) {
        if (v[i].type == VS_SQL_INT) vs_out_int(arg, 0, names[i], v[i].i);
        if (v[i].type == VS_SQL_TEXT) vs_out_text(arg, strcmp(names[i], "at") ? 0 : VS_COL_JSON_ONLY, names[i], v[i].s);
    }
    return VS_OK;
}
static vs_status cells(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    for (size_t i = 0; i < n; i++)
        if (v[i].type == VS_SQL_INT)
            vs_out_cell_int(arg, v[i].i);
        else
            vs_out_cell_text(arg, v[i].type == VS_SQL_TEXT ? v[i].s : "");
    return VS_OK;
}
static vs_status numbers(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    for (size_t i = 0; i < n; i++) ((int64_t *)arg)[i] = v[i].i;
    return VS_OK;
}

/* The query with every ? as the name between quotes. */
static vs_status ask(vs_err *err, vs_session *s, const char *query, const char *name, size_t k, vs_sql_row_fn *fn, void *arg) {
    vs_store *store;
    vs_buf q = {0};
    VS_TRY(vs_session_store(err, s, &store));
    for (const char *p = query; *p; p++) {
        if (*p == '#') vs_buf_printf(&q, "%zu", k);
        if (*p != '?' && *p != '#') vs_buf_putc(&q, *p);
        if (*p != '?') continue;
        vs_buf_putc(&q, '\'');
        for (const char *c = name; *c; c++) vs_buf_puts(&q, *c == '\'' ? "''" : (char[]){*c, 0});
        vs_buf_putc(&q, '\'');
    }
    vs_status st = q.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a query") : vs_store_sql(err, store, q.s, true, fn, arg, NULL);
    vs_buf_free(&q);
    return st;
}

/* What words a contextual space has, and how often. */
static vs_status show_words(vs_err *err, vs_session *s, const char *name, bool labels, size_t k, vs_out *o) {
    static const vs_col cols[] = {{"word", VS_COL_TEXT, 0, 0, NULL}, {"rows", VS_COL_INT, 0, 0, NULL}, {"label", VS_COL_TEXT, 0, 0, NULL}};
    vs_out_table(o, "words", cols, labels ? 3 : 2);
    VS_TRY(ask(err, s,
               labels ? "SELECT lower(word), count(*), label FROM occurrences WHERE space = ? GROUP BY 1, 3 ORDER BY 2 DESC, 1, 3 LIMIT #"
                      : "SELECT lower(word), count(*) FROM occurrences WHERE space = ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT #",
               name, k, cells, o));
    vs_out_end(o);
    return VS_OK;
}

static vs_status show(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {{"row", VS_COL_INT, 0, 0, NULL}, {"key", VS_COL_TEXT, 0, 0, NULL}, {"label", VS_COL_TEXT, 0, 0, NULL}};
    const char *name = vs_arg(a, 1);
    vs_store *store;
    vs_space_record r;
    int64_t k = vs_has(a, "k") ? vs_int(a, "k") : vs_session_settings(s)->k, has[2] = {0, 0};
    if (k < 1) return vs_fail(err, VS_E_USAGE, "space show: -k wants a number from 1, not %lld", (long long)k);
    VS_TRY(vs_session_store(err, s, &store));
    VS_TRY(vs_store_space_find(err, store, name, &r));
    VS_TRY(ask(err, s, "SELECT count(*), count(label) FROM occurrences WHERE space = ?", name, 0, numbers, has));
    VS_TRY(ask(err, s,
               "SELECT s.name, m.config ->> 'name' AS model, place, layer, rows, dim AS width, source, nullif(edits, '') AS edits, at"
               " FROM spaces s LEFT JOIN models m ON m.id = s.model WHERE s.name = ?",
               name, 0, fields, o));
    if (has[0]) VS_TRY(show_words(err, s, name, has[1] > 0, (size_t)k, o));
    vs_out_table(o, "first", cols, has[1] ? 3 : 2);
    VS_TRY(ask(err, s,
               has[1] ? "SELECT row, key, label FROM occurrences WHERE space = ? ORDER BY row LIMIT #"
                      : "SELECT v.row, key FROM spaces s JOIN vectors v ON v.id BETWEEN s.id << 32 AND (s.id << 32) + 4294967295"
                        " WHERE s.name = ? ORDER BY v.id LIMIT #",
               name, (size_t)k, cells, o));
    vs_out_end(o);
    return VS_OK;
}

static vs_status drop(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    VS_TRY(vs_session_drop_space(err, s, vs_arg(a, 1)));
    vs_out_text(o, VS_COL_JSON_ONLY, "dropped", vs_arg(a, 1));
    return VS_OK;
}

static vs_status run_space(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *verb = vs_arg(a, 0);
    if (!strcmp(verb, "make")) return make(err, s, a, o);
    if (!strcmp(verb, "show")) return show(err, s, a, o);
    if (!strcmp(verb, "drop")) return drop(err, s, a, o);
    return vs_fail(err, VS_E_USAGE, "space has make, show and drop, not %s; spaces lists them", verb);
}

static const char *const examples[] = {"space show glove-6b-50d -k 3", NULL};
static const char *const verbs[] = {"make", "show", "drop", NULL};
const vs_cmd vs_cmd_space = {
    .name = "space",
    .group = "vectors",
    .synopsis = "make NAME@SITE --corpus FILE [--word WORD]… | show NAME | drop NAME",
    .summary = "a space of a word's contexts: stored, looked at, deleted",
    .details =
        "make runs the current model over each line of FILE and stores its vector wherever the word is met whole: the\n"
        "stream entering block 6 for bank@6, what an MLP adds for bank@6.mlp_out (sites lists them); of a word in pieces a\n"
        "decoder's last, the mean of an encoder's.  A word in small letters is met in any case, Bank only as it is written.\n"
        "A row's key is its text with the word in [ ]; text, position, layer and label are columns of SQL's occurrences.\n"
        "Of two stacks the encoder reads, and for bank@decoder.2 the decoder too, each text behind its start token.\n"
        "It is one transaction: stopped or killed, the store is as it was.  near EXPR --in bank@6 looks there, senses\n"
        "bank@6 tells its senses apart, bank@6:\"…\" is a row by its key.  drop gives the disk back.",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = opts,
    .examples = examples,
    .choices = verbs,
    .run = run_space};
