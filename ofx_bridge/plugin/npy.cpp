#include "npy.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "fault.h"
#include "pixels.h"

namespace ilvi {

namespace {

constexpr char MAGIC[] = "\x93NUMPY";
constexpr size_t MAGIC_SIZE = 6;
constexpr char ODD[] = "its array is not of a kind that a frame has";

// What stands after `'name':` in the header, which is a Python dictionary of three entries.
std::string entry_of(const std::string &header, const char *name) {
    const size_t at = header.find(std::string("'") + name + "':");
    return at == std::string::npos ? "" : header.substr(header.find_first_not_of(' ', at + std::strlen(name) + 3));
}

// The numbers of a tuple such as "(96, 160, 4), ...".
std::vector<size_t> sizes_of(const std::string &tuple) {
    std::vector<size_t> sizes;
    size_t number = 0;
    bool digits = false;
    for (size_t i = 1; !tuple.empty() && tuple[0] == '(' && i < tuple.size(); ++i) {
        const char c = tuple[i];
        if (c >= '0' && c <= '9' && number < 10000000) {
            number = number * 10 + static_cast<size_t>(c - '0');
            digits = true;
        } else if (c == ',' || c == ')') {
            if (digits) sizes.push_back(std::exchange(number, 0));
            digits = false;
            if (c == ')') return sizes;
        } else if (c != ' ') {
            break;
        }
    }
    return {};
}

bool seek(std::FILE *file, uint64_t to) {
#if defined(_WIN32)
    return _fseeki64(file, static_cast<long long>(to), SEEK_SET) == 0;
#else
    return fseeko(file, static_cast<off_t>(to), SEEK_SET) == 0;
#endif
}

}  // namespace

NpyWriter::NpyWriter(const std::string &path, size_t height, size_t width, size_t channels)
    : path_(path), partial_(path + ".part") {
    file_ = std::fopen(partial_.c_str(), "wb");
    if (!file_) fail();
    std::setvbuf(file_, nullptr, _IONBF, 0);   // whole rows are given, and copying them once more costs
    std::string shape = std::to_string(height) + ", " + std::to_string(width);
    if (channels) shape += ", " + std::to_string(channels);
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
    const size_t before = MAGIC_SIZE + 4;
    header.append(64 - (before + header.size() + 1) % 64, ' ');   // so that the pixels start at a multiple of 64
    header += '\n';
    const auto length = static_cast<uint16_t>(header.size());
    const unsigned char size[] = {static_cast<unsigned char>(length & 0xff), static_cast<unsigned char>(length >> 8)};
    const std::string start = std::string(MAGIC, MAGIC_SIZE) + std::string("\x01\x00", 2) +
                              std::string(reinterpret_cast<const char *>(size), 2) + header;
    if (std::fwrite(start.data(), 1, start.size(), file_) != start.size()) fail();
}

NpyWriter::~NpyWriter() {
    if (file_) {
        std::fclose(file_);
        std::remove(partial_.c_str());
    }
}

void NpyWriter::write(const float *values, size_t count) {
    if (std::fwrite(values, sizeof(float), count, file_) != count) fail();
}

void NpyWriter::finish() {
    std::FILE *file = file_;
    file_ = nullptr;
    std::error_code error;
    if (std::fclose(file) == 0) std::filesystem::rename(partial_, path_, error);
    if (error) fail();
}

void NpyWriter::fail() {
    const std::string reason = std::strerror(errno);
    if (file_) std::fclose(file_);
    file_ = nullptr;
    std::remove(partial_.c_str());
    throw Fault("The frame " + path_ + " cannot be written: " + reason + ".", "Make room there, or set TMPDIR.");
}

NpyReader::NpyReader(const std::string &path) : path_(path) {
    file_ = std::fopen(path.c_str(), "rb");
    if (!file_) throw Fault("The frame " + path + " cannot be read: " + std::strerror(errno) + ".", "Press Inpaint.");
    std::setvbuf(file_, nullptr, _IONBF, 0);   // whole rows are read, and copying them once more costs
    unsigned char start[12];
    if (std::fread(start, 1, 10, file_) != 10 || std::memcmp(start, MAGIC, MAGIC_SIZE) != 0) fail("it is no .npy");
    size_t length = static_cast<size_t>(start[8]) | static_cast<size_t>(start[9]) << 8;
    size_t before = 10;
    if (start[6] > 1) {   // version 2 has a longer length
        if (std::fread(start + 10, 1, 2, file_) != 2) fail("it is cut off");
        length |= static_cast<size_t>(start[10]) << 16 | static_cast<size_t>(start[11]) << 24;
        before = 12;
    }
    if (length > 65536) fail("its header is too long");
    std::string header(length, ' ');
    if (std::fread(header.data(), 1, length, file_) != length) fail("it is cut off");
    start_ = static_cast<long>(before + length);
    parse(header);
    row_bytes_ = width_ * channels_ * bytes_;
    plain_ = kind_ == 'f' && bytes_ == 4 && channels_ == 4;
    if (!plain_) raw_.resize(row_bytes_);
    values_.resize(width_ * 4);
}

NpyReader::~NpyReader() {
    if (file_) std::fclose(file_);
}

void NpyReader::parse(const std::string &header) {
    const std::string kind = entry_of(header, "descr");   // '<f4', '|u1'
    const std::vector<size_t> sizes = sizes_of(entry_of(header, "shape"));
    if (kind.size() < 5 || (sizes.size() != 2 && sizes.size() != 3)) fail(ODD);
    kind_ = kind[2];
    bytes_ = static_cast<size_t>(kind[3] - '0');
    height_ = sizes[0];
    width_ = sizes[1];
    channels_ = sizes.size() == 3 ? sizes[2] : 1;
    const bool known = (kind_ == 'f' && (bytes_ == 2 || bytes_ == 4)) || (kind_ == 'u' && (bytes_ == 1 || bytes_ == 2));
    const bool in_order = kind[1] != '>' && kind[4] == '\'' && entry_of(header, "fortran_order").rfind("False", 0) == 0;
    if (!known || !in_order || !height_ || !width_ || (channels_ != 1 && channels_ != 3 && channels_ != 4)) fail(ODD);
}

const float *NpyReader::row(size_t index) {
    if (index != next_ && !seek(file_, static_cast<uint64_t>(start_) + index * row_bytes_)) fail("it is cut off");
    void *into = plain_ ? static_cast<void *>(values_.data()) : raw_.data();
    if (std::fread(into, 1, row_bytes_, file_) != row_bytes_) fail("it is cut off");
    next_ = index + 1;
    if (plain_) return values_.data();
    const Format format{kind_ == 'f' ? (bytes_ == 4 ? Depth::real : Depth::half)
                                     : (bytes_ == 1 ? Depth::byte : Depth::whole16),
                        channels_ == 4   ? Components::rgba
                        : channels_ == 3 ? Components::rgb
                                         : Components::alpha,
                        false};
    to_float(raw_.data(), format, width_, values_.data());
    return values_.data();
}

void NpyReader::fail(const std::string &why) {
    if (file_) std::fclose(file_);
    file_ = nullptr;
    throw Fault("The frame " + path_ + " cannot be used: " + why + ".", "Press Clear, then Inpaint.");
}

}  // namespace ilvi
