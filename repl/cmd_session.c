/* cmd_session.c - open, models, spaces, use, set, source, time, quit: what is open, and how lines are run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "out.h"

static bool quit_asked;
bool vs_quit_asked(void) { return quit_asked; }

/* ---- open ---- */

/* What was wrong in a file of words, a note a line. */
static void say_notes(const vs_space *sp, vs_out *o) {
    const char *notes = vs_space_notes(sp);
    if (*notes) vs_out_text(o, VS_COL_JSON_ONLY, "notes", notes);
    vs_out_notes(o, notes);
}

/* A model or words?  A catalogued or existing thing says so itself; for a path, a model is tried first. */
static vs_status open_any(vs_err *err, vs_session *s, const char *what, vs_out *o) {
    vs_err as_model = {0}, as_space = {0};
    vs_status m = vs_session_open_model(&as_model, s, what, NULL);
    if (m == VS_OK) return VS_OK;
    vs_status w = vs_session_open_space(&as_space, s, what, vs_out_progress(o), NULL);
    if (w == VS_OK) return VS_OK;
    /* the reader that got further tells more: a missing file says the same to both */
    bool model_like = m != VS_E_FORMAT && m != VS_E_UNKNOWN;
    *err = model_like || w == VS_E_UNKNOWN || w == VS_E_IO ? as_model : as_space; /* E_IO: a directory is no words */
    return err->code;
}

static const vs_opt open_opts[] = {{"dim", 0, VS_OPT_INT, "N", "of word vectors only the first N numbers (Matryoshka models)", NULL, VS_COMPLETE_NONE},
                                   {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status run_open(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (vs_has(a, "dim") && vs_int(a, "dim") < 1) return vs_fail(err, VS_E_USAGE, "open: --dim wants a number from 1");
    for (size_t i = 0; i < vs_arg_count(a); i++)
        if (vs_has(a, "dim"))
            VS_TRY(vs_session_open_first(err, s, vs_arg(a, i), (size_t)vs_int(a, "dim"), vs_out_progress(o), NULL));
        else
            VS_TRY(open_any(err, s, vs_arg(a, i), o));
    vs_model *m = NULL;
    vs_space *sp = vs_session_space(s);
    if (vs_session_model(NULL, s, &m) == VS_OK) vs_out_text(o, 0, "model", vs_model_info_of(m)->name);
    if (sp) vs_out_text(o, 0, "space", vs_space_name(sp));
    if (sp) say_notes(sp, o);
    return VS_OK;
}

static const char *const open_examples[] = {"open gemma3-270m", "open glove-6b-50d", NULL};
const vs_cmd vs_cmd_open = {
    .name = "open",
    .group = "session",
    .synopsis = "WHAT…",
    .summary = "open a model or word vectors and make them current",
    .details = "WHAT is a GGUF file, a directory in the hub's layout (config.json, *.safetensors, tokenizer.json), a "
               "word-vector\n"
               "file (word2vec, GloVe, fastText .vec and .bin, npy, npz, safetensors, tables of the Embedding Projector),\n"
               "a directory of static embeddings (model2vec), a table of an open model (W_E, W_U), a stored space, or a\n"
               "catalogued name (fetch lists those).  Models are mapped, not read: this takes milliseconds.",
    .style = VS_ARGS_WORDS,
    .min_args = 1,
    .opts = open_opts,
    .examples = open_examples,
    .complete = VS_COMPLETE_MODEL,
    .run = run_open};

/* ---- models, spaces, use ---- */

static vs_status run_models(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)err, (void)a;
    static const vs_col cols[] = {{"current", VS_COL_TEXT, 0, 0, ""},     {"name", VS_COL_TEXT, 0, 0, NULL},
                                  {"arch", VS_COL_TEXT, 0, 0, NULL},      {"layers", VS_COL_INT, 0, 0, NULL},
                                  {"width", VS_COL_INT, 0, 0, NULL},      {"heads", VS_COL_INT, 0, 0, NULL},
                                  {"vocabulary", VS_COL_INT, 0, 0, NULL}, {"parameters", VS_COL_INT, 0, 0, NULL},
                                  {"path", VS_COL_TEXT, 0, 0, NULL}};
    vs_model *now = NULL;
    (void)!vs_session_model(NULL, s, &now);
    vs_out_table(o, "models", cols, 9);
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const char *name;
        vs_model *m = vs_session_model_at(s, i, &name);
        const vs_model_info *in = vs_model_info_of(m);
        const vs_stack_info *k = &in->stack[in->n_stacks - 1];
        vs_out_cell_text(o, m == now ? "*" : "");
        vs_out_cell_text(o, name);
        vs_out_cell_text(o, in->arch);
        vs_out_cell_int(o, (int64_t)k->L);
        vs_out_cell_int(o, (int64_t)k->d);
        vs_out_cell_int(o, (int64_t)k->H);
        vs_out_cell_int(o, (int64_t)in->V);
        vs_out_cell_int(o, (int64_t)in->params);
        vs_out_cell_text(o, in->path);
    }
    vs_out_end(o);
    if (!vs_session_models(s)) vs_out_note(o, "no model is open; open gemma3-270m opens the catalogued one");
    return VS_OK;
}
const vs_cmd vs_cmd_models = {.name = "models",
                              .group = "session",
                              .synopsis = "",
                              .summary = "the models that are open",
                              .style = VS_ARGS_NONE,
                              .run = run_models};

static void space_row(vs_out *o, const char *mark, const char *name, const char *place, size_t rows, size_t dim) {
    vs_out_cell_text(o, mark);
    vs_out_cell_text(o, name);
    vs_out_cell_text(o, place);
    vs_out_cell_int(o, (int64_t)rows);
    vs_out_cell_int(o, (int64_t)dim);
}

static vs_status stored_row(void *out, const vs_space_record *r) {
    space_row(out, "stored", r->name, r->place, r->rows, r->dim);
    return VS_OK;
}

static vs_status run_spaces(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)a;
    static const vs_col cols[] = {{"state", VS_COL_TEXT, 0, 0, ""},
                                  {"name", VS_COL_TEXT, 0, 0, NULL},
                                  {"place", VS_COL_TEXT, 0, 0, NULL},
                                  {"rows", VS_COL_INT, 0, 0, NULL},
                                  {"width", VS_COL_INT, 0, 0, NULL}};
    vs_space *now = vs_session_space(s);
    vs_store *st;
    VS_TRY(vs_session_store(err, s, &st));
    vs_out_table(o, "spaces", cols, 5);
    for (size_t i = 0; i < vs_session_spaces(s); i++) {
        vs_space *sp = vs_session_space_at(s, i);
        space_row(o, sp == now ? "*" : "open", vs_space_name(sp), vs_space_place(sp), vs_space_rows(sp),
                  vs_space_dim(sp));
    }
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const char *name;
        const vs_model *m = vs_session_model_at(s, i, &name);
        for (int u = 0; u < 2; u++) {
            const vs_tensor *w =
                vs_model_weight(m, u ? VS_ROLE_UNEMBED : VS_ROLE_EMBED, vs_model_info_of(m)->n_stacks - 1, 0);
            char full[256];
            snprintf(full, sizeof full, "%s:%s", name, u ? "W_U" : "W_E");
            if (w)
                space_row(o, now && !strcmp(vs_space_name(now), full) ? "*" : "open", full, u ? "W_U" : "W_E",
                          w->shape[0], w->shape[1]);
        }
    }
    VS_TRY(vs_store_spaces(err, st, stored_row, o));
    vs_out_end(o);
    return VS_OK;
}
const vs_cmd vs_cmd_spaces = {.name = "spaces",
                              .group = "session",
                              .synopsis = "",
                              .summary = "the spaces that are open or stored",
                              .style = VS_ARGS_NONE,
                              .run = run_spaces};

static vs_status run_use(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    VS_TRY(vs_session_use(err, s, vs_arg(a, 0)));
    vs_out_text(o, VS_COL_JSON_ONLY, "current", vs_arg(a, 0));
    return VS_OK;
}
static const char *const use_examples[] = {"use W_E", NULL};
const vs_cmd vs_cmd_use = {.name = "use",
                           .group = "session",
                           .synopsis = "NAME",
                           .summary = "make an open model or space current",
                           .style = VS_ARGS_WORDS,
                           .min_args = 1,
                           .max_args = 1,
                           .examples = use_examples,
                           .complete = VS_COMPLETE_SPACE,
                           .run = run_use};

/* ---- set ---- */

static vs_status whole(vs_err *err, const char *name, const char *text, int64_t least, int64_t *out) {
    char *end;
    *out = strtoll(text, &end, 10);
    return *end || end == text || *out < least
               ? vs_fail(err, VS_E_USAGE, "set %s wants a whole number from %lld, not %s", name, (long long)least, text)
               : VS_OK;
}

static vs_status switched(vs_err *err, const char *name, const char *text, bool *out) {
    *out = !strcmp(text, "on");
    return *out || !strcmp(text, "off") ? VS_OK
                                        : vs_fail(err, VS_E_USAGE, "set %s wants on or off, not %s", name, text);
}

static vs_status set_one(vs_err *err, vs_session *s, const char *name, const char *value, vs_out *o) {
    vs_settings *set = vs_session_settings(s);
    int64_t n;
    if (!strcmp(name, "k")) {
        VS_TRY(whole(err, name, value, 1, &n));
        set->k = (int)n;
    } else if (!strcmp(name, "threads")) {
        VS_TRY(whole(err, name, value, 0, &n));
        set->threads = (int)n;
        vs_threads_set((int)n);
    } else if (!strcmp(name, "seed")) {
        VS_TRY(whole(err, name, value, 0, &n));
        set->seed = (uint64_t)n;
    } else if (!strcmp(name, "exact-key")) {
        VS_TRY(switched(err, name, value, &set->exact_key));
    } else if (!strcmp(name, "effects")) {
        VS_TRY(switched(err, name, value, &set->effects));
    } else if (!strcmp(name, "output")) {
        if (!strcmp(value, "table"))
            vs_out_mode(o, VS_MODE_TTY);
        else if (!strcmp(value, "json"))
            vs_out_mode(o, VS_MODE_JSON);
        else if (!strcmp(value, "csv"))
            vs_out_mode(o, VS_MODE_CSV);
        else
            return vs_fail(err, VS_E_USAGE, "set output wants table, json or csv, not %s", value);
    } else {
        return vs_fail(err, VS_E_USAGE, "there is no setting %s; there are k threads seed exact-key effects output", name);
    }
    return VS_OK;
}

static vs_status run_set(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (vs_arg_count(a) == 1) return vs_fail(err, VS_E_USAGE, "set wants a value too: set %s VALUE", vs_arg(a, 0));
    if (vs_arg_count(a) == 2) VS_TRY(set_one(err, s, vs_arg(a, 0), vs_arg(a, 1), o));
    const vs_settings *set = vs_session_settings(s);
    unsigned flags = vs_arg_count(a) ? VS_COL_JSON_ONLY : 0;
    vs_out_int(o, flags, "k", set->k);
    vs_out_int(o, flags, "threads", vs_threads());
    vs_out_int(o, flags, "seed", (int64_t)set->seed);
    vs_out_bool(o, flags, "exact-key", set->exact_key);
    vs_out_bool(o, flags, "effects", set->effects);
    return VS_OK;
}
static const char *const set_examples[] = {"set k 5", "set", NULL};
static const char *const settings[] = {"k", "threads", "seed", "exact-key", "effects", "output", NULL};
const vs_cmd vs_cmd_set = {
    .name = "set",
    .group = "session",
    .synopsis = "[NAME VALUE]",
    .summary = "show or change the settings",
    .details =
        "k N          how many neighbours are shown\nthreads N    cores to use (0: all)\nseed N       for sampling\n"
        "exact-key on|off   refuse keys that are not written exactly so\n"
        "effects on|off     with: say what each edit did, and how far it moved the prediction\noutput table|json|csv",
    .style = VS_ARGS_WORDS,
    .max_args = 2,
    .examples = set_examples,
    .choices = settings,
    .run = run_set};

/* ---- source, time, quit ---- */

/* The commands of a file, up to the first that fails: its line is said. */
static vs_status run_lines(vs_err *err, vs_session *s, const char *path, const char *text, size_t n, vs_out *o) {
    size_t line = 1;
    for (size_t at = 0, end; at < n && !vs_quit_asked(); at += end + 1) {
        vs_status st = vs_lex_command(err, text + at, n - at, &end);
        if (st == VS_OK) st = vs_execute(err, s, text + at, end, o);
        if (st != VS_OK) vs_fail_in(err, "%s, line %zu", path, line);
        if (st != VS_OK) return st;
        for (size_t i = at; i < n && i <= at + end; i++) line += text[i] == '\n';
    }
    return VS_OK;
}

static vs_status run_source(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_map m;
    const char *path = vs_arg(a, 0);
    if (o->depth > 8)
        return vs_fail(err, VS_E_STATE, "source: files read each other 8 deep; does %s read itself?", path);
    VS_TRY(vs_map_open(err, path, &m));
    vs_status st = run_lines(err, s, path, (const char *)m.bytes, m.size, o);
    vs_map_close(&m);
    return st;
}
const vs_cmd vs_cmd_source = {.name = "source",
                              .group = "session",
                              .synopsis = "FILE",
                              .summary = "run the commands of a file",
                              .style = VS_ARGS_WORDS,
                              .min_args = 1,
                              .max_args = 1,
                              .complete = VS_COMPLETE_FILE,
                              .run = run_source};

static vs_status run_time(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    double began = vs_seconds();
    VS_TRY(vs_args_run_rest(err, s, a, o));
    vs_out_real(o, 0, "seconds", vs_seconds() - began, 6);
    return VS_OK;
}
static const char *const time_examples[] = {"time queen - king + man", NULL};
const vs_cmd vs_cmd_time = {.name = "time",
                            .group = "session",
                            .synopsis = "COMMAND",
                            .summary = "run a command and say how long it took",
                            .style = VS_ARGS_COMMAND,
                            .min_args = 1,
                            .examples = time_examples,
                            .complete = VS_COMPLETE_COMMAND,
                            .run = run_time};

static vs_status run_quit(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)err, (void)s, (void)a, (void)o;
    quit_asked = true;
    return VS_OK;
}
const vs_cmd vs_cmd_quit = {.name = "quit",
                            .group = "session",
                            .synopsis = "",
                            .summary = "leave (so does Ctrl-D)",
                            .style = VS_ARGS_NONE,
                            .run = run_quit};
