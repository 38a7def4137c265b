/* fuzz_npy.c - any bytes as an npy array.
 * covers: lib/io/fmt_npy.c */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_container(data, size);
    return 0;
}
