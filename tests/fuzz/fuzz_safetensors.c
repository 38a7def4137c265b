/* fuzz_safetensors.c - any bytes as safetensors.
 * covers: lib/io/fmt_safetensors.c lib/base/json.c */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_container(data, size);
    return 0;
}
