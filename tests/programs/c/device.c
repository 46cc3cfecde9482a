// Uses a device by the CUDA driver, and keeps books of what it has of it. Prints them as JSON.
//
//     device linked       it is linked to the driver (compiled with -DLINKED -lcuda)
//     device dlsym        it looks functions up in the library that it opened
//     device address      it asks cuGetProcAddress, as the CUDA runtime does; with the versions of an old program
//     device thread       the same, for functions whose default stream is the thread's own

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t Address;

typedef struct {
    size_t x, y;
    unsigned kind; // 1 host, 2 device
    const void *host;
    Address device;
    void *array;
    size_t pitch;
} Plane;

// CUDA_MEMCPY2D
typedef struct {
    Plane from, to;
    size_t width, height;
} Rectangle;

#define FUNCTIONS(each) \
    each(cuInit, "cuInit", (unsigned)) \
    each(cuDeviceGet, "cuDeviceGet", (int *, int)) \
    each(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (void **, int)) \
    each(cuCtxSetCurrent, "cuCtxSetCurrent", (void *)) \
    each(cuMemAlloc_v2, "cuMemAlloc", (Address *, size_t)) \
    each(cuMemFree_v2, "cuMemFree", (Address)) \
    each(cuMemAllocAsync, "cuMemAllocAsync", (Address *, size_t, void *)) \
    each(cuMemFreeAsync, "cuMemFreeAsync", (Address, void *)) \
    each(cuMemHostAlloc, "cuMemHostAlloc", (void **, size_t, unsigned)) \
    each(cuMemFreeHost, "cuMemFreeHost", (void *)) \
    each(cuMemHostRegister_v2, "cuMemHostRegister", (void *, size_t, unsigned)) \
    each(cuMemHostUnregister, "cuMemHostUnregister", (void *)) \
    each(cuMemcpyHtoD_v2, "cuMemcpyHtoD", (Address, const void *, size_t)) \
    each(cuMemcpyDtoHAsync_v2, "cuMemcpyDtoHAsync", (void *, Address, size_t, void *)) \
    each(cuMemcpyDtoD_v2, "cuMemcpyDtoD", (Address, Address, size_t)) \
    each(cuMemcpy2D_v2, "cuMemcpy2D", (const Rectangle *))

#define DECLARE(name, base, arguments) extern int name arguments __attribute__((weak));
FUNCTIONS(DECLARE)

static struct {
#define MEMBER(name, base, arguments) int (*name) arguments;
    FUNCTIONS(MEMBER)
} driver;

static void find(const char *way) {
    if (strcmp(way, "linked") == 0) {
#ifdef LINKED
#define LINK(name, base, arguments) driver.name = name;
        FUNCTIONS(LINK)
#endif
        return;
    }
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) abort();
    if (strcmp(way, "dlsym") == 0) {
#define LOOK(name, base, arguments) *(void **)&driver.name = dlsym(library, #name);
        FUNCTIONS(LOOK)
        return;
    }
    int (*ask)(const char *, void **, int, uint64_t, int *);
    *(void **)&ask = dlsym(library, "cuGetProcAddress_v2");
    uint64_t flags = strcmp(way, "thread") == 0 ? 2 : 0;
#define ASK(name, base, arguments) if (ask(base, (void **)&driver.name, 12000, flags, NULL) != 0) abort();
    FUNCTIONS(ASK)
}

static long allocs, frees, live, peak, up, down, across;

static Address take(size_t size, int by_stream) {
    Address address = 0;
    int code = by_stream ? driver.cuMemAllocAsync(&address, size, NULL) : driver.cuMemAlloc_v2(&address, size);
    if (code != 0) return 0;
    allocs++;
    live += (long)size;
    if (live > peak) peak = live;
    return address;
}

static void give(Address address, size_t size, int by_stream) {
    int code = by_stream ? driver.cuMemFreeAsync(address, NULL) : driver.cuMemFree_v2(address);
    if (code != 0) abort();
    frees++;
    live -= (long)size;
}

int main(int count, char **arguments) {
    enum { MIB = 1 << 20, PAGES = 1 << 16 };
    static char bytes[MIB];
    static char registered[PAGES] __attribute__((aligned(4096)));
    int device;
    void *context, *pinned;
    if (count != 2) return 2;
    find(arguments[1]);
    if (!driver.cuInit) return 3;
    if (driver.cuInit(0) || driver.cuDeviceGet(&device, 0)) return 4;
    if (driver.cuDevicePrimaryCtxRetain(&context, device) || driver.cuCtxSetCurrent(context)) return 5;

    Address weights = take(5 * MIB, 0), activations = take(3 * MIB, 1);
    if (driver.cuMemHostAlloc(&pinned, 2 * MIB, 0) || driver.cuMemHostRegister_v2(registered, PAGES, 0)) return 6;
    for (int i = 0; i < 5; i++, up += MIB)
        if (driver.cuMemcpyHtoD_v2(weights + (Address)i * MIB, i ? bytes : pinned, MIB)) return 7;
    if (driver.cuMemcpyDtoD_v2(activations, weights, 3 * MIB)) return 8;
    across += 3 * MIB;
    if (driver.cuMemcpyDtoHAsync_v2(bytes, activations, MIB, NULL)) return 9;
    down += MIB;
    Rectangle rows = {.from = {.kind = 2, .device = activations, .pitch = 4096},
                      .to = {.kind = 1, .host = bytes, .pitch = 1000}, .width = 1000, .height = 700};
    if (driver.cuMemcpy2D_v2(&rows)) return 13;
    down += 1000 * 700;
    give(activations, 3 * MIB, 1);
    activations = take(7 * MIB, 1);
    if (take((size_t)1 << 40, 0)) return 10;
    // What the driver does not know it does not take back.
    if (driver.cuMemFree_v2(weights + 1) == 0) return 11;
    give(activations, 7 * MIB, 1);
    if (driver.cuMemHostUnregister(registered) || driver.cuMemFreeHost(pinned)) return 12;
    char text[512];
    int length = snprintf(text, sizeof text,
        "{\"device\":{\"allocs\":%ld,\"frees\":%ld,\"live\":%ld,\"peak\":%ld},"
        "\"pinned\":{\"allocs\":2,\"frees\":2,\"live\":0,\"peak\":%d},\"h2d\":%ld,\"d2h\":%ld,\"d2d\":%ld,\"ooms\":1}\n",
        allocs, frees, live, peak, 2 * MIB + PAGES, up, down, across);
    return write(1, text, (size_t)length) == length ? 0 : 1;
}
