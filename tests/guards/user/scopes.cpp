/* SPDX-License-Identifier: MIT */
/* Scopes in C++: the destructor runs on every way out, an exception among them. */
#include <plimsoll/collections.h>

#include <cstdio>
#include <stdexcept>
#include <string>

PLIM_DOMAIN("scopes");
PLIM_VECTOR(numbers, int);

static plim_domain domain;

static unsigned long long used()
{
    plim_domain_stats stats;
    return plim_domain_stats_read(domain, &stats) == PLIM_OK ? stats.used_bytes : 1;
}

static void throw_inside()
{
    PLIM_WITH (domain, 4096, outer) {
        if (plim_scope_alloc(outer, 16) == nullptr)
            return;
        PLIM_WITH (domain, 1024, inner) {
            if (plim_scope_alloc(inner, 1024) != nullptr && used() == 4096)
                throw std::runtime_error("out of two scopes");
        }
    }
}

static std::string leave_by_return()
{
    PLIM_WITH (domain, 4096, m) {
        return std::string(static_cast<char *>(nullptr) == plim_scope_alloc(m, 1) ? "" : "back");
    }
    return "refused";
}

static int leave_by_goto_and_break()
{
    int passes = 0;
    for (; passes < 2; passes++) {
        PLIM_WITH (domain, 4096, m) {
            if (m->size_bytes == 4096)
                break;
        }
        if (used() != 0)
            goto out;
    }
    PLIM_WITH (domain, 4096, m) {
        if (m->status == PLIM_OK)
            goto out;
    }
    return -1;
out:
    return passes;
}

/* A template's function is charged to the file that names a domain, too. */
template <typename T> T *typed()
{
    return plim_new(T);
}

static int failed(const char *what, bool is_fine)
{
    if (!is_fine)
        std::printf("failed: %s\n", what);
    return is_fine ? 0 : 1;
}

int main()
{
    plim_domain_options options = {};
    options.struct_bytes = sizeof options;
    options.limit_bytes = 4096;
    int faults = failed(
        "create", plim_domain_create(nullptr, "scopes", &options, &domain, nullptr) == PLIM_OK);
    bool is_caught = false;
    try {
        throw_inside();
    } catch (const std::runtime_error &) {
        is_caught = true;
    }
    faults += failed("an exception gives back", is_caught && used() == 0);
    faults += failed("return gives back", leave_by_return() == "back" && used() == 0);
    faults += failed("goto and break give back", leave_by_goto_and_break() == 2 && used() == 0);
    plim_status status = PLIM_OK;
    PLIM_WITH (plim_domain{}, 8192, m) {
        faults += failed("8 KiB do not fit 4", false);
    } else
        status = m->status;
    faults += failed("refused with a status", status == PLIM_ERR_BUDGET && used() == 0);
    int *number = typed<int>();
    plim_origin origin;
    faults += failed("a template's own",
                     plim_origin_of(number, &origin) == PLIM_OK && origin.domain.id == domain.id);
    plim_free(number);
    return faults;
}
