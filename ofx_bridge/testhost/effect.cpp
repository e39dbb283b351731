#include "effect.h"

#include <algorithm>
#include <cmath>

#include "misbehaviour.h"
#include "tables.h"

using namespace testhost;

OfxImageClipStruct::OfxImageClipStruct(OfxImageEffectHandle owner, const std::string &clip_name, bool is_instance)
    : effect(owner),
      name(clip_name),
      props("clip", "clip " + clip_name, is_instance ? clip_instance_table() : clip_descriptor_table()) {
    props.set(kOfxPropType, {std::string(kOfxTypeClip)});
    for (const char *same : {kOfxPropName, kOfxPropLabel, kOfxPropShortLabel, kOfxPropLongLabel})
        props.set(same, {name});
    props.set(kOfxImageClipPropFieldExtraction, {std::string(kOfxImageFieldDoubled)});
    props.set(kOfxImageEffectPropSupportsTiles, {1});
}

OfxImageEffectStruct::OfxImageEffectStruct(const std::string &effect_name, bool instance)
    : name(effect_name),
      is_instance(instance),
      props(instance ? "instance" : "effect", (instance ? "instance " : "descriptor ") + effect_name,
            instance ? instance_table() : effect_table()),
      params(this, effect_name) {
    props.set(kOfxPropType, {std::string(instance ? kOfxTypeImageEffectInstance : kOfxTypeImageEffect)});
    if (instance) return;
    props.set(kOfxImageEffectPluginPropHostFrameThreading, {1});
    props.set(kOfxImageEffectPluginRenderThreadSafety, {std::string(kOfxImageEffectRenderInstanceSafe)});
    props.set(kOfxImageEffectPluginPropFieldRenderTwiceAlways, {1});
    props.set(kOfxImageEffectPropSupportsMultiResolution, {1});
    props.set(kOfxImageEffectPropSupportsTiles, {1});
    props.set(kOfxImageEffectPropNoSpatialAwareness, {std::string("false")});
    props.set(kOfxImageEffectPropCPURenderSupported, {std::string("true")});
}

OfxImageClipStruct *OfxImageEffectStruct::find_clip(const std::string &clip_name) const {
    for (const auto &clip : clips)
        if (clip->name == clip_name) return clip.get();
    return nullptr;
}

void OfxImageEffectStruct::set_clip_properties() {
    for (const auto &clip : clips) {
        const ClipInput &input = clip->input;
        const Format format = clip_format(*clip);
        // Section 8: Resolve and openfx-runner say that every clip is connected.
        const bool lies = bad().on("connected_lies") && !clip->is_output();
        OfxPropertySetStruct &p = clip->props;
        p.set(kOfxImageClipPropConnected, {input.connected || clip->is_output() || lies ? 1 : 0});
        p.set(kOfxImageEffectPropComponents,
              {input.connected || clip->is_output() || lies ? format.components : std::string(kOfxImageComponentNone)});
        p.set(kOfxImageEffectPropPixelDepth,
              {input.connected || clip->is_output() || lies ? format.depth : std::string(kOfxBitDepthNone)});
        p.set(kOfxImageClipPropUnmappedComponents, {format.components});
        p.set(kOfxImageClipPropUnmappedPixelDepth, {format.depth});
        p.set(kOfxImageEffectPropPreMultiplication, {input.premultiplication});
        p.set(kOfxImageClipPropFieldOrder, {input.field});
        p.set(kOfxImagePropPixelAspectRatio, {input.pixel_aspect});
        const bool short_range = bad().on("frame_range_lies");  // section 11: openfx-runner
        const std::vector<Value> range = {short_range ? 0.0 : double(input.first),
                                          short_range ? 1.0 : double(input.last)};
        p.set(kOfxImageEffectPropFrameRange, range);
        p.set(kOfxImageEffectPropUnmappedFrameRange, range);
        p.set(kOfxImageEffectPropFrameRate, {input.frame_rate});
        p.set(kOfxImageEffectPropUnmappedFrameRate, {input.frame_rate});
        if (bad().on("thumbnails")) {  // section 9: Resolve's own mark
            p.define({kOfxImageClipPropThumbnail, Kind::Int});
            p.set(kOfxImageClipPropThumbnail, {1});
        }
    }
}

namespace testhost {

Format clip_format(const OfxImageClipStruct &clip) {
    const OfxImageClipStruct *source = clip.effect->find_clip(kOfxImageEffectSimpleSourceClipName);
    Format format{clip.input.depth, clip.input.components};
    const ClipPreferences &wish = clip.effect->preferences;
    if (clip.is_output() && !wish.depth.empty()) format.depth = wish.depth;
    if (clip.is_output() && !wish.components.empty()) format.components = wish.components;
    if (format.depth.empty())
        format.depth = source && !source->input.depth.empty() ? source->input.depth : kOfxBitDepthFloat;
    if (format.components.empty() && !clip.is_output() && clip.props.integer(kOfxImageClipPropIsMask))
        format.components = kOfxImageComponentAlpha;
    if (format.components.empty())
        format.components =
            source && !source->input.components.empty() ? source->input.components : kOfxImageComponentRGBA;
    return format;
}

std::shared_ptr<const Frame> clip_frame(const OfxImageClipStruct &clip, double time) {
    const ClipInput &input = clip.input;
    const int frame = std::clamp(int(std::floor(time)), input.first, input.last);
    return cached_npy(frame_path(input.pattern, frame));
}

Rect clip_region(const OfxImageClipStruct &clip, const Frame &frame, double scale) {
    int x = clip.input.x, y = clip.input.y;
    if (bad().on("offset_bounds")) {  // section 9: nothing starts at 0, 0
        const std::string by = bad().text("offset_bounds", "0,0");
        const std::size_t comma = std::min(by.find(','), by.size() - 1);
        x += std::stoi(by);
        y += std::stoi(by.substr(comma + 1));
    }
    const auto down = [scale](int v) { return int(std::floor(v * scale)); };
    const auto up = [scale](int v) { return int(std::ceil(v * scale)); };
    return {down(x), down(y), up(x + frame.width), up(y + frame.height)};
}

Rect to_pixels(const double *canonical, double scale, double pixel_aspect) {
    const double limit = 1e9;  // infinite rectangles
    const auto clip = [limit](double v) { return int(std::clamp(v, -limit, limit)); };
    const double eps = 1e-6;
    return {clip(std::floor(canonical[0] * scale / pixel_aspect + eps)), clip(std::floor(canonical[1] * scale + eps)),
            clip(std::ceil(canonical[2] * scale / pixel_aspect - eps)), clip(std::ceil(canonical[3] * scale - eps))};
}

std::vector<double> to_canonical(const Rect &pixels, double scale, double pixel_aspect) {
    return {pixels.x1 * pixel_aspect / scale, pixels.y1 / scale, pixels.x2 * pixel_aspect / scale, pixels.y2 / scale};
}

}  // namespace testhost
