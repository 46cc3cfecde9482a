// A program that takes a MiB of a device, and a library (-DLIBRARY) of which it asks to take three.

#include <dlfcn.h>
#include <stdint.h>
#include <stddef.h>

static int take(size_t size) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    int (*init)(unsigned), (*retain)(void **, int), (*set)(void *), (*allocate)(uint64_t *, size_t);
    *(void **)&init = dlsym(library, "cuInit");
    *(void **)&retain = dlsym(library, "cuDevicePrimaryCtxRetain");
    *(void **)&set = dlsym(library, "cuCtxSetCurrent");
    *(void **)&allocate = dlsym(library, "cuMemAlloc_v2");
    void *context;
    uint64_t address;
    return init(0) || retain(&context, 0) || set(context) || allocate(&address, size);
}

#ifdef LIBRARY
int library_takes(void);

int library_takes(void) {
    int failed = take(3 << 20);
    return failed;
}
#else
extern int library_takes(void);

int main(void) {
    return take(1 << 20) || library_takes();
}
#endif
