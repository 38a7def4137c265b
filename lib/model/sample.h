/* sample.h - choosing the next token from logits: one at a time, or several lines at once (beam search).
 *
 * Nothing here runs a model: the same rules serve whatever gives logits. */
#ifndef VS_MODEL_SAMPLE_H
#define VS_MODEL_SAMPLE_H

#include "../base/status.h"

/* How the next token is drawn, in this order, as transformers does: the temperature, then top-k, then top-p of what is
 * left (Holtzman et al. 2020), then min-p (Nguyen et al. 2024). */
typedef struct vs_sampling {
    float temperature; /* 0: greedy */
    size_t top_k;      /* 0: all */
    float top_p;       /* 1: all */
    float min_p;       /* 0: all; those at least this likely, as a share of the likeliest */
    uint64_t seed;
} vs_sampling;

/* vs_sample() - one token; *state is advanced (from vs_sample_state()); the same draws on every machine.
 * -1 where no logit is finite, or memory is short. */
int32_t vs_sample(const vs_sampling *how, const float *logits, size_t V, uint64_t *state);

/* vs_sample_state() - where the draws of sample i of a seed begin; of the first, at the seed itself. */
uint64_t vs_sample_state(uint64_t seed, size_t i);

/* vs_penalise() - lower the logits (or log-probabilities) of the tokens that a text has already: divided by the penalty
 * where positive, times it where negative, once for each token (Keskar et al. 2019).
 *   x [V]   ids [n], those outside of 0..V-1 are left out   penalty > 0; 1: nothing
 * VS_OK | VS_E_NOMEM. */
vs_status vs_penalise(vs_err *err, float *x, size_t V, const int32_t *ids, size_t n, float penalty) VS_MUST_CHECK;

/* Of logits x [V], in double, for the difference of two may be small.  vs_log_prob() - log p(t).  vs_divergence() -
 * KL(p ‖ q) in nats, of p's logits and q's. */
double vs_log_prob(const float *x, size_t V, size_t t);
double vs_divergence(const float *p, const float *q, size_t V);

/* vs_top_k() - the k largest of x[n], best first, ties to the lower index: idx[k].  Returns how many (min(k, n)). */
size_t vs_top_k(const float *x, size_t n, size_t k, size_t *idx);

/* When beam search ends before it must, once as many lines as there are beams have ended by the end token:
 * LIKELY when no running line, at its present length, beats the worst of them; AT_ONCE then and there; NEVER when none
 * could do so at its full length. */
typedef enum vs_beam_end { VS_BEAM_LIKELY, VS_BEAM_AT_ONCE, VS_BEAM_NEVER } vs_beam_end;

typedef struct vs_beam_rules {
    size_t beams, most, V; /* lines kept; new tokens at most; vocabulary.  2 * beams <= V */
    float length_penalty;  /* a line's score is the sum of its log-probabilities over length^this */
    vs_beam_end end;
    int32_t eos;           /* ends a line; -1: nothing does */
    float repetition;      /* vs_penalise() over prompt and line; 1: none */
    const int32_t *prompt; /* [n_prompt] borrowed during the call */
    size_t n_prompt;
} vs_beam_rules;

/* Logits [beams, V] of the next token after each of `beams` lines of n new tokens, ids [beams, n].  from [beams]: which
 * line of the call before each continues.  The first call has one line of no tokens. */
typedef vs_status vs_beam_logits_fn(vs_err *err, void *self, size_t beams, const int32_t *ids, size_t n,
                                    const size_t *from, float *logits);

/* A finished line: n new tokens of ids, the end token among them where that ended it. */
typedef struct vs_beam_line {
    const int32_t *ids;
    size_t n;
    float score;
} vs_beam_line;
typedef struct vs_beams {
    vs_beam_line *line; /* [n] best first */
    size_t n;
    int32_t *ids; /* all of them */
} vs_beams;

/* vs_beam_search() - the lines of the highest score that a search over `beams` at a time finds: transformers' rules
 * (generate(num_beams=…, do_sample=False)), in its precision.  Ties go to the earlier line, then the lower token.
 * VS_OK | VS_E_USAGE (no beam, no token, too many beams for V) | VS_E_NUMERIC (no finite logit) | VS_E_NOMEM | what fn
 * returns; VS_E_STOPPED.  Free with vs_beams_free().  O(beams V) a step beside fn. */
vs_status vs_beam_search(vs_err *err, const vs_beam_rules *how, vs_beam_logits_fn *fn, void *self,
                         vs_beams *out) VS_MUST_CHECK;
void vs_beams_free(vs_beams *b);

#endif
