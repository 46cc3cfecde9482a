/* A program with an allocator of its own, which maps memory under its lock, as jemalloc does. It counts who comes to it while
   their thread holds the lock: there an allocator like those would wait for ever. Prints that, and how often it mapped memory.
   It never gives memory back. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK = 1 << 20, HEADER = 16, THREADS = 4, ROUNDS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int holds_the_lock;
static char *next, *end;
static atomic_long reentered, mapped;

static char rest[1 << 20] __attribute__((aligned(16)));
static atomic_size_t rest_used;

void *malloc(size_t size) {
    size_t room = (size + HEADER + 15) & ~(size_t)15;
    char *block;
    if (holds_the_lock) {
        reentered++;
        block = rest + atomic_fetch_add(&rest_used, room);
    } else {
        pthread_mutex_lock(&lock);
        holds_the_lock = 1;
        if ((size_t)(end - next) < room) {
            size_t length = room > CHUNK ? room : CHUNK;
            next = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            end = next + length;
            mapped++;
        }
        block = next;
        next += room;
        holds_the_lock = 0;
        pthread_mutex_unlock(&lock);
    }
    memcpy(block, &size, sizeof size);
    return block + HEADER;
}

void free(void *block) { (void)block; }

void *calloc(size_t count, size_t size) { return malloc(count * size); }

void *realloc(void *block, size_t size) {
    void *moved = malloc(size);
    if (block) {
        size_t before;
        memcpy(&before, (char *)block - HEADER, sizeof before);
        memcpy(moved, block, before < size ? before : size);
    }
    return moved;
}

__attribute__((noinline)) static int deep(int levels) {
    if (levels)
        return deep(levels - 1) + 1;
    volatile char *volatile block = malloc(2 * CHUNK);
    block[0] = 0;
    return block[0];
}

static void *work(void *argument) {
    for (int round = 0; round < ROUNDS; round++)
        deep(round);
    return argument;
}

int main(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("{\"reentered\": %ld, \"mapped\": %ld, \"asked\": %d}\n", reentered, mapped, THREADS * ROUNDS);
}
