// Images as a host hands them out: depth, components, rows from the bottom up, and everything that can differ.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "files.h"
#include "properties.h"

namespace testhost {

struct Rect {  // x1 <= x < x2, pixels, y upwards
    int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    int width() const { return x2 - x1; }
    int height() const { return y2 - y1; }
    bool empty() const { return x2 <= x1 || y2 <= y1; }
    bool operator==(const Rect &o) const { return x1 == o.x1 && y1 == o.y1 && x2 == o.x2 && y2 == o.y2; }
};
Rect intersect(const Rect &a, const Rect &b);
json to_json(const Rect &rect);

struct Format {
    std::string depth, components;  // the ABI's strings
    int channels() const;
    int bytes() const;  // of one sample
};

// Pixel memory with the row order and padding of the misbehaviours in force.
class Buffer {
public:
    Buffer(const Rect &bounds, const Format &format);

    unsigned char *at(int x, int y);
    const unsigned char *at(int x, int y) const { return const_cast<Buffer *>(this)->at(x, y); }
    void *origin() { return bounds.empty() ? memory_.data() : at(bounds.x1, bounds.y1); }
    int row_bytes() const { return int(step_); }
    std::uint64_t checksum() const;
    bool padding_intact() const;

    const Rect bounds;
    const Format format;

private:
    std::size_t pixel_bytes_, stride_;
    std::ptrdiff_t step_;  // from one row to the one above; negative: the picture lies top row first
    std::vector<unsigned char> memory_;
};

// Fills the buffer from a frame whose region of definition, in pixels of this scale, is `rod`; 0 outside of it.
void pack(const Frame &frame, const Rect &rod, double scale, Buffer &buffer);
// Writes a pattern that no picture has, to see later what was not written.
void stamp(Buffer &buffer);
// Pixels of the window that still hold the stamp, and pixels outside of it that no longer do.
struct Coverage {
    long unwritten = 0, overwritten = 0;
};
Coverage coverage(const Buffer &buffer, const Rect &window);
// The window's pixels as float, into a frame that shows `rod`.
void unpack(const Buffer &buffer, const Rect &window, const Rect &rod, Frame &frame);

// One fetched image: its handle is the address of its properties.
struct Image {
    explicit Image(const std::string &owner);
    OfxPropertySetStruct props;
    std::shared_ptr<Buffer> buffer;
    bool output = false, released = false;
    std::uint64_t checksum = 0;
    std::thread::id thread = std::this_thread::get_id();
};

}  // namespace testhost
