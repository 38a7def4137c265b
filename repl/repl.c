/* repl.c - the prompt: readline, history, Ctrl-C, the greeting. */
#include "repl.h"

#include <errno.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "out.h"

enum { KEPT = 2000 }; /* lines of history */

static vs_session *session; /* readline's callbacks take no argument */

static char **complete(const char *word, int start, int end) {
    (void)word;
    bool files = false;
    char **list = vs_complete_line(session, rl_line_buffer, (size_t)start, (size_t)end, &files);
    rl_attempted_completion_over = !files; /* readline itself completes file names */
    if (list && !list[1] && *list[0] && strchr(":(.", list[0][strlen(list[0]) - 1]))
        rl_completion_append_character = '\0'; /* more follows */
    return list;
}

/* $XDG_STATE_HOME/vecscope/history */
static const char *history_path(char *buf, size_t size) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state)
        snprintf(buf, size, "%s/vecscope/history", state);
    else if (home && *home)
        snprintf(buf, size, "%s/.local/state/vecscope/history", home);
    else
        return NULL;
    for (char *p = buf + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void)mkdir(buf, 0700);
        *p = '/';
    }
    return buf;
}

/* Ctrl-C at the prompt: leave the line as it stands, with ^C behind it, and begin a new one. */
static void interrupted_at_prompt(void) {
    if (!vs_interrupted()) return;
    vs_interrupt_clear();
    rl_point = rl_end;
    rl_redisplay();
    fputs("^C", rl_outstream);
    rl_replace_line("", 0);
    rl_crlf();
    rl_on_new_line();
    rl_redisplay();
}

/* The next key.  Ctrl-C is seen whenever it comes: the signal is let in only where pselect waits; a key behind it
 * belongs to the new line. */
static int next_key(FILE *in) {
    sigset_t held, was;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigprocmask(SIG_BLOCK, &held, &was);
    for (bool ready = false; !ready;) {
        fd_set keys;
        FD_ZERO(&keys);
        FD_SET(fileno(in), &keys);
        interrupted_at_prompt();
        ready = pselect(fileno(in) + 1, &keys, NULL, NULL, NULL, &was) >= 0 || errno != EINTR;
        if (!ready) rl_check_signals(); /* a window of another size */
    }
    sigprocmask(SIG_SETMASK, &was, NULL); /* one that came before the key is delivered here */
    interrupted_at_prompt();
    return rl_getc(in);
}

static void greet(vs_session *s, const char *history) {
    vs_space *sp = vs_session_space(s);
    printf("vecscope " VS_VERSION);
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const char *name;
        vs_session_model_at(s, i, &name);
        printf("%s%s", i ? ", " : " · ", name);
    }
    if (sp) printf(" · %s: %zu words, %zu wide", vs_space_name(sp), vs_space_rows(sp), vs_space_dim(sp));
    printf("\n");
    if (history && access(history, F_OK) == 0) {
        printf("help lists the commands; Ctrl-D leaves\n");
        return;
    }
    printf("\nEvery vector has an address; type arithmetic on them. Try:\n\n"
           "  queen - king + man\n"
           "  compare queen - king, woman - man\n");
    if (vs_session_models(s))
        printf("  next \"The Eiffel Tower is in the city of\"\n"
               "  attention \"the white swan in the blue water\"\n");
    else
        printf("  near paris -k 5\n"
               "  fetch gemma3-270m          (then: open gemma3-270m)\n");
    printf("\nhelp lists the commands, help CMD explains one. Tab completes, Ctrl-C stops a command,\n"
           "Ctrl-D leaves.\n\n");
}

void vs_prompt_text(vs_session *s, bool color, char *buf, size_t size) {
    vs_model *m = NULL;
    const char *name = "vecscope";
    char edits[32] = "";
    if (vs_session_model(NULL, s, &m) == VS_OK) {
        for (size_t i = 0; i < vs_session_models(s); i++) {
            const char *n;
            if (vs_session_model_at(s, i, &n) == m) name = n;
        }
    }
    size_t n = vs_session_edit_count(s);
    if (n) snprintf(edits, sizeof edits, "[%zu edit%s]", n, n == 1 ? "" : "s");
    const char *on = color ? "\001\033[1m\002" : "", *off = color ? "\001\033[0m\002" : "";
    snprintf(buf, size, "%s%s%s%s> ", on, name, off, edits);
}

static void say(const vs_err *err, vs_status st) {
    vs_out_line(st == VS_E_STOPPED); /* the terminal has written ^C where the line was */
    const char *words = err->msg[0] ? err->msg : vs_status_words(st);
    vs_look look = vs_look_of(STDERR_FILENO);
    vs_buf b = {0};
    vs_put_prose(&b, words, &look);
    fprintf(stderr, "%s\n", b.s ? b.s : words);
    vs_buf_free(&b);
}

int vs_repl(vs_session *s, vs_out *o) {
    char path[4096], prompt[512];
    const char *history = history_path(path, sizeof path);
    vs_look look = vs_look_of(STDOUT_FILENO);
    session = s;
    rl_readline_name = "vecscope";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " \t\n,;(){}@:\"";
    rl_completer_quote_characters = "\"";
    rl_getc_function = next_key;
    rl_catch_signals = 0;
    rl_variable_bind("enable-bracketed-paste", "off");
    rl_variable_bind("show-all-if-ambiguous", "on"); /* one Tab shows what there is */
    greet(s, history);
    using_history();
    stifle_history(KEPT);
    if (history) read_history(history);
    char *line;
    while (vs_prompt_text(s, look.color, prompt, sizeof prompt), (line = readline(prompt)) != NULL) {
        if (*line) {
            HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
            if (!last || strcmp(last->line, line) != 0) {
                add_history(line); /* kept at once: a session may be killed, and another may be open */
                if (history && append_history(1, history) != 0) write_history(history);
            }
            vs_err err = {0};
            vs_interrupt_clear();
            vs_out_resize(o);
            vs_status st = vs_execute(&err, s, line, strlen(line), o);
            vs_interrupt_clear();
            if (st != VS_OK) say(&err, st);
        }
        free(line);
        if (vs_quit_asked()) break;
    }
    if (!line) printf("\n");
    if (history) history_truncate_file(history, KEPT);
    return 0;
}

int vs_repl_pipe(vs_session *s, bool keep_going, vs_out *o) {
    vs_buf all = {0};
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0) vs_buf_put(&all, chunk, n);
    int rc = 0;
    for (size_t at = 0, end; !all.failed && at < all.len && !vs_quit_asked(); at += end + 1) {
        vs_err err = {0};
        vs_status st = vs_lex_command(&err, all.s + at, all.len - at, &end);
        bool whole = st == VS_OK;
        if (whole) st = vs_execute(&err, s, all.s + at, end, o);
        if (st == VS_OK) continue;
        fprintf(stderr, "vecscope: %s\n", err.msg);
        rc = st == VS_E_USAGE ? 2 : 1;
        if (!whole || !keep_going || st == VS_E_STOPPED) break;
    }
    vs_buf_free(&all);
    return rc;
}
