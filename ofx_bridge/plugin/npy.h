// Frames as .npy files: float32 out, and whatever the worker gives back in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace ilvi {

// Writes a float32 array row by row. The file appears under its name only once `finish` is called.
// It is written, not mapped: a full disk is then an error, where a mapping would end the host with SIGBUS.
class NpyWriter {
public:
    // channels: 0: an array of (height, width).  Fault where it cannot be written.
    NpyWriter(const std::string &path, size_t height, size_t width, size_t channels);
    ~NpyWriter();
    NpyWriter(const NpyWriter &) = delete;
    NpyWriter &operator=(const NpyWriter &) = delete;
    void write(const float *values, size_t count);
    void finish();

private:
    [[noreturn]] void fail();
    std::string path_, partial_;
    std::FILE *file_ = nullptr;
};

// Reads rows of an array of (h, w), (h, w, 3) or (h, w, 4); uint8, uint16, float16 or float32.
class NpyReader {
public:
    explicit NpyReader(const std::string &path);   // Fault where it is not there, or no such array
    ~NpyReader();
    NpyReader(const NpyReader &) = delete;
    NpyReader &operator=(const NpyReader &) = delete;
    size_t height() const { return height_; }
    size_t width() const { return width_; }
    // Row `index` from the top as float RGBA (width() pixels); grey is repeated, alpha 1 where there is none.
    const float *row(size_t index);

private:
    void parse(const std::string &header);
    [[noreturn]] void fail(const std::string &why);
    std::string path_;
    std::FILE *file_ = nullptr;
    long start_ = 0;
    size_t height_ = 0, width_ = 0, channels_ = 1, next_ = 0;
    char kind_ = 'f';
    size_t bytes_ = 4, row_bytes_ = 0;
    bool plain_ = false;   // its rows are what `row` gives, as they are
    std::vector<unsigned char> raw_;
    std::vector<float> values_;
};

}  // namespace ilvi
