/* fuzz_gguf.c - any bytes as GGUF.
 * covers: lib/io/fmt_gguf.c */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_container(data, size);
    return 0;
}
