/* principal.h - the first principal components of rows. */
#ifndef VS_NUMERIC_PRINCIPAL_H
#define VS_NUMERIC_PRINCIPAL_H

#include "../base/status.h"

/* vs_principal() - the k directions along which rows vary most, by iteration of a subspace (Halko, Martinsson & Tropp
 * 2011, with as many rounds as it takes) and exactly where n or d is at most 64.
 *   x [n,d]   1 <= k <= min(n,d)   mean [d] out   v [k,d] out: unit vectors, the coordinate of largest magnitude positive
 *   share [k] out: of the whole variance (0 where rows do not vary)
 * The same bits for any number of threads.
 * VS_OK | VS_E_RANGE | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM | VS_E_STOPPED.  O(n d (k + 14)) a round, some
 * tens of them. */
vs_status vs_principal(vs_err *err, const float *x, size_t n, size_t d, size_t k, float *mean, float *v,
                       double *share) VS_MUST_CHECK;

#endif
