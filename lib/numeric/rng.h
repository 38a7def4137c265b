/* rng.h - random numbers, by GSL: what a seed draws is the same on every machine. */
#ifndef VS_NUMERIC_RNG_H
#define VS_NUMERIC_RNG_H

#include "../base/status.h"

/* A source of random numbers (L'Ecuyer's combined Tausworthe generator, GSL's taus2: 2^88 numbers, 32 bits each).  Not to
 * be shared by threads; each has its own. */
typedef struct vs_rng vs_rng;
vs_status vs_rng_new(vs_err *err, uint64_t seed, vs_rng **out) VS_MUST_CHECK; /* VS_OK | VS_E_NOMEM */
void vs_rng_free(vs_rng *r);                                                  /* NULL is a no-op */

/* vs_rng_seed() - begin again from a seed (its 64 bits are mixed into the generator's 32). */
void vs_rng_seed(vs_rng *r, uint64_t seed);

/* vs_rng_uniform() - a number in [0,1), in steps of 2^-32.  vs_rng_below() - one of 0..n-1, 1 <= n < 2^32, each as often. */
double vs_rng_uniform(vs_rng *r);
uint32_t vs_rng_below(vs_rng *r, uint32_t n);

/* A die of n sides: side i comes up with probability weight[i] / sum (Walker 1977: O(1) a throw).
 *   weight [n]: none negative, one at least positive
 * VS_OK | VS_E_NOMEM.  Read-only once made: threads may share it. */
typedef struct vs_die vs_die;
vs_status vs_die_new(vs_err *err, const double *weight, size_t n, vs_die **out) VS_MUST_CHECK;
void vs_die_free(vs_die *d); /* NULL is a no-op */
size_t vs_die_throw(const vs_die *d, vs_rng *r);

#endif
