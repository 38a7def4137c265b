/* command_impl.h - inside the command layer: words of a line, parsed arguments, recorded output.  For lib/command*.c
 * and repl/ alone. */
#ifndef VS_COMMAND_IMPL_H
#define VS_COMMAND_IMPL_H

#include <jansson.h>

#include "command.h"

/* ---- the one lexer (DESIGN 1): prompt, scripts, -c ---- */

/* A word of a line.  '…' groups a whole word only, on one line (so isn't, 's and 'tis are words); "…" groups anywhere;
 * {…} keeps its inside whole. */
typedef struct vs_word {
    char *text;      /* quotes taken off, \" and \\ inside "…" undone */
    const char *raw; /* as written */
    size_t raw_len;
    bool quoted; /* it was quoted as a whole: never an option */
} vs_word;
typedef struct vs_words_of {
    vs_word *word;
    size_t n;
    vs_arena arena;
} vs_words_of;

/* vs_lex_command() - the end of the first command of text[n]: the offset of the ; or newline that ends it, or n.
 * Quotes and braces keep both inside.  VS_E_SYNTAX where one is not closed: which, and where it began. */
vs_status vs_lex_command(vs_err *err, const char *text, size_t n, size_t *end) VS_MUST_CHECK;
/* vs_lex_words() - the words of one command. */
vs_status vs_lex_words(vs_err *err, const char *text, size_t n, vs_words_of *out) VS_MUST_CHECK;
/* vs_lex_argv() - the same struct over words split already: raw = text. */
vs_status vs_lex_argv(vs_err *err, int argc, const char *const *argv, vs_words_of *out) VS_MUST_CHECK;
void vs_words_of_free(vs_words_of *w);

/* ---- arguments ---- */
struct vs_args {
    const vs_cmd *cmd;
    const char **pos; /* positional arguments */
    size_t n_pos;
    const char **word; /* the same words, one by one */
    size_t n_word;
    struct vs_given {
        const vs_opt *opt;
        const char *text;
        int64_t i;
        double r;
    } * given;
    size_t n_given;
    const vs_words_of *rest_words; /* of a block command (with, each): the words after the block … */
    size_t rest_at;                /* … from this one */
    bool from_argv;
    vs_arena arena;
};
vs_status vs_args_parse(vs_err *err, const vs_cmd *c, const vs_words_of *w, size_t first, bool from_argv,
                        vs_args *out) VS_MUST_CHECK;
void vs_args_free(vs_args *a);

/* Options that every command of style TEXT has. */
extern const vs_opt vs_text_opts[];

/* ---- the table ---- */
const vs_cmd *vs_command_find(const char *name, size_t n);
/* The command whose name is nearest, or NULL when none is near. */
const vs_cmd *vs_command_guess(const char *name, size_t n);

/* ---- recorded output ---- */
/* vs_json_text() - s as a JSON string; bytes that are not UTF-8 (a byte piece of a model) become U+FFFD; NULL: null. */
json_t *vs_json_text(const char *s);
typedef enum vs_item_kind {
    VS_ITEM_FIELD,
    VS_ITEM_TABLE,
    VS_ITEM_MATRIX,
    VS_ITEM_SCATTER,
    VS_ITEM_NOTE,
    VS_ITEM_HEADING,
    VS_ITEM_RAW
} vs_item_kind;
typedef union vs_cell {
    const char *s;
    int64_t i;
    double r;
} vs_cell;
typedef struct vs_item {
    vs_item_kind kind;
    const char *name;
    unsigned flags;
    vs_col_type type; /* of a field */
    int digits;
    vs_cell value;
    bool is_bool;
    json_t *list; /* a field that is an array: owned */
    /* table */
    vs_col *cols;
    size_t n_cols;
    vs_cell *cell; /* [n_cells] row after row */
    size_t n_cells, cap_cells;
    /* matrix */
    float *values;
    size_t rows, n_values_cols;
    const char **row_labels, **col_labels;
    double lo, hi;
    vs_scatter scatter;
    /* text of notes, headings, raw */
    const char *text;
    size_t text_len;
} vs_item;

/* How what was recorded is shown.  show() is called once, when a command has succeeded; stream() at once. */
typedef struct vs_sink {
    bool data; /* a machine reads it */
    int width;
    void (*show)(void *self, const vs_out *o);
    void (*stream)(void *self, const char *s, size_t n);
    vs_status (*paint)(vs_err *err, const char *path, const vs_scatter *s); /* NULL: no pictures */
    vs_progress progress;
    void *self;
} vs_sink;
struct vs_out {
    vs_sink sink;
    vs_item *item;
    size_t n, cap;
    vs_arena arena;
    size_t open_table; /* index + 1 of the table that cells go to */
    bool failed;       /* memory ran out while recording */
    int depth;         /* commands running inside commands */
    int held;          /* a command that runs at this depth leaves showing its answer to the one around it; 0: none */
};
void vs_out_reset(vs_out *o); /* forget what was recorded */
void vs_out_flush(vs_out *o); /* show it, then forget it */
void vs_out_free(vs_out *o);

#endif
