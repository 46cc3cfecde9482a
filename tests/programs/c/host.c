// Opens the shared objects that it is given, each so that nobody else sees its names, runs `plugin_run` of all at once,
// and closes them again before it ends.

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>
#include <time.h>

enum { MOST = 8 };

static void *run(void *library) {
    int (*plugin_run)(void);
    *(void **)&plugin_run = dlsym(library, "plugin_run");
    return (void *)(intptr_t)(plugin_run ? plugin_run() : 1);
}

int main(int count, char **arguments) {
    void *libraries[MOST];
    pthread_t threads[MOST];
    int plugins = count - 1 < MOST ? count - 1 : MOST;
    for (int i = 0; i < plugins; i++) {
        libraries[i] = dlopen(arguments[i + 1], RTLD_NOW | RTLD_LOCAL);
        if (!libraries[i]) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    }
    for (int i = 0; i < plugins; i++) {
        pthread_create(&threads[i], NULL, run, libraries[i]);
    }
    int status = 0;
    for (int i = 0; i < plugins; i++) {
        void *result;
        pthread_join(threads[i], &result);
        status |= (int)(intptr_t)result;
    }
    for (int i = 0; i < plugins; i++) {
        dlclose(libraries[i]);
    }
    // The library's own thread goes on in code that must still be there.
    struct timespec nap = {0, 20000000};
    nanosleep(&nap, NULL);
    return status;
}
