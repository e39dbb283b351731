// What the plugin described: the checks of sections 6, 8 and 10, and the descriptor as JSON.
#include <algorithm>
#include <map>

#include "host.h"

namespace testhost {

namespace {

// Advice of the notes that a strict host cannot refuse: reported as "lint".
json lint_param(const OfxParamStruct &param) {
    json lint = json::array();
    const auto say = [&](const std::string &what) { lint.push_back(param.name + ": " + what); };
    if (!param.props.written(kOfxParamPropHint) && param.shape.count > 0) say("no hint");
    if (param.shape.numeric)  // section 6: always set all four and the default
        for (const char *name : {kOfxParamPropMin, kOfxParamPropMax, kOfxParamPropDisplayMin, kOfxParamPropDisplayMax,
                                 kOfxParamPropDefault})
            if (!param.props.written(name)) say(std::string(name) + " is not set");
    if (param.shape.count > 0 && !param.props.written(kOfxParamPropAnimates)) say("Animates is not set");
    if (param.type == kOfxParamTypeCustom) say("Custom parameters are not portable (MLT); use a secret String");
    return lint;
}

void check_param(const OfxParamStruct &param, const OfxParamSetStruct &set) {
    const std::string parent = param.props.text(kOfxParamPropParent);
    const OfxParamStruct *group = parent.empty() ? nullptr : set.find(parent);
    if (!parent.empty() && (!group || group->type != kOfxParamTypeGroup))
        violation("the parent of " + param.name + " is '" + parent + "', which is no group");
    for (const std::string &child : param.props.texts(kOfxParamPropPageChild))
        if (!set.find(child) && child != kOfxParamPageSkipRow && child != kOfxParamPageSkipColumn)
            violation("page " + param.name + " names '" + child + "', which is no parameter");
    if (param.type == kOfxParamTypeChoice) {
        const int options = int(param.props.texts(kOfxParamPropChoiceOption).size());
        const int chosen = param.props.integer(kOfxParamPropDefault);
        if (chosen < 0 || chosen >= options) violation("the default of " + param.name + " is not among its options");
    }
    for (int i = 0; param.shape.numeric && i < param.shape.count; ++i) {
        const auto n = [&](const char *name) { return param.props.number(name, std::size_t(i)); };
        if (n(kOfxParamPropMin) > n(kOfxParamPropMax)) violation("the range of " + param.name + " is empty");
        const bool outside =
            n(kOfxParamPropDefault) < n(kOfxParamPropMin) || n(kOfxParamPropDefault) > n(kOfxParamPropMax);
        if (outside && param.props.written(kOfxParamPropMin))
            violation("the default of " + param.name + " is outside its range");
    }
}

}  // namespace

void Host::check_context() const {
    const OfxImageEffectStruct &effect = descriptor();
    static const std::map<std::string, std::vector<std::string>> mandated = {
        // section 8
        {kOfxImageEffectContextFilter, {kOfxImageEffectSimpleSourceClipName, kOfxImageEffectOutputClipName}},
        {kOfxImageEffectContextGeneral, {kOfxImageEffectOutputClipName}},
        {kOfxImageEffectContextPaint, {kOfxImageEffectSimpleSourceClipName, "Brush", kOfxImageEffectOutputClipName}},
        {kOfxImageEffectContextGenerator, {kOfxImageEffectOutputClipName}},
        {kOfxImageEffectContextTransition,
         {kOfxImageEffectTransitionSourceFromClipName, kOfxImageEffectTransitionSourceToClipName,
          kOfxImageEffectOutputClipName}},
        {kOfxImageEffectContextRetimer, {kOfxImageEffectSimpleSourceClipName, kOfxImageEffectOutputClipName}}};
    const std::vector<std::string> &needed = mandated.at(effect.context);
    for (const std::string &name : needed)
        if (!effect.find_clip(name)) violation("the context needs a clip called " + name);
    for (const auto &clip : effect.clips) {
        if (clip->props.texts(kOfxImageEffectPropSupportedComponents).empty())
            violation("clip " + clip->name + " lists no components");
        const bool extra = std::find(needed.begin(), needed.end(), clip->name) == needed.end();
        if (extra && effect.context != kOfxImageEffectContextGeneral && !clip->is_optional())
            violation("clip " + clip->name + " must be optional in this context");
        if (clip->props.integer(kOfxImageEffectPropTemporalClipAccess) &&
            !props_.integer(kOfxImageEffectPropTemporalClipAccess))
            violation("clip " + clip->name + " asks for TemporalClipAccess, which this host has not");
    }
    for (const auto &param : effect.params.list) check_param(*param, effect.params);
    for (const std::string &page : effect.params.props.texts(kOfxPluginPropParamPageOrder)) {
        const OfxParamStruct *found = effect.params.find(page);
        if (!found || found->type != kOfxParamTypePage)
            violation("the page order names '" + page + "', which is no page");
    }
}

json Host::describe() const {
    if (!base_) throw ScriptError("no plugin is loaded");
    json answer = {{"effect", base_->props.dump()}, {"host", props_.dump()}};
    if (contexts_.count(context_) == 0) return answer;
    const OfxImageEffectStruct &effect = descriptor();
    answer["context"] = context_;
    answer["clips"] = json::object();
    answer["params"] = json::object();
    answer["param_order"] = json::array();
    answer["lint"] = json::array();
    answer["param_set"] = effect.params.props.dump();
    for (const auto &clip : effect.clips) answer["clips"][clip->name] = clip->props.dump();
    for (const auto &param : effect.params.list) {
        answer["params"][param->name] = param->props.dump();
        answer["param_order"].push_back(param->name);
        for (const json &line : lint_param(*param)) answer["lint"].push_back(line);
    }
    return answer;
}

}  // namespace testhost
