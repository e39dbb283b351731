// The image effect suite, but for fetching images (clip_images.cpp): handles, clips, abort, image memory.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "effect.h"
#include "misbehaviour.h"

using namespace testhost;

namespace {

OfxStatus get_properties(OfxImageEffectHandle effect, OfxPropertySetHandle *props) {
    if (!enter("getPropertySet") || !good(effect, "getPropertySet") || !props) return kOfxStatErrBadHandle;
    *props = &effect->props;
    return kOfxStatOK;
}

OfxStatus get_params(OfxImageEffectHandle effect, OfxParamSetHandle *params) {
    if (!enter("getParamSet") || !good(effect, "getParamSet") || !params) return kOfxStatErrBadHandle;
    *params = &effect->params;
    return kOfxStatOK;
}

OfxStatus clip_define(OfxImageEffectHandle effect, const char *name, OfxPropertySetHandle *props) {
    if (!enter("clipDefine") || !good(effect, "clipDefine")) return kOfxStatErrBadHandle;
    if (effect->is_instance || !current_action()->is(kOfxImageEffectActionDescribeInContext))
        return violation("clipDefine outside DescribeInContext"), kOfxStatErrBadHandle;
    if (name == nullptr || *name == 0) return violation("clipDefine without a name"), kOfxStatErrValue;
    if (effect->find_clip(name)) return violation(std::string("clipDefine of ") + name + " twice"), kOfxStatErrExists;
    effect->clips.push_back(std::make_unique<OfxImageClipStruct>(effect, name, false));
    if (props) *props = &effect->clips.back()->props;
    return kOfxStatOK;
}

OfxStatus clip_handle(OfxImageEffectHandle effect, const char *name, OfxImageClipHandle *clip,
                      OfxPropertySetHandle *props) {
    if (!enter("clipGetHandle") || !good(effect, "clipGetHandle")) return kOfxStatErrBadHandle;
    if (!effect->is_instance) return violation("clipGetHandle on a descriptor"), kOfxStatErrBadHandle;
    OfxImageClipStruct *found = name ? effect->find_clip(name) : nullptr;
    if (found == nullptr) {
        violation(std::string("clipGetHandle: no clip is called ") + (name ? name : "NULL"));
        return kOfxStatErrBadHandle;
    }
    if (clip) *clip = found;
    if (props) *props = &found->props;
    return kOfxStatOK;
}

OfxStatus clip_properties(OfxImageClipHandle clip, OfxPropertySetHandle *props) {
    if (!enter("clipGetPropertySet") || !good(clip, "clipGetPropertySet") || !props) return kOfxStatErrBadHandle;
    *props = &clip->props;
    return kOfxStatOK;
}

OfxStatus clip_rod(OfxImageClipHandle clip, OfxTime time, OfxRectD *bounds) {
    if (!enter("clipGetRegionOfDefinition") || !good(clip, "clipGetRegionOfDefinition") || !bounds)
        return kOfxStatErrBadHandle;
    if (!clip->effect->is_instance) return violation("clipGetRegionOfDefinition on a descriptor"), kOfxStatErrBadHandle;
    const OfxImageClipStruct *shown =
        clip->is_output() ? clip->effect->find_clip(kOfxImageEffectSimpleSourceClipName) : clip;
    if (!shown || !shown->input.connected) return kOfxStatFailed;
    try {
        const auto frame = clip_frame(*shown, time);
        const std::vector<double> c = to_canonical(clip_region(*shown, *frame, 1.0), 1.0, shown->input.pixel_aspect);
        *bounds = {c[0], c[1], c[2], c[3]};
    } catch (const ScriptError &) { return kOfxStatFailed; }
    return kOfxStatOK;
}

int abort_poll(OfxImageEffectHandle effect) {
    if (!enter("abort") || !good(effect, "abort")) return 0;
    RenderJob *job = current_action()->job;
    if (job == nullptr) return 0;
    const int poll = ++job->abort_polls;
    if (bad().on("abort_after") && poll >= bad().number("abort_after", 1)) job->aborted = true;
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - job->started;
    if (bad().on("abort_after_seconds") && spent.count() >= std::stod(bad().text("abort_after_seconds", "1")))
        job->aborted = true;
    return job->aborted ? 1 : 0;
}

OfxStatus memory_alloc(OfxImageEffectHandle effect, size_t bytes, OfxImageMemoryHandle *handle) {
    if (!enter("imageMemoryAlloc") || (effect && !good(effect, "imageMemoryAlloc")) || !handle)
        return kOfxStatErrBadHandle;
    if (!effect) return violation("imageMemoryAlloc without an instance"), kOfxStatErrBadHandle;
    auto memory = std::make_unique<OfxImageMemoryStruct>();
    memory->effect = effect;
    memory->memory.resize(bytes / sizeof(std::max_align_t) + 1);
    *handle = memory.get();
    std::lock_guard<std::mutex> guard(effect->memory_lock);
    effect->memory.push_back(std::move(memory));
    return kOfxStatOK;
}

OfxStatus memory_free(OfxImageMemoryHandle handle) {
    if (!enter("imageMemoryFree") || !good(handle, "imageMemoryFree")) return kOfxStatErrBadHandle;
    if (handle->locks > 0) violation("imageMemoryFree of locked memory");
    auto &all = handle->effect->memory;
    std::lock_guard<std::mutex> guard(handle->effect->memory_lock);
    all.erase(std::find_if(all.begin(), all.end(), [handle](const auto &one) { return one.get() == handle; }));
    return kOfxStatOK;
}

OfxStatus memory_lock(OfxImageMemoryHandle handle, void **pointer) {
    if (!enter("imageMemoryLock") || !good(handle, "imageMemoryLock") || !pointer) return kOfxStatErrBadHandle;
    ++handle->locks;
    *pointer = handle->memory.data();
    return kOfxStatOK;
}

OfxStatus memory_unlock(OfxImageMemoryHandle handle) {
    if (!enter("imageMemoryUnlock") || !good(handle, "imageMemoryUnlock")) return kOfxStatErrBadHandle;
    if (--handle->locks < 0) violation("imageMemoryUnlock of memory that is not locked");
    return kOfxStatOK;
}

}  // namespace

const OfxImageEffectSuiteV1 *testhost::image_effect_suite() {
    static const OfxImageEffectSuiteV1 suite = {
        get_properties, get_params, clip_define,  clip_handle, clip_properties, clip_get_image, clip_release_image,
        clip_rod,       abort_poll, memory_alloc, memory_free, memory_lock,     memory_unlock};
    return &suite;
}
