#include "script.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "misbehaviour.h"
#include "words.h"

namespace testhost {

namespace {

std::string one_of(const std::string &word, const std::map<std::string, std::string> &values) {
    const auto found = values.find(word);
    if (found == values.end()) throw ScriptError("'" + word + "' is not one of the words expected here");
    return found->second;
}

std::vector<int> ints(const std::string &list, std::size_t count) {
    std::vector<int> numbers;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        numbers.push_back(std::stoi(list.substr(at, comma - at)));
        at = comma + 1;
    }
    if (numbers.size() != count) throw ScriptError("'" + list + "' is not " + std::to_string(count) + " numbers");
    return numbers;
}

bool fine(OfxStatus status) { return status == kOfxStatOK || status == kOfxStatReplyDefault; }
json status_answer(OfxStatus status) { return {{"ok", fine(status)}, {"status", status_name(status)}}; }

}  // namespace

json Script::run(const std::string &line) {
    const std::string text = Words::trim(line);
    if (text.empty() || text[0] == '#') return nullptr;
    json answer = {{"command", text.substr(0, text.find(' '))}};
    try {
        const json more = command(Words(text));
        answer["ok"] = true;
        answer.update(more);
        const std::string status = answer.value("status", "kOfxStatOK");
        if (status != "kOfxStatOK" && status != "kOfxStatReplyDefault") answer["ok"] = false;
    } catch (const std::exception &error) {
        failed_ = true;
        answer["ok"] = false;
        answer["error"] = error.what();
    }
    answer["events"] = take_events();
    answer["violations"] = take_violations();
    return answer;
}

json Script::command(const Words &words) {
    const std::string &name = words.name;
    if (name == "load") {
        words.only({"index"});
        return host().load(words.at(0, "a path"), words.number("index", 0));
    }
    if (name == "context") return host().describe_in_context(words.at(0, "a context"));
    if (name == "describe") return host().describe();
    if (name == "host") return host_command(words);
    if (name == "misbehave") {
        for (const std::string &word : words.all) bad().add(word);
        return {{"misbehaves", bad().words()}};
    }
    if (name == "clip") return clip(words);
    if (name == "create") {
        const std::string wanted = words.plain.empty() ? "main" : words.plain[0];
        if (instances_.count(wanted)) throw ScriptError("there is an instance called " + wanted);
        current_ = wanted;
        current();
        return state();
    }
    if (name == "copy") {  // a copied node, or a copied project
        const std::string &wanted = words.at(0, "a name");
        if (instances_.count(wanted)) throw ScriptError("there is an instance called " + wanted);
        saved_ = values_to_save(current());
        current_ = wanted;
        current();
        return state();
    }
    if (name == "select") {
        if (!instances_.count(words.at(0, "a name"))) throw ScriptError("no instance is called " + words.plain[0]);
        current_ = words.plain[0];
        return state();
    }
    if (name == "set") return set(words);
    if (name == "get") {
        OfxParamStruct &param = param_of(current(), words.at(0, "a parameter"));
        words.only({"time"});
        return {{"value", param.to_json(words.real("time", current().host_time))}, {"props", param.props.dump()}};
    }
    if (name == "params") {
        json values = json::object();
        for (const auto &param : current().params.list)
            if (param->shape.count > 0) values[param->name] = param->to_json(current().host_time);
        return {{"values", values}};
    }
    if (name == "press") return status_answer(press_button(current(), words.at(0, "a button")));
    if (name == "render") return render_command(words);
    if (name == "time") {
        current().host_time = std::stod(words.at(0, "a time"));
        return status_answer(notify_changed(current(), kOfxTypeImageEffectInstance, "", kOfxChangeTime));
    }
    if (name == "purge") return status_answer(host().call(kOfxActionPurgeCaches, &current(), nullptr, nullptr));
    if (name == "sync") return status_answer(host().call(kOfxActionSyncPrivateData, &current(), nullptr, nullptr));
    if (name == "edit") {
        const bool begin = words.at(0, "begin or end") == "begin";
        return status_answer(
            host().call(begin ? kOfxActionBeginInstanceEdit : kOfxActionEndInstanceEdit, &current(), nullptr, nullptr));
    }
    if (name == "action")
        return status_answer(host().call(words.at(0, "an action").c_str(), &current(), nullptr, nullptr));
    if (name == "save") return save(words.at(0, "a file"));
    if (name == "restore") return restore(words.at(0, "a file"));
    if (name == "destroy") return destroy(words.plain.empty() ? current_ : words.plain[0]);
    if (name == "state") return state();
    if (name == "wait") {
        std::this_thread::sleep_for(std::chrono::duration<double>(std::stod(words.at(0, "seconds"))));
        return json::object();
    }
    if (name == "unload") {
        while (!instances_.empty()) destroy(instances_.begin()->first);
        return host().unload(words.plain.empty() || words.plain[0] != "keep");
    }
    if (name == "exit") {  // how = end | now | kill: a host that ends well, without unloading, or crashes
        const std::string how = words.plain.empty() ? "end" : words.plain[0];
        if (how == "kill") ::kill(::getpid(), SIGKILL);
        if (how == "now") std::exit(violation_count() > 0 ? 1 : 0);
        ended_ = true;
        return json::object();
    }
    throw ScriptError("no command is called '" + name + "'");
}

json Script::host_command(const Words &words) {
    for (const std::string &word : words.plain) {
        const Profile habits = profile(word);
        for (const std::string &one : habits.host_properties) host().set_property(one);
        for (const std::string &one : habits.misbehaviours) bad().add(one);
    }
    for (const auto &option : words.options) host().set_property(option.first + "=" + option.second);
    return {{"misbehaves", bad().words()}};
}

json Script::clip(const Words &words) {
    words.only({"npy", "first", "last", "depth", "components", "premult", "par", "field", "fps", "origin"});
    const std::string name = words.at(0, "a clip's name");
    ClipInput input;
    if (words.plain.size() < 2 || words.plain[1] != "absent") {
        input.connected = true;
        input.pattern = words.option("npy", "");
        if (input.pattern.empty()) throw ScriptError("clip needs npy=PATTERN, or the word absent");
        input.first = words.number("first", 1);
        input.last = words.number("last", input.first);
        if (words.options.count("depth"))
            input.depth = one_of(words.options.at("depth"), {{"byte", kOfxBitDepthByte},
                                                             {"short", kOfxBitDepthShort},
                                                             {"half", kOfxBitDepthHalf},
                                                             {"float", kOfxBitDepthFloat}});
        if (words.options.count("components"))
            input.components = one_of(
                words.options.at("components"),
                {{"rgba", kOfxImageComponentRGBA}, {"rgb", kOfxImageComponentRGB}, {"alpha", kOfxImageComponentAlpha}});
        input.premultiplication =
            one_of(words.option("premult", "unpre"),
                   {{"pre", kOfxImagePreMultiplied}, {"unpre", kOfxImageUnPreMultiplied}, {"opaque", kOfxImageOpaque}});
        input.field = one_of(words.option("field", "none"), {{"none", kOfxImageFieldNone},
                                                             {"lower", kOfxImageFieldLower},
                                                             {"upper", kOfxImageFieldUpper},
                                                             {"both", kOfxImageFieldBoth}});
        input.pixel_aspect = words.real("par", 1.0);
        input.frame_rate = words.real("fps", 24.0);
        const std::vector<int> origin = ints(words.option("origin", "0,0"), 2);
        input.x = origin[0];
        input.y = origin[1];
        cached_npy(frame_path(input.pattern, input.first));  // a wrong path is told here
    }
    inputs_[name] = input;
    for (const auto &instance : instances_) connect(*instance.second, inputs_, name);
    return json::object();
}

json Script::set(const Words &words) {
    const std::size_t space = std::min(words.rest.find_first_of(" \t"), words.rest.size());
    std::string name = words.rest.substr(0, space), value = Words::trim(words.rest.substr(space));
    const auto at = name.find('@');  // NAME@TIME sets a key
    double time = 0;
    if (at != std::string::npos) time = std::stod(name.substr(at + 1));
    if (value.size() > 1 && value[0] == '"') value = json::parse(value).get<std::string>();
    const OfxStatus status =
        edit_param(current(), name.substr(0, at), value, at == std::string::npos ? nullptr : &time);
    json answer = status_answer(status);
    answer["value"] = param_of(current(), name.substr(0, at)).to_json(time);
    return answer;
}

json Script::render_command(const Words &words) {
    words.only({"frame", "first", "last", "step", "scale", "out", "window", "draft", "thumbnail", "interactive"});
    RenderRequest request;
    request.first = words.number("frame", words.number("first", 1));
    request.last = words.number("frame", words.number("last", request.first));
    request.step = std::max(1, words.number("step", 1));
    request.scale = words.real("scale", 1.0);
    request.out = words.option("out", "");
    request.draft = words.number("draft", 0) != 0;
    request.thumbnail = words.number("thumbnail", 0) != 0;
    request.interactive = words.number("interactive", 0) != 0;
    if (words.options.count("window")) {
        const std::vector<int> w = ints(words.options.at("window"), 4);
        request.has_window = true;
        request.window = {w[0], w[1], w[2], w[3]};
    }
    return render(current(), inputs_, request);
}

json Script::save(const std::string &path) {
    const json values = to_json(current(), values_to_save(current()));
    std::ofstream file(path);
    file << values.dump(1) << "\n";
    file.close();
    if (!file) throw ScriptError("cannot write " + path);
    return {{"values", values}};
}

json Script::restore(const std::string &path) {  // as opening a project: a new instance, with the values in it
    std::ifstream file(path);
    if (!file) throw ScriptError("cannot open " + path);
    saved_ = values_from_json(json::parse(file));
    if (instances_.count(current_)) destroy(current_);
    current();
    return state();
}

json Script::destroy(const std::string &name) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) throw ScriptError("no instance is called " + name);
    std::unique_ptr<Instance> instance = std::move(found->second);
    instances_.erase(found);
    return status_answer(destroy_instance(std::move(instance)));
}

json Script::state() {
    json list = json::array();
    for (const auto &instance : instances_) list.push_back(instance.first);
    json answer = {{"instances", list}, {"current", current_}, {"loaded", host().loaded()}};
    if (!instances_.count(current_)) return answer;
    const Instance &instance = current();
    answer["props"] = instance.props.dump();
    answer["has_data"] = !instance.props.dump()[kOfxPropInstanceData].is_null();
    answer["frame_varying"] = instance.preferences.frame_varying;
    for (const auto &clip : instance.clips) answer["clips"][clip->name] = clip->props.dump();
    return answer;
}

Instance &Script::current() {
    auto &instance = instances_[current_];
    if (!instance) {
        Values values;
        std::swap(values, saved_);
        try {
            instance = create_instance(current_, inputs_, values);
        } catch (...) {
            instances_.erase(current_);
            throw;
        }
    }
    return *instance;
}

void Script::finish() {
    while (!instances_.empty()) destroy(instances_.begin()->first);
    if (host().loaded()) host().unload(true);
}

}  // namespace testhost
