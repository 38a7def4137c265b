/* bench_tokenizer.c - how fast a model's tokenizer loads, encodes and decodes a text, on one thread.
 *
 *   build/release/tests/bench/bench_tokenizer MODEL TEXT.txt      (tests/bench/peer_tokenizer.py: the same by the
 * reference)
 *
 * MODEL is a GGUF file or a directory of the hub's layout.  Each figure is the best of five. */
#include <stdio.h>

#include "base/map.h"
#include "base/parallel.h"
#include "model/model.h"

static int fail(const vs_err *err) {
    fprintf(stderr, "bench_tokenizer: %s\n", err->msg);
    return 1;
}

static double load(vs_err *err, const char *path, vs_model **m, const vs_tokenizer **t) {
    double best = 1e9;
    *m = NULL;
    for (int k = 0; k < 5; k++) {
        vs_model_close(*m);
        if (vs_model_open(err, path, m) != VS_OK) return -1;
        double start = vs_seconds();
        if (vs_model_tokenizer(err, *m, t) != VS_OK) return -1;
        double took = vs_seconds() - start;
        if (took < best) best = took;
    }
    return best;
}

int main(int argc, char **argv) {
    vs_err err = {0};
    vs_map text;
    vs_model *m;
    const vs_tokenizer *t;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_tokenizer MODEL TEXT.txt\n");
        return 2;
    }
    if (vs_map_open(&err, argv[2], &text) != VS_OK) return fail(&err);
    double opened = load(&err, argv[1], &m, &t);
    if (opened < 0) return fail(&err);
    double encoded = 1e9, decoded = 1e9;
    size_t tokens = 0;
    for (int k = 0; k < 5; k++) {
        vs_tokens x;
        vs_buf out = {0};
        double start = vs_seconds();
        if (vs_tokenize(&err, t, (const char *)text.bytes, text.size, NULL, 0, true, &x) != VS_OK) return fail(&err);
        double between = vs_seconds();
        if (vs_detokenize(&err, t, x.id, x.n, true, &out) != VS_OK) return fail(&err);
        double end = vs_seconds();
        if (between - start < encoded) encoded = between - start;
        if (end - between < decoded) decoded = end - between;
        tokens = x.n;
        vs_tokens_free(&x);
        vs_buf_free(&out);
    }
    printf("load %.1f ms   encode %.2f MB/s (%zu bytes, %zu tokens)   decode %.2f MB/s\n", opened * 1e3,
           (double)text.size / encoded / 1e6, text.size, tokens, (double)text.size / decoded / 1e6);
    vs_model_close(m);
    vs_map_close(&text);
    return 0;
}
