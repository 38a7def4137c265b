/* convert.c - see convert.h: what is asked for, the directory in which it is made, and its new name. */
#include "convert.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../io/hub.h"
#include "../tensor/narrow.h"
#include "convert_impl.h"

#define WEIGHTS_GGUF "model.gguf"
#define WEIGHTS_HUB "model.safetensors"

void vs__convert_note(vs__conversion *c, const char *fmt, ...) {
    va_list ap;
    for (size_t i = 0; i < VS_CONVERT_NOTES; i++) {
        if (*c->report->note[i]) continue;
        va_start(ap, fmt);
        (void)vsnprintf(c->report->note[i], sizeof c->report->note[i], fmt, ap);
        va_end(ap);
        return;
    }
}

/* ---- what is asked for ---- */

static vs_status read_type(vs_err *err, const char *type, vs__conversion *c) {
    if (!type) return VS_OK;
    char can[160] = "";
    for (int t = 0, n = 0; t < VS_DTYPE_COUNT; t++) {
        const vs_dtype_info *d = vs_dtype_of((vs_dtype)t);
        bool fits = vs_can_narrow((vs_dtype)t) && (c->gguf ? d->gguf >= 0 : *d->safetensors != '\0');
        if (fits) n += snprintf(can + n, sizeof can - (size_t)n, "%s%s", n ? ", " : "", d->name);
        if (!fits || strcmp(d->name, type) != 0) continue;
        c->typed = true;
        c->type = (vs_dtype)t;
        return VS_OK;
    }
    return vs_fail(err, VS_E_UNSUPPORTED, "convert: %s does not take weights of type %.40s; it takes %s",
                   c->gguf ? "a GGUF file" : "a directory in the hub's layout", type, can);
}

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_empty_dir(const char *path) {
    DIR *d = opendir(path);
    if (!d) return false;
    bool empty = true;
    for (const struct dirent *e; empty && (e = readdir(d));) empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
    closedir(d);
    return empty;
}

static vs_status check_target(vs_err *err, const vs__conversion *c) {
    struct stat st;
    if (!*c->to) return vs_fail(err, VS_E_STATE, "convert: OUT is empty; want FILE.gguf, or a new directory");
    if (same_file(c->from, c->to)) return vs_fail(err, VS_E_STATE, "%s: this is the model that is to be converted", c->to);
    if (stat(c->to, &st) != 0) return VS_OK;
    if (c->gguf && !S_ISREG(st.st_mode)) return vs_fail(err, VS_E_STATE, "%s: is there, and is no file", c->to);
    if (!c->gguf && !(S_ISDIR(st.st_mode) && is_empty_dir(c->to)))
        return vs_fail(err, VS_E_STATE, "%s: is there already; want a new directory, or FILE.gguf", c->to);
    return VS_OK;
}

static vs_status check_arch(vs_err *err, const vs__conversion *c) {
    const vs_arch *a = c->arch;
    if (c->m->info.n_stacks < a->n_stacks && !c->same)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: the encoder of a %s model alone stays in its format", c->to, c->m->arch->name);
    if (c->same || (c->gguf ? a->gguf_name && a->stack[0].gguf : a->hub_types[0] && a->stack[0].hub && a->hub_says)) return VS_OK;
    if (c->gguf)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: GGUF has no %s models; want the name of a new directory", c->to, c->m->arch->name);
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: vecscope does not write %s models as a directory of the hub", c->to, c->m->arch->name);
}

/* ---- the directory TO.part ----
 *
 * It is made by us or was left by a conversion that was killed: then the file `converting` is in it.  A lock on that says whether
 * another process is at work.  A directory of somebody else's by that name (maybe the model itself) is not touched. */

#define MARK "converting"

static void remove_in(const char *dir, const char *name) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n > 0 && (size_t)n < sizeof path) (void)unlink(path);
}

static void remove_dir(const char *dir) {
    static const char *const names[] = {WEIGHTS_GGUF, WEIGHTS_HUB, "config.json", "tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json", "special_tokens_map.json", "chat_template.jinja", WEIGHTS_GGUF ".part", WEIGHTS_HUB ".part",
                                        MARK};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove_in(dir, names[i]);
    (void)rmdir(dir);
}

static vs_status path_in(vs_err *err, const char *dir, const char *name, char **out) {
    vs_buf b = {0};
    vs_buf_printf(&b, "%s/%s", dir, name);
    *out = b.s;
    return b.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for its name", dir) : VS_OK;
}

/* Open and lock the mark in dir; in a directory that is new or empty it is made. */
static vs_status take_mark(vs_err *err, vs__conversion *c, const char *dir) {
    struct stat st;
    char *mark;
    VS_TRY(path_in(err, dir, MARK, &mark));
    bool ours = lstat(dir, &st) == 0 && S_ISDIR(st.st_mode);
    int make = ours && is_empty_dir(dir) ? O_CREAT : 0;
    if (ours) c->mark = open(mark, O_RDWR | O_NOFOLLOW | O_CLOEXEC | make, 0666);
    int why = errno;
    vs_free(mark);
    if (!ours || (c->mark < 0 && why == ENOENT))
        return vs_fail(err, VS_E_STATE, "%s: is there, and no conversion left it; remove it, or choose another name than %s", dir, c->to);
    if (c->mark < 0) return vs_fail(err, VS_E_IO, "%s: cannot create a file in it: %s", dir, strerror(why));
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(c->mark, F_SETLK, &all) == 0 || (errno != EACCES && errno != EAGAIN)) return VS_OK;
    return vs_fail(err, VS_E_BUSY, "%s: another process is converting to it", c->to);
}

static vs_status make_dir(vs_err *err, vs__conversion *c) {
    vs_buf b = {0};
    size_t n = strlen(c->to);
    while (n > 1 && c->to[n - 1] == '/') n--;
    vs_buf_put(&b, c->to, n);
    vs_buf_puts(&b, ".part");
    if (b.failed) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its name", c->to);
    bool made = mkdir(b.s, 0777) == 0;
    vs_status s = made || errno == EEXIST ? take_mark(err, c, b.s) : vs_fail(err, VS_E_IO, "%s: cannot create: %s", b.s, strerror(errno));
    if (s == VS_OK) c->dir = b.s;
    else {
        if (made) remove_dir(b.s);
        vs_buf_free(&b);
    }
    return s;
}

/* ---- the steps ---- */

static vs_status write_weights(vs_err *err, vs__conversion *c, const char *path) {
    vs_writer *w;
    struct stat st;
    VS_TRY(vs_writer_open(err, path, c->gguf ? "gguf" : "safetensors", &w));
    vs_meta_text pt = {"pt", 2};
    vs_status s = c->gguf ? vs__convert_meta(err, c, w) : vs_writer_meta(err, w, "format", VS_META_STR, &pt);
    if (s == VS_OK) s = vs__convert_put(err, c, w);
    if (s != VS_OK) {
        vs_writer_abort(w);
        return s;
    }
    VS_TRY(vs_writer_commit(err, w));
    if (stat(path, &st) == 0) c->report->bytes = (uint64_t)st.st_size;
    return VS_OK;
}

static vs_status check_made(vs_err *err, const vs__conversion *c, const char *weights) {
    vs_model *made;
    vs_status s = vs_model_open(err, c->gguf ? weights : c->dir, &made);
    if (s != VS_OK) return vs_fail_in(err, "%s: what was written does not open", c->to);
    s = vs__convert_check(err, c, made);
    vs_model_close(made);
    return s;
}

static vs_status give_name(vs_err *err, const vs__conversion *c, const char *weights) {
    if (!c->gguf) (void)rmdir(c->to); /* an empty one is replaced */
    remove_in(c->dir, MARK);
    if (rename(c->gguf ? weights : c->dir, c->to) == 0) return VS_OK;
    return vs_fail(err, VS_E_IO, "%s: cannot rename: %s", c->to, strerror(errno));
}

static vs_status make(vs_err *err, vs__conversion *c) {
    char *weights = NULL;
    VS_TRY(vs__convert_list(err, c));
    VS_TRY(make_dir(err, c));
    vs_status s = path_in(err, c->dir, c->gguf ? WEIGHTS_GGUF : WEIGHTS_HUB, &weights);
    if (s == VS_OK) s = write_weights(err, c, weights);
    if (s == VS_OK && !c->gguf) s = vs__convert_config(err, c);
    if (s == VS_OK && !c->gguf) s = vs__convert_tokenizer(err, c);
    if (s == VS_OK) s = check_made(err, c, weights);
    if (s == VS_OK) s = give_name(err, c, weights);
    if (s != VS_OK || c->gguf) remove_dir(c->dir);
    vs_free(weights);
    return s;
}

/* The family as which the model is written, mostly its own. */
static const vs_arch *written_as(const vs__conversion *c) {
    const vs_arch *own = c->m->arch;
    if (!c->same && c->gguf && own->gguf_encoder && c->m->info.n_stacks < own->n_stacks) return own->gguf_encoder;
    if (!c->same && c->gguf && own->gguf_as) return own->gguf_as;
    return !c->same && !c->gguf && own->hub_windowed && vs__convert_windowed(c->m) ? own->hub_windowed : own;
}

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
}

vs_status vs_convert(vs_err *err, const char *from, const char *to, const char *type, const vs_progress *p,
                     vs_converted *out) {
    vs_converted unused;
    vs__conversion c = {.from = from, .to = to, .gguf = ends_with(to, ".gguf"), .mark = -1, .progress = p};
    c.report = out ? out : &unused;
    *c.report = (vs_converted){0};
    VS_TRY(read_type(err, type, &c));
    VS_TRY(check_target(err, &c));
    VS_TRY(vs_model_open(err, from, &c.m));
    c.file = c.m->hub ? c.m->hub->tensors : c.m->file;
    c.same = c.gguf == !c.m->hub;
    c.arch = written_as(&c);
    vs_status s = check_arch(err, &c);
    if (s == VS_OK) s = make(err, &c);
    if (s == VS_OK) {
        c.report->arch = c.arch->name;
        c.report->format = c.gguf ? "gguf" : "safetensors";
        c.report->tensors = c.n;
    }
    vs_model_close(c.m);
    vs_free(c.out);
    vs_free(c.dir);
    if (c.mark >= 0) close(c.mark);
    return s;
}
