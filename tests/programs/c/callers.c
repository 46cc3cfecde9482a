// Asks for memory by ways that differ in who asks, on so many threads at once, and keeps all of it. Prints how many bytes each
// function asked for in all, as JSON.
//
//     callers THREADS

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 50, SMALL = 5000, LARGE = 70000, THREADS = 8, DEPTH = 60 };

static void *kept[THREADS][ROUNDS][3];

__attribute__((noinline)) static void *small_one(void) {
    void *block = malloc(SMALL);
    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}

__attribute__((noinline)) static void *large_one(void) {
    void *block = calloc(1, LARGE);
    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}

// Deeper than what is kept of a stack.
__attribute__((noinline)) static void *deep_one(int depth) {
    void *block = depth ? deep_one(depth - 1) : small_one();
    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}

static void *work(void *own) {
    void *(*blocks)[3] = own;
    for (int i = 0; i < ROUNDS; i++) {
        blocks[i][0] = small_one();
        blocks[i][1] = large_one();
        blocks[i][2] = deep_one(DEPTH);
    }
    return NULL;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    pthread_t ids[THREADS];
    if (threads < 1 || threads > THREADS) return 2;
    for (int i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, kept[i]);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    printf("{\"small_one\":%d,\"large_one\":%d,\"deep_one\":%d}\n", threads * ROUNDS * SMALL * 2,
           threads * ROUNDS * LARGE, threads * ROUNDS * SMALL);
    return 0;
}
