#include "images.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "describe.h"
#include "fault.h"
#include "properties.h"
#include "suites.h"

namespace ilvi {

namespace {

constexpr int LARGEST = 1 << 20;   // px; beyond it a side is nonsense, or infinite

OfxImageClipHandle clip_of(OfxImageEffectHandle instance, const char *name, OfxPropertySetHandle *properties) {
    OfxImageClipHandle clip = nullptr;
    if (suites().effect->clipGetHandle(instance, name, &clip, properties) != kOfxStatOK || !clip) return nullptr;
    if (!*properties) suites().effect->clipGetPropertySet(clip, properties);
    return clip;
}

Depth depth_of(const std::string &name) {
    if (name == kOfxBitDepthByte) return Depth::byte;
    if (name == kOfxBitDepthShort) return Depth::whole16;
    if (name == kOfxBitDepthHalf) return Depth::half;
    return name == kOfxBitDepthFloat ? Depth::real : Depth::none;
}

Components components_of(const std::string &name) {
    if (name == kOfxImageComponentRGBA) return Components::rgba;
    if (name == kOfxImageComponentRGB) return Components::rgb;
    return name == kOfxImageComponentAlpha ? Components::alpha : Components::none;
}

}  // namespace

Image::Image(OfxImageEffectHandle instance, const char *name, double time) {
    OfxPropertySetHandle properties = nullptr;
    OfxImageClipHandle clip = clip_of(instance, name, &properties);
    if (!clip) return;
    // Some hosts connect Source and Output without saying so; a clip of ours is there only when they say it.
    const bool always = name == std::string(SOURCE) || name == std::string(kOfxImageEffectOutputClipName);
    if (get_int(properties, kOfxImageClipPropConnected).value_or(always ? 1 : 0) == 0) return;
    OfxPropertySetHandle image = nullptr;
    if (suites().effect->clipGetImage(clip, time, nullptr, &image) != kOfxStatOK || !image) return;
    image_ = image;
    try {
        if (read(properties)) return;
    } catch (...) {
        suites().effect->clipReleaseImage(image_);
        throw;
    }
    data_ = nullptr;
}

Image::~Image() {
    if (image_) suites().effect->clipReleaseImage(image_);
}

// False: there is nothing in it.
bool Image::read(OfxPropertySetHandle clip) {
    const std::optional<OfxRectI> bounds = get_rectangle(image_, kOfxImagePropBounds);
    data_ = get_pointer(image_, kOfxImagePropData);
    if (!data_ || !bounds || empty(*bounds)) return false;
    bounds_ = *bounds;
    for (int side : {bounds_.x1, bounds_.y1, bounds_.x2, bounds_.y2})
        if (std::abs(static_cast<double>(side)) > LARGEST)
            throw Fault("The host gives an image of infinite size.", "Crop the input.");
    whole_ = get_rectangle(image_, kOfxImagePropRegionOfDefinition).value_or(bounds_);
    if (empty(whole_)) whole_ = bounds_;

    // the image's own, for a clip may have been converted
    std::string depth = get_string(image_, kOfxImageEffectPropPixelDepth).value_or("");
    std::string components = get_string(image_, kOfxImageEffectPropComponents).value_or("");
    std::string alpha = get_string(image_, kOfxImageEffectPropPreMultiplication).value_or("");
    if (depth.empty()) depth = get_string(clip, kOfxImageEffectPropPixelDepth).value_or("");
    if (components.empty()) components = get_string(clip, kOfxImageEffectPropComponents).value_or("");
    if (alpha.empty()) alpha = get_string(clip, kOfxImageEffectPropPreMultiplication).value_or("");
    format_ = {depth_of(depth), components_of(components), alpha == kOfxImagePreMultiplied};
    if (!format_.known())
        throw Fault("The host gives pixels of the kind " + depth + " " + components + ", which ILVI does not know.",
                    "Convert them to RGBA, 8 or 16 bit, half or float.");

    const auto packed = static_cast<long>(format_.pixel_bytes()) * width();
    const std::optional<int> row_bytes = get_int(image_, kOfxImagePropRowBytes);
    row_bytes_ = row_bytes.value_or(static_cast<int>(packed));
    if (std::labs(row_bytes_) < packed && height() > 1)
        throw Fault("The host gives rows of " + std::to_string(row_bytes_) + " bytes for " + std::to_string(packed) + ".",
                    "Report this with the host's name and version.");
    scale_x_ = get_double(image_, kOfxImageEffectPropRenderScale, 0).value_or(1);
    scale_y_ = get_double(image_, kOfxImageEffectPropRenderScale, 1).value_or(scale_x_);
    return true;
}

bool Image::complete() const { return same(common(bounds_, whole_), whole_); }

unsigned char *Image::row(int y) const {
    // row bytes may be negative, and padded; an int overflows at 8K float
    const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(y - bounds_.y1) * row_bytes_;
    return static_cast<unsigned char *>(data_) + offset;
}

std::optional<std::pair<int, int>> frame_range(OfxImageEffectHandle instance, const char *name) {
    OfxPropertySetHandle properties = nullptr;
    if (!clip_of(instance, name, &properties)) return std::nullopt;
    const std::optional<double> first = get_double(properties, kOfxImageEffectPropFrameRange, 0);
    const std::optional<double> last = get_double(properties, kOfxImageEffectPropFrameRange, 1);
    if (!first || !last || *last < *first || std::abs(*first) > 1e9 || std::abs(*last) > 1e9) return std::nullopt;
    return std::pair(static_cast<int>(std::lround(*first)), static_cast<int>(std::lround(*last)));
}

bool is_thumbnail(OfxImageEffectHandle instance, const char *name) {
    if (host_facts().name.rfind("DaVinciResolve", 0) != 0) return false;   // no other host has such a property
    OfxPropertySetHandle properties = nullptr;
    return clip_of(instance, name, &properties) && is_set(properties, kOfxImageClipPropThumbnail);
}

std::optional<OfxRectD> region(OfxImageEffectHandle instance, const char *name, double time) {
    OfxPropertySetHandle properties = nullptr;
    OfxImageClipHandle clip = clip_of(instance, name, &properties);
    OfxRectD box{0, 0, 0, 0};
    if (!clip || suites().effect->clipGetRegionOfDefinition(clip, time, &box) != kOfxStatOK) return std::nullopt;
    if (!(box.x1 < box.x2) || !(box.y1 < box.y2)) return std::nullopt;
    return box;
}

OfxRectI common(const OfxRectI &a, const OfxRectI &b) {
    return {std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
}

bool empty(const OfxRectI &box) { return box.x2 <= box.x1 || box.y2 <= box.y1; }

}  // namespace ilvi
