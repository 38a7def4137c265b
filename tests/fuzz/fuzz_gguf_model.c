/* A GGUF file as a model: its settings, its tensors in their places, its vocabulary.
 * covers: lib/model/vocab.c */
#include "model/config.h"
#include "model/model_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vs_err err = {0};
    const vs_tokenizer *t;
    vs_model *m = vs_zalloc(1, sizeof *m);
    if (!m) return 0;
    m->info.name = m->info.path = "fuzz.gguf";
    if (vs_file_open_bytes(&err, "fuzz.gguf", data, size, &m->file) == VS_OK && vs__model_over(&err, m) == VS_OK &&
        vs_model_tokenizer(&err, m, &t) == VS_OK)
        (void)vs_vocab_size(t);
    vs_model_close(m);
    return 0;
}
