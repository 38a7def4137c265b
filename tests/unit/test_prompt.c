/* The prompt in a terminal of its own: greeting, history, Tab, Ctrl-C, Ctrl-D, colour, width, pager. */
#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE = 20 }; /* seconds; a loaded machine is slow */

/* A program in a terminal, and all that it has written. */
typedef struct term {
    int fd;
    pid_t pid;
    char *out;
    size_t n, cap, mark; /* mark: what stood before was looked at */
    bool waited;         /* in vain: nothing came any more */
} term;

static char home[] = "/tmp/vecscope_prompt_XXXXXX";

/* Open the program, with NAME=VALUE pairs in its environment, ended by NULL. */
static term start(int rows, int cols, const char *const *env) {
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    term t = {.cap = 1 << 16};
    t.out = malloc(t.cap);
    assert_non_null(t.out);
    t.pid = forkpty(&t.fd, NULL, NULL, &ws);
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        const char *program = getenv("VECSCOPE");
        setenv("XDG_DATA_HOME", home, 1);
        setenv("XDG_STATE_HOME", home, 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("TERM", "xterm", 1);
        setenv("INPUTRC", "/dev/null", 1);
        unsetenv("NO_COLOR");
        unsetenv("PAGER");
        for (; env && *env; env += 2) setenv(env[0], env[1], 1);
        execl(program ? program : "./vecscope", "vecscope", "-s", "default", (char *)NULL);
        _exit(127);
    }
    return t;
}

static void type(const term *t, const char *keys) { assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys)); }

/* Read what comes until `text` is there behind the mark; the mark then stands behind it. */
static bool await(term *t, const char *text) {
    time_t until = time(NULL) + PATIENCE;
    for (;;) {
        t->out[t->n] = '\0';
        char *at = strstr(t->out + t->mark, text);
        if (at) {
            t->mark = (size_t)(at - t->out) + strlen(text);
            return true;
        }
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        t->waited = time(NULL) > until || poll(&p, 1, 1000 * PATIENCE) <= 0;
        if (t->waited) return false;
        if (t->n + 4097 > t->cap) {
            t->cap *= 2;
            t->out = realloc(t->out, t->cap);
            assert_non_null(t->out);
        }
        ssize_t got = read(t->fd, t->out + t->n, 4096);
        if (got <= 0) return false;
        t->n += (size_t)got;
    }
}

#define AWAIT(t, text)                                                                                                 \
    do {                                                                                                               \
        if (!await(t, text)) fail_msg("no %s in: %s", text, (t)->out + (t)->mark);                                     \
    } while (0)

/* Type a line; its echo is behind the mark. */
static void line(term *t, const char *text) {
    type(t, text);
    type(t, "\r");
    AWAIT(t, "\r\n");
}

/* Ctrl-D; the exit code. */
static int leave(term *t) {
    int status = -1;
    type(t, "\004");
    (void)await(t, "\001 nothing of that kind"); /* up to its end */
    if (t->waited) kill(t->pid, SIGKILL);        /* it would not leave */
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    close(t->fd);
    free(t->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int forget(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int forget_home(void **state) {
    (void)state;
    return nftw(home, forget, 8, FTW_DEPTH | FTW_PHYS);
}

static int new_home(void **state) {
    (void)state;
    memcpy(home + strlen(home) - 6, "XXXXXX", 6);
    return mkdtemp(home) ? 0 : -1;
}

/* The first session greets with lines to try; the next one does not, and has the lines of the first. */
static void greeting_and_history(void **state) {
    (void)state;
    term t = start(30, 100, NULL);
    AWAIT(&t, "Try:");
    AWAIT(&t, "queen - king + man");
    AWAIT(&t, "> ");
    line(&t, "near paris -k 1");
    AWAIT(&t, "> ");
    /* the line is kept at once: a session may be killed */
    kill(t.pid, SIGKILL);
    waitpid(t.pid, NULL, 0);
    close(t.fd);
    free(t.out);
    t = start(30, 100, NULL);
    AWAIT(&t, "Ctrl-D leaves");
    AWAIT(&t, "> ");
    assert_null(strstr(t.out, "Try:"));
    type(&t, "\033[A");
    AWAIT(&t, "near paris -k 1");
    type(&t, "\003");
    assert_int_equal(leave(&t), 0);
}

static void tab(void **state) {
    (void)state;
    term t = start(30, 100, NULL);
    AWAIT(&t, "vecscope");
    AWAIT(&t, "> ");
    type(&t, "near quee\t");
    AWAIT(&t, "queen ");
    AWAIT(&t, "queens"); /* more than one: shown at once */
    type(&t, "\003");
    AWAIT(&t, "> ");
    type(&t, "anal\t");
    AWAIT(&t, "analogy ");
    type(&t, "\003");
    AWAIT(&t, "> ");
    type(&t, "near king --ke\t");
    AWAIT(&t, "--keep ");
    type(&t, "\003");
    assert_int_equal(leave(&t), 0);
}

/* Ctrl-C ends the line at the prompt, and the command that runs, and nothing else. */
static void interrupts(void **state) {
    (void)state;
    term t = start(30, 100, NULL);
    AWAIT(&t, "> ");
    type(&t, "near half");
    AWAIT(&t, "near half");
    type(&t, "\003");
    AWAIT(&t, "^C\r\n");
    AWAIT(&t, "> ");
    line(&t, "each i in 1..100000000 { = king -k 1 }");
    AWAIT(&t, "prince");
    type(&t, "\003");
    AWAIT(&t, "\r\neach: stopped after ");
    AWAIT(&t, "> ");
    line(&t, "near queen -k 1");
    AWAIT(&t, "princess");
    AWAIT(&t, "> ");
    line(&t, "sql with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c");
    usleep(200000);
    type(&t, "\003");
    AWAIT(&t, "> ");
    line(&t, "near king -k 1");
    AWAIT(&t, "prince");
    AWAIT(&t, "> ");
    assert_int_equal(leave(&t), 0);
}

/* Colour and blocks in a terminal; neither under NO_COLOR nor in a dumb one. */
static void colours(void **state) {
    (void)state;
    static const char *const none[][3] = {{"NO_COLOR", "1", NULL}, {"TERM", "dumb", NULL}};
    term t = start(30, 100, NULL);
    AWAIT(&t, "> ");
    line(&t, "near king -k 1");
    AWAIT(&t, "prince");
    AWAIT(&t, "\033[36m█");
    AWAIT(&t, "> ");
    assert_int_equal(leave(&t), 0);
    for (size_t i = 0; i < 2; i++) {
        t = start(30, 100, none[i]);
        AWAIT(&t, "> ");
        line(&t, "near king -k 1");
        AWAIT(&t, "prince");
        AWAIT(&t, "> ");
        assert_null(strstr(t.out, "\033[36m"));
        assert_null(strstr(t.out, "█"));
        assert_int_equal(leave(&t), 0);
    }
}

/* A terminal that becomes narrow while the prompt is open: bars give way. */
static void narrow(void **state) {
    (void)state;
    struct winsize ws = {.ws_row = 30, .ws_col = 20};
    term t = start(30, 100, NULL);
    AWAIT(&t, "> ");
    line(&t, "near king -k 1");
    AWAIT(&t, "█");
    AWAIT(&t, "> ");
    assert_int_equal(ioctl(t.fd, TIOCSWINSZ, &ws), 0);
    line(&t, "near king -k 1");
    AWAIT(&t, "prince");
    size_t from = t.mark;
    AWAIT(&t, "> ");
    assert_null(strstr(t.out + from, "█"));
    assert_int_equal(leave(&t), 0);
}

/* Longer than the screen: through $PAGER, else less, else straight out. */
static void pager(void **state) {
    (void)state;
    static const char *const env[][5] = {
        {"PAGER", "sed s/^/PAGED/", NULL}, {"PAGER", "/no/such/pager", NULL}, {"PATH", "/no/such/folder", NULL}};
    for (size_t i = 0; i < 3; i++) {
        term t = start(10, 100, env[i]);
        AWAIT(&t, "> ");
        line(&t, "near king -k 40");
        AWAIT(&t, i == 0 ? "PAGED  prince" : "  prince");
        AWAIT(&t, "> ");
        assert_int_equal(leave(&t), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, new_home, forget_home)
        TEST(greeting_and_history), TEST(tab), TEST(interrupts), TEST(colours), TEST(narrow), TEST(pager),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
