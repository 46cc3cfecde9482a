/* Counts how often a library asks the dynamic linker where a thread-local value of its own is, while memory comes and goes that
   is recorded: this program's function stands before the linker's. Prints it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static volatile long asked;
static void *(*real)(void *);

void *__tls_get_addr(void *place) {
    asked++;
    if (!real)
        real = dlsym(RTLD_NEXT, "__tls_get_addr");
    return real(place);
}

static void work(void) {
    for (int i = 0; i < 1000; i++) {
        void *volatile block = malloc(8192 + i);
        block = realloc(block, 20000);
        free(block);
        block = calloc(3, 10000);
        free(block);
        block = malloc(100);
        free(block);
        void *pages = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(pages, 1 << 16);
    }
}

int main(void) {
    long before[3];
    for (int round = 0; round < 3; round++) {
        before[round] = asked;
        work();
    }
    // By the third round every stack has been met with.
    printf("{\"first\": %ld, \"then\": %ld}\n", before[1] - before[0], asked - before[2]);
}
