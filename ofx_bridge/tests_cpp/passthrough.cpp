// A tiny effect that inverts colours where the matte is, for checking the test host alone. It needs ofx.h and nothing
// else.
//
// Parameters: "amount" (Double), "frames" (reach in time), "secret" (String), "count" (Integer), the button "analyse".
// The environment variable PASSTHROUGH_SIN names one mistake to make; check_testhost.py tells them from the rest.
#include <ilvi_ofx/ofx.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

OfxHost *host = nullptr;
const OfxPropertySuiteV1 *props = nullptr;
const OfxImageEffectSuiteV1 *effects = nullptr;
const OfxParameterSuiteV1 *params = nullptr;
const OfxMessageSuiteV1 *messages = nullptr;   // may be absent
const OfxProgressSuiteV1 *progress = nullptr;  // may be absent

bool sins(const char *name) {
    const char *sin = std::getenv("PASSTHROUGH_SIN");
    return sin && std::strcmp(sin, name) == 0;
}

std::string text_of(OfxPropertySetHandle set, const char *name) {
    char *text = nullptr;
    return props->propGetString(set, name, 0, &text) == kOfxStatOK && text ? text : "";
}

int int_of(OfxPropertySetHandle set, const char *name, int otherwise) {
    int value = otherwise;
    return props->propGetInt(set, name, 0, &value) == kOfxStatOK ? value : otherwise;
}

template <class T>
const T *suite(const char *name, int version) {
    return static_cast<const T *>(host->fetchSuite(host->host, name, version));
}

OfxStatus load() {
    props = suite<OfxPropertySuiteV1>(kOfxPropertySuite, 1);
    effects = suite<OfxImageEffectSuiteV1>(kOfxImageEffectSuite, 1);
    params = suite<OfxParameterSuiteV1>(kOfxParameterSuite, 1);
    messages = suite<OfxMessageSuiteV1>(kOfxMessageSuite, 1);
    progress = suite<OfxProgressSuiteV1>(kOfxProgressSuite, 1);
    if (sins("unknown_suite")) suite<void>("OfxNoSuchSuite", 1);
    return props && effects && params ? kOfxStatOK : kOfxStatErrMissingHostFeature;
}

OfxStatus describe(OfxImageEffectHandle effect) {
    OfxPropertySetHandle p = nullptr;
    effects->getPropertySet(effect, &p);
    props->propSetString(p, kOfxPropLabel, 0, "Passthrough");
    props->propSetString(p, kOfxImageEffectPropSupportedContexts, 0, kOfxImageEffectContextFilter);
    props->propSetString(p, kOfxImageEffectPropSupportedContexts, 1, kOfxImageEffectContextGeneral);
    const char *depths[] = {kOfxBitDepthFloat, kOfxBitDepthHalf, kOfxBitDepthShort, kOfxBitDepthByte};
    props->propSetStringN(p, kOfxImageEffectPropSupportedPixelDepths, 4, depths);
    props->propSetInt(p, kOfxImageEffectPropSupportsTiles, 0, 1);
    props->propSetInt(p, kOfxImageEffectPropTemporalClipAccess, 0,
                      int_of(host->host, kOfxImageEffectPropTemporalClipAccess, 0));
    props->propSetString(p, kOfxImageEffectPluginRenderThreadSafety, 0, kOfxImageEffectRenderInstanceSafe);
    if (sins("unknown_property")) props->propSetInt(p, "OfxImageEffectPropNoSuchThing", 0, 1);
    if (sins("wrong_type")) props->propSetInt(p, kOfxPropLabel, 0, 1);
    if (sins("bad_index")) props->propSetString(p, kOfxPropLabel, 1, "two");
    if (sins("null_handle")) text_of(nullptr, kOfxPropLabel);
    if (sins("bad_value")) props->propSetString(p, kOfxImageEffectPluginRenderThreadSafety, 0, "Perhaps");
    if (sins("define_early")) effects->clipDefine(effect, "Source", nullptr);
    return kOfxStatOK;
}

OfxPropertySetHandle kept_definition = nullptr;  // for PASSTHROUGH_SIN=late_definition

OfxStatus describe_in_context(OfxImageEffectHandle effect) {
    const int temporal = int_of(host->host, kOfxImageEffectPropTemporalClipAccess, 0);
    for (const char *name : {"Source", "Mask", "Output"}) {
        OfxPropertySetHandle p = nullptr;
        effects->clipDefine(effect, name, &p);
        const bool mask = std::strcmp(name, "Mask") == 0;
        int n = 0;
        if (mask) props->propSetString(p, kOfxImageEffectPropSupportedComponents, n++, kOfxImageComponentAlpha);
        props->propSetString(p, kOfxImageEffectPropSupportedComponents, n++, kOfxImageComponentRGBA);
        if (!mask) props->propSetString(p, kOfxImageEffectPropSupportedComponents, n++, kOfxImageComponentRGB);
        if (!mask) props->propSetString(p, kOfxImageEffectPropSupportedComponents, n++, kOfxImageComponentAlpha);
        props->propSetInt(p, kOfxImageClipPropOptional, 0, mask ? 1 : 0);
        props->propSetInt(p, kOfxImageClipPropIsMask, 0, mask ? 1 : 0);
        props->propSetInt(p, kOfxImageEffectPropTemporalClipAccess, 0, temporal);
    }
    OfxParamSetHandle set = nullptr;
    OfxPropertySetHandle p = nullptr;
    effects->getParamSet(effect, &set);
    params->paramDefine(set, kOfxParamTypeDouble, "amount", &p);
    props->propSetDouble(p, kOfxParamPropDefault, 0, 1.0);
    for (const char *low : {kOfxParamPropMin, kOfxParamPropDisplayMin}) props->propSetDouble(p, low, 0, 0.0);
    for (const char *high : {kOfxParamPropMax, kOfxParamPropDisplayMax}) props->propSetDouble(p, high, 0, 1.0);
    kept_definition = p;
    for (const char *name : {"frames", "count"}) {
        params->paramDefine(set, kOfxParamTypeInteger, name, &p);
        for (const char *low : {kOfxParamPropMin, kOfxParamPropDisplayMin}) props->propSetInt(p, low, 0, 0);
        for (const char *high : {kOfxParamPropMax, kOfxParamPropDisplayMax}) props->propSetInt(p, high, 0, 1000);
        props->propSetInt(p, kOfxParamPropAnimates, 0, 0);
    }
    params->paramDefine(set, kOfxParamTypeString, "secret", &p);
    props->propSetInt(p, kOfxParamPropSecret, 0, 1);
    params->paramDefine(set, kOfxParamTypeChoice, "view", &p);
    props->propSetString(p, kOfxParamPropChoiceOption, 0, "result");
    props->propSetString(p, kOfxParamPropChoiceOption, 1, "matte");
    params->paramDefine(set, kOfxParamTypePushButton, "analyse", &p);
    if (sins("define_twice")) params->paramDefine(set, kOfxParamTypeDouble, "amount", nullptr);
    return kOfxStatOK;
}

// An image, released when it goes out of scope.
struct Picture {
    OfxPropertySetHandle handle = nullptr;
    char *data = nullptr;
    OfxRectI bounds{0, 0, 0, 0};
    int row_bytes = 0, channels = 0, bytes = 0;

    Picture(OfxImageEffectHandle effect, const char *clip_name, double time) {
        OfxImageClipHandle clip = nullptr;
        OfxPropertySetHandle clip_props = nullptr;
        if (effects->clipGetHandle(effect, clip_name, &clip, &clip_props) != kOfxStatOK) return;
        if (std::strcmp(clip_name, "Mask") == 0 && int_of(clip_props, kOfxImageClipPropConnected, 0) == 0) return;
        if (effects->clipGetImage(clip, time, nullptr, &handle) != kOfxStatOK) {
            handle = nullptr;
            return;
        }
        void *pointer = nullptr;
        if (props->propGetPointer(handle, kOfxImagePropData, 0, &pointer) != kOfxStatOK) return;
        data = static_cast<char *>(pointer);
        props->propGetIntN(handle, kOfxImagePropBounds, 4, &bounds.x1);
        props->propGetInt(handle, kOfxImagePropRowBytes, 0, &row_bytes);
        const std::string depth = text_of(handle, kOfxImageEffectPropPixelDepth),
                          components = text_of(handle, kOfxImageEffectPropComponents);
        channels = components == kOfxImageComponentRGBA ? 4 : components == kOfxImageComponentRGB ? 3 : 1;
        bytes = depth == kOfxBitDepthByte ? 1 : depth == kOfxBitDepthFloat ? 4 : 2;
    }
    ~Picture() {
        if (handle && !sins("leak_image")) effects->clipReleaseImage(handle);
        if (handle && sins("release_twice")) effects->clipReleaseImage(handle);
    }
    Picture(const Picture &) = delete;
    Picture &operator=(const Picture &) = delete;

    char *at(int x, int y) const {
        if (!data || x < bounds.x1 || x >= bounds.x2 || y < bounds.y1 || y >= bounds.y2) return nullptr;
        return data + std::ptrdiff_t(y - bounds.y1) * row_bytes + std::ptrdiff_t(x - bounds.x1) * channels * bytes;
    }
};

void invert_pixel(const char *from, const char *matte, char *to, const Picture &picture) {
    std::memset(to, 0, std::size_t(picture.channels * picture.bytes));
    if (from) std::memcpy(to, from, std::size_t(picture.channels * picture.bytes));
    bool on = false;
    for (int i = 0; matte && i < picture.bytes; ++i) on = on || matte[i] != 0;  // a byte of the first channel
    if (!on) return;
    for (int c = 0; c < std::min(3, picture.channels); ++c) {
        char *sample = to + c * picture.bytes;
        if (picture.bytes == 4) {
            float value;
            std::memcpy(&value, sample, 4);
            value = 1.0f - value;
            std::memcpy(sample, &value, 4);
        } else {
            for (int i = 0; i < picture.bytes; ++i) sample[i] = char(~sample[i]);
        }
    }
}

double amount_of(OfxImageEffectHandle effect, double time) {
    OfxParamSetHandle set = nullptr;
    OfxParamHandle param = nullptr;
    double amount = 1;
    effects->getParamSet(effect, &set);
    params->paramGetHandle(set, sins("unknown_param") ? "amonut" : "amount", &param, nullptr);
    if (sins("value_in_render")) params->paramGetValue(param, &amount);
    else params->paramGetValueAtTime(param, time, &amount);
    if (sins("set_in_render")) params->paramSetValue(param, 0.5);
    return amount;
}

OfxStatus render(OfxImageEffectHandle effect, OfxPropertySetHandle in) {
    double time = 0;
    OfxRectI window{0, 0, 0, 0};
    props->propGetDouble(in, kOfxPropTime, 0, &time);
    props->propGetIntN(in, kOfxImageEffectPropRenderWindow, 4, &window.x1);
    const bool on = amount_of(effect, time) > 0;
    const Picture source(effect, "Source", time), mask(effect, "Mask", time), output(effect, "Output", time);
    if (sins("early_fetch")) Picture(effect, "Source", time + 1);
    if (!output.data || !source.handle) return kOfxStatFailed;
    if (sins("write_source") && source.data) source.data[0] = char(source.data[0] + 1);
    if (sins("hold_back")) return kOfxStatOK;
    if (sins("own_thread")) std::thread([] { int_of(host->host, kOfxImageEffectPropSupportsTiles, 0); }).join();
    if (sins("throw")) throw 1;
    const int reach = sins("beyond_window") && window.x2 < output.bounds.x2 ? 1 : 0;
    for (int y = window.y1; y < window.y2; ++y) {
        if (effects->abort(effect)) return kOfxStatOK;
        for (int x = window.x1; x < window.x2 + reach; ++x)
            invert_pixel(source.at(x, y), on ? (mask.data ? mask.at(x, y) : "\x01\x01\x01\x01") : nullptr,
                         output.at(x, y), output);
    }
    if (sins("pad") && output.row_bytes > (output.bounds.x2 - output.bounds.x1) * output.channels * output.bytes)
        output.at(output.bounds.x2 - 1, output.bounds.y1)[output.channels * output.bytes] = 0;
    return kOfxStatOK;
}

void analyse(OfxImageEffectHandle effect) {
    double range[2] = {1, 1};
    OfxImageClipHandle clip = nullptr;
    OfxPropertySetHandle p = nullptr;
    effects->clipGetHandle(effect, "Source", &clip, &p);
    props->propGetDoubleN(p, kOfxImageEffectPropFrameRange, 2, range);
    if (int_of(host->host, kOfxImageEffectPropTemporalClipAccess, 0) == 0) return;
    if (progress) progress->progressStart(effect, "Analysing");
    int seen = 0;
    for (double time = range[0]; time <= range[1]; ++time, ++seen) {
        const Picture picture(effect, "Source", time);
        const double done = (time - range[0] + 1) / (range[1] - range[0] + 1);
        if (progress && progress->progressUpdate(effect, done) == kOfxStatReplyNo) break;
    }
    if (progress && !sins("open_progress")) progress->progressEnd(effect);
    if (messages) messages->message(effect, kOfxMessageMessage, "", "%s", "100% seen");
    OfxParamSetHandle set = nullptr;
    OfxParamHandle count = nullptr, secret = nullptr;
    effects->getParamSet(effect, &set);
    params->paramGetHandle(set, "count", &count, nullptr);
    params->paramGetHandle(set, "secret", &secret, nullptr);
    params->paramSetValue(count, seen);
    params->paramSetValue(secret, "entry \"1\"");
}

OfxStatus changed(OfxImageEffectHandle effect, OfxPropertySetHandle in) {
    if (text_of(in, kOfxPropChangeReason) != kOfxChangeUserEdited) return kOfxStatReplyDefault;
    if (text_of(in, kOfxPropName) == "analyse") analyse(effect);
    return kOfxStatOK;
}

OfxStatus create(OfxImageEffectHandle effect) {
    OfxPropertySetHandle p = nullptr;
    effects->getPropertySet(effect, &p);
    props->propSetPointer(p, kOfxPropInstanceData, 0, new int(1));
    if (sins("late_definition")) props->propSetDouble(kept_definition, kOfxParamPropDefault, 0, 0.5);
    OfxImageMemoryHandle memory = nullptr;
    if (sins("leak_memory")) effects->imageMemoryAlloc(effect, 64, &memory);
    return kOfxStatOK;
}

OfxStatus destroy(OfxImageEffectHandle effect) {
    OfxPropertySetHandle p = nullptr;
    void *data = nullptr;
    effects->getPropertySet(effect, &p);
    props->propGetPointer(p, kOfxPropInstanceData, 0, &data);
    delete static_cast<int *>(data);
    props->propSetPointer(p, kOfxPropInstanceData, 0, nullptr);  // hosts destroy twice
    return kOfxStatOK;
}

OfxStatus frames_needed(OfxImageEffectHandle effect, OfxPropertySetHandle in, OfxPropertySetHandle out) {
    double time = 0;
    int reach = 0;
    OfxParamSetHandle set = nullptr;
    OfxParamHandle param = nullptr;
    props->propGetDouble(in, kOfxPropTime, 0, &time);
    effects->getParamSet(effect, &set);
    params->paramGetHandle(set, "frames", &param, nullptr);
    params->paramGetValueAtTime(param, time, &reach);
    const double range[] = {time - reach, time + reach};
    props->propSetDoubleN(out, (std::string(kOfxImageClipPropFrameRangePrefix) + "Source").c_str(), 2, range);
    return kOfxStatOK;
}

OfxStatus main_entry(const char *action, const void *handle, OfxPropertySetHandle in, OfxPropertySetHandle out) {
    const std::string name = action;
    const auto effect = static_cast<OfxImageEffectHandle>(const_cast<void *>(handle));
    if (name == kOfxActionLoad) return load();
    if (name == kOfxActionDescribe) return describe(effect);
    if (name == kOfxImageEffectActionDescribeInContext) return describe_in_context(effect);
    if (name == kOfxActionCreateInstance) return create(effect);
    if (name == kOfxActionDestroyInstance) return destroy(effect);
    if (name == kOfxActionInstanceChanged) return changed(effect, in);
    if (name == kOfxImageEffectActionGetFramesNeeded) return frames_needed(effect, in, out);
    if (name == kOfxImageEffectActionRender) return sins("untrapped") ? kOfxStatReplyDefault : render(effect, in);
    return sins("unknown_action") ? kOfxStatFailed : kOfxStatReplyDefault;
}

void set_host(OfxHost *the_host) {
    host = the_host;
    if (sins("fetch_early")) suite<void>(kOfxPropertySuite, 1);
}

}  // namespace

extern "C" {

ILVI_OFX_EXPORT int OfxGetNumberOfPlugins(void) { return 1; }

ILVI_OFX_EXPORT OfxPlugin *OfxGetPlugin(int nth) {
    static OfxPlugin plugin = {
        kOfxImageEffectPluginApi, kOfxImageEffectPluginApiVersion, "org.ilvi.passthrough", 1, 0, set_host, main_entry};
    return nth == 0 ? &plugin : nullptr;
}

}  // extern "C"
