#include "images.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "half.h"
#include "misbehaviour.h"
#include "tables.h"

namespace testhost {

Rect intersect(const Rect &a, const Rect &b) {
    Rect both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
    return both.empty() ? Rect{both.x1, both.y1, both.x1, both.y1} : both;
}

json to_json(const Rect &rect) { return {rect.x1, rect.y1, rect.x2, rect.y2}; }

int Format::channels() const {
    if (components == kOfxImageComponentRGBA) return 4;
    if (components == kOfxImageComponentRGB) return 3;
    return 1;
}

int Format::bytes() const {
    if (depth == kOfxBitDepthByte) return 1;
    return depth == kOfxBitDepthFloat ? 4 : 2;
}

namespace {

constexpr unsigned char padding_byte = 0xa5;

// A hash of the position: the stamp's bytes, and never a plausible row of pixels.
std::uint64_t noise(int x, int y) {
    std::uint64_t h = (std::uint64_t(std::uint32_t(x)) << 32) ^ std::uint32_t(y) ^ 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

void stamp_of(int x, int y, std::size_t size, unsigned char *pixel) {
    for (std::size_t done = 0; done < size; done += 8) {
        const std::uint64_t word = noise(x, y + int(done) * 7919);
        std::memcpy(pixel + done, &word, std::min<std::size_t>(8, size - done));
    }
}

float clip01(float value) { return value > 0 ? std::min(value, 1.0f) : 0.0f; }  // NaN -> 0

void write_sample(unsigned char *to, const std::string &depth, float value) {
    if (depth == kOfxBitDepthFloat) {
        std::memcpy(to, &value, 4);
    } else if (depth == kOfxBitDepthHalf) {
        const std::uint16_t half = float_to_half(value);
        std::memcpy(to, &half, 2);
    } else if (depth == kOfxBitDepthShort) {
        const auto code = std::uint16_t(std::lround(double(clip01(value)) * 65535.0));
        std::memcpy(to, &code, 2);
    } else {
        *to = static_cast<unsigned char>(std::lround(double(clip01(value)) * 255.0));
    }
}

float read_sample(const unsigned char *from, const std::string &depth) {
    if (depth == kOfxBitDepthByte) return float(*from) / 255.0f;
    if (depth == kOfxBitDepthFloat) {
        float value;
        std::memcpy(&value, from, 4);
        return value;
    }
    std::uint16_t code;
    std::memcpy(&code, from, 2);
    return depth == kOfxBitDepthHalf ? half_to_float(code) : float(code) / 65535.0f;
}

// One sample of the clip's components from a frame's pixel: alpha of RGBA for Alpha, 1 for an alpha that is
// not there, and a matte in every channel where a host can only wire RGBA (section 8, Fusion 9).
float sample(const float *pixel, int channels, int wanted, int channel) {
    if (channels == 1) return pixel[0];
    if (wanted == 1) return channels == 4 ? pixel[3] : pixel[0];
    return channel < channels ? pixel[channel] : 1.0f;
}

}  // namespace

Buffer::Buffer(const Rect &rect, const Format &pixel_format) : bounds(rect), format(pixel_format) {
    const std::size_t sample_bytes = std::size_t(format.bytes());
    pixel_bytes_ = sample_bytes * std::size_t(format.channels());
    const std::size_t padding = std::size_t(std::max(0, bad().number("padding", 0)));  // section 9
    stride_ = pixel_bytes_ * std::size_t(std::max(0, bounds.width())) +
              (padding + sample_bytes - 1) / sample_bytes * sample_bytes;
    memory_.assign(std::max<std::size_t>(stride_ * std::size_t(std::max(0, bounds.height())), 16), padding_byte);
    step_ = bad().on("negative_rows") ? -std::ptrdiff_t(stride_) : std::ptrdiff_t(stride_);  // section 9: MLT
}

unsigned char *Buffer::at(int x, int y) {
    const std::size_t row = std::size_t(step_ < 0 ? bounds.y2 - 1 - y : y - bounds.y1);
    return memory_.data() + row * stride_ + std::size_t(x - bounds.x1) * pixel_bytes_;
}

std::uint64_t Buffer::checksum() const {
    std::uint64_t sum = 1469598103934665603u;
    std::size_t i = 0;
    for (; i + 8 <= memory_.size(); i += 8) {
        std::uint64_t word;
        std::memcpy(&word, memory_.data() + i, 8);
        sum = (sum ^ word) * 1099511628211u;
    }
    for (; i < memory_.size(); ++i) sum = (sum ^ memory_[i]) * 1099511628211u;
    return sum;
}

bool Buffer::padding_intact() const {
    const std::size_t used = pixel_bytes_ * std::size_t(std::max(0, bounds.width()));
    for (int row = 0; row < bounds.height(); ++row)
        for (std::size_t i = used; i < stride_; ++i)
            if (memory_[std::size_t(row) * stride_ + i] != padding_byte) return false;
    return true;
}

void pack(const Frame &frame, const Rect &rod, double scale, Buffer &buffer) {
    const Rect &bounds = buffer.bounds;
    const int wanted = buffer.format.channels(), bytes = buffer.format.bytes();
    const bool plain = scale == 1.0 && frame.channels == wanted && buffer.format.depth == kOfxBitDepthFloat;
    const auto source = [scale](int i, int size) { return std::clamp(int((i + 0.5) / scale), 0, size - 1); };
    for (int y = bounds.y1; y < bounds.y2; ++y) {
        std::memset(buffer.at(bounds.x1, y), 0, std::size_t(bounds.width()) * std::size_t(wanted * bytes));
        const Rect inside = intersect(bounds, rod);
        if (inside.empty() || y < rod.y1 || y >= rod.y2) continue;  // transparent black outside
        const int row = frame.height - 1 - source(y - rod.y1, frame.height);
        if (plain) {
            std::memcpy(buffer.at(inside.x1, y), frame.at(inside.x1 - rod.x1, row),
                        std::size_t(inside.width()) * std::size_t(wanted * bytes));
            continue;
        }
        for (int x = inside.x1; x < inside.x2; ++x) {
            const float *from = frame.at(source(x - rod.x1, frame.width), row);
            unsigned char *to = buffer.at(x, y);
            for (int c = 0; c < wanted; ++c)
                write_sample(to + c * bytes, buffer.format.depth, sample(from, frame.channels, wanted, c));
        }
    }
}

void stamp(Buffer &buffer) {
    const std::size_t size = std::size_t(buffer.format.channels() * buffer.format.bytes());
    for (int y = buffer.bounds.y1; y < buffer.bounds.y2; ++y)
        for (int x = buffer.bounds.x1; x < buffer.bounds.x2; ++x) stamp_of(x, y, size, buffer.at(x, y));
}

Coverage coverage(const Buffer &buffer, const Rect &window) {
    const std::size_t size = std::size_t(buffer.format.channels() * buffer.format.bytes());
    Coverage found;
    unsigned char expected[16];
    for (int y = buffer.bounds.y1; y < buffer.bounds.y2; ++y)
        for (int x = buffer.bounds.x1; x < buffer.bounds.x2; ++x) {
            stamp_of(x, y, size, expected);
            const bool stamped = std::memcmp(buffer.at(x, y), expected, size) == 0;
            const bool inside = x >= window.x1 && x < window.x2 && y >= window.y1 && y < window.y2;
            if (inside && stamped) ++found.unwritten;
            if (!inside && !stamped) ++found.overwritten;
        }
    // A picture of one or two bytes a pixel meets its stamp by chance.
    const long pixels = long(window.width()) * window.height();
    if (size < 4 && found.unwritten <= pixels / (size == 1 ? 64 : 4096) + 2) found.unwritten = 0;
    return found;
}

void unpack(const Buffer &buffer, const Rect &window, const Rect &rod, Frame &frame) {
    const Rect shown = intersect(intersect(window, buffer.bounds), rod);
    for (int y = shown.y1; y < shown.y2; ++y)
        for (int x = shown.x1; x < shown.x2; ++x) {
            const unsigned char *from = buffer.at(x, y);
            float *to = frame.at(x - rod.x1, rod.y2 - 1 - y);
            for (int c = 0; c < frame.channels; ++c) {
                if (buffer.format.depth == kOfxBitDepthFloat) std::memcpy(to + c, from + c * 4, 4);
                else to[c] = read_sample(from + c * buffer.format.bytes(), buffer.format.depth);
            }
        }
}

Image::Image(const std::string &owner) : props("image", owner, image_table()) {
    props.set(kOfxPropType, {std::string(kOfxTypeImage)});
}

}  // namespace testhost
