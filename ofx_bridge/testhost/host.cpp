#include "host.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "misbehaviour.h"
#include "services.h"
#include "tables.h"

namespace testhost {

namespace {

const void *fetch_suite_entry(OfxPropertySetHandle handle, const char *name, int version) {
    return host().fetch_suite(handle, name, version);
}

// Calls f with every call into the host forbidden (section 1: setHost, OfxGetPlugin).
template <class F>
auto silently(const char *name, F f) {
    Action action;
    action.name = name;
    action.may_call_host = false;
    Action *before = swap_action(&action);
    auto result = f();
    swap_action(before);
    return result;
}

}  // namespace

Host &host() {
    static auto *the_host = new Host;
    return *the_host;
}

std::unique_ptr<OfxPropertySetStruct> in_args(const std::string &action) {
    return std::make_unique<OfxPropertySetStruct>("args", "inArgs of " + action, in_args_table(action));
}

Host::Host() : props_("host", "the host", host_table()), abi_{&props_, fetch_suite_entry} {
    props_.set(kOfxPropType, {std::string(kOfxTypeImageEffectHost)});
    props_.set(kOfxPropName, {std::string("org.ilvi.testhost")});
    props_.set(kOfxPropLabel, {std::string("ILVI test host")});
    props_.set(kOfxPropVersion, {1, 0, 0});
    props_.set(kOfxPropVersionLabel, {std::string("1.0")});
    props_.set(kOfxPropAPIVersion, {1, 4});
    props_.set(kOfxImageEffectHostPropNativeOrigin, {std::string(kOfxHostNativeOriginBottomLeft)});
    props_.set(kOfxImageEffectPropCPURenderSupported, {std::string("true")});
    props_.set(kOfxImageEffectPropSupportedComponents,
               {std::string(kOfxImageComponentRGBA), std::string(kOfxImageComponentRGB),
                std::string(kOfxImageComponentAlpha)});
    props_.set(kOfxImageEffectPropSupportedContexts,
               {std::string(kOfxImageEffectContextFilter), std::string(kOfxImageEffectContextGeneral)});
    props_.set(kOfxImageEffectPropSupportedPixelDepths,
               {std::string(kOfxBitDepthFloat), std::string(kOfxBitDepthHalf), std::string(kOfxBitDepthShort),
                std::string(kOfxBitDepthByte)});
    for (const char *yes : {kOfxImageEffectPropRenderQualityDraft, kOfxImageEffectPropSupportsMultiResolution,
                            kOfxImageEffectPropSupportsTiles, kOfxImageEffectPropTemporalClipAccess,
                            kOfxParamHostPropSupportsBooleanAnimation, kOfxParamHostPropSupportsChoiceAnimation,
                            kOfxParamHostPropSupportsStrChoice})
        props_.set(yes, {1});
    props_.set(kOfxParamHostPropMaxPages, {-1});
    props_.set(kOfxParamHostPropMaxParameters, {-1});
}

Host::~Host() = default;

void Host::set_property(const std::string &assignment) {
    const auto equals = assignment.find('=');
    const std::string name = assignment.substr(0, equals);
    if (equals == std::string::npos || !props_.has(name)) throw ScriptError("no host property: " + assignment);
    std::vector<Value> values;
    std::string rest = assignment.substr(equals + 1) + ",";
    for (std::size_t comma; (comma = rest.find(',')) != std::string::npos; rest.erase(0, comma + 1)) {
        const std::string one = rest.substr(0, comma);
        if (one.empty()) continue;
        if (props_.properties.at(name).kind == Kind::Int) values.push_back(std::stoi(one));
        else values.push_back(one);
    }
    props_.set(name, values);
}

const void *Host::fetch_suite(OfxPropertySetHandle handle, const char *name, int version) {
    if (!enter("fetchSuite") || !good(handle, "fetchSuite") || !name) return nullptr;
    if (handle != &props_) return violation("fetchSuite with a handle that is not the host's"), nullptr;
    const std::string suite = name;
    static const std::map<std::string, int> newest = {
        {kOfxPropertySuite, 1}, {kOfxImageEffectSuite, 1}, {kOfxParameterSuite, 1},   {kOfxMessageSuite, 2},
        {kOfxProgressSuite, 2}, {kOfxTimeLineSuite, 1},    {kOfxMultiThreadSuite, 1}, {kOfxMemorySuite, 1},
        {kOfxInteractSuite, 1}, {kOfxDialogSuite, 1}};
    if (newest.count(suite) == 0 || version < 1 || version > newest.at(suite)) {
        violation("fetchSuite of " + suite + " version " + std::to_string(version) + ", which does not exist");
        return nullptr;
    }
    if (bad().hides_suite(suite, version)) return nullptr;
    if (suite == kOfxPropertySuite) return property_suite();
    if (suite == kOfxImageEffectSuite) return image_effect_suite();
    if (suite == kOfxParameterSuite) return parameter_suite();
    if (suite == kOfxMessageSuite) return message_suite(version);
    if (suite == kOfxProgressSuite) return progress_suite(version);
    if (suite == kOfxTimeLineSuite) return timeline_suite();
    if (suite == kOfxMultiThreadSuite) return thread_suite();
    if (suite == kOfxMemorySuite) return memory_suite();
    return nullptr;  // interact, dialog: no user interface here
}

OfxStatus Host::call(const char *name, OfxImageEffectStruct *effect, OfxPropertySetStruct *in,
                     OfxPropertySetStruct *out, const std::function<void(Action &)> &prepare, double *seconds,
                     double *host_seconds) {
    Action action;
    action.name = name;
    action.effect = effect;
    action.time = effect ? effect->host_time : 0;
    if (prepare) prepare(action);
    action.outer = swap_action(&action);
    enter("call");  // what was lent in the action outside is not valid in here
    OfxStatus status = kOfxStatFailed;
    const auto start = std::chrono::steady_clock::now();
    try {
        status = plugin_->mainEntry(name, effect, in, out);
    } catch (...) { violation("an exception left the plugin"); }
    if (seconds) *seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (host_seconds) *host_seconds += action.host_seconds;
    check_released(action);
    if (action.progress_open) violation("progressStart without progressEnd");
    if (action.edits_open > 0) violation("paramEditBegin without paramEditEnd");
    const bool known = (status >= kOfxStatOK && status <= kOfxStatUnlicensed) || status == kOfxStatGPUOutOfMemory ||
                       status == kOfxStatGPURenderFailed;
    if (!known) violation("the status " + std::to_string(status) + " does not exist");
    const bool must_trap = action.is(kOfxActionDescribe) || action.is(kOfxImageEffectActionDescribeInContext) ||
                           action.is(kOfxImageEffectActionRender);
    if (must_trap && status == kOfxStatReplyDefault)
        violation("the action must be trapped, never answered with default");
    swap_action(action.outer);
    return status;
}

void *Host::function(const char *name, bool required) {
    void *found = dlsym(binary_, name);
    if (!found && required) throw ScriptError(path_ + " does not export " + name);
    return found;
}

json Host::load(const std::string &path, int index) {
    if (binary_) throw ScriptError("a plugin is loaded already");
    for (const PropertyDef &def : host_table())  // the script may have asked for this after the set was made
        if (bad().hides_property("host", def.name)) props_.hide(def.name);
    path_ = std::filesystem::absolute(path).string();
    binary_ = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!binary_) throw ScriptError(std::string("cannot load: ") + dlerror());
    const auto set_host = reinterpret_cast<decltype(&OfxSetHost)>(function("OfxSetHost", false));
    const auto count = reinterpret_cast<decltype(&OfxGetNumberOfPlugins)>(function("OfxGetNumberOfPlugins", true));
    const auto get = reinterpret_cast<decltype(&OfxGetPlugin)>(function("OfxGetPlugin", true));
    json answer;
    if (set_host && !bad().on("no_set_host")) {
        const OfxStatus status = silently("OfxSetHost", [&] { return set_host(&abi_); });
        answer["set_host"] = status_name(status);
    }
    const int plugins = silently("OfxGetNumberOfPlugins", [&] { return count(); });
    if (index < 0 || index >= plugins) throw ScriptError("there are " + std::to_string(plugins) + " plugins");
    OfxPlugin *plugin = silently("OfxGetPlugin", [&] { return get(index); });
    if (!plugin || plugin != silently("OfxGetPlugin", [&] { return get(index); }))
        throw ScriptError("OfxGetPlugin must give the same pointer every time, and not NULL");
    if (silently("OfxGetPlugin", [&] { return get(plugins); }) != nullptr)
        violation("OfxGetPlugin beyond the last one is not NULL");
    if (std::strcmp(plugin->pluginApi, kOfxImageEffectPluginApi) != 0 ||
        plugin->apiVersion != kOfxImageEffectPluginApiVersion)
        throw ScriptError("not an image effect of API 1");
    const std::string id = plugin->pluginIdentifier;
    if (id.empty() || std::any_of(id.begin(), id.end(), [](char c) { return c <= ' ' || c > '~'; }))
        violation("the identifier '" + id + "' is not ASCII without white space");
    plugin_ = plugin;
    silently("setHost", [&] { return plugin->setHost(&abi_), 0; });
    answer["plugins"] = plugins;
    answer["id"] = id;
    answer["version"] = {plugin->pluginVersionMajor, plugin->pluginVersionMinor};
    for (int i = 0; i < (bad().on("load_twice") ? 2 : 1); ++i) {  // section 5: MLT
        const OfxStatus status = call(kOfxActionLoad, nullptr, nullptr, nullptr);
        answer["status"] = status_name(status);
        if (status != kOfxStatOK && status != kOfxStatReplyDefault) return answer;
        ++loads_;
    }
    if (bad().on("no_contexts")) props_.set(kOfxImageEffectPropSupportedContexts, {});  // section 8: MLT
    base_ = std::make_unique<OfxImageEffectStruct>(id, false);
    // The bundle's path: NAME.ofx.bundle/Contents/ARCH/NAME.ofx, three levels up.
    std::filesystem::path bundle = path_;
    if (bundle.parent_path().parent_path().filename() == "Contents")
        bundle = bundle.parent_path().parent_path().parent_path();
    base_->props.set(kOfxPluginPropFilePath, {bundle.string()});
    answer["describe"] = status_name(call(kOfxActionDescribe, base_.get(), nullptr, nullptr));
    answer["status"] = answer["describe"];
    if (answer["describe"] == "kOfxStatOK") check_description();
    return answer;
}

void Host::check_description() const {
    const OfxPropertySetStruct &p = base_->props;
    if (!base_->clips.empty() || !base_->params.list.empty()) violation("Describe defined clips or parameters");
    if (p.texts(kOfxImageEffectPropSupportedContexts).empty()) violation("Describe set no supported context");
    if (p.texts(kOfxImageEffectPropSupportedPixelDepths).empty()) violation("Describe set no pixel depth (section 9)");
    if (p.text(kOfxPropLabel).empty()) violation("Describe set no label");
    if (p.integer(kOfxImageEffectPropTemporalClipAccess) && !props_.integer(kOfxImageEffectPropTemporalClipAccess))
        violation("Describe asked for TemporalClipAccess, which this host has not (section 10)");
}

json Host::describe_in_context(const std::string &name) {
    if (!base_) throw ScriptError("no plugin is loaded");
    const std::string context = name.find("OfxImageEffectContext") == 0 ? name : "OfxImageEffectContext" + name;
    const std::vector<std::string> supported = base_->props.texts(kOfxImageEffectPropSupportedContexts);
    if (std::find(supported.begin(), supported.end(), context) == supported.end())
        throw ScriptError("the plugin does not support the context " + context);
    json answer = {{"context", context}, {"status", "kOfxStatOK"}};
    context_ = context;
    if (contexts_.count(context)) return answer;
    auto effect = std::make_unique<OfxImageEffectStruct>(base_->name, false);  // section 5: maybe another descriptor
    effect->props.copy_values(base_->props);
    effect->context = context;
    auto args = in_args(kOfxImageEffectActionDescribeInContext);
    args->set(kOfxImageEffectPropContext, {context});
    OfxPropertySetStruct *in = args.get();
    if (bad().on("context_from_host")) {  // section 5: MLT
        props_.set(kOfxImageEffectPropContext, {context});
        in = &props_;
    }
    answer["status"] = status_name(call(kOfxImageEffectActionDescribeInContext, effect.get(), in, nullptr));
    for (auto &[property_name, property] : effect->props.properties) property.plugin_writes = false;
    effect->params.close();
    for (const auto &clip : effect->clips) clip->props.closed = true;
    contexts_[context] = std::move(effect);
    if (answer["status"] == "kOfxStatOK") check_context();
    return answer;
}

OfxImageEffectStruct &Host::descriptor() const {
    const auto found = contexts_.find(context_);
    if (found == contexts_.end()) throw ScriptError("no context is described yet");
    return *found->second;
}

json Host::unload(bool close_binary) {
    if (!plugin_) throw ScriptError("no plugin is loaded");
    json answer = {{"status", "kOfxStatOK"}};
    for (; loads_ > 0; --loads_) answer["status"] = status_name(call(kOfxActionUnload, nullptr, nullptr, nullptr));
    check_memory();
    plugin_ = nullptr;
    contexts_.clear();
    base_.reset();
    if (close_binary) dlclose(binary_);
    binary_ = nullptr;
    return answer;
}

}  // namespace testhost
