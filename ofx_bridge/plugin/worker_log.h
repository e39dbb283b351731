// What the worker says on stderr: its last lines in memory, all of it in a file of bounded size.
#pragma once

#include <cstdint>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>

namespace ilvi {

// A file that cannot be written is given up silently: a log never stands in the way of a job.
class WorkerLog {
public:
    explicit WorkerLog(const std::string &path);
    void feed(const char *data, size_t size);   // in any pieces
    void note(const std::string &line);         // of the host's side
    std::string end(size_t lines = 20) const;
    const std::string &path() const { return path_; }

private:
    void keep(const std::string &data);

    const std::string path_;
    mutable std::mutex mutex_;
    std::deque<std::string> lines_;
    std::string partial_;
    std::ofstream file_;
    uint64_t size_ = 0;
};

// Removes the oldest logs of a folder that has many.
void sweep_logs(const std::string &folder);

}  // namespace ilvi
