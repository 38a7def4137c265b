/* status.c - see status.h. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

vs_status vs_fail(vs_err *err, vs_status code, const char *fmt, ...) {
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        err->code = code;
    }
    return code;
}

vs_status vs_fail_in(vs_err *err, const char *fmt, ...) {
    if (!err) return VS_E_STATE;
    char where[512], msg[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    memcpy(msg, err->msg, sizeof msg);
    int n = snprintf(err->msg, sizeof err->msg, "%s: %s", where, msg);
    (void)n; /* a message too long is cut, on purpose */
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
