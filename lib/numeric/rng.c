/* rng.c - see rng.h.  The objects are GSL's own, behind names of ours. */
#include "rng.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static gsl_rng *of(vs_rng *r) { return (gsl_rng *)(void *)r; }

vs_status vs_rng_new(vs_err *err, uint64_t seed, vs_rng **out) {
    gsl_set_error_handler_off();
    *out = (vs_rng *)(void *)gsl_rng_alloc(gsl_rng_taus2);
    if (!*out) return vs_fail(err, VS_E_NOMEM, "no memory for random numbers");
    vs_rng_seed(*out, seed);
    return VS_OK;
}

void vs_rng_free(vs_rng *r) {
    if (r) gsl_rng_free(of(r));
}

/* The finaliser of MurmurHash3: seeds that differ in any bit are far apart. */
void vs_rng_seed(vs_rng *r, uint64_t seed) {
    seed = (seed ^ seed >> 33) * 0xFF51AFD7ED558CCD;
    seed = (seed ^ seed >> 33) * 0xC4CEB9FE1A85EC53;
    gsl_rng_set(of(r), (unsigned long)((seed ^ seed >> 33) & 0xFFFFFFFF));
}

double vs_rng_uniform(vs_rng *r) { return gsl_rng_uniform(of(r)); }
uint32_t vs_rng_below(vs_rng *r, uint32_t n) { return (uint32_t)gsl_rng_uniform_int(of(r), n); }

vs_status vs_die_new(vs_err *err, const double *weight, size_t n, vs_die **out) {
    gsl_set_error_handler_off();
    *out = (vs_die *)(void *)gsl_ran_discrete_preproc(n, weight);
    return *out ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu chances", n);
}

void vs_die_free(vs_die *d) {
    if (d) gsl_ran_discrete_free((gsl_ran_discrete_t *)(void *)d);
}

size_t vs_die_throw(const vs_die *d, vs_rng *r) { return gsl_ran_discrete(of(r), (const gsl_ran_discrete_t *)(const void *)d); }
