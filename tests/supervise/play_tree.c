/* SPDX-License-Identifier: MIT */
/* Plays the scripts of standard input, each after a line "script N", for test_otp.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree_play.h"

enum { PLAY_BYTES = 1 << 16 };

static int play_one(const char *script)
{
    static char out[4 * PLAY_BYTES];
    if (script[0] == '\0')
        return 0;
    const char *wrong = tree_play(script, out, sizeof(out));
    if (wrong != NULL) {
        fprintf(stderr, "play_tree: %s\n%s", wrong, script);
        return 1;
    }
    fputs(out, stdout);
    return 0;
}

int main(void)
{
    static char script[PLAY_BYTES];
    char line[512];
    size_t length = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strncmp(line, "script ", 7) == 0) {
            if (play_one(script) != 0)
                return 1;
            fputs(line, stdout);
            length = 0;
            script[0] = '\0';
        } else if (length + strlen(line) + 1 < sizeof(script)) {
            memcpy(script + length, line, strlen(line) + 1);
            length += strlen(line);
        }
    }
    return play_one(script);
}
