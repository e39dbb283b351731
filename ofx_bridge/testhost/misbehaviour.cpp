#include "misbehaviour.h"

#include <algorithm>

#include "report.h"

namespace testhost {

namespace {

// Every misbehaviour, with the section of ofx-abi.md it comes from and the host that does so.
const std::vector<std::string> &known() {
    static const std::vector<std::string> names = {
        // suites and properties
        "missing_suite",         // =NAME[:VERSION]; section 11
        "no_message_suite",      // section 4: everything but the six mandatory suites may be absent; this one too
        "message_v2_broken",     // section 4, notes: Resolve 14 claims V2 with NULL slots
        "message_v2_aborts",     // section 11: openfx-runner asserts that version == 1
        "panicking_stubs",       // =SUITE; section 11: openfx-runner's Memory and MultiThread
        "missing_property",      // =[OBJECT:]NAME; sections 8 and 11
        "bare_instance",         // section 11: MLT's instances have no project size, frame rate, duration
        "no_file_path",          // section 1: MLT sets no OfxPluginPropFilePath
        "timeline_unsupported",  // section 11: MLT
        "no_mutexes",            // section 4, notes: Sony Catalyst
        "serial_threads",        // section 11: HostSupport's multiThread
        "custom_unwritten",      // section 6: MLT's Custom parameters return OK without writing
        "resolve_ranges",        // section 6: unset ranges are (-1, 1) and (0, 0)
        // actions
        "no_set_host",             // section 1: OfxSetHost is never called (all hosts before 1.5)
        "load_twice",              // section 5: MLT
        "context_from_host",       // section 5: MLT's inArgs of DescribeInContext is the host's property set
        "no_contexts",             // section 8: MLT's SupportedContexts has dimension 0
        "no_instance_changed",     // section 11: MLT never sends it, nor presses buttons
        "no_sequence",             // section 11: openfx-runner never calls Begin/EndSequenceRender
        "sequence_per_frame",      // section 5: MLT calls them for every frame, with the range [t, t]
        "no_identity",             // section 11: MLT, openfx-runner
        "no_frames_needed",        // section 11: MLT, openfx-runner
        "actions_in_fetch",        // section 5: clip preferences and RoD asked from inside clipGetImage
        "new_instance_per_frame",  // section 10: MLT, unless RenderUnsafe
        "concurrent_renders",      // =N; section 5: render-thread actions come on any thread
        "ignore_thread_safety",    // section 10: N threads in one instance, whatever it declared
        "render_thread",           // section 5: renders come on another thread than the main one
        "double_destroy",          // section 11 and issue 7: hosts destroy an instance twice
        "abort_after",             // =N; section 5: abort() is 1 from its N-th poll on
        "abort_after_seconds",     // =S; section 5: from S seconds after the render's start on
        "progress_cancel_after",   // =N; section 4, notes: progressUpdate returns ReplyNo
        "thumbnails",              // section 9: every render is a thumbnail, also Resolve's property
        "drafts",                  // section 9: every render is a draft
        "unknown_actions",         // section 3: private actions before every render
        // clips and pixels
        "null_data_ok",        // [=CLIP]; section 8: MLT: OK, and no data pointer
        "null_data",           // [=CLIP]; section 8: Resolve: OK, and the data pointer is NULL
        "connected_lies",      // [=fail|black|null|empty]; section 8: Resolve, openfx-runner
        "no_temporal_access",  // [=current|fail]; sections 8 and 11: MLT hands out the current frame
        "frame_range_lies",    // section 11: openfx-runner's clips say 0..1
        "negative_rows",       // section 9: MLT always
        "padding",             // =BYTES; section 9
        "tiles",               // [=PIXELS]; section 9: Nuke, Natron; windows and bounds are tiles
        "offset_bounds",       // =DX,DY; section 9: the project does not start at 0, 0
        "bounds_differ",       // =PIXELS; section 9: inputs' bounds are smaller than their RoD
        "random_identifier",   // section 9: MLT's UniqueIdentifier
        "scale_disagrees",     // section 9: Fusion while scrubbing
        "any_format",          // section 9: depths and components that the plugin did not list
    };
    return names;
}

}  // namespace

void Misbehaviours::add(const std::string &word) {
    if (word == "none") {
        active_.clear();
        return;
    }
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (std::find(known().begin(), known().end(), name) == known().end())
        throw ScriptError("no misbehaviour is called '" + name + "'");
    active_[name].push_back(equals == std::string::npos ? "" : word.substr(equals + 1));
}

std::string Misbehaviours::text(const std::string &name, const std::string &otherwise) const {
    const auto found = active_.find(name);
    if (found == active_.end() || found->second.back().empty()) return otherwise;
    return found->second.back();
}

int Misbehaviours::number(const std::string &name, int otherwise) const {
    const std::string found = text(name);
    return found.empty() ? otherwise : std::stoi(found);
}

bool Misbehaviours::hides_property(const std::string &object, const std::string &property) const {
    const auto is = [&](const char *name) { return property == name; };
    if (object == "instance" && on("bare_instance") &&
        (is("OfxImageEffectPropProjectSize") || is("OfxImageEffectPropProjectExtent") ||
         is("OfxImageEffectPropProjectOffset") || is("OfxImageEffectPropPixelAspectRatio") ||
         is("OfxImageEffectPropFrameRate") || is("OfxImageEffectInstancePropEffectDuration")))
        return true;
    if (on("no_file_path") && is("OfxPluginPropFilePath")) return true;
    const auto found = active_.find("missing_property");
    if (found == active_.end()) return false;
    for (const std::string &one : found->second)
        if (one == property || one == object + ":" + property) return true;
    return false;
}

bool Misbehaviours::hides_suite(const std::string &suite, int version) const {
    if (on("no_message_suite") && suite == "OfxMessageSuite") return true;
    const auto found = active_.find("missing_suite");
    if (found == active_.end()) return false;
    for (const std::string &one : found->second)
        if (one == suite || one == suite + ":" + std::to_string(version)) return true;
    return false;
}

std::vector<std::string> Misbehaviours::words() const {
    std::vector<std::string> list;
    for (const auto &[name, values] : active_)
        for (const std::string &value : values) list.push_back(value.empty() ? name : name + "=" + value);
    return list;
}

Misbehaviours &bad() {
    static auto *the_one = new Misbehaviours;
    return *the_one;
}

Profile profile(const std::string &host) {
    const std::string tiles = "OfxImageEffectPropSupportsTiles=",
                      multires = "OfxImageEffectPropSupportsMultiResolution=",
                      temporal = "OfxImageEffectPropTemporalClipAccess=", name = "OfxPropName=";
    static const std::map<std::string, std::vector<std::string>> habits = {
        {"mlt",
         {"no_file_path", "load_twice", "context_from_host", "no_contexts", "bare_instance", "no_instance_changed",
          "sequence_per_frame", "new_instance_per_frame", "no_identity", "no_frames_needed", "no_temporal_access",
          "negative_rows", "random_identifier", "timeline_unsupported", "custom_unwritten", "null_data_ok",
          "missing_property=clip:OfxImageEffectPropFrameRange"}},
        {"openfx-runner",
         {"message_v2_aborts", "panicking_stubs=OfxMemorySuite", "panicking_stubs=OfxMultiThreadSuite",
          "missing_suite=OfxProgressSuite", "missing_suite=OfxTimeLineSuite", "connected_lies=fail", "no_sequence",
          "no_identity", "no_frames_needed", "frame_range_lies",
          "missing_property=image:OfxImagePropUniqueIdentifier"}},
        {"resolve", {"message_v2_broken", "connected_lies=null", "resolve_ranges"}},
        {"fusion", {"missing_property=OfxPropAPIVersion", "missing_property=OfxPropVersionLabel", "scale_disagrees"}},
        {"nuke", {"tiles=64", "render_thread"}},
        {"natron", {"tiles=64", "concurrent_renders=3", "actions_in_fetch"}},
    };
    static const std::map<std::string, std::vector<std::string>> properties = {
        {"mlt", {name + "net.sf.mltframework", tiles + "0", multires + "0", temporal + "0"}},
        {"openfx-runner", {name + "openfx-runner", tiles + "0", multires + "0", temporal + "0"}},
        {"resolve", {name + "DaVinciResolve", tiles + "0", multires + "0", temporal + "1"}},
        {"fusion", {name + "com.eyeonline.Fusion", tiles + "0", multires + "1", temporal + "1"}},
        {"nuke", {name + "uk.co.thefoundry.nuke", tiles + "1", multires + "1", temporal + "1"}},
        {"natron", {name + "fr.inria.Natron", tiles + "1", multires + "1", temporal + "1"}},
    };
    if (habits.count(host) == 0) throw ScriptError("no host profile is called '" + host + "'");
    return {habits.at(host), properties.at(host)};
}

}  // namespace testhost
