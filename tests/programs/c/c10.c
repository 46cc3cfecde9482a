// What a recorder needs of PyTorch's libc10: the functions by which allocators report, under the names of both versions,
// and an allocator for two devices that reports, keeps sums of its own, and can forget a report.

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int8_t type, index;
} Device;

void report_usage(void *, int64_t, size_t, size_t, Device) __asm__("_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE");
void report_signed(void *, int64_t, int64_t, int64_t, Device) __asm__("_ZN3c1027reportMemoryUsageToProfilerEPvlllNS_6DeviceE");
void report_failed(int64_t, size_t, size_t, Device) __asm__("_ZN3c1027reportOutOfMemoryToProfilerElmmNS_6DeviceE");
bool profiling(void) __asm__("_ZN3c1022memoryProfilingEnabledEv");

// What the profiler was told, and whether it listens.
uint64_t profiler_reports, profiler_failures;
bool profiler_listens;

void report_usage(void *block, int64_t size, size_t allocated, size_t reserved, Device device) {
    (void)block, (void)size, (void)allocated, (void)reserved, (void)device;
    __atomic_fetch_add(&profiler_reports, 1, __ATOMIC_RELAXED);
}

void report_signed(void *block, int64_t size, int64_t allocated, int64_t reserved, Device device) {
    (void)block, (void)size, (void)allocated, (void)reserved, (void)device;
    __atomic_fetch_add(&profiler_reports, 1, __ATOMIC_RELAXED);
}

void report_failed(int64_t size, size_t allocated, size_t reserved, Device device) {
    (void)size, (void)allocated, (void)reserved, (void)device;
    profiler_failures++;
}

bool profiling(void) {
    return profiler_listens;
}

// cuda:1, under a lock, and the host's, which reports outside of its lock, and only while somebody listens.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t allocated[2], reserved[2];
static const Device devices[2] = {{0, -1}, {1, 1}};

static void tell(int which, void *block, int64_t size, bool old) {
    size_t all = allocated[which], segments = reserved[which];
    if (which == 0)
        pthread_mutex_unlock(&lock);
    if (which == 1 || profiling()) {
        if (old)
            report_signed(block, size, (int64_t)all, (int64_t)segments, devices[which]);
        else
            report_usage(block, size, all, segments, devices[which]);
    }
    if (which == 1)
        pthread_mutex_unlock(&lock);
}

void fake_alloc(int which, uint64_t address, size_t size, bool old, bool forget) {
    pthread_mutex_lock(&lock);
    allocated[which] += size;
    if (which == 1 && reserved[1] < allocated[1])
        reserved[1] = allocated[1];
    if (forget)
        pthread_mutex_unlock(&lock);
    else
        tell(which, (void *)address, (int64_t)size, old);
}

void fake_free(int which, uint64_t address, size_t size, bool old) {
    pthread_mutex_lock(&lock);
    allocated[which] -= size;
    tell(which, (void *)address, -(int64_t)size, old);
}

// A file that is mapped, or memory that is shared: another pool than the allocator's, whose sum is told as 0.
void fake_map(uint64_t address, int64_t size) {
    report_usage((void *)address, size, 0, size > 0 ? (size_t)size : 0, devices[0]);
}

void fake_fail(size_t size) {
    report_failed((int64_t)size, allocated[1], reserved[1], devices[1]);
}
