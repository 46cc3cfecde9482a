// Ends with status 7 without the handlers of its end, having taken memory: leaving WAY.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS = 7, SIZE = 1 << 16, WORKERS = 4 };

static void *taken;

static void take(void) {
    taken = malloc(SIZE);
    if (!taken) abort();
    memset(taken, 1, SIZE);
}

static void leave(int signal) {
    (void)signal;
    _exit(STATUS);
}

static void *work(void *nothing) {
    for (;;) {
        free(malloc(SIZE));
        munmap(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), SIZE);
    }
    return nothing;
}

static void start_workers(void) {
    pthread_t thread;
    for (int i = 0; i < WORKERS; i++) pthread_create(&thread, NULL, work, NULL);
    usleep(20000);
}

int main(int count, char **arguments) {
    if (count != 2) return 99;
    const char *way = arguments[1];
    take();
    if (!strcmp(way, "_exit")) _exit(STATUS);
    if (!strcmp(way, "_Exit")) _Exit(STATUS);
    if (!strcmp(way, "quick_exit")) quick_exit(STATUS);
    if (!strcmp(way, "exit_group")) syscall(SYS_exit_group, STATUS);
    // A handler that comes anywhere.
    if (!strcmp(way, "handler")) {
        struct itimerval soon = {{0, 0}, {0, 10000}};
        signal(SIGALRM, leave);
        setitimer(ITIMER_REAL, &soon, NULL);
        work(NULL);
    }
    // While other threads are at work.
    if (!strcmp(way, "threads")) {
        start_workers();
        _exit(STATUS);
    }
    // A child that shares its parent's memory, and ends like this; the parent goes on.
    if (!strcmp(way, "vfork")) {
        pid_t child = vfork();
        if (child == 0) _exit(3);
        waitpid(child, NULL, 0);
        take();
        _exit(STATUS);
    }
    // Workers, each with memory of its own.
    if (!strcmp(way, "workers")) {
        for (int i = 0; i < WORKERS; i++) {
            if (fork() == 0) {
                take();
                usleep(50000);
                _exit(0);
            }
        }
        while (wait(NULL) > 0) {}
        _exit(STATUS);
    }
    // By a signal that nobody handles.
    if (!strcmp(way, "terminated")) raise(SIGTERM);
    return 98;
}
