/* blas.h - the threads of the BLAS behind GSL. */
#ifndef VS_NUMERIC_BLAS_H
#define VS_NUMERIC_BLAS_H

/* vs_blas_rest() - end the threads that OpenBLAS starts when it is loaded: until they first sleep, a tenth of a second
 * later, they spin, on cores that a short process needs for itself.  OpenBLAS starts them again when it has work for them.
 * For a program's start, before its own threads; nothing where the BLAS is another one.  O(threads), some microseconds. */
void vs_blas_rest(void);

#endif
