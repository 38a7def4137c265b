/* by_layer.h - a word of a text by layers: what compare --layers and drift share. */
#ifndef VS_ANALOGIES_BY_LAYER_H
#define VS_ANALOGIES_BY_LAYER_H

#include "../lib/command.h"

/* What is looked at of the current model; of two stacks, of the one that reads texts, or (--stack) of the decoder, which then reads
 * each text too, behind its start token.  Row 0 is the word's row of the embedding
 * table, row l + 1 the stream entering block l, the last row leaves the last block. */
typedef struct vs_by_layer {
    vs_session *s;
    vs_model *m;
    int stack;
    size_t L, rows;  /* rows = L + 2 */
    size_t d, embed; /* widths of the stream, and of row 0 */
    size_t stride;   /* the wider of them: a word's vectors are [rows, stride] */
    vs_site *site;   /* [rows] */
} vs_by_layer;
#define VS_BY_LAYER_OPT                                                                                                            \
    {"stack", 0, VS_OPT_TEXT, "encoder|decoder", "of two stacks: which; the decoder reads each TEXT too", NULL, VS_COMPLETE_CHOICE}
/* vs_by_layer_new() - stack: "decoder", "encoder", NULL: without a choice.  VS_OK | VS_E_STATE (no model is open) | VS_E_USAGE (a
 * choice in a model of one stack) | VS_E_NOMEM. */
vs_status vs_by_layer_new(vs_err *err, vs_session *s, const char *stack, vs_by_layer *out) VS_MUST_CHECK;
void vs_by_layer_free(vs_by_layer *y); /* leaves it zeroed */

/* vs_by_layer_of() - the vectors of [at] in a text, under the edits in force: the mean of its tokens, of which *token is the last.
 *   x [rows, stride] out   Errors as vs_position_find() and of a pass. */
vs_status vs_by_layer_of(vs_err *err, const vs_by_layer *y, const char *text, const char *at, float *x, size_t *token) VS_MUST_CHECK;

/* vs_by_layer_width() - of a row.  vs_by_layer_name() - "embedding", "0", "1" …; into buf. */
size_t vs_by_layer_width(const vs_by_layer *y, size_t row);
enum { VS_LAYER_NAME = 24 };
const char *vs_by_layer_name(size_t row, char buf[VS_LAYER_NAME]);

/* vs_by_layer_rest() - the cosine of a and b [n] without the three coordinates in which both together are largest: those of
 * some models' streams are larger than all others taken together, and alike in every text.  NaN for n < 4; 0 where a rest is zero. */
double vs_by_layer_rest(const float *a, const float *b, size_t n);

/* vs_by_layer_draw() - for a person: n lines of cosines over the layers, [n, rows], as a matrix of how far each is from 1; what: "cosine". */
vs_status vs_by_layer_draw(vs_err *err, const vs_by_layer *y, const char *what, const char *const *line, size_t n,
                           const float *cosine, vs_out *o) VS_MUST_CHECK;

#endif
