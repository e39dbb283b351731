#include "render.h"

#include <algorithm>
#include <cmath>

#include "misbehaviour.h"
#include "tables.h"

namespace testhost {

namespace {

// The inArgs that render actions share.
std::unique_ptr<OfxPropertySetStruct> render_args(const char *action, const RenderJob &job) {
    auto args = in_args(action);
    args->set(kOfxPropTime, {job.time});
    args->set(kOfxImageEffectPropRenderScale, {job.scale, job.scale});
    args->set(kOfxImageEffectPropFieldToRender, {job.field});
    args->set(kOfxImageEffectPropRenderWindow, {job.window.x1, job.window.y1, job.window.x2, job.window.y2});
    args->set(kOfxImageEffectPropSequentialRenderStatus, {job.interactive ? 0 : 1});
    args->set(kOfxImageEffectPropInteractiveRenderStatus, {job.interactive ? 1 : 0});
    args->set(kOfxPropIsInteractive, {job.interactive ? 1 : 0});
    args->set(kOfxImageEffectPropRenderQualityDraft, {job.draft ? 1 : 0});
    args->set(kOfxImageEffectPropThumbnailRender, {std::string(job.thumbnail ? "true" : "false")});
    args->set(kOfxImageEffectPropNoSpatialAwareness, {std::string("false")});
    return args;
}

OfxStatus call(const char *action, Instance &instance, RenderJob &job, OfxPropertySetStruct *out,
               bool is_render = false, double *seconds = nullptr, double *host_seconds = nullptr) {
    auto args = render_args(action, job);
    const auto prepare = [&](Action &a) {
        a.time = job.time;
        if (is_render) a.job = &job;
    };
    if (action == std::string(kOfxImageEffectActionGetRegionsOfInterest)) {
        const std::vector<double> c =
            to_canonical(job.window, job.scale, instance.find_clip("Output")->input.pixel_aspect);
        args->set(kOfxImageEffectPropRegionOfInterest, {c[0], c[1], c[2], c[3]});
    }
    return host().call(action, &instance, args.get(), out, prepare, seconds, host_seconds);
}

// Section 5: Source's region (filter), or the union of the inputs that are not optional and Source (general).
std::vector<double> default_region(const Instance &instance, double time) {
    std::vector<double> all;
    for (const auto &clip : instance.clips) {
        if (clip->is_output() || !clip->input.connected) continue;
        if (clip->name != kOfxImageEffectSimpleSourceClipName && clip->is_optional()) continue;
        const std::vector<double> one =
            to_canonical(clip_region(*clip, *clip_frame(*clip, time), 1.0), 1.0, clip->input.pixel_aspect);
        if (all.empty()) all = one;
        for (std::size_t i = 0; i < 4; ++i) all[i] = i < 2 ? std::min(all[i], one[i]) : std::max(all[i], one[i]);
    }
    if (all.empty()) throw ScriptError("no clip is connected");
    return all;
}

Rect ask_region(Instance &instance, RenderJob &job) {
    OfxPropertySetStruct out("args", "outArgs of GetRegionOfDefinition",
                             {{kOfxImageEffectPropRegionOfDefinition, Kind::Double, 4, true}});
    std::vector<double> region = default_region(instance, job.time);
    out.set(kOfxImageEffectPropRegionOfDefinition, {region[0], region[1], region[2], region[3]});
    if (call(kOfxImageEffectActionGetRegionOfDefinition, instance, job, &out) == kOfxStatOK)
        region = out.numbers(kOfxImageEffectPropRegionOfDefinition);
    return to_pixels(region.data(), job.scale, instance.find_clip("Output")->input.pixel_aspect);
}

void ask_interest(Instance &instance, RenderJob &job) {
    OfxPropertySetStruct out("args", "outArgs of GetRegionsOfInterest", {});
    const std::vector<double> c = to_canonical(job.window, job.scale, instance.find_clip("Output")->input.pixel_aspect);
    for (const auto &clip : instance.clips) {
        if (clip->is_output()) continue;
        const std::string name = kOfxImageClipPropRoIPrefix + clip->name;
        out.define({name.c_str(), Kind::Double, 4, true});
        out.set(name, {c[0], c[1], c[2], c[3]});
    }
    call(kOfxImageEffectActionGetRegionsOfInterest, instance, job, &out);
    for (const auto &clip : instance.clips)
        if (!clip->is_output())
            job.roi[clip->name] = to_pixels(out.numbers(kOfxImageClipPropRoIPrefix + clip->name).data(), job.scale,
                                            clip->input.pixel_aspect);
}

void ask_frames(Instance &instance, RenderJob &job) {
    OfxPropertySetStruct out("args", "outArgs of GetFramesNeeded", {});
    for (const auto &clip : instance.clips) {
        if (clip->is_output()) continue;
        const std::string name = kOfxImageClipPropFrameRangePrefix + clip->name;
        out.define({name.c_str(), Kind::Double, 0, true});
        out.set(name, {job.time, job.time});
    }
    if (instance.descriptor->props.integer(kOfxImageEffectPropTemporalClipAccess) && !bad().on("no_frames_needed"))
        call(kOfxImageEffectActionGetFramesNeeded, instance, job, &out);
    for (const auto &clip : instance.clips)
        if (!clip->is_output())
            job.frames_needed[clip->name] = out.numbers(kOfxImageClipPropFrameRangePrefix + clip->name);
}

// The clip that the plugin passes through, or "".
std::string ask_identity(Instance &instance, RenderJob &job, double *time) {
    if (bad().on("no_identity")) return "";
    OfxPropertySetStruct out("args", "outArgs of IsIdentity",
                             {{kOfxPropName, Kind::String, 1, true}, {kOfxPropTime, Kind::Double, 1, true}});
    out.set(kOfxPropTime, {job.time});
    if (call(kOfxImageEffectActionIsIdentity, instance, job, &out) != kOfxStatOK) return "";
    *time = out.number(kOfxPropTime);
    const std::string name = out.text(kOfxPropName);
    if (!name.empty() && !instance.find_clip(name)) violation("IsIdentity names '" + name + "', which is no clip");
    return name;
}

void call_unknown(Instance &instance) {  // section 3: hosts add private actions
    const OfxStatus status = host().call("com.example.OfxPrivateAction", &instance, nullptr, nullptr);
    if (status != kOfxStatReplyDefault) violation("an unknown action is answered with " + status_name(status));
}

// One call of Render, for one window.
OfxStatus render_window(Instance &instance, RenderJob &job, Frame &picture, json &answer, double *seconds,
                        double *host_seconds) {
    const OfxImageClipStruct &output = *instance.find_clip(kOfxImageEffectOutputClipName);
    ask_interest(instance, job);
    double identity_time = job.time;
    const std::string identity = ask_identity(instance, job, &identity_time);
    const Format format = clip_format(output);
    job.output = std::make_shared<Buffer>(bad().on("tiles") ? job.window : job.rod, format);
    OfxStatus status = kOfxStatOK;
    if (OfxImageClipStruct *same = instance.find_clip(identity)) {
        answer["identity"] = identity;
        const auto frame = clip_frame(*same, identity_time);
        pack(*frame, clip_region(*same, *frame, job.scale), job.scale, *job.output);
    } else {
        stamp(*job.output);
        status = call(kOfxImageEffectActionRender, instance, job, nullptr, true, seconds, host_seconds);
        const Coverage covered = coverage(*job.output, job.window);
        if (covered.overwritten > 0)
            violation(std::to_string(covered.overwritten) +
                      " pixels outside the render window were written (section 9)");
        if (status == kOfxStatOK && !job.aborted && covered.unwritten > 0)
            violation(std::to_string(covered.unwritten) + " pixels of the render window were not written (section 9)");
        if (!job.output->padding_intact()) violation("the padding between the rows of the output was written to");
    }
    if (status == kOfxStatOK && !job.aborted) unpack(*job.output, job.window, job.rod, picture);
    return status;
}

std::vector<Rect> tiles_of(const Rect &window) {
    if (!bad().on("tiles")) return {window};
    const int size = std::max(1, bad().number("tiles", 64));
    std::vector<Rect> tiles;
    for (int y = window.y1; y < window.y2; y += size)
        for (int x = window.x1; x < window.x2; x += size)
            tiles.push_back(intersect(window, {x, y, x + size, y + size}));
    return tiles;
}

Frame cut(const Frame &whole, const Rect &rod, const Rect &window) {
    Frame part{window.width(), window.height(), whole.channels, {}};
    part.pixels.resize(std::size_t(part.width) * std::size_t(part.height) * std::size_t(part.channels));
    for (int y = window.y1; y < window.y2; ++y)
        std::copy_n(whole.at(window.x1 - rod.x1, rod.y2 - 1 - y), std::size_t(part.width) * std::size_t(part.channels),
                    part.at(0, window.y2 - 1 - y));
    return part;
}

json render_frame(Instance &instance, int time, const RenderRequest &request) {
    RenderJob job;
    job.time = time;
    job.scale = request.scale;
    job.draft = request.draft || bad().on("drafts");
    job.thumbnail = request.thumbnail || bad().on("thumbnails");
    job.interactive = request.interactive;
    job.field = instance.find_clip(kOfxImageEffectOutputClipName)->input.field;
    job.rod = ask_region(instance, job);
    if (job.rod.empty()) throw ScriptError("the region of definition is empty");
    const Rect window = request.has_window ? intersect(request.window, job.rod) : job.rod;
    const bool tiles = instance.props.integer(kOfxImageEffectPropSupportsTiles) || bad().on("tiles");
    if (!(window == job.rod) && !tiles)
        throw ScriptError("the plugin takes no tiles: misbehave tiles, or leave out window=");
    json answer = {{"time", time}, {"rod", to_json(job.rod)}, {"window", to_json(window)}};
    if (bad().on("unknown_actions")) call_unknown(instance);
    ask_frames(instance, job);
    const Format format = clip_format(*instance.find_clip(kOfxImageEffectOutputClipName));
    Frame picture{job.rod.width(), job.rod.height(), format.channels(), {}};
    picture.pixels.resize(std::size_t(picture.width) * std::size_t(picture.height) * std::size_t(picture.channels));
    OfxStatus status = kOfxStatOK;
    double seconds = 0, host_seconds = 0;
    for (const Rect &tile : tiles_of(window)) {
        job.window = tile;
        status = render_window(instance, job, picture, answer, &seconds, &host_seconds);
        if (status != kOfxStatOK || job.aborted) break;
    }
    answer["status"] = status_name(status);
    answer["seconds"] = seconds;
    answer["host_seconds"] = host_seconds;
    answer["aborted"] = job.aborted.load();
    answer["abort_polls"] = job.abort_polls.load();
    answer["depth"] = format.depth;
    answer["components"] = format.components;
    for (const auto &[clip, range] : job.frames_needed) answer["frames_needed"][clip] = range;
    for (const auto &[clip, rect] : job.roi) answer["roi"][clip] = to_json(rect);
    if (status == kOfxStatOK && !job.aborted && !request.out.empty()) {
        const std::string path = frame_path(request.out, time);
        write_npy(path, request.has_window ? cut(picture, job.rod, window) : picture);
        answer["out"] = path;
    }
    return answer;
}

// Begin- or EndSequenceRender.
std::string sequence(const char *action, Instance &instance, const RenderRequest &request, int first, int last) {
    RenderJob job;
    job.time = first;
    job.scale = request.scale;
    job.draft = request.draft;
    job.thumbnail = request.thumbnail || bad().on("thumbnails");
    job.interactive = request.interactive;
    auto args = render_args(action, job);
    args->set(kOfxImageEffectPropFrameRange, {double(first), double(last)});
    args->set(kOfxImageEffectPropFrameStep, {double(request.step)});
    return status_name(host().call(action, &instance, args.get(), nullptr));
}

json render_frames(Instance &instance, const std::map<std::string, ClipInput> &inputs, const Values *values,
                   const std::vector<int> &times, const RenderRequest &request) {
    json frames = json::array();
    const bool each = bad().on("sequence_per_frame"), never = bad().on("no_sequence");
    if (!each && !never)
        sequence(kOfxImageEffectActionBeginSequenceRender, instance, request, request.first, request.last);
    for (const int time : times) {
        std::unique_ptr<Instance> fresh;
        try {
            // Section 10: MLT makes a new instance for every frame.
            if (values) fresh = create_instance("frame " + std::to_string(time), inputs, *values);
            Instance &used = fresh ? *fresh : instance;
            if (each) sequence(kOfxImageEffectActionBeginSequenceRender, used, request, time, time);
            frames.push_back(render_frame(used, time, request));
            if (each) sequence(kOfxImageEffectActionEndSequenceRender, used, request, time, time);
        } catch (const ScriptError &error) {
            frames.push_back({{"time", time}, {"status", "host"}, {"error", error.what()}});
        }
        if (fresh) destroy_instance(std::move(fresh));
    }
    if (!each && !never)
        sequence(kOfxImageEffectActionEndSequenceRender, instance, request, request.first, request.last);
    return frames;
}

}  // namespace

json render(Instance &instance, const std::map<std::string, ClipInput> &inputs, const RenderRequest &request) {
    for (const auto &clip : instance.clips)
        if (!clip->is_output() && !clip->is_optional() && !clip->input.connected)
            throw ScriptError("clip " + clip->name +
                              " is not optional and not connected: a host calls nothing (section 8)");
    const std::string safety = instance.descriptor->props.text(kOfxImageEffectPluginRenderThreadSafety);
    const bool unsafe = safety == kOfxImageEffectRenderUnsafe && !bad().on("ignore_thread_safety");
    const bool share = safety == kOfxImageEffectRenderFullySafe || bad().on("ignore_thread_safety");
    const bool fresh = bad().on("new_instance_per_frame") && !unsafe;
    const std::size_t count =
        unsafe || !bad().on("concurrent_renders") ? 1 : std::size_t(bad().number("concurrent_renders", 2));
    const Values values = fresh || count > 1 ? values_to_save(instance) : Values();
    std::vector<std::vector<int>> times(count);
    for (int time = request.first, i = 0; time <= request.last; time += request.step, ++i)
        times[std::size_t(i) % count].push_back(time);
    std::vector<json> parts(count);
    std::vector<std::unique_ptr<Instance>> copies(count);
    for (std::size_t i = 1; i < count && !share && !fresh; ++i)
        copies[i] = create_instance(instance.name + " copy " + std::to_string(i), inputs, values);
    const auto work = [&](std::size_t i) {
        parts[i] =
            render_frames(copies[i] ? *copies[i] : instance, inputs, fresh ? &values : nullptr, times[i], request);
    };
    if (count == 1 && !bad().on("render_thread")) {
        work(0);
    } else {  // section 5: render actions come on any thread
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work, i);
        for (std::thread &thread : threads) thread.join();
    }
    for (auto &copy : copies)
        if (copy) destroy_instance(std::move(copy));
    json answer = {{"ok", true}, {"frames", json::array()}};
    for (const json &part : parts)
        for (const json &frame : part) answer["frames"].push_back(frame);
    std::sort(answer["frames"].begin(), answer["frames"].end(),
              [](const json &a, const json &b) { return a["time"] < b["time"]; });
    for (const json &frame : answer["frames"])
        if (frame["status"] != "kOfxStatOK") answer["ok"] = false;
    return answer;
}

}  // namespace testhost
