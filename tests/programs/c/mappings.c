// Mappings where keeping books of them is hard: mappings WAY NUMBER. Prints what it knows of them.
//   threads N   N threads map and unmap at the same time
//   many N      N mappings at once, of which the kernel makes one
//   jumps N     N times a handler leaves a call of mmap or munmap, or what is between, by a jump; then another thread maps, and
//               this one maps larger ones

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

enum { PAGE = 4096, LARGE = 1 << 20, EACH = 20000, KEPT = 300, LARGER = 3 << 20, PART = 1000 };

static void *map(void *place, size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (place ? MAP_FIXED : 0);
    void *mapped = mmap(place, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapped == MAP_FAILED) exit(98);
    return mapped;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *turns(void *nothing) {
    (void)nothing;
    for (int i = 0; i < EACH; i++) munmap(map(NULL, LARGE), LARGE);
    return NULL;
}

static void together(int threads) {
    pthread_t *all = calloc((size_t)threads, sizeof *all);
    for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, turns, NULL);
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    printf("{\"allocs\": %d, \"frees\": %d, \"live\": 0}\n", threads * EACH, threads * EACH);
}

static void many(int count) {
    char *room = mmap(NULL, (size_t)count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) exit(97);
    // Of each part every other one first, so that half of them come between others.
    for (int part = 0; part < count; part += PART) {
        for (int start = 0; start < 2; start++) {
            for (int i = part + start; i < part + PART && i < count; i += 2) map(room + (size_t)i * PAGE, PAGE);
        }
    }
    int frees = 0;
    for (int i = 0; i < count; i += 3, frees++) munmap(room + (size_t)i * PAGE, PAGE);
    printf("{\"allocs\": %d, \"frees\": %d, \"live\": %zu}\n", count, frees, (size_t)(count - frees) * PAGE);
}

static sigjmp_buf before;
static volatile sig_atomic_t left;

static void leave(int signal) {
    (void)signal;
    left++;
    siglongjmp(before, 1);
}

static double pair(void) {
    enum { PAIRS = 500 };
    double begin = seconds();
    for (int i = 0; i < PAIRS; i++) munmap(map(NULL, LARGE), LARGE);
    return (seconds() - begin) / PAIRS;
}

static void *keep(void *times) {
    *(double *)times = pair();
    for (int i = 0; i < KEPT; i++) map(NULL, LARGE);
    return NULL;
}

static void jumps(int count) {
    double time_before = pair(), time_after = 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = leave;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 60}, {0, 60}}, never = {{0, 0}, {0, 0}};
    sigsetjmp(before, 1);
    if (left < count) {
        setitimer(ITIMER_REAL, &often, NULL);
        for (;;) munmap(map(NULL, LARGE), LARGE);
    }
    signal(SIGALRM, SIG_IGN);
    setitimer(ITIMER_REAL, &never, NULL);
    pthread_t other;
    pthread_create(&other, NULL, keep, &time_after);
    pthread_join(other, NULL);
    for (int i = 0; i < KEPT; i++) map(NULL, LARGER);
    printf("{\"kept\": %d, \"larger\": %d, \"before\": %.0f, \"after\": %.0f}\n", KEPT * (LARGE + LARGER), LARGER, time_before * 1e9, time_after * 1e9);
}

int main(int count, char **arguments) {
    if (count != 3) return 99;
    int number = atoi(arguments[2]);
    if (!strcmp(arguments[1], "threads")) together(number);
    else if (!strcmp(arguments[1], "many")) many(number);
    else if (!strcmp(arguments[1], "jumps")) jumps(number);
    else return 99;
    return 0;
}
