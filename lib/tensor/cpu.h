/* cpu.h - which instruction sets this machine has, and which one the kernels use. */
#ifndef VS_TENSOR_CPU_H
#define VS_TENSOR_CPU_H

#include "../base/status.h"

/* vs_isa_name() - "scalar", "avx2", "avx512" or "neon": the set in use.  Chosen on first need: the best that the
 * machine has, or VS_ISA from the environment where that names one the machine has (the program refuses another). */
const char *vs_isa_name(void);

/* vs_isa_set() - use the named set from now on (tests).  VS_OK | VS_E_UNKNOWN | VS_E_UNSUPPORTED (not on this machine).
 */
vs_status vs_isa_set(vs_err *err, const char *name) VS_MUST_CHECK;

/* vs_isa_list() - the names built in, one at a time from i = 0, NULL at the end; *available: this machine has it. */
const char *vs_isa_list(size_t i, bool *available);

#endif
