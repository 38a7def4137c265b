/* main.c - the command line: global options, then one command, a script, or the prompt. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../datasets/catalogue.h"
#include "../lib/numeric/blas.h"
#include "../lib/sql/sql.h"
#include "commands.h"
#include "out.h"
#include "repl.h"

typedef struct options {
    const char *open[64]; /* -m and -s in the order given */
    bool is_model[64];
    size_t n_open;
    const char *db, *commands, *script;
    vs_mode mode;
    int threads;
    bool exact, exact_key, keep_going, version, help;
    const char **word; /* what is left: the command */
    int n_words;
} options;

static int fail_usage(const char *what, const char *arg) {
    fprintf(stderr, "vecscope: %s%s%s; vecscope --help lists the options\n", what, arg ? " " : "", arg ? arg : "");
    return 2;
}

/* Global options may stand before the command or after it, up to --. */
static int parse(int argc, char **argv, options *o) {
    bool over = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], **text = NULL;
        bool before = o->n_words == 0, is_flag = true;
        if (over || a[0] != '-' || !a[1]) {
            o->word[o->n_words++] = a;
            continue;
        }
        if (!strcmp(a, "--")) {
            over = true;
            if (!before) o->word[o->n_words++] = a;
        } else if (!strcmp(a, "--json")) {
            o->mode = VS_MODE_JSON;
        } else if (!strcmp(a, "--csv")) {
            o->mode = VS_MODE_CSV;
        } else if (!strcmp(a, "--exact")) {
            o->exact = true;
        } else if (!strcmp(a, "--exact-key")) {
            o->exact_key = true;
        } else if (!strcmp(a, "--keep-going")) {
            o->keep_going = true;
        } else if (before && (!strcmp(a, "--version") || !strcmp(a, "-V"))) {
            o->version = true;
        } else if (before && (!strcmp(a, "--help") || !strcmp(a, "-h"))) {
            o->help = true;
        } else {
            is_flag = false;
        }
        if (is_flag) continue;
        const char *threads = NULL;
        if (!strcmp(a, "-m") || !strcmp(a, "-s")) {
            if (o->n_open == 64) return fail_usage("too many -m and -s", NULL);
            o->is_model[o->n_open] = a[1] == 'm';
            text = &o->open[o->n_open++];
        } else if (!strcmp(a, "-d")) {
            text = &o->db;
        } else if (!strcmp(a, "-c") && before) {
            text = &o->commands;
        } else if (!strcmp(a, "-f") && before) {
            text = &o->script;
        } else if (!strcmp(a, "--threads")) {
            text = &threads;
        }
        if (!text) {
            if (before) return fail_usage("no option is called", a);
            o->word[o->n_words++] = a; /* the command's own */
            continue;
        }
        if (i + 1 >= argc) return fail_usage("a value is missing after", a);
        *text = argv[++i];
        if (threads) {
            char *end;
            long n = strtol(threads, &end, 10);
            if (*end || n < 1 || n > 4096) return fail_usage("--threads wants a number of cores, not", threads);
            o->threads = (int)n;
        }
    }
    if (o->n_words && (o->commands || o->script))
        return fail_usage(o->commands ? "-c holds the commands; there is more:" : "-f names the script; there is more:",
                          o->word[0]);
    if (o->commands && o->script) return fail_usage("-c or -f, not both", NULL);
    return 0;
}

static void on_interrupt(int sig) {
    (void)sig;
    vs_interrupt();
}

/* Files are mapped: one that another program cuts short while it is read cannot be read on.  The store is safe. */
static void on_cut_file(int sig) {
    (void)sig;
    static const char line[] = "vecscope: a file in use was cut short by another program\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(1);
}

static int say(const vs_err *err, vs_status s) {
    vs_out_line(s == VS_E_STOPPED);
    fprintf(stderr, "vecscope: %s\n", err->msg[0] ? err->msg : vs_status_words(s));
    return s == VS_E_USAGE ? 2 : 1;
}

/* $XDG_DATA_HOME/vecscope/vecscope.db, its folder made on the way. */
static const char *default_db(char *buf, size_t size) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data)
        snprintf(buf, size, "%s/vecscope/vecscope.db", data);
    else if (home && *home)
        snprintf(buf, size, "%s/.local/share/vecscope/vecscope.db", home);
    else
        return ":memory:";
    for (char *p = buf + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void)mkdir(buf, 0777);
        *p = '/';
    }
    return buf;
}

/* Commands one after another, each failure said, with its line where they come from a file; stops at the first unless
 * told to go on. */
static int run_text(vs_session *s, const char *file, const char *text, size_t n, bool keep_going, vs_out *out) {
    int worst = 0;
    size_t line = 1;
    for (size_t at = 0, end; at < n; at += end + 1) {
        vs_err err = {0};
        vs_status st = vs_lex_command(&err, text + at, n - at, &end);
        bool whole = st == VS_OK;
        if (whole) st = vs_execute(&err, s, text + at, end, out);
        if (st != VS_OK && file) vs_fail_in(&err, "%s, line %zu", file, line);
        if (st != VS_OK) worst = say(&err, st);
        if (!whole || (st != VS_OK && !keep_going) || vs_quit_asked() || st == VS_E_STOPPED) break;
        for (size_t i = at; i < n && i <= at + end; i++) line += text[i] == '\n';
    }
    return worst;
}

static int run_script(vs_session *s, const char *path, bool keep_going, vs_out *out) {
    vs_err err = {0};
    vs_map m;
    if (vs_map_open(&err, path, &m) != VS_OK) return say(&err, err.code);
    int rc = run_text(s, path, (const char *)m.bytes, m.size, keep_going, out);
    vs_map_close(&m);
    return rc;
}

/* What was wrong in a file of words that -s names. */
static void say_notes(const char *what, const vs_space *sp) {
    for (const char *s = vs_space_notes(sp), *end; (end = strchr(s, '\n')); s = end + 1)
        fprintf(stderr, "vecscope: %s: %.*s\n", what, (int)(end - s), s);
}

static int start(vs_session *s, const options *o, vs_out *out) {
    vs_err err = {0};
    vs_settings *set = vs_session_settings(s);
    set->exact = o->exact;
    set->exact_key = o->exact_key;
    vs_threads_set(o->threads);
    for (int models = 1; models >= 0; models--) /* models first: a space may be a table of one */
        for (size_t i = 0; i < o->n_open; i++) {
            if (o->is_model[i] != (models == 1)) continue;
            vs_space *sp = NULL;
            vs_status st = models ? vs_session_open_model(&err, s, o->open[i], NULL)
                                  : vs_session_open_space(&err, s, o->open[i], vs_out_progress(out), &sp);
            if (st != VS_OK) return say(&err, st);
            if (sp) say_notes(o->open[i], sp);
        }
    if (o->commands) return run_text(s, NULL, o->commands, strlen(o->commands), o->keep_going, out);
    if (o->script) return run_script(s, o->script, o->keep_going, out);
    if (!o->n_words) return isatty(STDIN_FILENO) ? vs_repl(s, out) : vs_repl_pipe(s, o->keep_going, out);
    vs_status st = vs_execute_argv(&err, s, o->n_words, o->word, out);
    return st == VS_OK ? 0 : say(&err, st);
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "");
    vs_blas_rest();
    options o = {.word = malloc(((size_t)argc + 1) * sizeof *o.word)};
    if (!o.word) return 1;
    int rc = parse(argc, argv, &o);
    if (!rc && (o.help || o.version)) {
        vs_buf b = {0};
        if (o.help)
            vs_usage(&b);
        else
            vs_buf_puts(&b, "vecscope " VS_VERSION "\n");
        fputs(b.s ? b.s : "", stdout);
        vs_buf_free(&b);
        free(o.word);
        return 0;
    }
    vs_err err = {0};
    vs_session *s = NULL;
    vs_out out;
    char buf[4096];
    bool prompt = !o.n_words && !o.commands && !o.script && isatty(STDIN_FILENO);
    const char *isa = getenv("VS_ISA");
    if (!rc && isa && *isa && vs_isa_set(&err, isa) != VS_OK) rc = say(&err, vs_fail_in(&err, "VS_ISA"));
    if (!rc && vs_session_new(&err, o.db ? o.db : prompt ? default_db(buf, sizeof buf) : NULL, &s) != VS_OK)
        rc = say(&err, err.code);
    if (!rc) {
        struct sigaction sa = {.sa_handler = on_interrupt};
        sigaction(SIGINT, &sa, NULL);
        sa.sa_handler = on_cut_file;
        sigaction(SIGBUS, &sa, NULL);
        signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit of its size: the write fails, and says so */
        vs_commands_set(vs_command_table);
        vs_session_set_catalogue(s, vs_catalogue_path);
        vs_session_on_store(s, vs_sql_install);
        vs_out_open(&out, o.mode);
        rc = start(s, &o, &out);
        vs_out_free(&out);
    }
    vs_session_free(s);
    vs_threads_stop();
    free(o.word);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "vecscope: the answer could not be written: %s\n", strerror(errno));
        if (!rc) rc = 1;
    }
    return rc;
}
