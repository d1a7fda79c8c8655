/* SPDX-License-Identifier: MIT */
/* Values of every kind, for test_values.c: compiled by gcc and by clang, and loaded by it. */
#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <uchar.h>
#include <wchar.h>

struct node {
    int v;
    struct node *next;
};
enum colour { RED, GREEN = 5, BLUE };
enum access { READ = 1, WRITE = 2, RUN = 4 };
typedef struct {
    double x, y;
} point;
union number {
    int i;
    float f;
};
struct flags {
    unsigned low : 3;
    unsigned high : 13;
    int sign : 4;
    unsigned long wide : 60;
    bool on : 1;
    enum colour tint : 4;
};
struct outer {
    char tag;
    struct {
        short a, b;
    };
    union {
        int whole;
        unsigned char parts[4];
    } u;
    point where[2];
    int (*call)(const char *, ...);
    struct outer *self;
    char name[16];
    long tail[];
};
struct unknown;

int an_int = -42;
unsigned an_unsigned = 7;
unsigned long a_large = 0x123456789abcUL;
size_t a_small_size = 40;
char a_char = 'a';
char a_newline = '\n';
signed char a_signed_char = -3;
unsigned char a_byte = 200;
bool a_bool = true;
_Bool a_false = 0;
float a_float = 0.1F;
double a_double = 3;
double a_third = 1.0 / 3;
double an_infinity = (double)INFINITY;
long double a_long_double = 1.5L;
double complex a_complex = 1.5 - 2.0 * I;
__int128 a_wide = ((__int128)-1 << 100) + 1;
unsigned __int128 a_uwide = ~(unsigned __int128)0;
enum colour a_colour = GREEN;
enum colour a_bad_colour = (enum colour)99;
enum access an_access = (enum access)(READ | RUN);
char16_t a_char16 = u'\u00e9';
wchar_t a_wchar = L'\u20ac';
wchar_t a_wide_string[] = L"gr\u00fc\u00df\U0001F600";
char16_t a_u16_string[] = u"\U0001F600!";

struct node third = {3, NULL};
struct node second = {2, &third};
struct node first = {1, &second};
struct node *head = &first;
struct node *nobody = NULL;
struct node *wild = (struct node *)8;
struct node ring = {9, &ring};
struct node *in_ring = &ring;
void *anything = &an_int;
struct unknown *opaque = (struct unknown *)(void *)&an_int;
int *an_int_pointer = &an_int;
int **deep_pointer = &an_int_pointer;
const char *a_string = "say \"hi\"\n\ttab\\ \x01\x7f\xff and gr\xc3\xbc\xc3\x9f \xe2\x80\xae.";
const char *octal = "\0011";
char *wild_string = (char *)16;
char a_name[16] = "plimsoll";
char a_full_name[4] = {'f', 'u', 'l', 'l'};
char an_empty_name[8];
char a_huge_name[4096] = "short";
unsigned char some_bytes[4] = {1, 2, 254, 255};
const char *words[] = {"one", "two", NULL};
int numbers[1000] = {1, 2, 3};
int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
float __attribute__((vector_size(16))) a_vector = {1, 2, 3, 4};
point here = {1.5, -2};
union number a_number = {.i = 1};
struct flags some_flags = {5, 4095, -3, 0xfedcba987654321UL, true, BLUE};
struct outer an_outer = {
    't', {-1, 2}, {.whole = 0x04030201}, {{1, 2}, {3, 4}}, printf, &an_outer, "outer", {}};
const volatile int *const volatile qualified = &an_int;
int (*a_call)(const char *, ...) = printf;
int (*(*table[3])(int (*)(double), char[]))[5];
struct node (*pointer_to_array)[2];
typedef int callback(void *, size_t);
callback *a_callback;
struct node *(*signal_like(int a, void (*handler)(int)))(int);
_Atomic int an_atomic = 12;
long double complex a_long_complex = 1;
struct {
    int x;
} nameless = {3};
struct node *(*signal_like(int a, void (*handler)(int)))(int)
{
    (void)a;
    (void)handler;
    return NULL;
}
int takes_nothing(void)
{
    return 0;
}
