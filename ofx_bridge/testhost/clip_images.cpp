// clipGetImage and clipReleaseImage: who may fetch when, what a misbehaving host hands out, what comes back.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "effect.h"
#include "misbehaviour.h"

using namespace testhost;

namespace {

std::mutex images_lock;
// Fetched images; released ones stay as empty shells, so that no handle comes twice.
std::map<OfxPropertySetHandle, std::unique_ptr<Image>> &images() {
    static auto *all = new std::map<OfxPropertySetHandle, std::unique_ptr<Image>>;
    return *all;
}

// May an image of this clip be fetched now? (End of section 5.)
bool may_fetch(const OfxImageClipStruct &clip, double time) {
    const Action &action = *current_action();
    const bool edit = (action.is(kOfxActionInstanceChanged) || action.is(kOfxActionEndInstanceChanged)) &&
                      action.reason == kOfxChangeUserEdited;
    const std::string what = "clipGetImage of " + clip.name;
    if (!action.is(kOfxImageEffectActionRender) && !edit)
        return violation(what + " is not legal in this action"), false;
    if (action.thread != std::this_thread::get_id())
        return violation(what + " on another thread than the action's"), false;
    if (action.effect != clip.effect) return violation(what + ": a clip of another instance"), false;
    if (clip.is_output()) {
        const bool now = action.job && time == action.job->time;
        if (!now) violation(what + ": only in Render, at the frame that is rendered");
        return now;
    }
    if (time == action.time) return true;
    const bool temporal = clip.effect->descriptor->props.integer(kOfxImageEffectPropTemporalClipAccess) &&
                          clip.props.integer(kOfxImageEffectPropTemporalClipAccess);
    if (!temporal) violation(what + " at another time without TemporalClipAccess");
    if (!action.job || bad().on("no_frames_needed")) return true;
    const auto needed = action.job->frames_needed.find(clip.name);
    for (std::size_t i = 0; needed != action.job->frames_needed.end() && i + 1 < needed->second.size(); i += 2)
        if (time >= needed->second[i] && time <= needed->second[i + 1]) return true;
    violation(what + " at frame " + std::to_string(time) + ", which GetFramesNeeded did not name");
    return true;
}

void describe_image(Image &image, const OfxImageClipStruct &clip, const Rect &rod, double scale) {
    OfxPropertySetStruct &p = image.props;
    Buffer &b = *image.buffer;
    p.set(kOfxImageEffectPropComponents, {b.format.components});
    p.set(kOfxImageEffectPropPixelDepth, {b.format.depth});
    p.set(kOfxImageEffectPropPreMultiplication, {clip.input.premultiplication});
    const double said = bad().on("scale_disagrees") ? 3.0 : scale;  // section 9: Fusion while scrubbing
    p.set(kOfxImageEffectPropRenderScale, {said, said});
    p.set(kOfxImagePropBounds, {b.bounds.x1, b.bounds.y1, b.bounds.x2, b.bounds.y2});
    p.set(kOfxImagePropRegionOfDefinition, {rod.x1, rod.y1, rod.x2, rod.y2});
    p.set(kOfxImagePropRowBytes, {b.row_bytes()});
    p.set(kOfxImagePropData, {b.origin()});
    p.set(kOfxImagePropField, {clip.input.field});
    p.set(kOfxImagePropPixelAspectRatio, {clip.input.pixel_aspect});
    static std::atomic<unsigned> serial{0};
    if (!image.output) image.checksum = b.checksum();
    std::string id = clip.name + "-" + std::to_string(image.checksum);
    if (bad().on("random_identifier")) id = std::to_string(serial++);  // section 9: MLT
    p.set(kOfxImagePropUniqueIdentifier, {id});
}

// The image of a clip that nothing is connected to, as the misbehaving hosts of section 8 give it.
std::unique_ptr<Image> unconnected_image(const OfxImageClipStruct &clip, const RenderJob *job) {
    const std::string lie = bad().on("connected_lies") ? bad().text("connected_lies", "fail") : "fail";
    const bool null_data = lie == "null" || bad().on("null_data_ok") || bad().on("null_data");
    if (lie == "fail" && !null_data) return nullptr;
    auto image = std::make_unique<Image>("an image of unconnected clip " + clip.name);
    Rect rod = job ? job->rod : Rect{0, 0, 16, 16};
    if (lie == "empty") rod = {0, 0, 0, 0};
    image->buffer = std::make_shared<Buffer>(rod, clip_format(clip));
    pack(Frame{1, 1, 1, {0.0f}}, {}, 1.0, *image->buffer);  // black: nothing lies in it
    describe_image(*image, clip, rod, job ? job->scale : 1.0);
    if (!null_data) return image;
    image->props.set(kOfxImagePropData, {static_cast<void *>(nullptr)});
    if (bad().on("null_data_ok") && lie != "null") image->props.hide(kOfxImagePropData);  // MLT: not there at all
    return image;
}

bool named(const char *misbehaviour, const std::string &clip) {
    return bad().on(misbehaviour) && bad().text(misbehaviour) == clip;
}

std::unique_ptr<Image> source_image(const OfxImageClipStruct &clip, double time, const OfxRectD *region) {
    const RenderJob *job = current_action()->job;
    const double scale = job ? job->scale : 1.0;
    if (bad().on("no_temporal_access") && time != current_action()->time) {  // section 11: MLT
        if (bad().text("no_temporal_access") == "fail") return nullptr;
        time = current_action()->time;
    }
    const auto frame = clip_frame(clip, time);
    const Rect rod = clip_region(clip, *frame, scale);
    Rect bounds = rod;
    if (bad().on("tiles") && job && job->roi.count(clip.name)) bounds = intersect(rod, job->roi.at(clip.name));
    if (region) {
        const double canonical[] = {region->x1, region->y1, region->x2, region->y2};
        const Rect wanted = to_pixels(canonical, scale, clip.input.pixel_aspect);
        if (bad().on("tiles")) bounds = intersect(rod, wanted);
    }
    if (bad().on("bounds_differ")) {  // section 9: bounds may be smaller than the RoD
        const int by = bad().number("bounds_differ", 1);
        bounds = intersect(bounds, {rod.x1 + by, rod.y1 + by, rod.x2 - by, rod.y2 - by});
    }
    auto image = std::make_unique<Image>("an image of clip " + clip.name);
    image->buffer = std::make_shared<Buffer>(bounds, clip_format(clip));
    pack(*frame, rod, scale, *image->buffer);
    describe_image(*image, clip, rod, scale);
    if (named("null_data", clip.name)) image->props.set(kOfxImagePropData, {static_cast<void *>(nullptr)});
    if (named("null_data_ok", clip.name)) image->props.hide(kOfxImagePropData);
    return image;
}

struct Stopwatch {
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    ~Stopwatch() {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        std::lock_guard<std::mutex> guard(current_action()->lock);
        current_action()->host_seconds += spent.count();
    }
};

}  // namespace

OfxStatus testhost::clip_get_image(OfxImageClipHandle clip, OfxTime time, const OfxRectD *region,
                                   OfxPropertySetHandle *handle) {
    if (!enter("clipGetImage") || !good(clip, "clipGetImage")) return kOfxStatErrBadHandle;
    if (!clip->effect->is_instance || handle == nullptr)
        return violation("clipGetImage: bad arguments"), kOfxStatErrBadHandle;
    if (!std::isfinite(time)) return violation("clipGetImage at a time that is not finite"), kOfxStatErrValue;
    if (!may_fetch(*clip, time)) return kOfxStatFailed;
    Action &action = *current_action();
    if (bad().on("actions_in_fetch") && !action.job) ask_preferences(*clip->effect);  // section 5
    Stopwatch stopwatch;
    std::unique_ptr<Image> image;
    try {
        if (clip->is_output()) {
            image = std::make_unique<Image>("the output image");
            image->buffer = action.job->output;
            image->output = true;
            describe_image(*image, *clip, action.job->rod, action.job->scale);
        } else if (clip->input.connected) {
            image = source_image(*clip, time, region);
        } else {
            image = unconnected_image(*clip, action.job);
        }
    } catch (const ScriptError &error) {
        event({{"event", "missing_frame"}, {"clip", clip->name}, {"time", time}, {"text", error.what()}});
        return kOfxStatFailed;
    }
    if (!image) return kOfxStatFailed;
    {
        std::lock_guard<std::mutex> guard(action.lock);
        action.images.push_back(image.get());
    }
    *handle = &image->props;
    std::lock_guard<std::mutex> guard(images_lock);
    images()[&image->props] = std::move(image);
    return kOfxStatOK;
}

namespace {

void retire(Image &image) {
    if (!image.output && image.buffer->checksum() != image.checksum)
        violation("the pixels of " + image.props.owner + " were written to");
    if (!image.buffer->padding_intact())
        violation("the padding between the rows of " + image.props.owner + " was written to");
    image.released = true;
    image.buffer.reset();
    image.props.retire();
}

}  // namespace

OfxStatus testhost::clip_release_image(OfxPropertySetHandle handle) {
    if (!enter("clipReleaseImage")) return kOfxStatErrBadHandle;
    Stopwatch stopwatch;
    Image *image = nullptr;
    {
        std::lock_guard<std::mutex> guard(images_lock);
        const auto found = images().find(handle);
        if (found != images().end()) image = found->second.get();
    }
    if (image == nullptr) return violation("clipReleaseImage of something that is no image"), kOfxStatErrBadHandle;
    if (image->released) return violation("clipReleaseImage of " + image->props.owner + " twice"), kOfxStatErrBadHandle;
    if (image->thread != std::this_thread::get_id())
        violation("clipReleaseImage of " + image->props.owner + " on another thread than it was fetched on");
    Action &action = *current_action();
    {
        std::lock_guard<std::mutex> guard(action.lock);
        const auto place = std::find(action.images.begin(), action.images.end(), image);
        if (place == action.images.end())
            violation("clipReleaseImage of " + image->props.owner + " in another action than it was fetched in");
        else action.images.erase(place);
    }
    retire(*image);
    return kOfxStatOK;
}

void testhost::check_released(Action &action) {
    std::lock_guard<std::mutex> guard(action.lock);
    for (Image *image : action.images) {
        violation(image->props.owner + " was not released (section 5)");
        retire(*image);
    }
    action.images.clear();
}
