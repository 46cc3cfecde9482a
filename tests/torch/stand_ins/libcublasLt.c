/* cuBLASLt: descriptors that nothing is behind, and one algorithm for everything. */
#include <stddef.h>
#include <string.h>

int cublasLtCreate(void **handle) {
    *handle = (void *)0x10;
    return 0;
}

int cublasLtMatmulDescCreate(void **made, int compute, int scale) {
    (void)compute, (void)scale;
    *made = (void *)0x20;
    return 0;
}

int cublasLtMatrixLayoutCreate(void **made, int type, size_t rows, size_t columns, long pitch) {
    (void)type, (void)rows, (void)columns, (void)pitch;
    *made = (void *)0x30;
    return 0;
}

int cublasLtMatmulPreferenceCreate(void **made) {
    *made = (void *)0x40;
    return 0;
}

/* `cublasLtMatmulHeuristicResult_t` has 96 bytes. */
int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference,
                                   int wanted, void *results, int *count) {
    (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d, (void)preference;
    if (wanted > 0)
        memset(results, 0, 96);
    *count = wanted > 0;
    return 0;
}
