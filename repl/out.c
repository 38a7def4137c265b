/* out.c - where answers go: stdout in one of three modes, a pager for long ones, a progress bar on stderr. */
#define _DEFAULT_SOURCE
#include "out.h"

#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utf8proc.h>

static vs_look look;
static vs_mode mode_now;

int vs_columns(const char *s, size_t n) {
    int w = 0;
    for (size_t i = 0; i < n;) w += utf8proc_charwidth((utf8proc_int32_t)vs_utf8_next(s, n, &i, NULL));
    return w;
}

vs_look vs_look_of(int fd) {
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    bool tty = isatty(fd), dumb = !term || !strcmp(term, "dumb"), color = tty && !dumb && !(no && *no);
    struct winsize ws = {0};
    if (tty) (void)ioctl(fd, TIOCGWINSZ, &ws);
    return (vs_look){
        .color = color,
        .blocks = color && !strcmp(nl_langinfo(CODESET), "UTF-8"),
        .cut = tty,
        .paged = tty && !dumb && isatty(STDIN_FILENO),
        .width = ws.ws_col ? ws.ws_col : 80,
        .height = ws.ws_row ? ws.ws_row : 24,
    };
}

/* An answer longer than the screen goes through the pager; where none can be started, straight out. */
static void page(const vs_buf *b) {
    size_t lines = 0;
    for (size_t i = 0; i < b->len; i++) lines += b->s[i] == '\n';
    const char *pager = getenv("PAGER");
    if (!pager || !*pager) pager = "if command -v less >/dev/null; then exec less -RFX; else exec cat; fi";
    FILE *out = look.paged && lines + 2 > (size_t)look.height ? popen(pager, "w") : NULL;
    if (!out) {
        fwrite(b->s, 1, b->len, stdout);
        return;
    }
    void (*was)(int) = signal(SIGPIPE, SIG_IGN); /* leaving the pager early is no failure */
    fwrite(b->s, 1, b->len, out);
    int status = pclose(out);
    signal(SIGPIPE, was);
    if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127) /* there is no such program */
        fwrite(b->s, 1, b->len, stdout);
}

static double began, drawn; /* of the bar that is shown */
static bool visible;

void vs_out_line(bool begun) {
    if (visible)
        fputs("\r\033[K", stderr);
    else if (begun && isatty(STDERR_FILENO))
        fputs("\n", stderr);
    visible = false;
    began = 0;
}

static void show(void *self, const vs_out *o) {
    (void)self;
    vs_buf b = {0};
    vs_out_line(false);
    if (mode_now == VS_MODE_JSON)
        vs_show_json(o, &b);
    else if (mode_now == VS_MODE_CSV)
        vs_show_csv(o, &b);
    else
        vs_show_tty(o, &look, &b);
    if (b.failed)
        fputs("vecscope: no memory to show the answer\n", stderr);
    else if (b.len && mode_now == VS_MODE_TTY)
        page(&b);
    else if (b.len)
        fwrite(b.s, 1, b.len, stdout);
    fflush(stdout);
    vs_buf_free(&b);
}

static void stream(void *self, const char *s, size_t n) {
    (void)self;
    fwrite(s, 1, n, stdout);
    fflush(stdout);
}

/* A bar on stderr, drawn at most ten times a second, and only for work that has lasted one. */
static void tick(void *self, const char *what, uint64_t done, uint64_t total) {
    (void)self;
    double now = vs_seconds();
    bool end = total && done >= total;
    if (!began || now - drawn > 5) began = drawn = now; /* a new piece of work */
    if (end) {
        vs_out_line(false);
        return;
    }
    if (now - began < 1 || now - drawn < 0.1) {
        if (now - began < 1) drawn = now;
        return;
    }
    drawn = now;
    visible = true;
    if (!total || !done) {
        fprintf(stderr, "\r\033[K%s  %llu", what, (unsigned long long)done);
    } else {
        enum { FULL = 30, BESIDE = 25 }; /* what stands beside the bar */
        static const char full[] = "##############################", empty[] = "..............................";
        int room = vs_look_of(STDERR_FILENO).width - (int)strlen(what) - BESIDE;
        int bar = room > FULL ? FULL : room < 1 ? 1 : room, part = (int)((uint64_t)bar * done / total);
        double left = (now - began) / (double)done * (double)(total - done);
        fprintf(stderr, "\r\033[K%s  [%.*s%.*s] %3d %%  %.0f s left", what, part, full, bar - part, empty,
                (int)(100 * done / total), left);
    }
    fflush(stderr);
}

void vs_out_resize(vs_out *o) {
    look = vs_look_of(STDOUT_FILENO);
    o->sink.width = look.width;
}

void vs_out_mode(vs_out *o, vs_mode mode) {
    mode_now = mode;
    o->sink.data = mode != VS_MODE_TTY;
}

void vs_out_open(vs_out *o, vs_mode mode) {
    *o = (vs_out){.sink = {.show = show, .stream = stream, .paint = vs_paint}};
    vs_out_resize(o);
    if (isatty(STDERR_FILENO)) o->sink.progress.tick = tick;
    vs_out_mode(o, mode);
}
