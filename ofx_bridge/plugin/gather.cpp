#include "gather.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "npy.h"

namespace ilvi {

namespace {

size_t width_of(const OfxRectI &box) { return static_cast<size_t>(box.x2 - box.x1); }
size_t height_of(const OfxRectI &box) { return static_cast<size_t>(box.y2 - box.y1); }

// One row of the image as float RGBA over the box, 0 where it has none. In `row`, or where the host has it if that is
// the same.
const float *read_row(const Image &image, const OfxRectI &box, int y, std::vector<float> &row) {
    const OfxRectI part = common(image.bounds(), box);
    const bool there = !empty(part) && y >= part.y1 && y < part.y2;
    if (!there || part.x1 != box.x1 || part.x2 != box.x2) std::fill(row.begin(), row.end(), 0.0f);
    if (!there) return row.data();
    const unsigned char *from = image.row(y);
    from += image.format().pixel_bytes() * static_cast<size_t>(part.x1 - image.bounds().x1);
    const Format &format = image.format();
    const bool same = format.depth == Depth::real && format.components == Components::rgba && !format.premultiplied;
    if (same && width_of(part) == width_of(box) && reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0)
        return reinterpret_cast<const float *>(from);
    to_float(from, format, width_of(part), row.data() + 4 * static_cast<size_t>(part.x1 - box.x1));
    return row.data();
}

bool has_alpha(const Image &mask, const OfxRectI &box) {
    if (mask.format().components != Components::rgba) return false;
    std::vector<float> row(4 * width_of(box));
    const OfxRectI part = common(mask.bounds(), box);
    for (int y = part.y1; y < part.y2; ++y) {
        const float *values = read_row(mask, part, y, row);
        for (size_t i = 0; i < width_of(part); ++i)
            if (values[4 * i + 3] != 1) return true;
    }
    return false;
}

}  // namespace

void write_plate(const Image &image, const OfxRectI &box, const std::string &path, Gathered &facts) {
    NpyWriter file(path, height_of(box), width_of(box), 4);
    std::vector<float> row(4 * width_of(box));
    const bool alpha = image.format().components == Components::rgba;
    bool zero = true, one = true;
    for (int y = box.y2 - 1; y >= box.y1; --y) {
        const float *values = read_row(image, box, y, row);
        file.write(values, row.size());
        if (!alpha || (!zero && !one)) continue;
        unsigned not_zero = 0, not_one = 0;   // counted, with no branch in the loop
        for (size_t i = 3; i < row.size(); i += 4) {
            not_zero += values[i] != 0 ? 1 : 0;
            not_one += values[i] != 1 ? 1 : 0;
        }
        zero = zero && !not_zero;
        one = one && !not_one;
    }
    facts.alpha_zero = alpha && zero;
    facts.alpha_one = one;
    file.finish();
}

void write_matte(const Image &mask, const OfxRectI &box, const std::string &path, Gathered &facts) {
    NpyWriter file(path, height_of(box), width_of(box), 0);
    const bool alpha = has_alpha(mask, box);
    std::vector<float> row(4 * width_of(box)), values(width_of(box));
    for (int y = box.y2 - 1; y >= box.y1; --y) {
        const float *pixel = read_row(mask, box, y, row);
        for (size_t i = 0; i < values.size(); ++i, pixel += 4) {
            const bool grey = pixel[0] == pixel[1] && pixel[1] == pixel[2];   // white is to be exactly 1
            const float luminance = grey ? pixel[0] : 0.2126f * pixel[0] + 0.7152f * pixel[1] + 0.0722f * pixel[2];
            const float value = alpha ? pixel[3] : luminance;
            values[i] = value > 0 ? (value < 1 ? value : 1) : 0;   // NaN counts as 0
            facts.mask_says = facts.mask_says || values[i] > 0;
        }
        file.write(values.data(), values.size());
    }
    facts.mask = true;
    file.finish();
}

}  // namespace ilvi
