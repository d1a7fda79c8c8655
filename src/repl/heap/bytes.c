/* SPDX-License-Identifier: MIT */
/* The four functions that the compiler itself calls: the heap's unit has no C library. */
#include <string.h>

#define SYMBOL(name)                                                                               \
    extern __typeof__(bytes_##name) name __attribute__((alias("bytes_" #name), used))

static void *bytes_memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}
SYMBOL(memcpy);

static void *bytes_memmove(void *to, const void *from, size_t bytes)
{
    if ((size_t)((char *)to - (const char *)from) >= bytes)
        return bytes_memcpy(to, from, bytes);
    char *target = to;
    const char *source = from;
    while (bytes-- > 0)
        target[bytes] = source[bytes];
    return to;
}
SYMBOL(memmove);

static void *bytes_memset(void *to, int byte, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(byte) : "memory");
    return to;
}
SYMBOL(memset);

static int bytes_memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < bytes; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}
SYMBOL(memcmp);
