// Which frames were solved, known again by their pixels: what a render looks up before it asks anybody.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "images.h"
#include "protocol.h"

namespace ilvi {

// One result: of which settings, where its files are, and of which pixels they were made.
struct Record {
    std::string look;      // the settings that decide how a frame looks (`Request::look`)
    std::string entry;     // of the cache
    std::string pattern;   // of the result's files
    OfxRectI box{0, 0, 0, 0};   // the host's pixels that a file covers
    int first = 0;
    std::vector<uint64_t> digests;   // of source and mask, a frame each

    bool has(int frame) const;
    // 0: unknown, here or there, and the frame's number has to do.
    bool fits(int frame, uint64_t digest) const;
    std::string path(int frame) const;
};

// A number for what a frame shows.  mask: may be empty.
uint64_t digest_of(const Image &source, const Image *mask);

Json to_json(const Record &record);
std::optional<Record> record_of(const Json &json);
// The text of the parameter `solved`, the newest first; text that is damaged holds none.
std::vector<Record> records_of(const std::string &text);
std::string text_of(const std::vector<Record> &records);

// Those of this process and of this user's earlier ones: a host that renders in another process finds them too.
class Records {
public:
    void add(const Record &record);
    std::optional<Record> find(const std::string &look, int frame, uint64_t digest);
    void forget(const std::string &entry);

private:
    void read(const std::string &look);

    std::mutex mutex_;
    std::map<std::string, std::vector<Record>> known_;
    std::map<std::string, std::string> stamps_;   // of the files that were read
};

}  // namespace ilvi
