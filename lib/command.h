/* command.h - the table of commands, their arguments, and where their output goes.
 *
 * A command is one file and one row COMMAND(name) in repl/commands.def.  The row's
 * vs_cmd gives dispatch, option parsing, help, completion, the manual page and the
 * tests of its examples.  A command says what it found through vs_out, once; the sink
 * in use makes a table, JSON or CSV of it. */
#ifndef VS_COMMAND_H
#define VS_COMMAND_H

#include "vecscope.h"

/* ---- output ------------------------------------------------------------------------------------------------- */

typedef struct vs_out vs_out;

/* What a column or field is, for alignment, digits and JSON type. */
typedef enum vs_col_type {
    VS_COL_TEXT,  /* const char * */
    VS_COL_INT,   /* int64_t */
    VS_COL_REAL,  /* double, `digits` after the point */
    VS_COL_PROB,  /* double in [0,1]; a terminal may add a bar */
    VS_COL_SCORE, /* double in [-1,1] or so; a terminal may add a bar from zero */
    VS_COL_TOKEN, /* const char *: a token's text, shown with its blanks visible */
    VS_COL_JSON   /* const char *: a JSON value; a terminal shows a string without its quotes */
} vs_col_type;
/* Who does not see it.  JSON_ONLY: machines alone do, TTY_ONLY: a person alone. */
enum {
    VS_COL_NO_TTY = 1,
    VS_COL_NO_JSON = 2,
    VS_COL_NO_CSV = 4,
    VS_COL_JSON_ONLY = VS_COL_NO_TTY,
    VS_COL_TTY_ONLY = VS_COL_NO_JSON | VS_COL_NO_CSV
};
typedef struct vs_col {
    const char *name; /* JSON key and CSV header; also the heading where `head` is NULL */
    vs_col_type type;
    int digits;
    unsigned flags;
    const char *head;
} vs_col;

/* Named values of the answer: members of the JSON object; lines `name  value` in a terminal; flags as for columns. */
void vs_out_text(vs_out *o, unsigned flags, const char *name, const char *value);
void vs_out_int(vs_out *o, unsigned flags, const char *name, int64_t value);
void vs_out_real(vs_out *o, unsigned flags, const char *name, double value, int digits);
void vs_out_bool(vs_out *o, unsigned flags, const char *name, bool value);
void vs_out_ints(vs_out *o, unsigned flags, const char *name, const int32_t *v, size_t n);
void vs_out_reals(vs_out *o, unsigned flags, const char *name, const float *v, size_t n);
void vs_out_texts(vs_out *o, unsigned flags, const char *name, const char *const *v, size_t n);

/* A table: an array of objects under `name`; rows in the columns' order.  Cells are given by vs_out_cell_* one after
 * another; the row ends by itself.  In CSV it is the answer (the first table of a command; others are left out). */
void vs_out_table(vs_out *o, const char *name, const vs_col *cols, size_t n);
void vs_out_cell_text(vs_out *o, const char *s);
void vs_out_cell_int(vs_out *o, int64_t v);
void vs_out_cell_real(vs_out *o, double v); /* NaN: empty, null */
void vs_out_end(vs_out *o);

/* A matrix with labels: a heatmap in a terminal, {"rows","cols","values"} in JSON.  hi: the value of full colour
 * (lo..hi; lo < 0 makes a two-sided scale).  NaN: blank. */
void vs_out_matrix(vs_out *o, const char *name, const float *v, size_t rows, size_t cols, const char *const *row_labels,
                   const char *const *col_labels, double lo, double hi);

/* Points of a plane, each in one of some groups (which have colours of their own), with words beside those where there is
 * room for them: of two the earlier. */
typedef struct vs_point {
    double x, y;
    const char *label; /* NULL: none */
    size_t group;      /* below n_groups, or 0 */
} vs_point;
typedef struct vs_scatter {
    const char *title, *x_axis, *y_axis; /* "…": what they show; NULL: nothing to say */
    bool scaled;                         /* a unit of x is one of y, and their numbers mean something */
    const vs_point *point;
    size_t n;
    const char *const *group; /* [n_groups] what to call them; 0: no groups */
    size_t n_groups;
} vs_scatter;
/* vs_out_scatter() - drawn in characters for a person; nothing in JSON or CSV, for which a table tells the same.
 * vs_out_picture() - drawn into a file, at once: SVG or PNG by the end of its name.  VS_OK | VS_E_USAGE (another ending) | VS_E_IO |
 * VS_E_NOMEM | VS_E_UNSUPPORTED (a program that draws no pictures). */
void vs_out_scatter(vs_out *o, const vs_scatter *s);
vs_status vs_out_picture(vs_err *err, vs_out *o, const char *path, const vs_scatter *s) VS_MUST_CHECK;

/* For a person only (nothing in JSON or CSV): a line of prose; a heading. */
void vs_out_note(vs_out *o, const char *fmt, ...) VS_PRINTF(2, 3);
void vs_out_heading(vs_out *o, const char *fmt, ...) VS_PRINTF(2, 3);
/* Text that appears as it comes (generate); nothing in JSON or CSV. */
void vs_out_stream(vs_out *o, const char *s, size_t n);
/* End one object of several (a command over several texts: an object a text): show what was recorded so far. */
void vs_out_flush_part(vs_out *o);
/* Raw bytes in every mode (export, info --plan, man). */
void vs_out_raw(vs_out *o, const char *s, size_t n);
/* The progress bar of this output; borrowed.  Silent where stderr is no terminal. */
const vs_progress *vs_out_progress(vs_out *o);
/* true where a machine reads (json, csv): spare it what only helps a person. */
bool vs_out_is_data(const vs_out *o);
/* Columns of the terminal, 80 elsewhere. */
int vs_out_width(const vs_out *o);

/* ---- arguments ---------------------------------------------------------------------------------------------- */

/* TEXTS: the words up to the next option, as they are written (vs_text_list()). */
typedef enum vs_opt_type { VS_OPT_FLAG, VS_OPT_INT, VS_OPT_REAL, VS_OPT_TEXT, VS_OPT_TEXTS } vs_opt_type;
/* What completes an argument. */
typedef enum vs_complete {
    VS_COMPLETE_NONE,
    VS_COMPLETE_WORD,
    VS_COMPLETE_SITE,
    VS_COMPLETE_SPACE,
    VS_COMPLETE_MODEL,
    VS_COMPLETE_FILE,
    VS_COMPLETE_COMMAND,
    VS_COMPLETE_CHOICE /* of an option alone: its arg is the words there are, mean|cls; another is refused */
} vs_complete;
typedef struct vs_opt {
    const char *name; /* "layer" for --layer */
    char brief;       /* 'k' for -k; 0: none */
    vs_opt_type type;
    const char *arg; /* "K", for help */
    const char *help;
    const char *fallback; /* value when absent; NULL: absent */
    vs_complete complete;
} vs_opt;

/* How the words of a command become arguments. */
typedef enum vs_arg_style {
    VS_ARGS_NONE,
    VS_ARGS_WORDS,  /* each word one argument; quotes group */
    VS_ARGS_ITEMS,  /* each word one argument, its quotes kept: an expression without blanks, or any in '…' */
    VS_ARGS_TEXT,   /* the rest is one text (quotes around it stripped); --ids, --file, --pair, --target apply (vs_args_texts) */
    VS_ARGS_EXPR,   /* the rest is one expression, quotes kept */
    VS_ARGS_EXPRS,  /* expressions separated by commas at top level; without a comma, two words (with max_args: all) are
                       one each */
    VS_ARGS_RAW,    /* the rest as it is written (sql, each) */
    VS_ARGS_BLOCK,  /* a {block}, then a whole command, run by vs_args_run_rest() (with) */
    VS_ARGS_COMMAND /* a whole command, run by vs_args_run_rest() (time) */
} vs_arg_style;

/* VS_EMPTY_TEXT: an empty text is a text like others (tokens); else it is an error. */
enum {
    VS_NEEDS_MODEL = 1,
    VS_NEEDS_SPACE = 2,
    VS_NEEDS_STORE = 4,
    VS_NEEDS_CAUSAL = 8,
    VS_STORES = 16,
    VS_EMPTY_TEXT = 32
};

typedef struct vs_args vs_args;
size_t vs_arg_count(const vs_args *a);
const char *vs_arg(const vs_args *a, size_t i); /* NULL beyond the end */
const char *vs_arg_word(const vs_args *a,
                        size_t i);              /* word i as it was before words were joined, unquoted; NULL beyond */
bool vs_has(const vs_args *a, const char *opt); /* given on the line */
int64_t vs_int(const vs_args *a, const char *opt); /* value or fallback */
double vs_real(const vs_args *a, const char *opt);
const char *vs_text(const vs_args *a, const char *opt); /* NULL when absent and without fallback */
/* vs_text_list() - the words of a TEXTS option, the first cap of them into out; returns how many there are. */
size_t vs_text_list(const vs_args *a, const char *opt, const char **out, size_t cap);

/* vs_args_run_rest() - run the command that a VS_ARGS_BLOCK or VS_ARGS_COMMAND command holds.  Its answer is shown
 * together with what the command around it has to say. */
vs_status vs_args_run_rest(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) VS_MUST_CHECK;

typedef struct vs_cmd {
    const char *name;
    const char *group;    /* session, tokens, vectors, passes, attention, facts, study */
    const char *synopsis; /* "TEXT [-k K]" */
    const char *summary;  /* one line, lower case, no full stop */
    const char *details;  /* more for `help CMD`, may be NULL */
    vs_arg_style style;
    size_t min_args, max_args;
    const vs_opt *opts; /* ended by a NULL name; NULL: none */
    const char *const
        *examples; /* whole lines that work with the default session or the catalogued models; ended by NULL */
    unsigned needs;
    vs_complete complete;       /* of positional arguments */
    const char *const *choices; /* what the first of them is one of, for completion; ended by NULL; NULL: anything */
    vs_status (*run)(vs_err *err, vs_session *s, const vs_args *a, vs_out *o);
} vs_cmd;

/* vs_commands_set() - the table of commands, in the order of help, ended by NULL; static.  The program gives it once,
 * at start (repl/ makes it from commands.def).  vs_commands() - that table. */
void vs_commands_set(const vs_cmd *const *table);
const vs_cmd *const *vs_commands(void);

/* Tokenised input of a VS_ARGS_TEXT command: TEXT, --ids 1,2,3, --file F (a text a line; the command is called once
 * for all), with --pair TEXT the second text of each, with --target TEXT or --decoder-ids 1,2,3 what the decoder beside an
 * encoder reads (without: the start token).  These options and --no-special are added to such commands by the table.  Owned by the caller: vs_texts_free(). */
typedef struct vs_texts {
    vs_text_input *item;
    size_t n;
} vs_texts;
vs_status vs_args_texts(vs_err *err, vs_session *s, const vs_args *a, vs_texts *out) VS_MUST_CHECK;
void vs_texts_free(vs_texts *t);

/* --mask causal|full of a command that has VS_MASK_OPT among its options; the model's own where it is not given. */
#define VS_MASK_OPT                                                                                                    \
    {"mask", 0, VS_OPT_TEXT, "causal|full", "what each token may see, instead of the model's own", NULL, VS_COMPLETE_CHOICE}
vs_mask vs_args_mask(const vs_args *a);

/* vs_each_text() - call fn for each text of a command: an answer a text.  several: there are others. */
typedef vs_status vs_text_fn(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                             vs_out *o);
vs_status vs_each_text(vs_err *err, vs_session *s, const vs_args *a, vs_text_fn *fn, vs_out *o) VS_MUST_CHECK;

/* vs_out_notes() - lines, a note each; NULL: none.
 * vs_say_notes() - what the look-up of a value had to say (`mean(new, york): …`). */
void vs_out_notes(vs_out *o, const char *lines);
void vs_say_notes(vs_out *o, const vs_value *v);

/* vs_query() - what a bare expression and `near` do: its nearest neighbours as {"query","space","results"} (with "metric"
 * where that is not the cosine); of a number {"query","number"}.  BOTH: then the operands kept, in "kept", each marked.
 *   how->k 0: the session's setting; keep_operands is what `operands` says
 * vs_query_file() - each line of a file an expression, all asked together: an answer a line. */
typedef enum vs_operands { VS_OPERANDS_OUT, VS_OPERANDS_KEPT, VS_OPERANDS_BOTH } vs_operands;
vs_status vs_query(vs_err *err, vs_session *s, const char *expr, size_t n, const vs_near_how *how, vs_operands operands,
                   vs_out *o) VS_MUST_CHECK;
vs_status vs_query_file(vs_err *err, vs_session *s, const char *path, const vs_near_how *how, vs_out *o) VS_MUST_CHECK;
/* The options --keep and --both of a command that has VS_OPERAND_OPTS among its options. */
#define VS_OPERAND_OPTS                                                                                                \
    {"keep", 0, VS_OPT_FLAG, NULL, "show the operands too", NULL, VS_COMPLETE_NONE},                                   \
    {"both", 0, VS_OPT_FLAG, NULL, "both ways: the operands left out, then kept", NULL, VS_COMPLETE_NONE}
vs_operands vs_args_operands(const vs_args *a);

/* vs_execute() - run one line (or more, separated by ; or newlines) as the prompt would: commands, $name = EXPR,
 * = EXPR, bare expressions.  Used by with, each, time, source.  Stops at the first failure.
 * vs_execute_argv() - the same for words that are already split, never split again. */
vs_status vs_execute(vs_err *err, vs_session *s, const char *line, size_t n, vs_out *o) VS_MUST_CHECK;
vs_status vs_execute_argv(vs_err *err, vs_session *s, int argc, const char *const *argv, vs_out *o) VS_MUST_CHECK;

#endif
