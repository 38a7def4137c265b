/* cmd_tokens.c - tokens, vocab: a word, subword or character becomes an integer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "tokens_all.h"

/* Ids that are given want a row of the model's table, though it may have more of them than the tokenizer has pieces. */
static vs_status check_ids(vs_err *err, vs_session *s, const vs_tokens *t) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    size_t V = vs_model_info_of(m)->V;
    for (size_t i = 0; i < t->n; i++)
        if ((size_t)t->id[i] >= V) return vs_fail(err, VS_E_RANGE, "token %zu: id %d is outside the vocabulary of %zu", i, (int)t->id[i], V);
    return VS_OK;
}

static vs_status tokenizer_of(vs_err *err, vs_session *s, const vs_tokenizer **tok) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    return vs_model_tokenizer(err, m, tok);
}

static void show_text(const vs_tokenizer *tok, const vs_text_input *in, const char *decoded, bool rows, vs_out *o) {
    static const vs_col cols[] = {{"position", VS_COL_INT, 0, VS_COL_NO_JSON, NULL},
                                  {"id", VS_COL_INT, 0, VS_COL_NO_JSON, NULL},
                                  {"piece", VS_COL_TEXT, 0, VS_COL_NO_JSON, NULL},
                                  {"text", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL},
                                  {"bytes", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, NULL},
                                  {"begin", VS_COL_INT, 0, VS_COL_NO_JSON | VS_COL_NO_TTY, NULL},
                                  {"end", VS_COL_INT, 0, VS_COL_NO_JSON | VS_COL_NO_TTY, NULL}};
    static const vs_col offset[] = {{"begin", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                                    {"end", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL}};
    const vs_tokens *t = &in->tokens;
    vs_buf pieces = {0}, seen = {0};
    const char **name = vs_alloc(t->n, sizeof *name);
    size_t *at = vs_alloc(t->n, sizeof *at);
    for (size_t i = 0; name && at && i < t->n; i++) { /* NUL-ended copies, one after another */
        size_t n;
        const char *p = vs_piece(tok, t->id[i], &n);
        at[i] = pieces.len;
        vs_buf_put(&pieces, p ? p : "", p ? n : 0);
        vs_buf_putc(&pieces, '\0');
    }
    for (size_t i = 0; name && at && i < t->n; i++) name[i] = pieces.s ? pieces.s + at[i] : "";
    vs_out_ints(o, VS_COL_JSON_ONLY, "ids", t->id, t->n);
    if (name && at) vs_out_texts(o, VS_COL_JSON_ONLY, "tokens", name, t->n);
    vs_out_text(o, VS_COL_JSON_ONLY, "text", decoded);
    if (in->given) vs_out_ints(o, 0, "decoder_ids", in->decoder.id, in->decoder.n);
    if (rows) vs_out_table(o, "pieces", cols, 7);
    for (size_t i = 0; rows && name && at && i < t->n; i++) {
        char range[48] = "";
        if (!t->special[i] && in->text)
            snprintf(range, sizeof range, "%u..%u%s", t->begin[i], t->end[i],
                     t->text && t->text[i] ? " of the pair" : "");
        vs_buf_clear(&seen);
        vs_piece_text(tok, t->id[i], &seen);
        vs_out_cell_int(o, (int64_t)i);
        vs_out_cell_int(o, t->id[i]);
        vs_out_cell_text(o, name[i]);
        vs_out_cell_text(o, seen.s ? seen.s : "");
        vs_out_cell_text(o, range);
        vs_out_cell_int(o, t->begin[i]);
        vs_out_cell_int(o, t->end[i]);
    }
    if (rows) vs_out_end(o);
    vs_out_table(o, "offsets", offset, 2);
    for (size_t i = 0; i < t->n; i++) {
        vs_out_cell_int(o, t->begin[i]);
        vs_out_cell_int(o, t->end[i]);
    }
    vs_out_end(o);
    if (t->type && memchr(t->type, 1, t->n)) {
        int32_t *type = vs_alloc(t->n, sizeof *type);
        for (size_t i = 0; type && i < t->n; i++) type[i] = t->type[i];
        if (type) vs_out_ints(o, VS_COL_JSON_ONLY, "types", type, t->n);
        vs_free(type);
    }
    vs_buf_free(&pieces);
    vs_buf_free(&seen);
    vs_free(name);
    vs_free(at);
}

static vs_status one_text(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                          vs_out *o) {
    (void)several;
    const vs_tokenizer *tok;
    vs_buf text = {0};
    VS_TRY(tokenizer_of(err, s, &tok));
    if (vs_has(a, "ids")) VS_TRY(check_ids(err, s, &in->tokens));
    vs_buf_puts(&text, "");
    vs_status st = vs_detokenize(err, tok, in->tokens.id, in->tokens.n, true, &text);
    if (st == VS_OK && vs_has(a, "all")) st = vs__tokens_all(err, s, tok, in, o);
    if (st == VS_OK) show_text(tok, in, text.s, !vs_has(a, "all"), o);
    vs_buf_free(&text);
    return st;
}

static vs_status run_tokens(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, one_text, o);
}

static const vs_opt tokens_opts[] = {{"all", 0, VS_OPT_FLAG, NULL,
                                      "characters, subwords and whole words side by side, each with its integer", NULL,
                                      VS_COMPLETE_NONE},
                                     {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const tokens_examples[] = {"tokens The white swan in the blue water", "tokens --ids 2,818,506",
                                              "tokens --all Unbelievable swans", NULL};
const vs_cmd vs_cmd_tokens = {.name = "tokens",
                              .group = "tokens",
                              .synopsis = "TEXT",
                              .summary = "a text as the model's tokens: pieces, ids, byte offsets",
                              .style = VS_ARGS_TEXT,
                              .min_args = 1,
                              .opts = tokens_opts,
                              .examples = tokens_examples,
                              .needs = VS_NEEDS_MODEL | VS_EMPTY_TEXT,
                              .run = run_tokens};

/* ---- vocab ---- */

static vs_status run_vocab(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {
        {"id", VS_COL_INT, 0, 0, NULL}, {"piece", VS_COL_TEXT, 0, 0, NULL}, {"text", VS_COL_TOKEN, 0, 0, NULL}};
    const vs_tokenizer *tok;
    const char *pattern = vs_arg(a, 0);
    size_t most = (size_t)(vs_int(a, "limit") > 0 ? vs_int(a, "limit") : 1), found = 0;
    bool wild = strpbrk(pattern, "*?") != NULL;
    VS_TRY(tokenizer_of(err, s, &tok));
    vs_buf piece = {0}, text = {0};
    vs_out_table(o, "pieces", cols, 3);
    for (size_t id = 0; id < vs_vocab_size(tok); id++) {
        size_t n;
        const char *p = vs_piece(tok, (int32_t)id, &n);
        vs_buf_clear(&text);
        vs_piece_text(tok, (int32_t)id, &text);
        const char *t = text.s ? text.s : "";
        bool hit = wild ? vs_glob(pattern, t) || (*t == ' ' && vs_glob(pattern, t + 1)) : strstr(t, pattern) != NULL;
        if (!hit) continue;
        if (found++ >= most) continue;
        vs_buf_clear(&piece);
        vs_buf_put(&piece, p, n);
        vs_out_cell_int(o, (int64_t)id);
        vs_out_cell_text(o, piece.s);
        vs_out_cell_text(o, t);
    }
    vs_out_end(o);
    vs_out_int(o, VS_COL_JSON_ONLY, "found", (int64_t)found);
    if (found > most) vs_out_note(o, "  %zu of %zu shown; --limit N shows more", most, found);
    if (!found) vs_out_note(o, "  no piece matches %s", pattern);
    vs_buf_free(&piece);
    vs_buf_free(&text);
    return VS_OK;
}
static const vs_opt vocab_opts[] = {{"limit", 'n', VS_OPT_INT, "N", "how many to show", "20", VS_COMPLETE_NONE},
                                    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const vocab_examples[] = {"vocab swan", "vocab basket*", NULL};
const vs_cmd vs_cmd_vocab = {.name = "vocab",
                             .group = "tokens",
                             .synopsis = "PATTERN",
                             .summary = "pieces of the vocabulary that match (* and ? allowed)",
                             .style = VS_ARGS_WORDS,
                             .min_args = 1,
                             .max_args = 1,
                             .opts = vocab_opts,
                             .examples = vocab_examples,
                             .needs = VS_NEEDS_MODEL,
                             .run = run_vocab};
