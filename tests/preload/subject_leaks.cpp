// SPDX-License-Identifier: MIT
// A C++ service that leaks in the ways services do, one at a word: test_process.py asks by whom.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

namespace {

struct session {
    char state[200] = "open";
};

class session_table {
    std::unordered_map<int, std::unique_ptr<session>> by_id;

  public:
    void open_session(int id)
    {
        by_id.emplace(id, std::make_unique<session>()); // the map's
    }
};

session_table table;

struct couple {
    std::shared_ptr<couple> other;
    char payload[300] = "";
};

void marry()
{
    auto one = std::make_shared<couple>();   // the cycle's
    auto other = std::make_shared<couple>(); // the cycle's
    one->other = other;
    other->other = one;
}

char *log_text;
size_t log_bytes;

void append_log()
{
    log_text = static_cast<char *>(realloc(log_text, log_bytes + 100)); // the log's
    memset(log_text + log_bytes, 'x', 100);
    log_bytes += 100;
}

void forget()
{
    static char *volatile last;
    last = static_cast<char *>(malloc(1000)); // the forgotten
    memset(last, 1, 1000);
}

std::list<std::string> recent;

void remember()
{
    recent.emplace_front(300, 'x'); // a cache with a cap
    if (recent.size() > 200)
        recent.pop_back();
}

} // namespace

int main()
{
    static int next;
    std::string word;
    std::cout << "ready" << std::endl;
    while (std::cin >> word) {
        for (int i = 0; i < 500; i++) {
            if (word == "map")
                table.open_session(next++);
            else if (word == "cycle")
                marry();
            else if (word == "log")
                append_log();
            else if (word == "forget")
                forget();
            else if (word == "cache")
                remember();
        }
        std::cout << "ready" << std::endl;
    }
}
