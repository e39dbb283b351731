#include "records.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "places.h"
#include "platform.h"

namespace ilvi {

namespace fs = std::filesystem;

namespace {

constexpr size_t KEPT = 4;         // results of the same settings
constexpr size_t KEPT_FILES = 200;
constexpr size_t LANES = 8;
constexpr uint64_t PRIMES[] = {0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u, 0xd6e8feb86659fd93u};

uint64_t mixed(uint64_t value) {
    value ^= value >> 32;
    value *= PRIMES[3];
    return value ^ (value >> 29);
}

// So many lanes that none waits for its multiplication. It tells pictures apart; nobody attacks it.
uint64_t hashed(const unsigned char *data, size_t size, uint64_t seed) {
    uint64_t lanes[LANES];
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] = seed ^ PRIMES[lane % 4];
    size_t i = 0;
    for (; i + sizeof lanes <= size; i += sizeof lanes) {
        uint64_t words[LANES];
        std::memcpy(words, data + i, sizeof words);
        for (size_t lane = 0; lane < LANES; ++lane) {
            lanes[lane] = (lanes[lane] ^ words[lane]) * PRIMES[lane % 4];
            lanes[lane] = (lanes[lane] << 31) | (lanes[lane] >> 33);
        }
    }
    for (; i < size; ++i) lanes[0] = (lanes[0] ^ data[i]) * PRIMES[1];
    uint64_t value = 0;
    for (uint64_t lane : lanes) value = mixed(value ^ lane);
    return value;
}

uint64_t hashed_image(const Image &image, uint64_t seed) {
    const OfxRectI &box = image.bounds();
    const int facts[] = {box.x1,
                         box.y1,
                         box.x2,
                         box.y2,
                         static_cast<int>(image.format().depth),
                         static_cast<int>(image.format().components),
                         image.format().premultiplied ? 1 : 0};
    uint64_t value = hashed(reinterpret_cast<const unsigned char *>(facts), sizeof facts, seed);
    const size_t bytes = image.format().pixel_bytes() * static_cast<size_t>(image.width());
    for (int y = box.y1; y < box.y2; ++y) value = hashed(image.row(y), bytes, value);
    return value;
}

// One black, which says nothing: some hosts give it for a clip that is not connected, in one size or another.
bool is_black(const Image &image) {
    const Format &format = image.format();
    std::vector<float> row(4 * static_cast<size_t>(image.width()));
    const size_t bytes = format.pixel_bytes() * static_cast<size_t>(image.width());
    for (int y = image.bounds().y1; y < image.bounds().y2; ++y) {
        const unsigned char *begin = image.row(y);
        if (begin[0] == 0 && std::memcmp(begin, begin + 1, bytes - 1) == 0) continue;   // most of a matte is 0
        to_float(begin, format, static_cast<size_t>(image.width()), row.data());
        for (size_t i = 0; i < row.size(); i += 4)
            if (row[i] != 0 || row[i + 1] != 0 || row[i + 2] != 0 || (row[i + 3] != 0 && row[i + 3] != 1)) return false;
    }
    return true;
}

fs::path file_of(const std::string &look) { return fs::path(data_folder()) / "ofx" / (look + ".json"); }

std::string stamp_of(const fs::path &path) {
    std::error_code error;
    const auto time = fs::last_write_time(path, error);
    return error ? "" : std::to_string(time.time_since_epoch().count()) + "/" + std::to_string(fs::file_size(path, error));
}

void sweep(const fs::path &folder) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, error))
        files.emplace_back(entry.last_write_time(error), entry.path());
    std::sort(files.begin(), files.end());
    for (size_t i = 0; i + KEPT_FILES < files.size(); ++i) fs::remove(files[i].second, error);
}

// Beside each other, whole or not at all; a folder that cannot be written is done without.
void save(const std::string &look, const std::vector<Record> &records) {
    std::error_code error;
    const fs::path path = file_of(look);
    if (records.empty()) {
        fs::remove(path, error);
        return;
    }
    fs::create_directories(path.parent_path(), error);
    const fs::path partial = path.string() + "." + std::to_string(platform::process_id()) + ".part";
    {
        std::ofstream file(partial, std::ios::binary);
        file << text_of(records);
        if (!file.flush()) error = std::make_error_code(std::errc::io_error);
    }
    if (!error) fs::rename(partial, path, error);
    if (error) fs::remove(partial, error);
    sweep(path.parent_path());
}

}  // namespace

bool Record::has(int frame) const {
    return frame >= first && static_cast<size_t>(frame) - static_cast<size_t>(first) < digests.size();
}

bool Record::fits(int frame, uint64_t digest) const {
    if (!has(frame)) return false;
    const uint64_t known = digests[static_cast<size_t>(frame - first)];
    return !digest || !known || known == digest;
}

std::string Record::path(int frame) const {
    // the pattern's last %0Nd, which is the only one that was put there; any other % is part of a name
    const size_t at = pattern.rfind("%0");
    if (at == std::string::npos) return pattern;
    const size_t end = pattern.find('d', at);
    const int width = std::atoi(pattern.c_str() + at + 2);
    if (end == std::string::npos || width < 1 || width > 18) return pattern;
    char number[32];
    std::snprintf(number, sizeof number, "%0*d", width, frame);
    return pattern.substr(0, at) + number + pattern.substr(end + 1);
}

uint64_t digest_of(const Image &source, const Image *mask) {
    uint64_t value = hashed_image(source, 1);
    if (mask && *mask && !is_black(*mask)) value = hashed_image(*mask, value);
    return value ? value : 1;   // 0 stands for unknown
}

Json to_json(const Record &record) {
    Json digests = Json::array();
    for (uint64_t digest : record.digests) {
        char text[24];
        std::snprintf(text, sizeof text, "%016" PRIx64, digest);
        digests.push_back(text);
    }
    const OfxRectI &box = record.box;
    return {{"look", record.look},
            {"entry", record.entry},
            {"pattern", record.pattern},
            {"box", {box.x1, box.y1, box.x2, box.y2}},
            {"first", record.first},
            {"digests", digests}};
}

std::optional<Record> record_of(const Json &json) {
    try {
        Record record;
        record.look = json.at("look").get<std::string>();
        record.entry = json.at("entry").get<std::string>();
        record.pattern = json.at("pattern").get<std::string>();
        const auto box = json.at("box").get<std::vector<int>>();
        if (box.size() != 4) return std::nullopt;
        record.box = {box[0], box[1], box[2], box[3]};
        record.first = json.at("first").get<int>();
        for (const Json &digest : json.at("digests"))
            record.digests.push_back(std::strtoull(digest.get<std::string>().c_str(), nullptr, 16));
        return record;
    } catch (const Json::exception &) {
        return std::nullopt;
    }
}

std::vector<Record> records_of(const std::string &text) {
    std::vector<Record> records;
    const Json listed = Json::parse(text, nullptr, false);
    if (!listed.is_array()) return records;
    for (const Json &one : listed)
        if (std::optional<Record> record = record_of(one)) records.push_back(*record);
    return records;
}

std::string text_of(const std::vector<Record> &records) {
    Json listed = Json::array();
    for (const Record &record : records) listed.push_back(to_json(record));
    return listed.dump(-1, ' ', true, Json::error_handler_t::replace);
}

void Records::add(const Record &record) {
    const std::lock_guard<std::mutex> lock(mutex_);
    read(record.look);
    std::vector<Record> &listed = known_[record.look];
    listed.erase(std::remove_if(listed.begin(), listed.end(),
                                [&](const Record &old) { return old.entry == record.entry; }),
                 listed.end());
    listed.insert(listed.begin(), record);
    if (listed.size() > KEPT) listed.resize(KEPT);
    save(record.look, listed);
    stamps_[record.look] = stamp_of(file_of(record.look));
}

std::optional<Record> Records::find(const std::string &look, int frame, uint64_t digest) {
    const std::lock_guard<std::mutex> lock(mutex_);
    read(look);
    for (const Record &record : known_[look])
        if (record.fits(frame, digest)) return record;
    return std::nullopt;
}

void Records::forget(const std::string &entry) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto &[look, listed] : known_) {
        const auto gone = std::remove_if(listed.begin(), listed.end(),
                                         [&](const Record &record) { return record.entry == entry; });
        if (gone == listed.end()) continue;
        listed.erase(gone, listed.end());
        save(look, listed);
        stamps_[look] = stamp_of(file_of(look));
    }
}

void Records::read(const std::string &look) {
    const fs::path path = file_of(look);
    const std::string stamp = stamp_of(path);
    if (stamp == stamps_[look]) return;
    stamps_[look] = stamp;
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    known_[look] = records_of(text.str());
}

}  // namespace ilvi
