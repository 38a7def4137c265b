/* complete.c - what Tab offers, by where the cursor stands: commands, options and their values, edits, sites, spaces,
 * models, names, words of the vocabulary. */
#include <stdlib.h>
#include <string.h>

#include "../datasets/catalogue.h"
#include "commands.h"
#include "out.h"
#include "repl.h"

enum { MOST = 200, MOST_WORDS = 60 };

typedef struct offers {
    char *item[MOST + 2]; /* [0]: what they share, for readline */
    size_t n;
    const char *prefix;
    size_t len;
} offers;

static void offer(offers *f, const char *s, size_t n) {
    if (f->n >= MOST || n < f->len || memcmp(s, f->prefix, f->len) != 0) return;
    for (size_t i = 1; i <= f->n; i++)
        if (strlen(f->item[i]) == n && !memcmp(f->item[i], s, n)) return;
    char *copy = malloc(n + 1); /* readline frees it */
    if (!copy) return;
    memcpy(copy, s, n);
    copy[n] = '\0';
    f->item[1 + f->n++] = copy;
}

static void offer_text(offers *f, const char *s) { offer(f, s, strlen(s)); }

static void offer_list(offers *f, const char *const *list) {
    for (; list && *list; list++) offer_text(f, *list);
}

/* The parts of `mean|cls`. */
static void offer_choices(offers *f, const char *choices) {
    for (const char *p = choices; p; p = *p ? p + 1 : NULL) {
        size_t n = strcspn(p, "|");
        offer(f, p, n);
        p += n;
    }
}

static void offer_options(offers *f, const vs_opt *opts) {
    for (; opts && opts->name; opts++) {
        char buf[64] = "--";
        strncat(buf, opts->name, sizeof buf - 3);
        if (opts->name[1]) offer_text(f, buf);
        if (opts->brief) {
            char brief[3] = {'-', opts->brief, '\0'};
            if (f->len < 2) offer_text(f, brief);
        }
    }
}

static void offer_spaces(offers *f, vs_session *s, const char *behind) {
    char buf[256];
    for (size_t i = 0; i < vs_session_spaces(s); i++) {
        snprintf(buf, sizeof buf, "%s%s", vs_space_name(vs_session_space_at(s, i)), behind);
        offer_text(f, buf);
    }
    for (int i = 0; vs_session_models(s) && i < 2; i++) {
        snprintf(buf, sizeof buf, "W_%c%s", "EU"[i], behind);
        offer_text(f, buf);
    }
}

static void offer_models(offers *f, vs_session *s) {
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const char *name;
        vs_session_model_at(s, i, &name);
        offer_text(f, name);
    }
    for (size_t i = 0; vs_dataset_at(i); i++) offer_text(f, vs_dataset_at(i)->id);
}

/* A site's name up to the next point behind the prefix, as a shell completes a path: 6. 6.attn. 6.attn.z */
static void offer_site(offers *f, const char *name) {
    size_t n = strlen(name);
    if (n <= f->len) return;
    const char *point = memchr(name + f->len, '.', n - f->len);
    offer(f, name, point ? (size_t)(point - name) + 1 : n);
}

static void offer_sites(offers *f, vs_session *s) {
    vs_model *m;
    vs_site *site;
    size_t n;
    if (vs_session_model(NULL, s, &m) != VS_OK || vs_site_list(NULL, m, &site, &n) != VS_OK) return;
    char buf[96];
    for (int brief = 1; brief >= 0; brief--)
        for (size_t i = 0; i < n; i++) offer_site(f, vs_site_name(m, site[i], brief, buf, sizeof buf));
    vs_free(site);
    const char *other;
    for (size_t i = 0; (other = vs_site_alias(i)); i++) offer(f, other, strcspn(other, ".%")); /* hidden_states: all */
}

static void offer_words_of(offers *f, const vs_space *sp) {
    const char *key[MOST_WORDS];
    size_t len[MOST_WORDS], n = sp && f->len ? vs_space_complete(sp, f->prefix, f->len, key, len, MOST_WORDS) : 0;
    for (size_t i = 0; i < n; i++) offer(f, key[i], len[i]);
}

static vs_status offer_name(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    char buf[128];
    if (n && v[0].type == VS_SQL_TEXT && snprintf(buf, sizeof buf, "$%.*s", (int)v[0].n, v[0].s) > 0)
        offer_text(arg, buf);
    return VS_OK;
}

static void offer_commands(offers *f) {
    for (size_t i = 0; vs_commands()[i]; i++) offer_text(f, vs_commands()[i]->name);
}

/* What may stand in an expression at line[start]. */
static void offer_operand(offers *f, vs_session *s, const char *line, size_t start) {
    static const char *const functions[] = {"unit(", "mean(", "project(", "reject(", "pc(", "neuron(", "head(", "file(", NULL};
    vs_store *store;
    size_t at = start;
    bool quoted = at && line[at - 1] == '"';
    if (quoted) at--;
    if (at && line[at - 1] == '@') { /* "text"@ */
        offer_sites(f, s);
        return;
    }
    if (at && line[at - 1] == ':') { /* space:key */
        size_t from = --at;
        char name[256] = "";
        while (from && !strchr(" \t\n,;(){}", line[from - 1])) from--;
        if (at - from < sizeof name) memcpy(name, line + from, at - from);
        offer_words_of(f, *name ? vs_session_space_named(s, name) : NULL);
        return;
    }
    if (f->len && f->prefix[0] == '$' && vs_session_store(NULL, s, &store) == VS_OK) {
        vs_status st = vs_store_sql(NULL, store, "SELECT name FROM names ORDER BY name", true, offer_name, f, NULL);
        if (st == VS_OK && f->n) return;
    }
    if (f->len && !quoted) {
        offer_spaces(f, s, ":");
        offer_list(f, functions);
    }
    offer_words_of(f, vs_session_space(s));
}

static void offer_kind(offers *f, vs_session *s, vs_complete kind, const char *line, size_t start, bool *files) {
    switch (kind) {
    case VS_COMPLETE_NONE:
    case VS_COMPLETE_CHOICE: break;
    case VS_COMPLETE_WORD: offer_operand(f, s, line, start); break;
    case VS_COMPLETE_SITE: offer_sites(f, s); break;
    case VS_COMPLETE_SPACE: offer_spaces(f, s, ""); break;
    case VS_COMPLETE_MODEL:
        offer_models(f, s);
        *files = true;
        break;
    case VS_COMPLETE_FILE: *files = true; break;
    case VS_COMPLETE_COMMAND: offer_commands(f); break;
    }
}

/* The longest common beginning, as readline wants it in [0]. */
static char **finish(offers *f) {
    if (!f->n) return NULL;
    size_t common = strlen(f->item[1]);
    for (size_t i = 2; i <= f->n; i++) {
        size_t k = 0;
        while (k < common && f->item[i][k] == f->item[1][k]) k++;
        common = k;
    }
    char **list = malloc((f->n + 2) * sizeof *list);
    char *shared = malloc(common + 1);
    if (!list || !shared) {
        free(list);
        free(shared);
        for (size_t i = 1; i <= f->n; i++) free(f->item[i]);
        return NULL;
    }
    memcpy(shared, f->item[1], common);
    shared[common] = '\0';
    list[0] = shared;
    memcpy(list + 1, f->item + 1, f->n * sizeof *list);
    list[f->n + 1] = NULL;
    if (f->n == 1) { /* one offer alone: readline wants only the first entry */
        free(list[1]);
        list[1] = NULL;
    }
    return list;
}

/* The option before the word, when it waits for a value. */
static const vs_opt *waiting(const vs_cmd *c, const char *line, size_t start) {
    while (start && line[start - 1] != ' ') start--; /* one of several, with commas between */
    while (start && line[start - 1] == ' ') start--;
    size_t from = start;
    while (from && line[from - 1] != ' ') from--;
    if (start - from < 2 || line[from] != '-') return NULL;
    bool brief = line[from + 1] != '-';
    const char *name = line + from + 2 - brief;
    size_t n = (size_t)(line + start - name);
    const vs_opt *lists[2] = {c->opts, c->style == VS_ARGS_TEXT ? vs_text_opts : NULL};
    for (int l = 0; l < 2; l++)
        for (const vs_opt *o = lists[l]; o && o->name; o++)
            if (o->type != VS_OPT_FLAG &&
                (brief ? n == 1 && o->brief == *name : strlen(o->name) == n && !memcmp(o->name, name, n)))
                return o;
    return NULL;
}

/* Where the cursor stands: the command that is being written, or the edit. */
typedef struct place {
    size_t from;       /* where it begins */
    const vs_cmd *cmd; /* NULL: its name is not written yet, or it is an expression */
    size_t after;      /* behind its name */
    bool edit;         /* inside the braces of `with`, or behind `edits add` */
    bool none;         /* behind the braces of each, assert and edits: nothing to offer */
} place;

static size_t past_blanks(const char *line, size_t i, size_t end) {
    while (i < end && line[i] == ' ') i++;
    return i;
}

static size_t word_end(const char *line, size_t i, size_t end) {
    while (i < end && line[i] != ' ' && line[i] != '{') i++;
    return i;
}

/* edits add EDIT: an edit as those of `with`. */
static bool adds_edit(const char *line, size_t end, const place *p) {
    size_t verb = past_blanks(line, p->after, end), stop = word_end(line, verb, end);
    return p->cmd && p->cmd->style == VS_ARGS_RAW && p->cmd->complete == VS_COMPLETE_SITE && stop < end && stop - verb == 3 &&
           !memcmp(line + verb, "add", 3);
}

/* The command that begins at p->from; of `time COMMAND`, that COMMAND. */
static void read_command(const char *line, size_t end, place *p) {
    for (;;) {
        p->from = past_blanks(line, p->from, end);
        size_t stop = word_end(line, p->from, end);
        p->cmd = stop < end && !p->edit ? vs_command_find(line + p->from, stop - p->from) : NULL;
        p->after = stop;
        if (!p->cmd || p->cmd->style != VS_ARGS_COMMAND) return;
        p->from = stop;
    }
}

/* with {EDIT; …} COMMAND: what stands in its braces is completed as its arguments are, as sites. */
static bool is_with(const vs_cmd *c) { return c && c->style == VS_ARGS_BLOCK && c->complete == VS_COMPLETE_SITE; }

static place find_place(const char *line, size_t start) {
    enum { DEEPEST = 32 };
    place open[DEEPEST]; /* the commands whose braces are open */
    size_t depth = 0;
    place p = {.from = 0};
    for (size_t i = 0; i < start; i++) {
        if (line[i] == '"') {
            const char *close = memchr(line + i + 1, '"', start - i - 1);
            if (!close) break;
            i = (size_t)(close - line);
        } else if (line[i] == ';') {
            p = (place){.from = i + 1, .edit = depth && (is_with(open[depth - 1].cmd) || adds_edit(line, i, &open[depth - 1]))};
        } else if (line[i] == '{' && depth < DEEPEST) {
            read_command(line, i + 1, &p);
            open[depth++] = p;
            p = (place){.from = i + 1, .edit = is_with(p.cmd) || adds_edit(line, i + 1, &p)};
        } else if (line[i] == '}' && depth) {
            p = (place){.from = i + 1, .none = !is_with(open[--depth].cmd)};
        }
    }
    read_command(line, start, &p);
    if (adds_edit(line, start, &p)) {
        p = (place){.from = past_blanks(line, word_end(line, past_blanks(line, p.after, start), start), start), .edit = true};
        read_command(line, start, &p);
    }
    return p;
}

static void offer_edit(offers *f, vs_session *s, const char *line, const place *p, size_t start) {
    static const char *const edits[] = {"zero", "scale", "add", "set", "project", "cut", NULL};
    size_t site = past_blanks(line, p->after, start), stop = site;
    while (stop < start && line[stop] != ' ') stop++;
    if (start <= p->from)
        offer_list(f, edits);
    else if (stop == start)
        offer_sites(f, s);
    else
        offer_operand(f, s, line, start);
}

char **vs_complete_line(vs_session *s, const char *line, size_t start, size_t end, bool *files) {
    offers f = {.prefix = line + start, .len = end - start};
    *files = false;
    place p = find_place(line, start);
    const vs_opt *value = p.cmd ? waiting(p.cmd, line, start) : NULL;
    if (p.none)
        return NULL;
    else if (p.edit)
        offer_edit(&f, s, line, &p, start);
    else if (start <= p.from) {
        offer_commands(&f);
        if (!f.n) offer_operand(&f, s, line, start);
    } else if (!p.cmd)
        offer_operand(&f, s, line, start);
    else if (value && value->complete == VS_COMPLETE_CHOICE)
        offer_choices(&f, value->arg);
    else if (value)
        offer_kind(&f, s, value->complete, line, start, files);
    else if (f.len && f.prefix[0] == '-') {
        offer_options(&f, p.cmd->opts);
        if (p.cmd->style == VS_ARGS_TEXT) offer_options(&f, vs_text_opts);
    } else if (p.cmd->choices && past_blanks(line, p.after, start) == start)
        offer_list(&f, p.cmd->choices);
    else
        offer_kind(&f, s, p.cmd->complete, line, start, files);
    return finish(&f);
}
