/* Records marks, numbered from 1, with a handler that leaves for good by siglongjmp, wherever it comes. Says how many it recorded
 * at most. */
#include <memtrace.h>

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum { JUMPS = 300, AFTERWARDS = 100000 };

static sigjmp_buf back;

static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

int main(void) {
    memtrace_name name = memtrace_name_intern("mark");
    volatile unsigned long marks = 0;
    volatile int jumps = 0;
    signal(SIGALRM, jump);
    while (jumps < JUMPS) {
        if (sigsetjmp(back, 1) == 0) {
            struct itimerval when = {{0, 0}, {0, 200 + jumps * 7 % 500}};
            setitimer(ITIMER_REAL, &when, NULL);
            for (;;)
                memtrace_mark(name, ++marks);
        }
        jumps++;
    }
    signal(SIGALRM, SIG_IGN);
    for (int mark = 0; mark < AFTERWARDS; mark++)
        memtrace_mark(name, ++marks);
    printf("%lu\n", marks);
    return 0;
}
