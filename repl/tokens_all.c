/* tokens_all.c - a text as characters, as subwords and as whole words, side by side: each has its integer.
 *
 * A character's is its number in Unicode; a subword's its row in the model's table; a word's its row in a space of word
 * vectors.  Characters are few and never unknown, but a text is long in them and each says little; words say much, but
 * any list of them ends; subwords are between. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tokens_all.h"

typedef struct side {
    const vs_tokenizer *tok;
    vs_space *space; /* where a word's number comes from */
    const char *text;
    size_t n, characters, pieces, unknown;
    vs_tokens word;
} side;

/* Whole words, and what is between them: cut as the hub's "Whitespace" does, but never within what is seen as one
 * character (an emoji of several). */
static vs_status cut_words(vs_err *err, side *x) {
    static const char json[] = "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0}},"
                               "\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Removed\",\"invert\":true,\"pattern\":"
                               "{\"Regex\":\"[\\\\w\\\\x{200c}\\\\x{200d}]+|(?:(?![\\\\w\\\\s])\\\\X)+\"}}}";
    vs_tokenizer *t = NULL;
    VS_TRY(vs_tokenizer_from_json(err, json, sizeof json - 1, &t));
    vs_status s = vs_tokenize(err, t, x->text, x->n, NULL, 0, false, &x->word);
    vs_tokenizer_free(t);
    return s;
}

/* The words in use: the current space, else the last that is open, else the built-in ones. */
static vs_space *words_of(vs_session *s) {
    vs_space *found = vs_session_space(s);
    if (found && !strcmp(vs_space_place(found), "words")) return found;
    found = NULL;
    for (size_t i = 0; i < vs_session_spaces(s); i++)
        if (!strcmp(vs_space_place(vs_session_space_at(s, i)), "words")) found = vs_session_space_at(s, i);
    return found ? found : vs_session_space_named(s, "default");
}

static double number_of(side *x, const char *s, size_t n) {
    size_t row = 0;
    vs_buf small = {0};
    bool known = vs_space_find(x->space, s, n, &row);
    if (!known) {
        vs_utf8_case(VS_CASE_LOWER, s, n, &small);
        known = small.s && vs_space_find(x->space, small.s, small.len, &row);
    }
    vs_buf_free(&small);
    return known ? (double)row : (double)NAN;
}

static void put_text(vs_out *o, const char *s, size_t n) {
    vs_buf b = {0};
    vs_buf_put(&b, s, n);
    vs_out_cell_text(o, b.s ? b.s : "");
    vs_buf_free(&b);
}

/* An integer, or an empty cell; in the lists as JSON. */
static void put_number(vs_out *o, double v, bool as_json) {
    char number[32] = "null";
    if (!isnan(v)) snprintf(number, sizeof number, "%.0f", v);
    if (as_json)
        vs_out_cell_text(o, number);
    else
        vs_out_cell_real(o, v);
}

static void put_piece(const side *x, int32_t id, bool as_json, vs_out *o) {
    vs_buf b = {0};
    if (id >= 0) vs_piece_text(x->tok, id, &b);
    put_text(o, b.s ? b.s : "", b.len);
    put_number(o, id >= 0 ? id : (double)NAN, as_json);
    vs_buf_free(&b);
}

static void put_word(side *x, size_t i, bool as_json, vs_out *o) {
    bool is = i < x->word.n;
    const char *s = is ? x->text + x->word.begin[i] : "";
    size_t n = is ? x->word.end[i] - x->word.begin[i] : 0;
    double number = is ? number_of(x, s, n) : (double)NAN;
    put_text(o, s, n);
    put_number(o, number, as_json);
    x->unknown += is && !as_json && isnan(number);
}

/* A row for each character, with the piece and the word that begin there; more pieces of one character, and special
 * tokens, have rows of their own. */
static void side_by_side(side *x, const vs_tokens *t, vs_out *o) {
    static const vs_col cols[] = {
        {"character", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL}, {"in Unicode", VS_COL_REAL, 0, VS_COL_NO_JSON, NULL},
        {"subword", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL},   {"id", VS_COL_REAL, 0, VS_COL_NO_JSON, NULL},
        {"word", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL},      {"row", VS_COL_REAL, 0, VS_COL_NO_JSON, NULL}};
    size_t piece = 0, word = 0;
    vs_out_table(o, "side by side", cols, 6);
    for (size_t i = 0, next = 0; i < x->n || piece < t->n; i = next) {
        bool first = true;
        uint32_t cp = i < x->n ? vs_utf8_next(x->text, x->n, &next, NULL) : 0;
        while ((piece < t->n && (t->special[piece] || i >= x->n || t->begin[piece] < next)) || (first && i < x->n)) {
            bool here = piece < t->n && (t->special[piece] || i >= x->n || t->begin[piece] < next);
            bool shown = first && i < x->n && !(here && t->special[piece]); /* this row has the character */
            put_text(o, x->text + i, shown ? next - i : 0);
            vs_out_cell_real(o, shown ? cp : (double)NAN);
            put_piece(x, here ? t->id[piece] : -1, false, o);
            bool begins = shown && word < x->word.n && x->word.begin[word] == i;
            put_word(x, begins ? word : x->word.n, false, o);
            word += begins;
            piece += here;
            x->characters += shown;
            if (shown) first = false;
        }
        if (i >= x->n) break;
    }
    vs_out_end(o);
}

/* The same for programs: three lists. */
static void lists(side *x, const vs_tokens *t, vs_out *o) {
    static const vs_col cols[] = {{"text", VS_COL_TEXT, 0, VS_COL_JSON_ONLY | VS_COL_NO_CSV, NULL},
                                  {"id", VS_COL_JSON, 0, VS_COL_JSON_ONLY | VS_COL_NO_CSV, NULL}};
    vs_out_table(o, "characters", cols, 2);
    for (size_t i = 0, next = 0; i < x->n; i = next) {
        uint32_t cp = vs_utf8_next(x->text, x->n, &next, NULL);
        put_text(o, x->text + i, next - i);
        put_number(o, cp, true);
    }
    vs_out_end(o);
    vs_out_table(o, "subwords", cols, 2);
    for (size_t i = 0; i < t->n; i++) put_piece(x, t->id[i], true, o);
    vs_out_end(o);
    vs_out_table(o, "words", cols, 2);
    for (size_t i = 0; i < x->word.n; i++) put_word(x, i, true, o);
    vs_out_end(o);
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(x->space));
}

vs_status vs__tokens_all(vs_err *err, vs_session *s, const vs_tokenizer *tok, const vs_text_input *in, vs_out *o) {
    const vs_tokens *t = &in->tokens;
    if (!in->text || (t->n && memchr(t->text, 1, t->n)))
        return vs_fail(err, VS_E_USAGE, "--all shows one text: not ids, not a pair");
    side x = {.tok = tok, .space = words_of(s), .text = in->text, .n = strlen(in->text)};
    if (!x.space) return vs_fail(err, VS_E_NOMEM, "no memory for the list of words");
    VS_TRY(cut_words(err, &x));
    side_by_side(&x, t, o);
    lists(&x, t, o);
    for (size_t i = 0; i < t->n; i++) x.pieces += !t->special[i];
    vs_out_note(o, "  %zu characters, %zu subwords, %zu words (rows of %s)", x.characters, x.pieces, x.word.n,
                vs_space_name(x.space));
    if (x.unknown)
        vs_out_note(
            o, "  %zu of the words %s no integer: a list of whole words ends, subwords and characters spell anything",
            x.unknown, x.unknown == 1 ? "has" : "have");
    vs_tokens_free(&x.word);
    return VS_OK;
}
