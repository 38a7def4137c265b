/* kernel_digest.c - the bits of every kernel as text: one line a case, for the instruction set named.
 *
 * Two machines, or two instruction sets, agree where their texts do.  Needs the rooms base and tensor only. */
#include "../unit/kernel_cases.h"
#include "tensor/cpu.h"

#include <inttypes.h>

static void print_case(void *arg, const char *what, const float *y, size_t n) {
    bool *failed = arg;
    if (!y)
        *failed = true;
    else
        printf("%016" PRIx64 " %s\n", case_hash(y, n), what);
}

int main(int argc, char **argv) {
    vs_err err = {0};
    bool failed = false;
    if (argc != 2 || vs_isa_set(&err, argv[1]) != VS_OK) {
        fprintf(stderr, "usage: kernel_digest ISA   %s\n", err.msg);
        return 2;
    }
    if (!run_cases(print_case, &failed) || failed) {
        fprintf(stderr, "kernel_digest: a call failed, or no memory\n");
        return 1;
    }
    return 0;
}
