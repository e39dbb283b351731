#include "solving.h"

#include "describe.h"
#include "fault.h"
#include "places.h"
#include "state.h"

namespace ilvi {

std::optional<std::pair<int, int>> range_of(OfxImageEffectHandle instance, const Values &values) {
    if (values.choice("range") == "custom") return std::pair(values.whole("first"), values.whole("last"));
    return frame_range(instance, SOURCE);
}

bool by_files(const Values &values) { return !trimmed(values.words("plate_files")).empty(); }

bool wants_mask(const Values &values) {
    const std::string from = values.choice("matte_from");
    return from == "auto" || from == "mask";
}

Plan plan_of(const Values &values, const std::shared_ptr<Collection> &collection, bool solve) {
    Plan plan;
    const std::string look = look_of(values);
    plan.name = look + "/" + collection->name();
    plan.order.job = job_of(values, collection->inputs(values));
    plan.order.place = place_of(values);
    plan.order.solve = solve;
    plan.order.expected = collection->wanted();
    plan.order.needed = collection;
    plan.order.on_done = [record = collection->record(look), made = collection.get()](Work &work) mutable {
        const std::map<int, std::string> frames = work.frames();
        if (frames.empty()) return;
        record.entry = work.progress().entry;
        record.pattern = pattern_of(frames.begin()->second, frames.begin()->first);
        state().records.add(record);
        state().collections.forget(made);
    };
    return plan;
}

Plan plan_of_files(const Values &values, bool solve, const std::string &view) {
    if (trimmed(values.words("matte_files")).empty())
        throw Fault("Plate files are named, but no matte files.", "Set 'matte files', or empty 'plate files'.");
    Inputs inputs;
    inputs.plate = expanded(values.words("plate_files"));
    inputs.matte = expanded(values.words("matte_files"));
    if (values.choice("range") == "custom")
        inputs.frames = std::to_string(values.whole("first")) + "-" + std::to_string(values.whole("last"));
    Plan plan;
    plan.order.job = job_of(values, inputs, view);
    plan.order.place = place_of(values);
    plan.order.solve = solve;
    plan.name = "files/" + name_of(plan.order.job);
    return plan;
}

}  // namespace ilvi
