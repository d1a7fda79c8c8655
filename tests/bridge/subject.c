/* SPDX-License-Identifier: MIT */
/*
 * A C program with its state in a region, for tests: it does what the lines on its standard input
 * say, and answers each with one line. `subject memfd NAME` or `subject file PATH`.
 *   work N     N sessions come and go; what is cached is bounded
 *   leak N     N sessions stay in a list of a block that is never left
 *   churn      writes without rest until the process is killed
 *   tick N     works in small steps until it is killed, and leaks N sessions in each
 *   safe       comes to a safe point once somebody has asked for it
 *   step N     leaks N sessions in a transaction
 *   stale      makes the list point to what has ended
 *   evil       has texts that a terminal should not see
 *   hide       from those who may not look into everybody's processes
 *   second     opens a second region, in memory
 *   die        abort()
 *   end        leaves in good order
 */
#include <plimsoll/region.h>
#include <plimsoll/transaction.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { OBJECT_MAX = 200000, MAIN_BLOCK = 1, WORK_BLOCK = 2, CACHE_SLOTS = 64 };

typedef struct session {
    char user[24];
    uint64_t number;
    double score;
    uint8_t is_open;
    plim_ref next;
} session;

typedef struct list {
    char label[16];
    uint32_t length;
    plim_ref first;
} list;

typedef struct cache {
    plim_ref slots[CACHE_SLOTS];
    int32_t hits;
    uint8_t digest[4];
} cache;

static const plim_field session_fields[] = {
    {"user", PLIM_FIELD_TEXT, offsetof(session, user), 24, 1},
    {"number", PLIM_FIELD_UINT, offsetof(session, number), 8, 1},
    {"score", PLIM_FIELD_FLOAT, offsetof(session, score), 8, 1},
    {"is_open", PLIM_FIELD_BOOL, offsetof(session, is_open), 1, 1},
    {"next", PLIM_FIELD_REF, offsetof(session, next), 8, 1},
};
static const plim_field list_fields[] = {
    {"label", PLIM_FIELD_TEXT, offsetof(list, label), 16, 1},
    {"length", PLIM_FIELD_UINT, offsetof(list, length), 4, 1},
    {"first", PLIM_FIELD_REF, offsetof(list, first), 8, 1},
};
static const plim_field cache_fields[] = {
    {"slots", PLIM_FIELD_REF, offsetof(cache, slots), 8, CACHE_SLOTS},
    {"hits", PLIM_FIELD_INT, offsetof(cache, hits), 4, 1},
    {"digest", PLIM_FIELD_BYTES, offsetof(cache, digest), 4, 1},
};

typedef struct subject {
    plim_region *region;
    uint16_t session_type, list_type, cache_type;
    plim_ref list, cache;
    list list_value;
    cache cache_value;
    uint64_t number;
} subject;

static void must(plim_status status, const plim_error *err)
{
    if (status == PLIM_OK)
        return;
    fprintf(stderr, "subject: %s %s\n", plim_status_name(status), err != NULL ? err->what : "");
    exit(1);
}

static plim_ref subject_make(subject *self, uint32_t owner, plim_ref parent, plim_ref next)
{
    session value = {.number = ++self->number, .score = 0.5, .is_open = 1, .next = next};
    plim_ref ref;
    (void)snprintf(value.user, sizeof value.user, "user-%" PRIu64, self->number);
    must(plim_region_allocate(self->region, self->session_type, &value, owner, parent, &ref), NULL);
    return ref;
}

static void subject_start(subject *self, const char *place, const char *name)
{
    plim_error err = {0};
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = strcmp(place, "memfd") == 0 ? PLIM_REGION_MEMFD
                                                                        : PLIM_REGION_FILE,
                                   .name = name,
                                   .object_max = OBJECT_MAX,
                                   .history_bytes = 1 << 20};
    plim_region *region = NULL;
    must(plim_region_open(&options, &region, &err), &err);
    self->region = region;
    must(plim_region_type(region, "session", sizeof(session), session_fields, 5,
                          &self->session_type, &err),
         &err);
    must(plim_region_type(region, "list", sizeof(list), list_fields, 3, &self->list_type, &err),
         &err);
    must(plim_region_type(region, "cache", sizeof(cache), cache_fields, 3, &self->cache_type, &err),
         &err);
    (void)snprintf(self->list_value.label, sizeof self->list_value.label, "open");
    memcpy(self->cache_value.digest, "\xca\xfe\x00\x01", 4);
    uint32_t site;
    must(plim_region_intern(region, "subject_start subject.c:1", &site), NULL);
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = self->list_type,
                                   .tag = 7,
                                   .owner = MAIN_BLOCK,
                                   .initial = &self->list_value,
                                   .site = site};
    must(plim_region_allocate_as(region, &request, &self->list), NULL);
    must(plim_region_name(region, PLIM_NAME_OWNER, MAIN_BLOCK, "main"), NULL);
    must(plim_region_name(region, PLIM_NAME_TAG, 7, "root"), NULL);
    must(plim_region_allocate(region, self->cache_type, &self->cache_value, MAIN_BLOCK,
                              (plim_ref){0, 0}, &self->cache),
         NULL);
}

/* Sessions of one block: most end with it, some live on in a cache of fixed size. */
static void subject_work(subject *self, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        plim_ref *slot = &self->cache_value.slots[self->cache_value.hits % CACHE_SLOTS];
        (void)subject_make(self, WORK_BLOCK, (plim_ref){0, 0}, *slot);
        if (plim_region_is_valid(self->region, *slot))
            must(plim_region_release(self->region, *slot), NULL);
        *slot = subject_make(self, MAIN_BLOCK, self->cache, (plim_ref){0, 0});
        self->cache_value.hits++;
    }
    must(plim_region_set(self->region, self->cache, &self->cache_value, sizeof self->cache_value),
         NULL);
    must(plim_region_release_owner(self->region, WORK_BLOCK, NULL), NULL);
}

static void subject_leak(subject *self, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        self->list_value.first = subject_make(self, MAIN_BLOCK, self->list, self->list_value.first);
        self->list_value.length++;
    }
    must(plim_region_set(self->region, self->list, &self->list_value, sizeof self->list_value),
         NULL);
}

static void subject_tick(subject *self, uint32_t count)
{
    static const struct timespec pause = {0, 5000000};
    subject_work(self, 50);
    subject_leak(self, count);
    (void)nanosleep(&pause, NULL);
}

static void subject_safe(subject *self)
{
    static const struct timespec pause = {0, 1000000};
    for (int i = 0; i < 2000 && !plim_region_safe_point(self->region); i++)
        (void)nanosleep(&pause, NULL);
}

static void subject_step(subject *self, uint32_t count)
{
    must(plim_region_begin(self->region, NULL), NULL);
    subject_leak(self, count);
    must(plim_region_commit(self->region), NULL);
}

static void subject_set_list(subject *self)
{
    must(plim_region_set(self->region, self->list, &self->list_value, sizeof self->list_value),
         NULL);
}

static void subject_stale(subject *self)
{
    self->list_value.first = subject_make(self, MAIN_BLOCK, (plim_ref){0, 0}, (plim_ref){0, 0});
    must(plim_region_release(self->region, self->list_value.first), NULL);
    subject_set_list(self);
}

static void subject_evil(subject *self)
{
    static const plim_field fields[] = {{"\033[31mfield\n", PLIM_FIELD_TEXT, 0, 16, 1}};
    uint16_t type;
    plim_ref ref;
    memcpy(self->list_value.label, "\033]0;title\007\xff\t", 13);
    subject_set_list(self);
    must(plim_region_type(self->region, "\033[2J\r\n\"\\type", 16, fields, 1, &type, NULL), NULL);
    must(plim_region_allocate(self->region, type,
                              "\x9b"
                              "1m\x7f\b\b\xe2\x80\xae........",
                              1, (plim_ref){0, 0}, &ref),
         NULL);
    must(plim_region_name(self->region, PLIM_NAME_OWNER, MAIN_BLOCK, "\033c\nmain"), NULL);
    must(plim_region_name(self->region, PLIM_NAME_TAG, 7, "\033c\nroot"), NULL);
}

static void subject_second(void)
{
    plim_error err = {0};
    plim_region *region = NULL;
    plim_region_options options = {
        .struct_bytes = sizeof options, .place = PLIM_REGION_MEMFD, .name = "second"};
    must(plim_region_open(&options, &region, &err), &err);
}

int main(int argc, char **argv)
{
    static subject self;
    char line[128];
    if (argc != 3)
        return 2;
    subject_start(&self, argv[1], argv[2]);
    (void)puts("ready");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint32_t count = 0;
        char *space = strchr(line, ' ');
        if (space != NULL)
            count = (uint32_t)strtoul(space + 1, NULL, 10);
        if (strncmp(line, "work", 4) == 0)
            subject_work(&self, count);
        else if (strncmp(line, "leak", 4) == 0)
            subject_leak(&self, count);
        else if (strncmp(line, "die", 3) == 0)
            abort();
        else if (strncmp(line, "end", 3) == 0)
            break;
        else if (strncmp(line, "safe", 4) == 0)
            subject_safe(&self);
        else if (strncmp(line, "step", 4) == 0)
            subject_step(&self, count);
        else if (strncmp(line, "stale", 5) == 0)
            subject_stale(&self);
        else if (strncmp(line, "evil", 4) == 0)
            subject_evil(&self);
        else if (strncmp(line, "hide", 4) == 0)
            must(prctl(PR_SET_DUMPABLE, 0) == 0 ? PLIM_OK : PLIM_ERR_INTERNAL, NULL);
        else if (strncmp(line, "second", 6) == 0)
            subject_second();
        else if (strncmp(line, "churn", 5) != 0 && strncmp(line, "tick", 4) != 0)
            return 2;
        (void)puts("done");
        (void)fflush(stdout);
        while (strncmp(line, "churn", 5) == 0)
            subject_work(&self, 100);
        while (strncmp(line, "tick", 4) == 0)
            subject_tick(&self, count);
    }
    plim_region_close(&self.region);
    return 0;
}
