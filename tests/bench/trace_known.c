/* SPDX-License-Identifier: MIT */
/* A program whose requests are known, by sizes that nothing else asks for. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *known_thread(void *arg)
{
    (void)arg;
    void *volatile block = malloc(70001);
    free(block);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *volatile first = malloc(10007);
    void *volatile second = calloc(3, 20011);
    first = realloc(first, 1000003); /* moves: it is too large for where it was */
    free(second);
    void *volatile third = aligned_alloc(64, 30016);
    if (pthread_create(&thread, NULL, known_thread, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        void *volatile lost = malloc(90001); /* a child is not recorded */
        free(lost);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    free(third);
    third = realloc(NULL, 40009);
    third = realloc(third, 0);
    return status + (first == NULL);
}
