/* SPDX-License-Identifier: MIT */
/*
 * What a worker knows of itself: which process it is, the line to its owner, the entry that runs.
 * Its last words, its heap and its runs rest on it. L2 of words.c holds for all that is here.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "repl/worker/worker.h"

volatile uint64_t plim__worker_entry;
const plim__heap_table *plim__worker_heap;

static struct {
    int socket;
    pid_t pid;
    uint64_t told; /* the entry that the owner was told about last */
} self;

void plim__worker_begin(int socket)
{
    self.socket = socket;
    self.pid = getpid();
}

int plim__worker_socket(void)
{
    return self.socket;
}

void plim__worker_take(uint64_t entry)
{
    self.told = entry;
    plim__worker_entry = entry;
}

uint64_t plim__worker_taken(void)
{
    return self.told;
}

bool plim__worker_is_me(void)
{
    return getpid() == self.pid;
}

/* Small, so that a signal handler can have one; the text is not sent. */
void plim__worker_tell_ending(void)
{
    static plim__wire message;
    message.magic = PLIM__WIRE_MAGIC;
    message.kind = PLIM__WIRE_ENDING;
    message.entry = self.told;
    (void)send(self.socket, &message, sizeof message, MSG_NOSIGNAL);
}

void plim__worker_await_go(void)
{
    static plim__wire message;
    plim__worker_entry = 0; /* what exit handlers allocate is nobody's */
    while (recv(self.socket, &message, sizeof message, 0) < 0 && errno == EINTR)
        ;
}

void plim__worker_flush_raw(void)
{
    const char *from = stdout->_IO_write_base;
    const char *to = stdout->_IO_write_ptr;
    if (from != NULL && to > from && to - from <= BUFSIZ)
        (void)!write(STDOUT_FILENO, from, (size_t)(to - from));
    stdout->_IO_write_ptr = stdout->_IO_write_base;
}
