/* cuDNN: a version, and that nothing is supported. Programs switch it off (`torch.backends.cudnn.enabled = False`). */
#include <stddef.h>

size_t cudnnGetVersion(void) {
    return 91000;
}

size_t cudnnGetCudartVersion(void) {
    return RELEASE >= 9 ? 13000 : 12000;
}

const char *cudnnGetErrorString(int status) {
    return status == 0 ? "success" : "not supported by the software device";
}
