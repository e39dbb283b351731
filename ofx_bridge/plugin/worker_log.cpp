#include "worker_log.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

namespace ilvi {

namespace fs = std::filesystem;

namespace {

constexpr size_t LINES = 200;            // that are remembered
constexpr size_t LONGEST_LINE = 2000;    // bytes of a line that are remembered
constexpr uint64_t FILE_LIMIT = 4 << 20; // bytes; the file before it is kept as .old
constexpr size_t KEPT_LOGS = 20;

}  // namespace

WorkerLog::WorkerLog(const std::string &path) : path_(path) {
    std::error_code error;
    fs::create_directories(fs::path(path_).parent_path(), error);
    file_.open(path_, std::ios::binary | std::ios::trunc);
}

void WorkerLog::feed(const char *data, size_t size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    keep(std::string(data, size));
    for (size_t i = 0; i < size; ++i) {
        if (data[i] != '\n') {
            if (partial_.size() < LONGEST_LINE) partial_ += data[i];
            continue;
        }
        lines_.push_back(std::exchange(partial_, ""));
        if (lines_.size() > LINES) lines_.pop_front();
    }
}

void WorkerLog::note(const std::string &line) {
    const std::string text = "host: " + line + "\n";
    feed(text.data(), text.size());
}

std::string WorkerLog::end(size_t count) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string text;
    const size_t all = lines_.size() + (partial_.empty() ? 0 : 1);
    for (size_t i = all > count ? all - count : 0; i < all; ++i)
        text += (text.empty() ? "" : "\n") + (i < lines_.size() ? lines_[i] : partial_);
    return text;
}

void WorkerLog::keep(const std::string &data) {
    if (!file_.is_open()) return;
    if (size_ && size_ + data.size() > FILE_LIMIT) {
        file_.close();
        std::error_code error;
        fs::rename(path_, path_ + ".old", error);
        file_.open(path_, std::ios::binary | std::ios::trunc);
        size_ = 0;
    }
    file_ << data;
    file_.flush();
    size_ += data.size();
    if (!file_) file_.close();
}

void sweep_logs(const std::string &folder) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> logs;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.rfind("worker-", 0) == 0 && name.find(".log") != std::string::npos)
            logs.emplace_back(entry.last_write_time(error), entry.path());
    }
    std::sort(logs.begin(), logs.end());
    for (size_t i = 0; i + KEPT_LOGS < logs.size(); ++i) fs::remove(logs[i].second, error);
}

}  // namespace ilvi
