// Asks for host memory by every function there is, on so many threads, and keeps books of what the tracer is to record: what
// has at least 4096 bytes. Prints them as JSON.
//
//     allocations THREADS [fork]      with fork, a child gives all of it back and asks for memory of its own
//
// Each step and its entry in the books are one under a lock, so that the order of the books is that of the log.

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THRESHOLD = 4096, SLOTS = 64, STEPS = 4000, THREADS = 16 };

typedef struct {
    long allocs, frees, live, peak;
} Books;

static Books host, mapped;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void in(Books *books, size_t size) {
    if (size < THRESHOLD) return;
    books->allocs++;
    books->live += (long)size;
    if (books->live > books->peak) books->peak = books->live;
}

static void out(Books *books, size_t size) {
    if (size < THRESHOLD) return;
    books->frees++;
    books->live -= (long)size;
}

typedef struct {
    void *block;
    size_t size;
} Slot;

static Slot slots[THREADS][SLOTS];

// Not inlined, for a compiler that sees what becomes of a block may do without.
__attribute__((noinline)) static void *ask(int how, void *old, size_t size) {
    void *block = NULL;
    switch (how % 10) {
    case 0: return calloc(1, size);
    case 1: return calloc(size, 1);
    case 2: return posix_memalign(&block, 256, size) ? NULL : block;
    case 3: return aligned_alloc(64, (size + 63) / 64 * 64);
    case 4: return memalign(1024, size);
    case 5: return valloc(size);
    case 6: return pvalloc(size);
    case 7: return realloc(old, size);
    case 8: return reallocarray(old, size, 1);
    default: return malloc(size);
    }
}

static void step(Slot *slot, uint64_t random) {
    int how = (int)(random >> 8) % 10;
    size_t size = 1 + (random >> 16) % (random & 1 ? 6000 : 300000);
    int moves = how == 7 || how == 8;
    if (how == 3) size = (size + 63) / 64 * 64;
    if (slot->block) out(&host, slot->size);
    if (slot->block && !moves) {
        free(slot->block);
        slot->block = NULL;
        // Half of the slots stay empty for a while.
        if (random & 2) return;
    }
    slot->block = ask(how, moves ? slot->block : NULL, size);
    if (!slot->block) abort();
    memset(slot->block, 1, size < 64 ? size : 64);
    slot->size = size;
    in(&host, size);
}

static void *work(void *argument) {
    Slot *own = argument;
    uint64_t random = 88172645463325252u + (uint64_t)(own - slots[0]);
    for (int i = 0; i < STEPS; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        pthread_mutex_lock(&lock);
        step(&own[random % SLOTS], random >> 3);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static char *map(void *where, size_t size, int access, int flags) {
    char *start = mmap(where, size, access, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (start == MAP_FAILED) abort();
    return start;
}

static void mappings(void) {
    const size_t page = 4096;
    const int both = PROT_READ | PROT_WRITE;
    map(NULL, 1 << 30, PROT_NONE, MAP_NORESERVE); // a reservation
    char *whole = map(NULL, 64 * page, both, 0);
    in(&mapped, 64 * page);
    // A hole leaves two mappings.
    munmap(whole + 16 * page, 16 * page);
    out(&mapped, 64 * page), in(&mapped, 16 * page), in(&mapped, 32 * page);
    // What was reserved takes the place of the first.
    map(whole, 16 * page, PROT_NONE, MAP_FIXED | MAP_NORESERVE);
    out(&mapped, 16 * page);
    char *moved = mremap(whole + 32 * page, 32 * page, 100 * page, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) abort();
    out(&mapped, 32 * page), in(&mapped, 100 * page);
    // Failing, it changes nothing; in the log it went and came.
    if (mremap(moved, 100 * page, (size_t)1 << 62, 0) != MAP_FAILED) abort();
    out(&mapped, 100 * page), in(&mapped, 100 * page);
    char *other = map(NULL, 8 * page, both, 0);
    in(&mapped, 8 * page);
    munmap(other, 8 * page);
    out(&mapped, 8 * page);
}

static void child(void) {
    for (int thread = 0; thread < THREADS; thread++)
        for (int i = 0; i < SLOTS; i++) free(slots[thread][i].block);
    free(ask(9, NULL, 1 << 20));
    void *kept = ask(9, NULL, 12345);
    _exit(kept ? 0 : 1);
}

int main(int count, char **arguments) {
    int threads = atoi(arguments[1]);
    pthread_t ids[THREADS];
    if (threads < 1 || threads > THREADS) return 2;
    for (int i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, slots[i]);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    mappings();
    if (count > 2 && strcmp(arguments[2], "fork") == 0) {
        pid_t process = fork();
        if (process == 0) child();
        int status = 1;
        waitpid(process, &status, 0);
        if (status != 0) return 3;
    }
    // Without a buffer of stdio's, which would be host memory too.
    char text[512];
    int length = snprintf(text, sizeof text,
        "{\"host\":{\"allocs\":%ld,\"frees\":%ld,\"live\":%ld,\"peak\":%ld},"
        "\"mapped\":{\"allocs\":%ld,\"frees\":%ld,\"live\":%ld,\"peak\":%ld}}\n",
        host.allocs, host.frees, host.live, host.peak, mapped.allocs, mapped.frees, mapped.live, mapped.peak);
    return write(1, text, (size_t)length) == length ? 0 : 1;
}
