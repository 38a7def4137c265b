/* tokens_all.h - what `tokens --all` shows. */
#ifndef VS_REPL_TOKENS_ALL_H
#define VS_REPL_TOKENS_ALL_H

#include "commands.h"

/* vs__tokens_all() - the three granularities of a text.  VS_OK | VS_E_USAGE (ids or a pair were given) | VS_E_NOMEM. */
vs_status vs__tokens_all(vs_err *err, vs_session *s, const vs_tokenizer *tok, const vs_text_input *in,
                         vs_out *o) VS_MUST_CHECK;

#endif
