// The private folder in which pixels are handed to the worker: gone when the plugin is, and swept after crashes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "platform.h"

namespace ilvi {

class Scratch {
public:
    ~Scratch();
    // A new empty folder in a place with room for so many bytes. Fault where there is none.
    std::string make(uint64_t bytes);
    static void remove(const std::string &folder);
    void remove_all();

private:
    struct Root {
        std::string place, folder;
        std::unique_ptr<platform::Held> held;
    };
    const Root *root_in(const std::string &place);

    std::mutex mutex_;
    std::vector<Root> roots_;
    unsigned count_ = 0;
};

}  // namespace ilvi
