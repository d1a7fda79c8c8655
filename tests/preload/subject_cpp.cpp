// SPDX-License-Identifier: MIT
// What C++ programs do with memory, and std::bad_alloc where there is none left.
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct alignas(64) Wide {
    char bytes[192];
};

int main()
{
    std::map<std::string, std::vector<int>> words;
    for (int i = 0; i < 20000; i++)
        words["word" + std::to_string(i % 997)].push_back(i);
    auto wide = std::make_unique<Wide[]>(10);
    if (reinterpret_cast<std::size_t>(wide.get()) % 64 != 0)
        return 1;
    std::vector<std::unique_ptr<char[]>> kept;
    try {
        for (;;)
            kept.emplace_back(new char[10000]);
    } catch (const std::bad_alloc &) {
        std::size_t count = kept.size();
        kept.clear();
        char *none = new (std::nothrow) char[static_cast<std::size_t>(1) << 40];
        std::printf("bad_alloc after %s, %zu words, %s\n", count > 100 ? "many" : "few",
                    words.size(), none == nullptr ? "nothrow null" : "served");
    }
    return 0;
}
