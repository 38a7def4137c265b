/* status.c - see status.h. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message is one line: what stands in a file or a text may hold anything. */
static void one_line(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F) *s = ' ';
}

vs_status vs_fail(vs_err *err, vs_status code, const char *fmt, ...) {
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        one_line(err->msg);
        err->code = code;
    }
    return code;
}

vs_status vs_fail_in(vs_err *err, const char *fmt, ...) {
    if (!err) return VS_E_STATE;
    char where[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    one_line(where);
    size_t n = strlen(where);
    if (!strncmp(err->msg, where, n) && !strncmp(err->msg + n, ": ", 2)) return err->code; /* a file that reads itself */
    memmove(err->msg + n + 2, err->msg, sizeof err->msg - n - 3); /* a message too long is cut */
    err->msg[sizeof err->msg - 1] = '\0';
    memcpy(err->msg, where, n);
    memcpy(err->msg + n, ": ", 2);
    return err->code;
}

const char *vs_status_words(vs_status s) {
    static const char *const words[] = {
#define STATUS(name, text) text,
#include "status.def"
#undef STATUS
    };
    return (unsigned)s < VS_STATUS_COUNT ? words[s] : "unknown status";
}
