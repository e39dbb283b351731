#include "scratch.h"

#include <chrono>
#include <filesystem>
#include <random>

#include "fault.h"

namespace ilvi {

namespace fs = std::filesystem;

namespace {

constexpr const char *START = "ilvi-ofx-", *LOCK = "held";
constexpr auto YOUNG = std::chrono::seconds(60);   // a folder that may just be getting its lock
constexpr uint64_t SPARE = 64 << 20;               // bytes that are left to everybody else

// Folders whose process is gone: nobody holds their lock any more.
void sweep(const std::string &place) {
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(place, error)) {
        if (entry.path().filename().string().rfind(START, 0) != 0 || entry.is_symlink(error)) continue;
        const auto age = fs::file_time_type::clock::now() - entry.last_write_time(error);
        const std::string lock = (entry.path() / LOCK).string();
        if (error || (!fs::exists(lock, error) && age < YOUNG)) continue;
        if (platform::Held(lock)) fs::remove_all(entry.path(), error);
    }
}

}  // namespace

Scratch::~Scratch() { remove_all(); }

std::string Scratch::make(uint64_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string tried;
    for (const std::string &place : platform::scratch_places()) {
        const uint64_t room = platform::free_bytes(place);
        // shared memory is the machine's memory, which the worker needs too: half of it at most
        const uint64_t usable = place == "/dev/shm" ? room / 2 : room;
        tried += (tried.empty() ? "" : ", ") + place + " has " + std::to_string(room >> 20) + " MiB free";
        if (usable < bytes + SPARE) continue;
        const Root *root = root_in(place);
        if (!root) continue;
        const std::string folder = (fs::path(root->folder) / std::to_string(++count_)).string();
        if (platform::make_private(folder)) return folder;
    }
    throw Fault("There is no room for " + std::to_string(bytes >> 20) + " MiB of frames (" + tried + ").",
                "Make room, set TMPDIR to a larger disk, or solve a shorter range.");
}

const Scratch::Root *Scratch::root_in(const std::string &place) {
    for (const Root &root : roots_)
        if (root.place == place && fs::is_directory(root.folder)) return &root;
    sweep(place);
    std::random_device random;
    for (int tries = 0; tries < 8; ++tries) {
        const std::string name = START + std::to_string(platform::process_id()) + "-" + std::to_string(random());
        const std::string folder = (fs::path(place) / name).string();
        if (!platform::make_private(folder)) continue;
        auto held = std::make_unique<platform::Held>((fs::path(folder) / LOCK).string());
        roots_.push_back({place, folder, std::move(held)});
        return &roots_.back();
    }
    return nullptr;
}

void Scratch::remove(const std::string &folder) {
    std::error_code error;
    if (!folder.empty()) fs::remove_all(folder, error);
}

void Scratch::remove_all() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Root &root : roots_) {
        remove(root.folder);
        root.held.reset();
    }
    roots_.clear();
}

}  // namespace ilvi
