// Uses a device by the CUDA driver, and keeps books of what it has of it. Prints them as JSON.
//
//     device linked       it is linked to the driver (compiled with -DLINKED -lcuda)
//     device dlsym        it looks functions up in the library that it opened
//     device address      it asks cuGetProcAddress, as the CUDA runtime does, for the oldest version that has all it needs
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

typedef struct {
    size_t x, y, z, level;
    unsigned kind;
    const void *host;
    Address device;
    void *array, *reserved;
    size_t pitch, height;
} Space;

// CUDA_MEMCPY3D
typedef struct {
    Space from, to;
    size_t width, height, depth;
} Cuboid;

// CUmemPoolProps
typedef struct {
    int kind, handle_types, location_kind, location;
    char rest[80];
} PoolProperties;

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
    each(cuMemcpy2D_v2, "cuMemcpy2D", (const Rectangle *)) \
    each(cuMemcpy3D_v2, "cuMemcpy3D", (const Cuboid *)) \
    each(cuMemcpy3DAsync_v2, "cuMemcpy3DAsync", (const Cuboid *, void *)) \
    each(cuMemcpyBatchAsync, "cuMemcpyBatchAsync", \
         (Address *, Address *, size_t *, size_t, void *, size_t *, size_t, size_t *, void *)) \
    each(cuMemPoolCreate, "cuMemPoolCreate", (void **, const PoolProperties *)) \
    each(cuMemPoolDestroy, "cuMemPoolDestroy", (void *)) \
    each(cuMemPoolTrimTo, "cuMemPoolTrimTo", (void *, size_t)) \
    each(cuMemPoolSetAttribute, "cuMemPoolSetAttribute", (void *, int, void *)) \
    each(cuMemAllocFromPoolAsync, "cuMemAllocFromPoolAsync", (Address *, size_t, void *, void *))

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
#define ASK(name, base, arguments) if (ask(base, (void **)&driver.name, 12080, flags, NULL) != 0) abort();
    FUNCTIONS(ASK)
}

static long allocs, frees, live, peak, up, down, across, trims;

static void taken(size_t size) {
    allocs++;
    live += (long)size;
    if (live > peak) peak = live;
}

static Address take(size_t size, int by_stream) {
    Address address = 0;
    int code = by_stream ? driver.cuMemAllocAsync(&address, size, NULL) : driver.cuMemAlloc_v2(&address, size);
    if (code != 0) return 0;
    taken(size);
    return address;
}

static void give(Address address, size_t size, int by_stream) {
    int code = by_stream ? driver.cuMemFreeAsync(address, NULL) : driver.cuMemFree_v2(address);
    if (code != 0) abort();
    frees++;
    live -= (long)size;
}

// A pool of the program's own, on the second device, while the first is current.
static int use_a_pool(size_t size) {
    PoolProperties properties = {.kind = 1, .location_kind = 1, .location = 1};
    uint64_t keep = size / 2;
    void *pool;
    Address address;
    if (driver.cuMemPoolCreate(&pool, &properties) || driver.cuMemPoolSetAttribute(pool, 4, &keep)) return 1;
    if (driver.cuMemAllocFromPoolAsync(&address, size, pool, NULL) || driver.cuMemFreeAsync(address, NULL)) return 2;
    if (driver.cuMemPoolTrimTo(pool, 0)) return 3;
    trims++;
    return driver.cuMemPoolDestroy(pool);
}

// Boxes up and down, and copies of both kinds in one batch.
static int copy_in_other_ways(Address device, char *host) {
    Space above = {.kind = 1, .host = host, .pitch = 500, .height = 20};
    Space below = {.kind = 2, .device = device, .pitch = 512, .height = 32};
    Cuboid boxes = {.from = above, .to = below, .width = 400, .height = 16, .depth = 10};
    if (driver.cuMemcpy3D_v2(&boxes)) return 1;
    up += 400 * 16 * 10;
    boxes = (Cuboid){.from = below, .to = above, .width = 300, .height = 8, .depth = 5};
    if (driver.cuMemcpy3DAsync_v2(&boxes, NULL)) return 2;
    down += 300 * 8 * 5;
    Address to[] = {device, (Address)(uintptr_t)host, device + 9000, device + 20000};
    Address from[] = {(Address)(uintptr_t)host, device + 4096, (Address)(uintptr_t)host + 100, device};
    size_t sizes[] = {4000, 3000, 2000, 1000}, failed;
    if (driver.cuMemcpyBatchAsync(to, from, sizes, 4, NULL, NULL, 0, &failed, NULL)) return 3;
    up += 4000 + 2000, down += 3000, across += 1000;
    return 0;
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
    if (copy_in_other_ways(activations, bytes)) return 14;
    if (use_a_pool(4 * MIB)) return 15;
    give(activations, 3 * MIB, 1);
    activations = take(7 * MIB, 1);
    if (take((size_t)1 << 40, 0)) return 10;
    // What the driver does not know it does not take back.
    if (driver.cuMemFree_v2(weights + 1) == 0) return 11;
    give(activations, 7 * MIB, 1);
    if (driver.cuMemHostUnregister(registered) || driver.cuMemFreeHost(pinned)) return 12;
    char text[1024];
    int length = snprintf(text, sizeof text,
        "{\"device\":{\"allocs\":%ld,\"frees\":%ld,\"live\":%ld,\"peak\":%ld},"
        "\"pinned\":{\"allocs\":2,\"frees\":2,\"live\":0,\"peak\":%d},\"h2d\":%ld,\"d2h\":%ld,\"d2d\":%ld,\"ooms\":1,"
        "\"pool\":{\"allocs\":1,\"frees\":1,\"live\":0,\"peak\":%d},\"trims\":%ld}\n",
        allocs, frees, live, peak, 2 * MIB + PAGES, up, down, across, 4 * MIB, trims);
    return write(1, text, (size_t)length) == length ? 0 : 1;
}
