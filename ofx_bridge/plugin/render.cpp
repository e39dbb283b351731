#include "render.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "compose.h"
#include "describe.h"
#include "fault.h"
#include "images.h"
#include "properties.h"
#include "solving.h"
#include "state.h"
#include "suites.h"

namespace ilvi {

namespace {

using Clock = std::chrono::steady_clock;

// The files of a frame that can be shown.
struct Found {
    std::unique_ptr<NpyReader> result, matte;   // matte: the comp matte; it may not be there
    std::optional<OfxRectI> box;                // where it lies; nothing: it is the whole source
};

std::unique_ptr<NpyReader> opened(const std::string &path) {
    return path.empty() ? nullptr : std::make_unique<NpyReader>(path);
}

// One call of the action.
class Rendering {
public:
    Rendering(OfxImageEffectHandle instance, OfxPropertySetHandle in)
        : instance_(instance),
          in_(in),
          time_(get_double(in, kOfxPropTime).value_or(0)),
          frame_(static_cast<int>(std::lround(time_))),
          values_(instance, time_),
          output_(instance, kOfxImageEffectOutputClipName, time_),
          source_(instance, SOURCE, time_) {}

    OfxStatus run();

private:
    std::optional<Found> find();
    std::optional<Found> find_known(uint64_t digest) const;
    bool is_awaited() const;
    std::optional<Found> find_by_files();
    std::optional<Found> find_gathered(uint64_t digest, const Image *mask);
    std::optional<Found> of_record(const Record &record) const;
    std::string wait_for(const Plan &plan, int frame, bool patient);
    void show(const Found &found);
    OfxStatus show_unsolved();
    bool may_solve() const;
    bool is_sketch() const;
    bool is_proxy() const;
    bool is_whole() const;
    bool gathers() const;
    bool aborted() const { return suites().effect->abort && suites().effect->abort(instance_) != 0; }

    OfxImageEffectHandle instance_;
    OfxPropertySetHandle in_;
    const double time_;
    const int frame_;
    const Values values_;
    const Image output_, source_;
    OfxRectI window_{0, 0, 0, 0};
};

OfxStatus Rendering::run() {
    if (!output_) {
        tell_seldom(instance_, kOfxMessageError, "The host gives no image to render into.");
        return kOfxStatFailed;
    }
    const std::optional<OfxRectI> asked = get_rectangle(in_, kOfxImageEffectPropRenderWindow);
    window_ = common(asked.value_or(output_.bounds()), output_.bounds());
    if (empty(window_)) return kOfxStatOK;
    try {
        const std::optional<Found> found = find();
        if (found) {
            show(*found);
            return kOfxStatOK;
        }
    } catch (const Stopped &) {
        // aborted: nothing needs to be right, but it should be something
    } catch (const Fault &fault) {
        tell_seldom(instance_, kOfxMessageError, fault.text());
        if (may_solve()) return kOfxStatFailed;
    }
    return show_unsolved();
}

std::optional<Found> Rendering::find() {
    if (by_files(values_)) return find_by_files();
    if (!source_) return std::nullopt;
    std::optional<Image> mask;
    uint64_t digest = 0;
    if (is_whole()) {
        if (wants_mask(values_)) mask.emplace(instance_, MASK, time_);
        digest = digest_of(source_, mask ? &*mask : nullptr);
    }
    std::optional<Found> known = find_known(digest);
    if (!digest || !gathers() || (known && !is_awaited())) return known;
    std::optional<Found> found = find_gathered(digest, mask ? &*mask : nullptr);
    return found ? std::move(found) : std::move(known);
}

std::optional<Found> Rendering::find_known(uint64_t digest) const {
    const std::string look = look_of(values_);
    for (const Record &record : records_of(values_.words("solved")))
        if (record.look == look && record.fits(frame_, digest))
            if (std::optional<Found> found = of_record(record)) return found;
    if (const std::optional<Record> record = state().records.find(look, frame_, digest))
        return of_record(*record);
    return std::nullopt;
}

// Whether frames of the range are being gathered: where another one has changed, all are needed, those too that are
// solved as they are.
bool Rendering::is_awaited() const {
    const auto range = range_of(instance_, values_);
    return range && state().collections.find(range->first, range->second);
}

// The frame is put to those that were rendered before; with the last one of the range the job begins.
std::optional<Found> Rendering::find_gathered(uint64_t digest, const Image *mask) {
    const auto range = range_of(instance_, values_);
    if (!range) throw Fault("The host does not say which frames there are.", "Choose the range 'custom', and set first and last.");
    if (frame_ < range->first || frame_ > range->second) return std::nullopt;
    const std::shared_ptr<Collection> collection = state().collections.at(
        range->first, range->second, source_.whole(), source_.format().whole_numbers());
    collection->add(frame_, source_, mask, digest);
    if (!collection->complete()) return std::nullopt;
    const std::string path = wait_for(plan_of(values_, collection, may_solve()), frame_, may_solve());
    if (path.empty()) return std::nullopt;
    return Found{opened(path), nullptr, collection->box()};
}

std::optional<Found> Rendering::find_by_files() {
    const int frame = frame_ + values_.whole("file_offset");
    Found found;
    found.result = opened(wait_for(plan_of_files(values_, may_solve()), frame, may_solve()));
    if (!found.result) return std::nullopt;
    // The host's pixels may be others than the files': the comp matte says which of them to keep.
    if (source_ && values_.choice("view") == "result")
        found.matte = opened(wait_for(plan_of_files(values_, false, "matte"), frame, may_solve()));
    return found;
}

std::optional<Found> Rendering::of_record(const Record &record) const {
    try {
        return Found{opened(record.path(frame_)), nullptr, record.box};
    } catch (const Fault &) {
        return std::nullopt;   // evicted from the cache, damaged, or the project is on another machine
    }
}

// The file of a frame, as soon as the job has it; empty where it has none (yet).
std::string Rendering::wait_for(const Plan &plan, int frame, bool patient) {
    const std::shared_ptr<Work> work = state().jobs.ask(plan.name, plan.order);
    const double limit = patient ? values_.number("time_limit") : 5.0;   // a look into the cache is quick
    const Clock::time_point until = Clock::now() + std::chrono::milliseconds(std::llround(limit * 1000));
    const Waiting left = state().jobs.wait(plan.name, work, [&] {
        if (!work->frame(frame).empty()) return Waiting::leave;
        if (aborted()) return Waiting::give_up;
        return Clock::now() < until ? Waiting::on : Waiting::leave;
    });
    const std::string path = work->frame(frame);
    if (!path.empty()) return path;
    if (left == Waiting::give_up) throw Stopped("Stopped.");
    const Progress progress = work->progress();
    if (progress.stage == Stage::failed) throw Fault(progress.text);
    if (progress.stage == Stage::done)
        throw Fault("The result has no frame " + std::to_string(frame) + ".", "Check the range and 'file offset'.");
    if (left == Waiting::leave && patient)
        tell_seldom(instance_, kOfxMessageWarning, "The solve took longer than the time limit; it goes on.");
    return "";
}

void Rendering::show(const Found &found) {
    NpyReader &result = *found.result;
    NpyReader *matte = found.matte.get();
    OfxRectI box = found.box.value_or(source_ ? source_.whole() : output_.whole());
    if (is_proxy()) box = source_ ? source_.whole() : output_.whole();
    if (matte && (matte->width() != result.width() || matte->height() != result.height())) matte = nullptr;
    const std::string view = values_.choice("view");
    compose(output_, source_, window_, {result, matte, box, view != "result" && view != "overlay"});
}

OfxStatus Rendering::show_unsolved() {
    const std::string how = values_.choice("unsolved");
    if (how == "fail" && !aborted()) {
        tell_seldom(instance_, kOfxMessageError,
                    "Frame " + std::to_string(frame_) + " is not solved, or its picture has changed. Press Inpaint.");
        return kOfxStatFailed;
    }
    compose_unsolved(output_, source_, window_, how == "black" ? Unsolved::black : Unsolved::mark);
    return kOfxStatOK;
}

// Thumbnails, drafts, proxies and what is rendered while somebody is at the controls never begin a solve.
bool Rendering::may_solve() const {
    return !is_sketch() && !is_set(in_, kOfxImageEffectPropInteractiveRenderStatus) && is_whole();
}

bool Rendering::is_sketch() const {
    return get_string(in_, kOfxImageEffectPropThumbnailRender) == "true" || is_thumbnail(instance_, SOURCE) ||
           is_set(in_, kOfxImageEffectPropRenderQualityDraft);
}

// The image's own scale is asked only where the host says none: in one host the two disagree, 1/3 here and 3 there.
bool Rendering::is_proxy() const {
    const double sides[] = {source_ ? source_.scale_x() : 1, source_ ? source_.scale_y() : 1};
    for (int i = 0; i < 2; ++i)
        if (std::abs(get_double(in_, kOfxImageEffectPropRenderScale, i).value_or(sides[i]) - 1) > 1e-6) return true;
    return false;
}

// Whether the picture is all that there is of it.
bool Rendering::is_whole() const { return !is_proxy() && (!source_ || source_.complete()); }

bool Rendering::gathers() const {
    if (is_sketch()) return false;
    const std::string from = values_.choice("frames_from");
    if (from != "auto") return from == "playback";
    return !host_facts().temporal || !is_set(in_, kOfxImageEffectPropInteractiveRenderStatus);
}

}  // namespace

OfxStatus render(OfxImageEffectHandle instance, OfxPropertySetHandle in) {
    for (const char *gpu : {kOfxImageEffectPropCudaEnabled, kOfxImageEffectPropOpenCLEnabled,
                            kOfxImageEffectPropMetalEnabled, kOfxImageEffectPropOpenGLEnabled}) {
        if (!is_set(in, gpu)) continue;   // the pixels are not in memory that could be read
        tell_seldom(instance, kOfxMessageError, "The host gives pixels on the GPU, which ILVI did not ask for.");
        return kOfxStatErrUnsupported;
    }
    if (!get_double(in, kOfxPropTime)) {
        tell_seldom(instance, kOfxMessageError, "The host does not say which frame it wants.");
        return kOfxStatFailed;
    }
    try {
        return Rendering(instance, in).run();
    } catch (const Fault &fault) {
        tell_seldom(instance, kOfxMessageError, fault.text());
        return kOfxStatFailed;
    }
}

}  // namespace ilvi
