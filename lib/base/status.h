/* status.h - how a call says that it failed.
 *
 * Whatever can fail returns a vs_status and takes a vs_err first.  The message is
 * one line a person can act on: what, where (file, tensor, token), what was wanted.
 * The library never prints, exits, aborts or asserts on input. */
#ifndef VS_BASE_STATUS_H
#define VS_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vs_status {
#define STATUS(name, words) VS_##name,
#include "status.def"
#undef STATUS
    VS_STATUS_COUNT
} vs_status;

/* The last failure of one caller.  Zero-initialise; may be NULL where the text is of no interest. */
typedef struct vs_err {
    vs_status code;
    char msg[1024];
} vs_err;

#if defined(__GNUC__)
#define VS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define VS_MUST_CHECK __attribute__((warn_unused_result))
#else
#define VS_PRINTF(f, a)
#define VS_MUST_CHECK
#endif

/* vs_fail() - store code and message in err (when not NULL) and return code: `return vs_fail(err, VS_E_SHAPE, "…")`. */
vs_status vs_fail(vs_err *err, vs_status code, const char *fmt, ...) VS_PRINTF(3, 4);

/* vs_fail_in() - put "where: " in front of the message already in err; returns its code. */
vs_status vs_fail_in(vs_err *err, const char *fmt, ...) VS_PRINTF(2, 3);

/* vs_status_words() - the words of a code, static. */
const char *vs_status_words(vs_status s);

/* Forward a failure to the caller. */
#define VS_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        vs_status vs_try_status_ = (expr);                                                                             \
        if (vs_try_status_ != VS_OK) return vs_try_status_;                                                            \
    } while (0)

/* Forward a failure to the clean-up at the end of the function: needs a local `vs_status s` and a label. */
#define VS_TRY_TO(label, expr)                                                                                         \
    do {                                                                                                               \
        s = (expr);                                                                                                    \
        if (s != VS_OK) goto label;                                                                                    \
    } while (0)

#endif
