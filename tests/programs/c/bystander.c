/* A program that knows nothing of the tracer, and meets with one thing at a time that a recording must not hurt it by. What it
 * prints depends on its arguments alone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { BLOCK = 16384, THREADS = 4, ROUNDS = 5000 };

/* Blocks that are recorded. */
static void *work(void *rounds) {
    for (long round = 0; round < (long)rounds; round++) {
        volatile char *block = malloc(BLOCK);
        block[0] = 1;
        free((char *)block);
    }
    return NULL;
}

static void work_on_threads(long rounds) {
    pthread_t threads[THREADS];
    for (int thread = 0; thread < THREADS; thread++)
        pthread_create(&threads[thread], NULL, work, (void *)rounds);
    for (int thread = 0; thread < THREADS; thread++)
        pthread_join(threads[thread], NULL);
}

/* A page of a file that is cut off: an access is a fault of the program's own. */
static char *broken_page(void) {
    FILE *file = tmpfile();
    if (file == NULL || ftruncate(fileno(file), 4096) != 0)
        abort();
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    if (page == MAP_FAILED || ftruncate(fileno(file), 0) != 0)
        abort();
    return page;
}

static char *page;
static volatile sig_atomic_t faults, codes, depth;

/* Mends the program's own fault. */
static void mend(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    faults++;
    codes += info->si_code == BUS_ADRERR && info->si_addr == page;
    mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static struct sigaction before;

/* Mends its own and leaves everything else to whoever came before it, as a library does that has manners. */
static void mend_or_pass_on(int signal, siginfo_t *info, void *context) {
    if (info->si_addr == page)
        mend(signal, info, context);
    else if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal, info, context);
    else
        abort();
}

static void install(void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(SIGBUS, &action, &before);
}

static void say_faults(void) {
    page[0] = 1;
    printf("faults %d, told right %d\n", (int)faults, (int)codes);
    fflush(stdout);
}

static void cut(const char *log) {
    /* The recording's file, if there is one: nobody may tell from what is printed. */
    if (log[0] != '\0' && truncate(log, 0) != 0 && errno != ENOENT)
        abort();
}

/* The log is cut while threads record; then there is time for whatever the tracer does at leisure. */
static void cut_and_go_on(const char *log) {
    work(NULL);
    work_on_threads(10);
    usleep(1500000);
    work_on_threads(ROUNDS);
    cut(log);
    work((void *)ROUNDS);
    work_on_threads(ROUNDS);
    puts("went on");
}

/* Records, waits until it is told to go on, and records. */
static void wait_between(void) {
    work_on_threads(200);
    puts("waits");
    fflush(stdout);
    char line[8];
    if (fgets(line, sizeof line, stdin) == NULL)
        abort();
    work_on_threads(ROUNDS);
    puts("went on");
}

static void *work_and_say(void *rounds) {
    usleep(100000);
    work(rounds);
    /* Lies in the stream's memory until the process ends as it should. */
    printf("worked\n");
    return NULL;
}

static void leave_main(void) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    pthread_t thread;
    pthread_create(&thread, NULL, work_and_say, (void *)1000L);
    pthread_exit(NULL);
}

static void *rest(void *seconds) {
    sleep((long)seconds);
    return NULL;
}

static sigjmp_buf back;

static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

/* A handler leaves for good, wherever the thread is at that time. What it leaves may have been in the allocator, so nothing here
 * frees or allocates but in steps of their own. */
static void jump_out(const char *library) {
    (void)library;
    volatile long jumps = 0;
    signal(SIGALRM, jump);
    while (jumps < 200) {
        if (sigsetjmp(back, 1) == 0) {
            struct itimerval when = {{0, 0}, {0, 300 + (jumps * 7) % 500}};
            setitimer(ITIMER_REAL, &when, NULL);
            for (;;) {
                void *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                munmap(block, BLOCK);
            }
        }
        jumps++;
    }
    signal(SIGALRM, SIG_IGN);
    work((void *)ROUNDS);
    printf("jumped %ld times\n", jumps);
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    const char *log = count > 2 ? arguments[2] : "";
    page = broken_page();
    if (strcmp(what, "work") == 0) {
        work((void *)(long)atol(log));
        puts("worked");
    } else if (strcmp(what, "cut") == 0) {
        cut_and_go_on(log);
    } else if (strcmp(what, "cut-with-signals-held-back") == 0) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
        cut_and_go_on(log);
    } else if (strcmp(what, "cut-with-handler") == 0) {
        install(mend, 0);
        cut_and_go_on(log);
        say_faults();
    } else if (strcmp(what, "cut-with-handler-on-its-stack") == 0) {
        static char memory[1 << 16];
        stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
        sigaltstack(&stack, NULL);
        install(mend, SA_ONSTACK | SA_NODEFER);
        cut_and_go_on(log);
        say_faults();
    } else if (strcmp(what, "cut-with-handler-that-passes-on") == 0) {
        install(mend_or_pass_on, 0);
        cut_and_go_on(log);
        say_faults();
    } else if (strcmp(what, "cut-without-a-handler-again") == 0) {
        install(mend, 0);
        usleep(1500000);
        sigaction(SIGBUS, &before, NULL);
        cut_and_go_on(log);
    } else if (strcmp(what, "wait-between") == 0) {
        wait_between();
    } else if (strcmp(what, "own-fault") == 0) {
        work((void *)10L);
        puts("about to fail");
        fflush(stdout);
        page[0] = 1;
        puts("not reached");
    } else if (strcmp(what, "own-fault-once") == 0) {
        install(mend, SA_RESETHAND);
        usleep(1500000);
        say_faults();
        page = broken_page();
        page[0] = 1;
        puts("not reached");
    } else if (strcmp(what, "sent") == 0) {
        raise(SIGBUS);
        puts("not reached");
    } else if (strcmp(what, "sent-and-ignored") == 0) {
        signal(SIGBUS, SIG_IGN);
        usleep(1500000);
        raise(SIGBUS);
        puts("went on");
    } else if (strcmp(what, "sent-and-waited-for") == 0) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
        work((void *)10000L);
        kill(getpid(), SIGBUS);
        work((void *)10000L);
        int taken = 0;
        sigwait(&all, &taken);
        printf("took %d\n", taken);
    } else if (strcmp(what, "leave-main") == 0) {
        leave_main();
    } else if (strcmp(what, "leave-main-for-good") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, rest, (void *)600L);
        puts("left");
        fflush(stdout);
        pthread_exit(NULL);
    } else if (strcmp(what, "strict-seccomp") == 0) {
        work((void *)10L);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
            return 1;
        (void)!write(1, "strict\n", 7);
        syscall(SYS_exit, 7);
    } else if (strcmp(what, "jump") == 0) {
        jump_out(log);
    } else if (strcmp(what, "close-stderr") == 0) {
        work((void *)10L);
        close(STDERR_FILENO);
        puts("closed");
        fflush(stdout);
        sleep(600);
    } else {
        return 2;
    }
    return 0;
}
