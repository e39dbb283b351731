#include "actions.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "describe.h"
#include "fault.h"
#include "images.h"
#include "properties.h"
#include "solving.h"
#include "state.h"
#include "suites.h"

namespace ilvi {

namespace {

constexpr double GATHERING = 0.2;     // the progress bar's part for getting the frames
constexpr size_t MOST_RECORDS = 4;    // results that a project remembers: one for each view

// No lock is held in here: the host may call the plugin again from any of these.
class Button {
public:
    Button(OfxImageEffectHandle instance, OfxPropertySetHandle in)
        : instance_(instance),
          scale_(get_double(in, kOfxImageEffectPropRenderScale).value_or(1)),
          values_(instance, get_double(in, kOfxPropTime).value_or(0)) {}

    void inpaint(bool solve);
    void clear();
    bool has_result() const { return !values_.words("entry").empty(); }
    bool knows_view() const;
    void say(const std::string &status) { write(instance_, "status", status); }

private:
    std::shared_ptr<Collection> gather(ProgressBar &bar);
    std::shared_ptr<Collection> played();
    std::shared_ptr<Work> follow(const Plan &plan, ProgressBar &bar);
    void keep(const std::shared_ptr<Work> &work, const Record &record);

    OfxImageEffectHandle instance_;
    const double scale_;   // of the images that the host gives now
    const Values values_;
};

void Button::inpaint(bool solve) {
    const char *doing = solve ? "ILVI: inpainting" : "ILVI: rendering";
    ProgressBar bar(instance_, doing);
    say("Working.");
    Plan plan;
    std::shared_ptr<Collection> collection;
    if (by_files(values_)) {
        plan = plan_of_files(values_, solve);
    } else {
        collection = host_facts().temporal ? gather(bar) : played();
        plan = plan_of(values_, collection, solve);
    }
    plan.order.anew = true;
    const std::shared_ptr<Work> work = follow(plan, bar);
    keep(work, collection ? collection->record(look_of(values_)) : Record{});
}

// All frames of the range, from the host.
std::shared_ptr<Collection> Button::gather(ProgressBar &bar) {
    const auto range = range_of(instance_, values_);
    if (!range)
        throw Fault("The host does not say which frames the source has.", "Choose the range 'custom', and set first and last.");
    if (std::abs(scale_ - 1) > 1e-6)
        throw Fault("The host gives frames of a reduced size.", "Turn proxies off, and press Inpaint again.");
    std::shared_ptr<Collection> collection;
    for (int frame = range->first; frame <= range->second; ++frame) {
        const std::string name = "frame " + std::to_string(frame);
        const Image source(instance_, SOURCE, frame);
        if (!source) throw Fault("The host gives no picture of " + name + ".", "Connect Source, or shorten the range.");
        std::unique_ptr<Image> mask;
        if (wants_mask(values_)) mask = std::make_unique<Image>(instance_, MASK, frame);
        if (!collection)
            collection = std::make_shared<Collection>(state().scratch, range->first, range->second,
                                                      source.complete() ? source.whole() : source.bounds(),
                                                      source.format().whole_numbers());
        // a host that gives less than there is may give another part next time
        collection->add(frame, source, mask.get(), source.complete() ? digest_of(source, mask.get()) : 0);
        const double part = static_cast<double>(collection->there()) / static_cast<double>(collection->wanted());
        if (!bar.update(GATHERING * part)) throw Stopped("Stopped.", "Nothing was solved yet.");
    }
    if (!collection) throw Fault("The frame range is reversed.", "Set first and last.");
    return collection;
}

// Those that the host has rendered, where it can give no others.
std::shared_ptr<Collection> Button::played() {
    const auto range = range_of(instance_, values_);
    const std::shared_ptr<Collection> collection =
        range ? state().collections.find(range->first, range->second) : nullptr;
    if (collection && collection->complete()) return collection;
    const std::string there = collection ? std::to_string(collection->there()) + " of " +
                                               std::to_string(collection->wanted()) + " frames are there"
                                         : "none is there";
    throw Fault("This host gives the current frame only, and " + there + ".",
                "Set first and last, play the range once, then press Inpaint.");
}

std::shared_ptr<Work> Button::follow(const Plan &plan, ProgressBar &bar) {
    const std::shared_ptr<Work> work = state().jobs.ask(plan.name, plan.order);
    const Waiting left = state().jobs.wait(plan.name, work, [&] {
        const bool wanted = bar.update(GATHERING + (1 - GATHERING) * work->progress().done);
        return wanted ? Waiting::on : Waiting::give_up;
    });
    if (left == Waiting::give_up) throw Stopped("Stopped.", "What was learned is kept: press Inpaint to go on.");
    const Progress progress = work->progress();
    if (progress.stage == Stage::failed) throw Fault(progress.text);
    if (progress.stage == Stage::stopped) throw Stopped(progress.text);
    if (progress.stage == Stage::unsolved) throw Fault("These frames are not solved yet.", "Press Inpaint.");
    return work;
}

// Into the project, and the host is made to render again.
void Button::keep(const std::shared_ptr<Work> &work, const Record &made) {
    const std::map<int, std::string> frames = work->frames();
    const Progress progress = work->progress();
    const std::string pattern = frames.empty() ? "" : pattern_of(frames.begin()->second, frames.begin()->first);
    if (!made.look.empty()) {
        Record record = made;
        record.entry = progress.entry;
        record.pattern = pattern;
        std::vector<Record> records{record};
        for (const Record &old : records_of(values_.words("solved")))
            if (old.look != record.look && records.size() < MOST_RECORDS) records.push_back(old);
        write(instance_, "solved", text_of(records));
    }
    write(instance_, "entry", progress.entry);
    write(instance_, "pattern", pattern);
    std::string status = std::to_string(frames.size()) + " frames are done.";
    if (!progress.text.empty()) status += " " + progress.text;
    const auto &digests = made.digests;
    if (digests.size() > 1 && std::count(digests.begin(), digests.end(), digests[0]) ==
            static_cast<std::ptrdiff_t>(digests.size()))
        status += " All of them were the same picture: if they should not be, set 'frames from' to playback.";
    say(status);
    write(instance_, "revision", values_.whole("revision") % 1000000 + 1);
}

void Button::clear() {
    const std::string entry = values_.words("entry");
    state().jobs.stop_all();
    if (!entry.empty()) {
        state().records.forget(entry);
        // answered in its own time: there is nothing to wait for
        state().worker.send(place_of(values_), {{"type", "clear"}, {"entry", entry}}, nullptr);
    }
    state().jobs.forget_settled();
    for (const char *name : {"solved", "entry", "pattern"}) write(instance_, name, std::string());
    say("Not solved.");
    write(instance_, "revision", values_.whole("revision") % 1000000 + 1);
}

bool Button::knows_view() const {
    const std::string look = look_of(values_);
    const std::vector<Record> records = records_of(values_.words("solved"));
    return std::any_of(records.begin(), records.end(), [&](const Record &record) { return record.look == look; });
}

void press(OfxImageEffectHandle instance, const std::string &name, OfxPropertySetHandle in) {
    Button button(instance, in);
    try {
        if (name == "inpaint") {
            button.inpaint(true);
        } else if (name == "rerender") {
            button.inpaint(false);
        } else if (name == "view" && button.has_result() && !button.knows_view()) {
            button.inpaint(false);
        } else if (name == "clear") {
            button.clear();
        } else if (name == "stop") {
            state().jobs.stop_all();
            button.say("Stopped. What was learned is kept.");
        }
    } catch (const Stopped &stopped) {
        button.say(stopped.text());
    } catch (const Fault &fault) {
        button.say(fault.text());
        tell(instance, kOfxMessageError, fault.text());
    }
}

}  // namespace

OfxStatus instance_changed(OfxImageEffectHandle instance, OfxPropertySetHandle in) {
    // What the plugin itself writes comes back here, and so does the time. A host that says no reason means a person.
    const std::string reason = get_string(in, kOfxPropChangeReason).value_or(kOfxChangeUserEdited);
    const std::string type = get_string(in, kOfxPropType).value_or(kOfxTypeParameter);
    if (reason != kOfxChangeUserEdited || type != kOfxTypeParameter) return kOfxStatReplyDefault;
    const std::string name = get_string(in, kOfxPropName).value_or("");
    for (const char *ours : {"inpaint", "rerender", "view", "clear", "stop"}) {
        if (name != ours) continue;
        press(instance, name, in);
        return kOfxStatOK;
    }
    return kOfxStatReplyDefault;
}

OfxStatus regions_of_interest(OfxImageEffectHandle instance, OfxPropertySetHandle in, OfxPropertySetHandle out) {
    const double time = get_double(in, kOfxPropTime).value_or(0);
    for (const char *clip : {SOURCE, MASK}) {
        const std::optional<OfxRectD> box = region(instance, clip, time);
        if (!box) continue;
        const std::string name = std::string(kOfxImageClipPropRoIPrefix) + clip;
        const double sides[] = {box->x1, box->y1, box->x2, box->y2};
        for (int i = 0; i < 4; ++i) set(out, name.c_str(), sides[i], i);
    }
    return kOfxStatOK;
}

OfxStatus clip_preferences(OfxPropertySetHandle out) {
    set(out, kOfxImageEffectFrameVarying, 1);   // a still source has another result in each frame
    return kOfxStatOK;
}

}  // namespace ilvi
