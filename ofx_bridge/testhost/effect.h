// Effects: descriptors and instances, their clips, the renders in progress, and the image effect suite.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "images.h"
#include "params.h"

namespace testhost {

// What the script connected to a clip.
struct ClipInput {
    bool connected = false;
    std::string pattern;  // .npy frames
    int first = 1, last = 1;
    std::string depth, components;  // "" = as Source
    std::string premultiplication = kOfxImageUnPreMultiplied;
    std::string field = kOfxImageFieldNone;
    double pixel_aspect = 1, frame_rate = 24;
    int x = 0, y = 0;  // where the picture's lower left pixel lies
};

// One frame's render. The answer fields are filled as it goes.
struct RenderJob {
    double time = 0, scale = 1;
    bool draft = false, thumbnail = false, interactive = false;
    std::string field = kOfxImageFieldNone;
    bool has_window = false;
    Rect asked;                                                // the script's window
    Rect rod, window;                                          // pixels
    std::map<std::string, std::vector<double>> frames_needed;  // by clip: pairs of min and max
    std::map<std::string, Rect> roi;                           // by clip, pixels
    std::shared_ptr<Buffer> output;
    std::atomic<int> abort_polls{0};
    std::atomic<bool> aborted{false};
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

// The answer to GetClipPreferences.
struct ClipPreferences {
    std::string components, depth, premultiplication;  // the Output's; "" = as Source
    double pixel_aspect = 0, frame_rate = 0;
    int frame_varying = 0, continuous = 0;
};

}  // namespace testhost

struct OfxImageClipStruct : testhost::Alive<OfxImageClipStruct> {
    OfxImageClipStruct(OfxImageEffectHandle owner, const std::string &clip_name, bool is_instance);

    bool is_output() const { return name == kOfxImageEffectOutputClipName; }
    bool is_optional() const { return props.integer(kOfxImageClipPropOptional) != 0; }

    OfxImageEffectHandle effect;
    const std::string name;
    OfxPropertySetStruct props;
    testhost::ClipInput input;
};

struct OfxImageMemoryStruct : testhost::Alive<OfxImageMemoryStruct> {
    OfxImageEffectHandle effect = nullptr;
    std::vector<std::max_align_t> memory;
    int locks = 0;
};

struct OfxImageEffectStruct : testhost::Alive<OfxImageEffectStruct> {
    OfxImageEffectStruct(const std::string &effect_name, bool instance);

    OfxImageClipStruct *find_clip(const std::string &clip_name) const;
    void set_clip_properties();  // of an instance, from its inputs and preferences

    const std::string name;
    const bool is_instance;
    std::string context;
    OfxPropertySetStruct props;
    OfxParamSetStruct params;
    std::vector<std::unique_ptr<OfxImageClipStruct>> clips;
    testhost::ClipPreferences preferences;
    const OfxImageEffectStruct *descriptor = nullptr;  // of an instance: that of its context
    double host_time = 1;
    bool destroyed = false;
    std::mutex memory_lock;
    std::vector<std::unique_ptr<OfxImageMemoryStruct>> memory;  // imageMemoryAlloc's
};

namespace testhost {

const OfxImageEffectSuiteV1 *image_effect_suite();

// Two of its functions, in clip_images.cpp.
OfxStatus clip_get_image(OfxImageClipHandle clip, OfxTime time, const OfxRectD *region, OfxPropertySetHandle *image);
OfxStatus clip_release_image(OfxPropertySetHandle image);

// Begin/InstanceChanged/EndInstanceChanged (section 5), recursive; silent in hosts that never send it.
// Returns the status of InstanceChanged.
OfxStatus notify_changed(OfxImageEffectStruct &effect, const std::string &type, const std::string &name,
                         const std::string &reason);
// For misbehave actions_in_fetch.
void ask_preferences(OfxImageEffectStruct &effect);

// The picture of a clip at a time and scale, where it lies in pixels, and its depth and components.
std::shared_ptr<const Frame> clip_frame(const OfxImageClipStruct &clip, double time);
Rect clip_region(const OfxImageClipStruct &clip, const Frame &frame, double scale);
Format clip_format(const OfxImageClipStruct &clip);
Rect to_pixels(const double *canonical, double scale, double pixel_aspect);
std::vector<double> to_canonical(const Rect &pixels, double scale, double pixel_aspect);

// After an action: images that it fetched and did not release are violations.
void check_released(Action &action);

}  // namespace testhost
