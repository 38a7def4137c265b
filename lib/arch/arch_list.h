/* arch_list.h - declares the struct of each row of arch_list.def. */
#ifndef VS_ARCH_ARCH_LIST_H
#define VS_ARCH_ARCH_LIST_H

#include "../model/arch.h"

#define ARCH(name) extern const vs_arch vs_arch_##name;
#include "arch_list.def"
#undef ARCH

#endif
