// An image of the host, fetched with every guard that hosts have shown to be needed, and released.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <optional>
#include <string>
#include <utility>

#include "pixels.h"

namespace ilvi {

class Image {
public:
    // Empty where the clip is not connected, or the host has no such frame, or says OK and gives nothing.
    // Fault where there is a picture that cannot be used: unknown pixels, or pixels on a GPU.
    Image(OfxImageEffectHandle instance, const char *clip, double time);
    ~Image();
    Image(const Image &) = delete;
    Image &operator=(const Image &) = delete;

    explicit operator bool() const { return data_ != nullptr; }
    const Format &format() const { return format_; }
    const OfxRectI &bounds() const { return bounds_; }   // what may be touched, px
    const OfxRectI &whole() const { return whole_; }     // the image's region of definition, px
    bool complete() const;                               // the bounds hold all of it
    double scale_x() const { return scale_x_; }
    double scale_y() const { return scale_y_; }
    int width() const { return bounds_.x2 - bounds_.x1; }
    int height() const { return bounds_.y2 - bounds_.y1; }
    // The first byte of the row y (upwards), at the column bounds().x1.
    unsigned char *row(int y) const;

private:
    bool read(OfxPropertySetHandle clip);

    OfxPropertySetHandle image_ = nullptr;
    void *data_ = nullptr;
    int row_bytes_ = 0;
    Format format_;
    OfxRectI bounds_{0, 0, 0, 0}, whole_{0, 0, 0, 0};
    double scale_x_ = 1, scale_y_ = 1;
};

// The frames that a clip has; nothing where the host does not say.
std::optional<std::pair<int, int>> frame_range(OfxImageEffectHandle instance, const char *clip);

bool is_thumbnail(OfxImageEffectHandle instance, const char *clip);   // as Resolve says it

// Its region of definition in canonical coordinates.
std::optional<OfxRectD> region(OfxImageEffectHandle instance, const char *clip, double time);

OfxRectI common(const OfxRectI &a, const OfxRectI &b);   // may be empty: x2 <= x1 or y2 <= y1
bool empty(const OfxRectI &box);
inline bool same(const OfxRectI &a, const OfxRectI &b) {
    return a.x1 == b.x1 && a.y1 == b.y1 && a.x2 == b.x2 && a.y2 == b.y2;
}

}  // namespace ilvi
