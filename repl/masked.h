/* masked.h - what another mask lets each token see, and what that changes. */
#ifndef VS_REPL_MASKED_H
#define VS_REPL_MASKED_H

#include "../lib/command.h"

/* vs_masked_show() - the text under the model's own mask and under `mask`: who sees whom, and for each token how much of
 * its attention lies on later ones, how far its last state turned, and what it then predicts; before and now.  Two passes.
 * VS_OK | errors of a pass. */
vs_status vs_masked_show(vs_err *err, vs_session *s, const vs_text_input *in, vs_mask mask, vs_out *o) VS_MUST_CHECK;

#endif
