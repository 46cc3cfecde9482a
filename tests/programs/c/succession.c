// A program that becomes itself again, so often, by one of the functions for that: succession WAY GENERATIONS FILLER...
// Each generation asks for as much memory as there are left, in steps of 64 KiB, and holds what it was given against what it gave.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { FILLERS = 9, COUNT = 3 + FILLERS };

int main(int count, char **arguments) {
    if (count != 3 && count != COUNT) return 99;
    char *way = arguments[1], *self = "/proc/self/exe", left[16];
    int generations = atoi(arguments[2]);
    if (count == COUNT) {
        for (int i = 0; i < FILLERS; i++) {
            if (strlen(arguments[3 + i]) != (size_t)i) return 97;
        }
        const char *kept = getenv("KEPT");
        if (!kept || strcmp(kept, "yes")) return 96;
    }
    if (!malloc((size_t)(generations + 1) << 16)) return 95;
    if (generations == 0) {
        printf("{\"live\": %d}\n", 1 << 16);
        return 0;
    }
    snprintf(left, sizeof left, "%d", generations - 1);
    char *f[FILLERS] = {"", "1", "22", "333", "4444", "55555", "666666", "7777777", "88888888"};
    char *list[COUNT + 1] = {arguments[0], way, left};
    memcpy(list + 3, f, sizeof f);
    // Who gives an environment of his own gives nothing else.
    char *bare[] = {"KEPT=yes", NULL};
    setenv("KEPT", "yes", 1);
    if (!strcmp(way, "execv")) execv(self, list);
    if (!strcmp(way, "execve")) execve(self, list, bare);
    if (!strcmp(way, "execvp")) execvp(self, list);
    if (!strcmp(way, "execvpe")) execvpe(self, list, bare);
    if (!strcmp(way, "fexecve")) fexecve(open(self, O_RDONLY), list, bare);
    char *a = arguments[0], *l = left;
    if (!strcmp(way, "execl")) execl(self, a, way, l, f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], NULL);
    if (!strcmp(way, "execlp")) execlp(self, a, way, l, f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], NULL);
    if (!strcmp(way, "execle"))
        execle(self, a, way, l, f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], NULL, bare);
    return 94;
}
