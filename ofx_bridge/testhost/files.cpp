#include "files.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <mutex>
#include <utility>

#include "report.h"

namespace testhost {

namespace {

// The text after 'key': in the header's dictionary, up to the closing character.
std::string header_field(const std::string &header, const std::string &key, char open, char close) {
    const auto place = header.find("'" + key + "'");
    const auto from = header.find(open, header.find(':', place));
    const auto to = header.find(close, from + 1);
    if (place == std::string::npos || from == std::string::npos || to == std::string::npos) return "";
    return header.substr(from + 1, to - from - 1);
}

}  // namespace

Frame read_npy(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw ScriptError("cannot open " + path);
    char magic[8] = {};
    file.read(magic, 8);
    if (!file || std::memcmp(magic, "\x93NUMPY", 6) != 0) throw ScriptError(path + " is not a .npy file");
    unsigned char size[4] = {};
    file.read(reinterpret_cast<char *>(size), magic[6] == 1 ? 2 : 4);
    std::string header(size[0] + size[1] * 256u + size[2] * 65536u, ' ');
    file.read(header.data(), std::streamsize(header.size()));
    if (header_field(header, "descr", '\'', '\'') != "<f4" ||
        header.find("'fortran_order': False") == std::string::npos)
        throw ScriptError(path + " is not float32 in C order");
    std::vector<int> shape;
    const std::string dims = header_field(header, "shape", '(', ')');
    for (std::size_t at = 0; at < dims.size();) {
        const std::size_t comma = std::min(dims.find(',', at), dims.size());
        if (dims.find_first_of("0123456789", at) < comma) shape.push_back(std::stoi(dims.substr(at, comma - at)));
        at = comma + 1;
    }
    if (shape.size() == 2) shape.push_back(1);
    if (shape.size() != 3) throw ScriptError(path + " is not (height, width[, channels])");
    Frame frame{shape[1], shape[0], shape[2], {}};
    frame.pixels.resize(std::size_t(shape[0]) * std::size_t(shape[1]) * std::size_t(shape[2]));
    file.read(reinterpret_cast<char *>(frame.pixels.data()), std::streamsize(frame.pixels.size() * sizeof(float)));
    if (!file) throw ScriptError(path + " is cut short");
    return frame;
}

void write_npy(const std::string &path, const Frame &frame) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(frame.height) + ", " +
                         std::to_string(frame.width) + ", " + std::to_string(frame.channels) + "), }";
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::ofstream file(path, std::ios::binary);
    file.write("\x93NUMPY\x01\x00", 8);
    const char size[2] = {char(header.size() % 256), char(header.size() / 256)};
    file.write(size, 2);
    file << header;
    file.write(reinterpret_cast<const char *>(frame.pixels.data()),
               std::streamsize(frame.pixels.size() * sizeof(float)));
    file.close();
    if (!file) throw ScriptError("cannot write " + path);
}

std::shared_ptr<const Frame> cached_npy(const std::string &path) {
    struct Kept {
        std::string path;
        std::filesystem::file_time_type written;
        std::shared_ptr<const Frame> frame;
    };
    static std::mutex lock;
    static std::list<Kept> kept;  // newest first
    std::error_code missing;
    const auto written = std::filesystem::last_write_time(path, missing);
    if (missing) throw ScriptError("cannot open " + path);
    std::lock_guard<std::mutex> guard(lock);
    for (const Kept &one : kept)
        if (one.path == path && one.written == written) return one.frame;
    kept.push_front({path, written, std::make_shared<const Frame>(read_npy(path))});
    if (kept.size() > 48) kept.pop_back();
    return kept.front().frame;
}

std::string frame_path(const std::string &pattern, int frame) {
    const auto percent = pattern.find('%');
    if (percent == std::string::npos) return pattern;
    const auto d = pattern.find('d', percent);
    if (d == std::string::npos) throw ScriptError("no %d or %04d in " + pattern);
    const std::string width = pattern.substr(percent + 1, d - percent - 1);
    std::string digits = std::to_string(frame);
    const std::size_t wanted = width.empty() ? 0 : std::size_t(std::stoi(width));
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
    return pattern.substr(0, percent) + digits + pattern.substr(d + 1);
}

}  // namespace testhost
