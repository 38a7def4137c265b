/* subspaces.h - what the parts of a model read from the stream and write into it, as subspaces. */
#ifndef VS_PROBES_SUBSPACES_H
#define VS_PROBES_SUBSPACES_H

#include "../lib/command.h"

/* A matrix of overlaps: attention and MLP of each layer as they write, against those behind them as they read.
 * Of two stacks the decoder's.  gains: with those of the norms before what reads and behind what writes.  VS_OK |
 * VS_E_NOMEM | VS_E_STOPPED. */
vs_status vs_show_subspaces(vs_err *err, const vs_model *m, bool gains, vs_out *o) VS_MUST_CHECK;

/* The heads (and the MLP) of one layer as they write, against each other, and against what the layer's MLP and the next
 * layer's heads read.  VS_OK | VS_E_RANGE (no such layer) | VS_E_NOMEM | VS_E_STOPPED. */
vs_status vs_show_heads(vs_err *err, const vs_model *m, int64_t layer, bool gains, vs_out *o) VS_MUST_CHECK;

/* vs_part_columns() - columns of a role's tensor [d, many] as rows x [*n, d] (vs_free), evenly spaced, at most `most`.
 */
vs_status vs_part_columns(vs_err *err, const vs_model *m, vs_role role, int layer, size_t most, float **x,
                          size_t *n) VS_MUST_CHECK;

#endif
