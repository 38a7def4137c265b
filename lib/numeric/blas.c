/* blas.c - see blas.h. */
#include "blas.h"

extern int blas_thread_shutdown_(void) __attribute__((weak)); /* OpenBLAS's, exported by it but in none of its headers */

void vs_blas_rest(void) {
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}
