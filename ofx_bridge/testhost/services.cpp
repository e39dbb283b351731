// Messages, progress, timeline.
#include "services.h"

#include <cstdarg>
#include <cstdio>

#include "effect.h"
#include "misbehaviour.h"

using namespace testhost;

namespace {

// ---- messages ----

OfxStatus tell(const char *function, void *handle, const char *type, const char *id, const char *format, va_list args) {
    if (!enter(function)) return kOfxStatFailed;
    if (handle && !good(static_cast<OfxImageEffectHandle>(handle), function)) return kOfxStatErrBadHandle;
    static const std::set<std::string> types = {kOfxMessageFatal,   kOfxMessageError, kOfxMessageWarning,
                                                kOfxMessageMessage, kOfxMessageLog,   kOfxMessageQuestion};
    if (type == nullptr || types.count(type) == 0) violation(std::string(function) + " of an unknown type");
    if (format == nullptr) return violation(std::string(function) + " without a text"), kOfxStatErrValue;
    // Section 4, notes: the text goes through "%s"; some hosts print the format without looking at the rest.
    const bool checked = std::string(format) == "%s" || std::string(format).find('%') == std::string::npos;
    char text[4096];
    std::vsnprintf(text, sizeof text, format, args);
    event({{"event", function},
           {"type", type ? type : ""},
           {"id", id ? id : ""},
           {"text", text},
           {"format_is_safe", checked}});
    return type && std::string(type) == kOfxMessageQuestion ? kOfxStatReplyYes : kOfxStatOK;
}

OfxStatus message(void *handle, const char *type, const char *id, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const OfxStatus status = tell("message", handle, type, id, format, args);
    va_end(args);
    return status;
}

OfxStatus set_persistent(void *handle, const char *type, const char *id, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const OfxStatus status = tell("setPersistentMessage", handle, type, id, format, args);
    va_end(args);
    return status;
}

OfxStatus clear_persistent(void *handle) {
    if (!enter("clearPersistentMessage")) return kOfxStatFailed;
    if (handle && !good(static_cast<OfxImageEffectHandle>(handle), "clearPersistentMessage"))
        return kOfxStatErrBadHandle;
    event({{"event", "clearPersistentMessage"}});
    return kOfxStatOK;
}

// ---- progress ----

OfxStatus progress_begin(void *effect, const char *label) {
    if (!enter("progressStart") || !good(static_cast<OfxImageEffectHandle>(effect), "progressStart"))
        return kOfxStatErrBadHandle;
    Action &action = *current_action();
    if (action.progress_open) violation("progressStart twice");
    action.progress_open = true;
    event({{"event", "progressStart"}, {"label", label ? label : ""}});
    return kOfxStatOK;
}

OfxStatus progress_start_v1(void *effect, const char *label) { return progress_begin(effect, label); }
OfxStatus progress_start_v2(void *effect, const char *text, const char *) { return progress_begin(effect, text); }

OfxStatus progress_update(void *effect, double progress) {
    if (!enter("progressUpdate") || !good(static_cast<OfxImageEffectHandle>(effect), "progressUpdate"))
        return kOfxStatErrBadHandle;
    Action &action = *current_action();
    if (!action.progress_open) violation("progressUpdate without progressStart");
    if (!(progress >= 0 && progress <= 1)) violation("progressUpdate to " + std::to_string(progress));
    event({{"event", "progressUpdate"}, {"progress", progress}});
    ++action.progress_updates;
    // Section 4, notes: this is how a user's Cancel arrives.
    const bool cancel =
        bad().on("progress_cancel_after") && action.progress_updates >= bad().number("progress_cancel_after", 1);
    return cancel ? kOfxStatReplyNo : kOfxStatOK;
}

OfxStatus progress_end(void *effect) {
    if (!enter("progressEnd") || !good(static_cast<OfxImageEffectHandle>(effect), "progressEnd"))
        return kOfxStatErrBadHandle;
    if (!current_action()->progress_open) violation("progressEnd without progressStart");
    current_action()->progress_open = false;
    event({{"event", "progressEnd"}});
    return kOfxStatOK;
}

// ---- timeline ----

OfxImageEffectHandle timeline_effect(void *handle, const char *function) {
    const auto effect = static_cast<OfxImageEffectHandle>(handle);
    if (!enter(function) || !good(effect, function)) return nullptr;
    if (effect->is_instance) return effect;
    violation(std::string(function) + " on a descriptor");
    return nullptr;
}

OfxStatus get_time(void *handle, double *time) {
    const auto effect = timeline_effect(handle, "getTime");
    if (!effect || !time) return kOfxStatErrBadHandle;
    if (bad().on("timeline_unsupported")) return kOfxStatErrUnsupported;  // section 11: MLT
    *time = current_action()->job ? current_action()->job->time : effect->host_time;
    return kOfxStatOK;
}

OfxStatus goto_time(void *handle, double time) {
    const auto effect = timeline_effect(handle, "gotoTime");
    if (!effect) return kOfxStatErrBadHandle;
    if (bad().on("timeline_unsupported")) return kOfxStatErrUnsupported;
    effect->host_time = time;
    event({{"event", "gotoTime"}, {"time", time}});
    return kOfxStatOK;
}

OfxStatus time_bounds(void *handle, double *first, double *last) {
    const auto effect = timeline_effect(handle, "getTimeBounds");
    if (!effect || !first || !last) return kOfxStatErrBadHandle;
    if (bad().on("timeline_unsupported")) return kOfxStatErrUnsupported;
    const OfxImageClipStruct *source = effect->find_clip(kOfxImageEffectSimpleSourceClipName);
    *first = source ? source->input.first : 1;
    *last = source ? source->input.last : 1;
    return kOfxStatOK;
}

}  // namespace

const void *testhost::message_suite(int version) {
    static const OfxMessageSuiteV1 v1 = {message};
    static const OfxMessageSuiteV2 v2 = {message, set_persistent, clear_persistent};
    static const OfxMessageSuiteV2 broken = {nullptr, nullptr, nullptr};  // section 4, notes: Resolve 14
    if (version == 1) return &v1;
    if (version != 2) return nullptr;
    if (bad().on("message_v2_aborts")) panic();  // section 11: openfx-runner asserts that the version is 1
    return bad().on("message_v2_broken") ? &broken : &v2;
}

const void *testhost::progress_suite(int version) {
    static const OfxProgressSuiteV1 v1 = {progress_start_v1, progress_update, progress_end};
    static const OfxProgressSuiteV2 v2 = {progress_start_v2, progress_update, progress_end};
    if (version == 1) return &v1;
    return version == 2 ? &v2 : nullptr;
}

const OfxTimeLineSuiteV1 *testhost::timeline_suite() {
    static const OfxTimeLineSuiteV1 suite = {get_time, goto_time, time_bounds};
    return &suite;
}
