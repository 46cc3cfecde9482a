/* cuBLAS: handles that nothing is behind. What it computes is not computed, and that is success. */
#include <stddef.h>

int cublasCreate_v2(void **handle) {
    *handle = (void *)0x10;
    return 0;
}

int cublasGetMathMode(void *handle, int *mode) {
    (void)handle;
    *mode = 0;
    return 0;
}

int cublasGetPointerMode_v2(void *handle, int *mode) {
    (void)handle;
    *mode = 0;
    return 0;
}

int cublasGetVersion_v2(void *handle, int *version) {
    (void)handle;
    *version = RELEASE * 10000;
    return 0;
}

const char *cublasGetStatusString(int status) {
    return status == 0 ? "success" : "failure";
}
