/* Real models, and what Hugging Face transformers computes with them (tests/oracle: tests/data/real).  The models are
 * those of `vecscope fetch`, under $VECSCOPE_CACHE or the user's cache; without them the tests fail. */
#include "../reference.h"

#define DATA "tests/data/real/"
#define NEAR 1e-3 /* a row's difference, by its largest magnitude; the median difference by the median magnitude */
#define NEAR_LOGITS 0.02
#define NEAR_SENTENCE 1e-4

static struct {
    vs_model *gemma, *minilm;
    reference gemma_want, minilm_want;
} real;

static vs_model *open_model(const char *name) {
    const char *own = getenv("VECSCOPE_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[1024];
    vs_model *m;
    if (own) snprintf(path, sizeof path, "%s/%s", own, name);
    else if (cache && *cache) snprintf(path, sizeof path, "%s/vecscope/%s", cache, name);
    else snprintf(path, sizeof path, "%s/.cache/vecscope/%s", home ? home : "", name);
    OK(vs_model_open(err, path, &m));
    return m;
}

static int open_all(void **state) {
    (void)state;
    real.gemma = open_model("gemma3-270m/gemma-3-270m-q4_k_m.gguf");
    real.minilm = open_model("minilm-l6");
    real.gemma_want = reference_open(DATA "gemma3-270m.json", DATA "gemma3-270m.safetensors");
    real.minilm_want = reference_open(DATA "minilm-l6.json", DATA "minilm-l6.safetensors");
    return 0;
}
static int close_all(void **state) {
    (void)state;
    vs_model_close(real.gemma);
    vs_model_close(real.minilm);
    reference_close(&real.gemma_want);
    reference_close(&real.minilm_want);
    return 0;
}

/* A pass over prompt k that keeps every hidden state, and where the reference has them every pattern. */
static vs_pass *look(vs_model *m, const reference *want, size_t k, vs_site keep[64], size_t *T) {
    int32_t ids[256];
    size_t L = vs_model_info_of(m)->stack[0].L, n;
    vs_pass *p;
    *T = reference_ids(want, k, "ids", ids, 256);
    vs_request rq = plain(ids, *T);
    rq.logits = vs_model_info_of(m)->has_logits ? VS_LOGITS_LAST : VS_LOGITS_NONE;
    for (size_t l = 0; l <= L; l++) keep[rq.n_keep++] = site_named(m, "hidden_states.%zu", l);
    for (size_t l = 0; l < L && reference_array(want, &n, "%zu.attn.0", k); l++)
        keep[rq.n_keep++] = site_named(m, "attentions.%zu", l);
    rq.keep = keep;
    OK(vs_run(err, m, &rq, &p));
    return p;
}

static void compare_states(vs_model *m, const reference *want) {
    double far = 0, far_median = 0, far_pattern = 0;
    for (size_t k = 0; k < reference_prompts(want); k++) {
        vs_site keep[64];
        size_t T, n, got, L = vs_model_info_of(m)->stack[0].L, d = vs_model_info_of(m)->stack[0].d;
        vs_pass *p = look(m, want, k, keep, &T);
        for (size_t l = 0; l <= L; l++) {
            const float *is = site_data(p, keep[l], 0, &got), *was = reference_array(want, &n, "%zu.hidden.%zu", k, l);
            double median;
            assert_non_null(was);
            assert_int_equal(n, got);
            assert_int_equal(n, T * d);
            far = fmax(far, distance(is, was, T, d, &median));
            far_median = fmax(far_median, median);
        }
        for (size_t l = 0; l < L; l++) {
            const float *was = reference_array(want, &n, "%zu.attn.%zu", k, l);
            if (!was) break;
            const float *is = site_data(p, keep[L + 1 + l], 0, &got);
            assert_int_equal(n, got);
            far_pattern = fmax(far_pattern, distance(is, was, n / T, T, NULL));
        }
        vs_pass_free(p);
    }
    print_message("farthest row %.1e, median %.1e, pattern %.1e\n", far, far_median, far_pattern);
    assert_true(far < NEAR);
    assert_true(far_median < NEAR);
    assert_true(far_pattern > 0 && far_pattern < NEAR);
}

static void gemma_states(void **state) {
    (void)state;
    compare_states(real.gemma, &real.gemma_want);
}
static void minilm_states(void **state) {
    (void)state;
    compare_states(real.minilm, &real.minilm_want);
}

static void gemma_logits(void **state) {
    (void)state;
    double far = 0;
    size_t V = vs_model_info_of(real.gemma)->V;
    for (size_t k = 0; k < reference_prompts(&real.gemma_want); k++) {
        int32_t ids[256];
        size_t T = reference_ids(&real.gemma_want, k, "ids", ids, 256), n, rows;
        vs_request rq = plain(ids, T);
        rq.logits = VS_LOGITS_LAST;
        vs_pass *p;
        OK(vs_run(err, real.gemma, &rq, &p));
        const float *is = vs_pass_logits(p, &rows), *was = reference_array(&real.gemma_want, &n, "%zu.logits", k);
        assert_int_equal(rows, 1);
        assert_int_equal(n, V);
        for (size_t i = 0; i < V; i++) {
            assert_true(isfinite(is[i]));
            far = fmax(far, fabs((double)is[i] - (double)was[i]));
        }
        vs_pass_free(p);
    }
    print_message("farthest logit %.1e\n", far);
    assert_true(far < NEAR_LOGITS);
}

static void gemma_greedy(void **state) {
    (void)state;
    for (size_t k = 0; k < reference_prompts(&real.gemma_want); k++) {
        int32_t want[256], ids[256];
        size_t n = reference_ids(&real.gemma_want, k, "greedy", want, 256), T = reference_ids(&real.gemma_want, k, "ids", ids, 256);
        assert_true(n > T);
        continue_greedily(real.gemma, ids, T, n);
        assert_memory_equal(ids, want, n * sizeof *ids);
    }
}

/* The first rows of a tensor of every type, as gguf-py widens them. */
static void gemma_widened_rows(void **state) {
    (void)state;
    static const struct {
        const char *name;
        vs_role role;
    } tensors[] = {
        {"token_embd.weight", VS_ROLE_EMBED},
        {"blk.0.attn_k.weight", VS_ROLE_WK},
        {"blk.0.attn_q.weight", VS_ROLE_WQ},
        {"blk.0.attn_v.weight", VS_ROLE_WV},
        {"blk.0.attn_output.weight", VS_ROLE_WO},
        {"blk.0.ffn_down.weight", VS_ROLE_W_DOWN},
        {"blk.0.ffn_gate.weight", VS_ROLE_W_GATE},
        {"blk.0.ffn_up.weight", VS_ROLE_W_UP},
        {"blk.0.attn_norm.weight", VS_ROLE_ATTN_NORM},
        {"output_norm.weight", VS_ROLE_FINAL_NORM},
    };
    size_t seen = 0, named = 0;
    for (size_t i = 0; i < vs_file_tensor_count(real.gemma_want.arrays); i++) {
        const char *name;
        vs_file_tensor(real.gemma_want.arrays, i, &name);
        if (strncmp(name, "dequant.", 8) == 0) named++;
    }
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        size_t n;
        const float *want = reference_array(&real.gemma_want, &n, "dequant.%s", tensors[i].name);
        if (!want) continue;
        const vs_tensor *t = vs_model_weight(real.gemma, tensors[i].role, 0, 0);
        assert_non_null(t);
        size_t cols = vs_tensor_cols(t);
        assert_int_equal(n % cols, 0);
        float *row = malloc(cols * sizeof *row);
        for (size_t r = 0; r < n / cols; r++) {
            OK(vs_tensor_row_f32(err, t, r, row));
            assert_memory_equal(row, want + r * cols, cols * sizeof *row);
        }
        free(row);
        seen++;
    }
    assert_true(named > 2);
    assert_int_equal(seen, named);
}

static void minilm_sentences(void **state) {
    (void)state;
    double far = 0;
    for (size_t k = 0; k < reference_prompts(&real.minilm_want); k++) {
        vs_site keep[64];
        size_t T, n, d = vs_model_info_of(real.minilm)->stack[0].d;
        vs_pass *p = look(real.minilm, &real.minilm_want, k, keep, &T);
        const float *x = site_data(p, keep[vs_model_info_of(real.minilm)->stack[0].L], 0, &n);
        const float *want = reference_array(&real.minilm_want, &n, "%zu.sentence", k);
        float mean[384] = {0};
        assert_int_equal(n, d);
        for (size_t t = 0; t < T; t++) vs_add_into(mean, x + t * d, mean, d);
        vs_scale_by(mean, 1 / sqrtf(vs_sum_squares(mean, d)), d);
        for (size_t i = 0; i < d; i++) far = fmax(far, fabs((double)mean[i] - (double)want[i]));
        vs_pass_free(p);
    }
    print_message("farthest coordinate of a sentence %.1e\n", far);
    assert_true(far < NEAR_SENTENCE);
}

/* On real weights too: the same bits for any number of threads and instruction set, in a batch, looked at, and step by
 * step through a cache. */
static float *last_logits(vs_request *rq, size_t T) {
    size_t V = vs_model_info_of(real.gemma)->V, rows;
    float *copy = malloc(V * sizeof *copy);
    vs_pass *p;
    rq->logits = VS_LOGITS_LAST;
    OK(vs_run(err, real.gemma, rq, &p));
    const float *z = vs_pass_logits(p, &rows);
    assert_true(rows == 1 || T < rq->in.rows);
    memcpy(copy, z, V * sizeof *copy);
    vs_pass_free(p);
    return copy;
}
static void same_as(vs_request *rq, size_t T, const float *was) {
    float *is = last_logits(rq, T);
    assert_memory_equal(is, was, vs_model_info_of(real.gemma)->V * sizeof *is);
    free(is);
}

static void same_bits_anywhere(void **state) {
    (void)state;
    int32_t ids[256];
    size_t T = reference_ids(&real.gemma_want, 0, "ids", ids, 256);
    vs_request rq = plain(ids, T);
    float *was = last_logits(&rq, T);
    char best[16];
    bool available;
    snprintf(best, sizeof best, "%s", vs_isa_name());
    for (size_t i = 0; vs_isa_list(i, &available); i++) {
        if (!available) continue;
        OK(vs_isa_set(err, vs_isa_list(i, &available)));
        vs_threads_set(1 + (int)i % 2);
        same_as(&rq, T, was);
    }
    OK(vs_isa_set(err, best));
    vs_threads_set(0);
    free(was);
}

static void same_bits_anyhow(void **state) {
    (void)state;
    int32_t ids[256];
    size_t T = reference_ids(&real.gemma_want, 5, "ids", ids, 256), starts[] = {0, T, T + 3};
    ids[T] = 2, ids[T + 1] = 818, ids[T + 2] = 3;
    vs_request rq = plain(ids, T);
    float *was = last_logits(&rq, T);
    vs_site pattern = site_named(real.gemma, "attentions.11");
    rq.keep = &pattern, rq.n_keep = 1, rq.in.starts = starts, rq.in.n_seqs = 2, rq.in.rows = T + 3;
    same_as(&rq, T, was);
    vs_kv *kv;
    OK(vs_kv_new(err, real.gemma, T, &kv));
    for (size_t at = 0, n; at < T; at += n) {
        n = at == 0 ? T / 2 : 1;
        rq = plain(ids + at, n);
        rq.kv = kv;
        float *is = last_logits(&rq, n);
        if (at + n == T) assert_memory_equal(is, was, vs_model_info_of(real.gemma)->V * sizeof *is);
        free(is);
    }
    vs_kv_free(kv);
    free(was);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemma_states),  cmocka_unit_test(gemma_logits),     cmocka_unit_test(gemma_widened_rows),
        cmocka_unit_test(gemma_greedy),  cmocka_unit_test(minilm_states),    cmocka_unit_test(minilm_sentences),
        cmocka_unit_test(same_bits_anywhere), cmocka_unit_test(same_bits_anyhow),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
