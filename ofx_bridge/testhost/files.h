// Frames as .npy files: float32, C order, (height, width) or (height, width, channels), rows top to bottom.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace testhost {

struct Frame {
    int width = 0, height = 0, channels = 0;
    std::vector<float> pixels;

    const float *at(int x, int row_from_top) const {
        return pixels.data() +
               (std::size_t(row_from_top) * std::size_t(width) + std::size_t(x)) * std::size_t(channels);
    }
    float *at(int x, int row_from_top) { return const_cast<float *>(std::as_const(*this).at(x, row_from_top)); }
};

// Throws ScriptError: what was expected and what was found.
Frame read_npy(const std::string &path);
void write_npy(const std::string &path, const Frame &frame);

// Reads through a small cache that notices a changed file. Any thread.
std::shared_ptr<const Frame> cached_npy(const std::string &path);

// "/x/plate.%04d.npy" and 7 -> "/x/plate.0007.npy". A pattern without % is a still.
std::string frame_path(const std::string &pattern, int frame);

}  // namespace testhost
