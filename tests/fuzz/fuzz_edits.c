/* fuzz_edits.c - any bytes as edits (`with {…}`), put in force on a small model, a pass run under them.
 * covers: lib/session_edits.c */
#include <string.h>

#include "fuzz.h"
#include "session.h"

static vs_session *ready(void) {
    static vs_session *s;
    if (s) return s;
    if (vs_session_new(NULL, NULL, &s) != VS_OK || vs_session_open_model(NULL, s, "tests/data/fixtures/gpt2", NULL) != VS_OK) __builtin_trap();
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vs_session *s = ready();
    vs_tokens t;
    vs_pass *p = NULL;
    const char *text = "the king is in";
    vs_request rq = {.logits = VS_LOGITS_LAST};
    /* files are other targets' */
    for (size_t i = 0; i + 4 < size; i++)
        if (!memcmp(data + i, "file", 4) || (i + 7 < size && !memcmp(data + i, "mean of", 7))) return 0;
    if (size > 4096 || vs_session_push_edits(NULL, s, (const char *)data, size) != VS_OK) return 0;
    size_t n = vs_session_edit_count(s);
    if (!n || !*vs_session_edits_text(s) || !vs_session_edit_text(s, n - 1)) __builtin_trap();
    if (vs_session_tokenize(NULL, s, text, strlen(text), &t) != VS_OK) __builtin_trap();
    if (vs_session_run_text(NULL, s, text, &t, &rq, &p) == VS_OK) {
        vs_edit_effect e;
        for (size_t i = 0; i < n; i++)
            if (!vs_session_effect(s, i, &e)) __builtin_trap();
    }
    vs_pass_free(p);
    vs_tokens_free(&t);
    (void)vs_session_edits_hash(s);
    (void)vs_session_edits_fixed(s);
    if (vs_session_drop_edit(NULL, s, n) == VS_OK || vs_session_drop_edit(NULL, s, n - 1) != VS_OK) __builtin_trap();
    vs_session_pop_edits(s);
    if (vs_session_edit_count(s)) __builtin_trap();
    return 0;
}
