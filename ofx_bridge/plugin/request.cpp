#include "request.h"

#include <cinttypes>
#include <cstdio>

#include "fault.h"
#include "places.h"

namespace ilvi {

namespace {

// "768x384", with X, *, a comma or a blank between.
Json size_of(const std::string &text) {
    int width = 0, height = 0, end = 0;
    char between = 0;
    const std::string plain = trimmed(text);
    const bool spaced = std::sscanf(plain.c_str(), "%5d %5d%n", &width, &height, &end) == 2;
    const bool marked = !spaced && std::sscanf(plain.c_str(), "%5d %c %5d%n", &width, &between, &height, &end) == 3 &&
                        std::string("xX*,").find(between) != std::string::npos;
    if ((!spaced && !marked) || static_cast<size_t>(end) != plain.size() || width < 0 || height < 0)
        throw Fault("'working size' is '" + text + "', expected width and height.", "Write it as 768x384.");
    return {width, height};
}

std::string encoding_of(const std::string &choice, const std::string &by_itself) {
    return choice == "scene-linear" ? "linear" : choice == "encoded" ? "encoded" : by_itself;
}

Json solve_of(const Values &values, const Inputs &inputs) {
    Json solve = {{"method", values.choice("method")},
                  {"solve_dilate", values.whole("solve_dilate")},
                  {"matte_invert", values.tick("matte_invert")},
                  {"seed", values.whole("seed")},
                  {"matte_channel", inputs.matte_channel},
                  {"encoding", encoding_of(values.choice("encoding"), inputs.encoding)}};
    if (values.choice("method") == "ilvi") {   // the paper's methods know neither
        solve["motion"] = values.choice("motion");
        solve["remainder"] = values.choice("remainder");
    }
    if (!trimmed(values.words("size")).empty()) solve["size"] = size_of(values.words("size"));
    return solve;
}

Json comp_of(const Values &values, const std::string &view) {
    Json comp = {{"comp_dilate", values.whole("comp_dilate")},
                 {"comp_feather", values.number("comp_feather")},
                 {"match_edge", values.tick("match_edge")},
                 {"view", view.empty() ? values.choice("view") : view},
                 {"format", "npy"}};
    if (values.choice("grain") != "as the preset") comp["regrain"] = values.choice("grain") == "on";
    return comp;
}

}  // namespace

Json job_of(const Values &values, const Inputs &inputs, const std::string &view) {
    return {{"ilvi_job", 1},
            {"plate", {{"path", inputs.plate}, {"layer", ""}}},
            {"matte", {{"path", inputs.matte}, {"layer", ""}}},
            {"output", ""},
            {"frames", inputs.frames.empty() ? Json(nullptr) : Json(inputs.frames)},
            {"preset", values.choice("preset")},
            {"solve", solve_of(values, inputs)},
            {"comp", comp_of(values, view)},
            {"run", {{"device", values.choice("device")}, {"memory", values.number("memory")}}}};
}

std::string look_of(const Values &values) {
    Json job = job_of(values, {});
    job.erase("run");
    job["matte_from"] = values.choice("matte_from");
    job["matte_files"] = trimmed(values.words("matte_files"));
    return name_of(job);
}

std::string name_of(const Json &json) {
    uint64_t value = 0xcbf29ce484222325u;
    for (char c : json.dump(-1, ' ', true, Json::error_handler_t::replace))
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    char text[24];
    std::snprintf(text, sizeof text, "%016" PRIx64, value);
    return text;
}

WorkerPlace place_of(const Values &values) {
    const std::string cache = trimmed(values.words("cache_dir"));
    return {trimmed(values.words("worker")), cache.empty() ? "" : expanded(cache)};
}

}  // namespace ilvi
