// SPDX-License-Identifier: MIT
// A C++ program that grows without rest: test_process.py finds by whom.
#include <map>
#include <string>
#include <unistd.h>

namespace shop {

template <class Key> struct basket {
    std::map<Key, std::string> rows;
    void add(Key key);
};

template <class Key> __attribute__((noinline)) void basket<Key>::add(Key key)
{
    static char *kept[1 << 20];
    rows[key] = std::string(200, 'x');
    kept[static_cast<unsigned>(key) % (1 << 20)] = new char[1000]();
}

} // namespace shop

int main()
{
    shop::basket<int> basket;
    for (int i = 0;; i++) {
        basket.add(i);
        usleep(1000);
    }
}
