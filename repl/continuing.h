/* continuing.h - a text that is being continued: the logits after it and any new tokens, each row computed once where
 * that serves. */
#ifndef VS_REPL_CONTINUING_H
#define VS_REPL_CONTINUING_H

#include "../lib/command.h"

typedef struct vs_continuing {
    vs_session *s;
    const vs_text_input *in; /* borrowed */
    size_t V, room, n_kv;    /* room: new tokens at most */
    vs_text_input grown;     /* the prompt, what grows of it (vs_text_grows) with that room */
    vs_kv **kv, **moved;     /* [n_kv] a cache for each line; none where edits in force move with the end of the text … */
    vs_kv *encoder;          /* … but of two stacks this, for what the decoder asks of the encoder, which is read once */
    int32_t forced_first, forced_last; /* -1: none */
    float *first;            /* [V] the logits after the prompt alone */
} vs_continuing;

/* vs_tokens_grow() - a copy of a text's tokens with room for more, all of its arrays there; a new token is of no place in
 * the text.  vs_tokens_free() it in any case.  VS_E_NOMEM. */
vs_status vs_tokens_grow(vs_err *err, const vs_tokens *t, size_t room, vs_tokens *out) VS_MUST_CHECK;

/* vs_continuing_open() - read the prompt; at most `room` new tokens, `lines` going on side by side.  Close in any case.
 * VS_OK | VS_E_RANGE (the context) | VS_E_NOMEM | errors of a pass. */
vs_status vs_continuing_open(vs_err *err, vs_session *s, const vs_text_input *in, size_t room, size_t lines,
                             vs_continuing *out) VS_MUST_CHECK;
void vs_continuing_close(vs_continuing *c);

/* vs_continuing_logits() - logits [V] after the prompt and ids [n] in `line`, which had ids [n - 1] at its last call (or
 * any number of the same: it goes back by itself).  Where the model's files force a token at the start of a text, or at its end
 * (the last that there is room for), it alone is possible. */
vs_status vs_continuing_logits(vs_err *err, vs_continuing *c, size_t line, const int32_t *ids, size_t n,
                               float *logits) VS_MUST_CHECK;

/* vs_continuing_fork() - line i goes on from where line from[i] is, for all i < n at once. */
vs_status vs_continuing_fork(vs_err *err, vs_continuing *c, const size_t *from, size_t n) VS_MUST_CHECK;

#endif
