#include "instance.h"

#include <algorithm>

#include "misbehaviour.h"
#include "tables.h"

namespace testhost {

namespace {

bool contains(const std::vector<std::string> &list, const std::string &one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

// The clip that stands for the project: Source, or the first that is connected.
const OfxImageClipStruct *main_clip(const Instance &instance) {
    const OfxImageClipStruct *source = instance.find_clip(kOfxImageEffectSimpleSourceClipName);
    if (source && source->input.connected) return source;
    for (const auto &clip : instance.clips)
        if (!clip->is_output() && clip->input.connected) return clip.get();
    return source;
}

void take_inputs(Instance &instance, const std::map<std::string, ClipInput> &inputs) {
    for (const auto &[name, input] : inputs)
        if (!instance.find_clip(name) && input.connected) throw ScriptError("the plugin has no clip called " + name);
    for (const auto &clip : instance.clips) {
        const auto found = inputs.find(clip->name);
        clip->input = found == inputs.end() ? ClipInput() : found->second;
    }
    OfxImageClipStruct *output = instance.find_clip(kOfxImageEffectOutputClipName);
    const OfxImageClipStruct *like = main_clip(instance);
    if (output && like) {
        output->input = like->input;
        output->input.depth = output->input.components = "";
        if (!instance.preferences.premultiplication.empty())
            output->input.premultiplication = instance.preferences.premultiplication;
    }
    instance.set_clip_properties();
}

void check_formats(const Instance &instance) {
    if (bad().on("any_format")) return;
    const std::vector<std::string> depths = instance.descriptor->props.texts(kOfxImageEffectPropSupportedPixelDepths);
    for (const auto &clip : instance.clips) {
        if (!clip->input.connected && !clip->is_output()) continue;
        const Format format = clip_format(*clip);
        if (!contains(depths, format.depth)) throw ScriptError("the plugin does not support " + format.depth);
        if (!contains(clip->props.texts(kOfxImageEffectPropSupportedComponents), format.components))
            throw ScriptError("clip " + clip->name + " does not support " + format.components);
    }
}

void set_project(Instance &instance) {
    OfxPropertySetStruct &p = instance.props;
    p.set(kOfxImageEffectPropContext, {instance.context});
    p.set(kOfxImageEffectPropPluginHandle, {static_cast<void *>(const_cast<Instance *>(instance.descriptor))});
    p.set(kOfxPluginPropFilePath, {instance.descriptor->props.text(kOfxPluginPropFilePath)});
    p.set(kOfxImageEffectPropSupportsTiles, {instance.descriptor->props.integer(kOfxImageEffectPropSupportsTiles)});
    p.set(kOfxImageEffectInstancePropSequentialRender,
          {instance.descriptor->props.integer(kOfxImageEffectInstancePropSequentialRender)});
    p.set(kOfxImageEffectPropCPURenderSupported, {std::string("true")});
    const OfxImageClipStruct *clip = main_clip(instance);
    if (!clip || !clip->input.connected) return;
    const auto frame = clip_frame(*clip, clip->input.first);
    const std::vector<double> region = to_canonical(clip_region(*clip, *frame, 1.0), 1.0, clip->input.pixel_aspect);
    p.set(kOfxImageEffectPropProjectOffset, {region[0], region[1]});
    p.set(kOfxImageEffectPropProjectSize, {region[2] - region[0], region[3] - region[1]});
    p.set(kOfxImageEffectPropProjectExtent, {region[2], region[3]});
    p.set(kOfxImageEffectPropProjectPixelAspectRatio, {clip->input.pixel_aspect});
    p.set(kOfxImageEffectPropFrameRate, {clip->input.frame_rate});
    p.set(kOfxImageEffectInstancePropEffectDuration, {double(clip->input.last - clip->input.first + 1)});
    instance.host_time = clip->input.first;
}

}  // namespace

void ask_preferences(Instance &instance) {
    OfxPropertySetStruct out("args", "outArgs of GetClipPreferences", {});
    const auto offer = [&](const std::string &name, Kind kind, Value value) {
        out.define({name.c_str(), kind, 1, true});
        out.set(name, {std::move(value)});
    };
    for (const auto &clip : instance.clips) {
        const Format format = clip_format(*clip);
        offer(kOfxImageClipPropComponentsPrefix + clip->name, Kind::String, format.components);
        offer(kOfxImageClipPropDepthPrefix + clip->name, Kind::String, format.depth);
        offer(kOfxImageClipPropPARPrefix + clip->name, Kind::Double, clip->input.pixel_aspect);
    }
    OfxImageClipStruct *output = instance.find_clip(kOfxImageEffectOutputClipName);
    const ClipInput like = output ? output->input : ClipInput();
    offer(kOfxImageEffectPropFrameRate, Kind::Double, like.frame_rate);
    offer(kOfxImageClipPropFieldOrder, Kind::String, like.field);
    offer(kOfxImageEffectPropPreMultiplication, Kind::String, like.premultiplication);
    offer(kOfxImageClipPropContinuousSamples, Kind::Int, 0);
    offer(kOfxImageEffectFrameVarying, Kind::Int, 0);
    const OfxStatus status = host().call(kOfxImageEffectActionGetClipPreferences, &instance, nullptr, &out);
    if (status == kOfxStatReplyDefault) return;
    if (status != kOfxStatOK) return event({{"event", "GetClipPreferences"}, {"status", status_name(status)}});
    const std::string output_name = kOfxImageEffectOutputClipName;
    for (const auto &clip : instance.clips) {
        const std::string depth = out.text(kOfxImageClipPropDepthPrefix + clip->name);
        if (depth != clip_format(*clip).depth &&
            !instance.descriptor->props.integer(kOfxImageEffectPropSupportsMultipleClipDepths))
            violation("GetClipPreferences changes the depth of " + clip->name + " without MultipleClipDepths");
    }
    const std::string components = out.text(kOfxImageClipPropComponentsPrefix + output_name);
    const OfxImageClipStruct *source = instance.find_clip(kOfxImageEffectSimpleSourceClipName);
    if (instance.context == kOfxImageEffectContextFilter && source && components != clip_format(*source).components)
        violation("GetClipPreferences: in Filter, Output has the components of Source (section 8)");
    ClipPreferences &wish = instance.preferences;
    wish.components = out.written(kOfxImageClipPropComponentsPrefix + output_name) ? components : "";
    wish.depth = out.written(kOfxImageClipPropDepthPrefix + output_name)
                     ? out.text(kOfxImageClipPropDepthPrefix + output_name)
                     : "";
    wish.premultiplication = out.text(kOfxImageEffectPropPreMultiplication);
    wish.frame_varying = out.integer(kOfxImageEffectFrameVarying);
    wish.continuous = out.integer(kOfxImageClipPropContinuousSamples);
    if (output) output->input.premultiplication = wish.premultiplication;
    if (!current_action()) instance.set_clip_properties();
}

std::unique_ptr<Instance> create_instance(const std::string &name, const std::map<std::string, ClipInput> &inputs,
                                          const Values &values) {
    const OfxImageEffectStruct &descriptor = host().descriptor();
    auto instance = std::make_unique<Instance>(name, true);
    instance->context = descriptor.context;
    instance->descriptor = &descriptor;
    instance->params.instantiate(descriptor.params);
    for (const auto &definition : descriptor.clips) {
        instance->clips.push_back(std::make_unique<OfxImageClipStruct>(instance.get(), definition->name, true));
        instance->clips.back()->props.copy_values(definition->props);
        instance->clips.back()->props.set(kOfxPropType, {std::string(kOfxTypeClip)});
    }
    take_inputs(*instance, inputs);
    check_formats(*instance);
    set_project(*instance);
    for (const auto &[param_name, value] : values) {
        OfxParamStruct *param = instance->params.find(param_name);
        if (param && param->shape.count > 0) param->value = value;  // a project may know parameters that are gone
    }
    const OfxStatus status = host().call(kOfxActionCreateInstance, instance.get(), nullptr, nullptr);
    if (status != kOfxStatOK && status != kOfxStatReplyDefault)
        throw ScriptError("CreateInstance: " + status_name(status));
    ask_preferences(*instance);
    return instance;
}

OfxStatus destroy_instance(std::unique_ptr<Instance> instance) {
    const OfxStatus status = host().call(kOfxActionDestroyInstance, instance.get(), nullptr, nullptr);
    if (bad().on("double_destroy")) host().call(kOfxActionDestroyInstance, instance.get(), nullptr, nullptr);
    for (const auto &memory : instance->memory) {
        violation("imageMemoryAlloc of " + instance->name + " was not freed before the instance was destroyed");
        memory->retire();
    }
    return status;
}

void connect(Instance &instance, const std::map<std::string, ClipInput> &inputs, const std::string &changed) {
    take_inputs(instance, inputs);
    check_formats(instance);
    notify_changed(instance, kOfxTypeClip, changed, kOfxChangeUserEdited);
    ask_preferences(instance);
}

OfxStatus notify_changed(Instance &instance, const std::string &type, const std::string &name,
                         const std::string &reason) {
    if (bad().on("no_instance_changed")) return kOfxStatReplyDefault;  // section 11: MLT
    int depth = 0;
    for (const Action *action = current_action(); action; action = action->outer) ++depth;
    if (depth > 16) return violation("paramSetValue in InstanceChanged without end"), kOfxStatFailed;
    const auto send = [&](const char *action) {
        auto args = in_args(action);
        args->set(kOfxPropType, {type});
        args->set(kOfxPropName, {name});
        args->set(kOfxPropChangeReason, {reason});
        args->set(kOfxPropTime, {instance.host_time});
        args->set(kOfxImageEffectPropRenderScale, {1.0, 1.0});
        args->set(kOfxImageEffectPropThumbnailRender, {std::string("false")});
        return host().call(action, &instance, args.get(), nullptr, [&](Action &a) { a.reason = reason; });
    };
    send(kOfxActionBeginInstanceChanged);
    const OfxStatus status = send(kOfxActionInstanceChanged);
    send(kOfxActionEndInstanceChanged);
    return status;
}

OfxParamStruct &param_of(Instance &instance, const std::string &name) {
    OfxParamStruct *param = instance.params.find(name);
    if (!param) throw ScriptError("no parameter is called " + name);
    return *param;
}

OfxStatus edit_param(Instance &instance, const std::string &name, const std::string &value, const double *time) {
    OfxParamStruct &param = param_of(instance, name);
    if (time && !param.props.integer(kOfxParamPropAnimates)) throw ScriptError(name + " does not animate");
    const ParamValue wanted = param.clamped(param.parse(value));
    {
        std::lock_guard<std::mutex> guard(instance.params.lock);
        if (time) param.keys[*time] = wanted;
        else param.value = wanted;
    }
    const OfxStatus status = notify_changed(instance, kOfxTypeParameter, name, kOfxChangeUserEdited);
    if (contains(instance.descriptor->props.texts(kOfxImageEffectPropClipPreferencesSlaveParam), name))
        ask_preferences(instance);
    return status;
}

OfxStatus press_button(Instance &instance, const std::string &name) {
    const OfxParamStruct &param = param_of(instance, name);
    if (param.type != kOfxParamTypePushButton) throw ScriptError(name + " is not a push button");
    if (!param.props.integer(kOfxParamPropEnabled)) throw ScriptError(name + " is not enabled");
    return notify_changed(instance, kOfxTypeParameter, name, kOfxChangeUserEdited);
}

Values values_to_save(Instance &instance) {
    if (instance.params.props.integer(kOfxPropParamSetNeedsSyncing))
        host().call(kOfxActionSyncPrivateData, &instance, nullptr, nullptr);
    Values values;
    for (const auto &param : instance.params.list)
        if (param->shape.count > 0 && param->props.integer(kOfxParamPropPersistant)) values[param->name] = param->value;
    return values;
}

json to_json(Instance &instance, const Values &values) {
    json saved = json::object();
    for (const auto &[name, value] : values) {
        if (param_of(instance, name).shape.kind == Kind::String) saved[name] = value.text;
        else saved[name] = value.numbers;
    }
    return saved;
}

Values values_from_json(const json &saved) {
    Values values;
    for (const auto &[name, value] : saved.items()) {
        if (value.is_string()) values[name].text = value.get<std::string>();
        else if (value.is_array()) values[name].numbers = value.get<std::vector<double>>();
        else throw ScriptError("a saved parameter is a string or a list of numbers: " + name);
    }
    return values;
}

}  // namespace testhost
