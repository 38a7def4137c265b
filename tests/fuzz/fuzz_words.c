/* fuzz_words.c - any bytes as a file of word vectors: word2vec, GloVe, fastText, tables in npz and safetensors.
 * covers: lib/io/fmt_text.c lib/io/fmt_word2vec.c lib/io/fmt_fasttext.c lib/io/fmt_table.c */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vs_words *w;
    if (vs_words_open_bytes(NULL, "input", data, size, &w) == VS_OK) fuzz_words(w);
    return 0;
}
