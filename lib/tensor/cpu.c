/* cpu.c - see cpu.h. */
#include "cpu.h"

#include "kernels_table.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

static bool has_avx2(void) {
    unsigned a, b, c, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

/* isas.def as code: the i-th set, or NULL. */
static const vs__kernels *isa_at(size_t i, bool *available) {
    size_t at = 0;
#define ISA(name, has)                                                                                                 \
    if (at++ == i) {                                                                                                   \
        *available = (has);                                                                                            \
        return &vs__kernels_##name;                                                                                    \
    }
#include "isas.def"
#undef ISA
    *available = false;
    return NULL;
}

static const vs__kernels *isa_named(const char *name, bool *available) {
    const vs__kernels *k = NULL;
    for (size_t i = 0; (k = isa_at(i, available)); i++)
        if (!strcmp(k->name, name)) return k;
    return NULL;
}

static _Atomic(const vs__kernels *) in_use;

static const vs__kernels *choose(void) {
    bool available;
    const char *wanted = getenv("VS_ISA");
    if (wanted) {
        const vs__kernels *k = isa_named(wanted, &available);
        if (k && available) return k;
    }
    const vs__kernels *best = &vs__kernels_scalar, *k;
    for (size_t i = 0; (k = isa_at(i, &available)); i++)
        if (available) best = k;
    return best;
}

const vs__kernels *vs__kernels_in_use(void) {
    const vs__kernels *k = atomic_load_explicit(&in_use, memory_order_acquire);
    if (!k) {
        k = choose(); /* the same answer in every thread that races here */
        atomic_store_explicit(&in_use, k, memory_order_release);
    }
    return k;
}

const char *vs_isa_name(void) { return vs__kernels_in_use()->name; }

static vs_status unknown(vs_err *err, const char *name) {
    char all[128] = "";
    bool available;
    const vs__kernels *k;
    for (size_t i = 0, at = 0; (k = isa_at(i, &available)) && at < sizeof all; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, " %s", k->name);
    return vs_fail(err, VS_E_UNKNOWN, "instruction set '%s': none of those built in:%s", name, all);
}

vs_status vs_isa_set(vs_err *err, const char *name) {
    bool available;
    const vs__kernels *k = isa_named(name, &available);
    if (!k) return unknown(err, name);
    if (!available) return vs_fail(err, VS_E_UNSUPPORTED, "instruction set '%s': this machine lacks it", name);
    atomic_store_explicit(&in_use, k, memory_order_release);
    return VS_OK;
}

const char *vs_isa_list(size_t i, bool *available) {
    const vs__kernels *k = isa_at(i, available);
    return k ? k->name : NULL;
}
