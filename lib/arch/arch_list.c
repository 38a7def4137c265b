/* arch_list.c - every architecture, from arch_list.def. */
#include "arch_list.h"

const vs_arch *const vs_arch_list[] = {
#define ARCH(name) &vs_arch_##name,
#include "arch_list.def"
#undef ARCH
    NULL,
};
