#include "collection.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>

#include "fault.h"
#include "gather.h"
#include "places.h"
#include "platform.h"

namespace ilvi {

namespace fs = std::filesystem;

namespace {

constexpr size_t MOST_COLLECTIONS = 4;
constexpr int LONGEST_RANGE = 100000;

std::string numbered(int frame, int width) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*d", width, frame);
    return text;
}

uint64_t bytes_of(const OfxRectI &box, int first, int last) {
    const auto pixels = static_cast<uint64_t>(box.x2 - box.x1) * static_cast<uint64_t>(box.y2 - box.y1);
    return pixels * 20 * static_cast<uint64_t>(last - first + 1);   // RGBA and a matte, float32
}

}  // namespace

Collection::Collection(Scratch &scratch, int first, int last, const OfxRectI &box, bool whole_numbers)
    : first_(first), last_(last), box_(box), whole_numbers_(whole_numbers) {
    if (last < first)
        throw Fault("The frame range " + std::to_string(first) + "-" + std::to_string(last) + " is reversed.",
                    "Set first and last.");
    if (last - first >= LONGEST_RANGE)
        throw Fault("The frame range " + std::to_string(first) + "-" + std::to_string(last) + " is too long.",
                    "Choose the range 'custom', and set first and last.");
    folder_ = scratch.make(bytes_of(box, first, last));
}

Collection::~Collection() { Scratch::remove(folder_); }

void Collection::add(int frame, const Image &source, const Image *mask, uint64_t digest) {
    std::string mark;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = frames_.find(frame);
        if (digest && found != frames_.end() && found->second.digest == digest) return;
        mark = "." + std::to_string(++marks_);   // two threads may be at the same frame
    }
    Gathered facts;
    facts.digest = digest;
    const std::string plate = path("plate", frame, mark), matte = path("matte", frame, mark);
    std::future<void> beside;   // what it has to say comes with `get`; it is waited for in any case
    if (mask && *mask)
        beside = std::async(std::launch::async, [&] {
            platform::quiet_thread();
            write_matte(*mask, box_, matte, facts);
        });
    write_plate(source, box_, plate, facts);
    if (beside.valid()) beside.get();
    const std::lock_guard<std::mutex> lock(mutex_);
    fs::rename(plate, path("plate", frame, ""));
    if (facts.mask) fs::rename(matte, path("matte", frame, ""));
    frames_[frame] = facts;
}

size_t Collection::there() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return frames_.size();
}

Inputs Collection::inputs(const Values &values) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    bool masks = true, mask_says = false, zero = true, one = true;
    for (const auto &[frame, facts] : frames_) {
        masks = masks && facts.mask;
        mask_says = mask_says || facts.mask_says;
        zero = zero && facts.alpha_zero;
        one = one && facts.alpha_one;
    }
    const std::string files = trimmed(values.words("matte_files"));
    std::string from = values.choice("matte_from");
    if (from == "auto") {
        // A host may say that Mask is connected and give black; an alpha that is the same everywhere is no matte.
        from = masks && mask_says ? "mask" : !zero && !one ? "alpha" : !files.empty() ? "files" : masks ? "mask" : "";
        if (from.empty())
            throw Fault("There is no matte: Mask is not connected, the source's alpha is the same everywhere, and no "
                        "matte files are named.",
                        "Connect a matte to Mask, or name matte files.");
    }
    if (from == "mask" && !masks)
        throw Fault("Mask is not connected, or has no picture in some frame of the range.",
                    "Connect a matte to Mask for the whole range.");
    if (from == "files" && files.empty()) throw Fault("No matte files are named.", "Set 'matte files'.");
    Inputs inputs;
    inputs.plate = (fs::path(folder_) / "plate.%04d.npy").string();
    if (from == "mask") inputs.matte = (fs::path(folder_) / "matte.%04d.npy").string();
    if (from == "alpha") inputs.matte = inputs.plate, inputs.matte_channel = "alpha";
    if (from == "files") inputs.matte = expanded(files);
    inputs.frames = std::to_string(first_);
    if (last_ != first_) inputs.frames += "-" + std::to_string(last_);
    inputs.encoding = whole_numbers_ ? "encoded" : "linear";
    return inputs;
}

Record Collection::record(const std::string &look) const {
    Record record;
    record.look = look;
    record.box = box_;
    record.first = first_;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto &[frame, facts] : frames_) record.digests.push_back(facts.digest);
    return record;
}

std::string Collection::name() const { return name_of(to_json(record(""))); }

std::string Collection::path(const char *what, int frame, const std::string &mark) const {
    return (fs::path(folder_) / (std::string(what) + "." + numbered(frame, 4) + ".npy" + mark)).string();
}

std::shared_ptr<Collection> Collections::at(int first, int last, const OfxRectI &box, bool whole_numbers) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::shared_ptr<Collection> &one : all_)
        if (one->first() == first && one->last() == last && same(one->box(), box)) return one;
    auto made = std::make_shared<Collection>(scratch_, first, last, box, whole_numbers);
    all_.push_back(made);
    if (all_.size() > MOST_COLLECTIONS) all_.erase(all_.begin());
    return made;
}

std::shared_ptr<Collection> Collections::find(int first, int last) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto one = all_.rbegin(); one != all_.rend(); ++one)
        if ((*one)->first() == first && (*one)->last() == last) return *one;
    return nullptr;
}

void Collections::forget(const Collection *collection) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.erase(std::remove_if(all_.begin(), all_.end(), [&](const auto &one) { return one.get() == collection; }),
               all_.end());
}

std::string pattern_of(const std::string &path, int frame) {
    const size_t start = path.find_last_of("/\\") + 1;
    for (int width = 12; width > 0; --width) {
        const std::string number = numbered(frame, width);
        const size_t at = path.rfind(number);
        if (at == std::string::npos || at < start) continue;
        return path.substr(0, at) + "%0" + std::to_string(number.size()) + "d" + path.substr(at + number.size());
    }
    return path;
}

}  // namespace ilvi
