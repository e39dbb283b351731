#include "params.h"

#include <algorithm>
#include <cfloat>
#include <climits>
#include <cmath>

#include "misbehaviour.h"
#include "tables.h"

namespace testhost {

ParamShape param_shape(const std::string &type) {
    static const std::map<std::string, ParamShape> shapes = {
        {kOfxParamTypeInteger, {true, Kind::Int, 1, true}},
        {kOfxParamTypeInteger2D, {true, Kind::Int, 2, true}},
        {kOfxParamTypeInteger3D, {true, Kind::Int, 3, true}},
        {kOfxParamTypeBoolean, {true, Kind::Int, 1, false}},
        {kOfxParamTypeChoice, {true, Kind::Int, 1, false}},
        {kOfxParamTypeDouble, {true, Kind::Double, 1, true}},
        {kOfxParamTypeDouble2D, {true, Kind::Double, 2, true}},
        {kOfxParamTypeDouble3D, {true, Kind::Double, 3, true}},
        {kOfxParamTypeRGB, {true, Kind::Double, 3, true}},
        {kOfxParamTypeRGBA, {true, Kind::Double, 4, true}},
        {kOfxParamTypeString, {true, Kind::String, 1, false}},
        {kOfxParamTypeStrChoice, {true, Kind::String, 1, false}},
        {kOfxParamTypeCustom, {true, Kind::String, 1, false}},
        {kOfxParamTypeGroup, {true, Kind::Int, 0, false}},
        {kOfxParamTypePage, {true, Kind::Int, 0, false}},
        {kOfxParamTypePushButton, {true, Kind::Int, 0, false}},
    };
    const auto found = shapes.find(type);
    return found == shapes.end() ? ParamShape() : found->second;
}

}  // namespace testhost

using namespace testhost;

namespace {

// The ranges of a parameter that sets none (end of section 6).
void set_ranges(OfxParamStruct &param) {
    const bool resolve = bad().on("resolve_ranges");
    const bool ints = param.shape.kind == Kind::Int;
    const double low = ints ? (resolve ? 0 : INT_MIN) : (resolve ? -1 : -DBL_MAX);
    const double high = ints ? (resolve ? 0 : INT_MAX) : (resolve ? 1 : DBL_MAX);
    const std::size_t count = std::size_t(param.shape.count);
    const auto fill = [&](const char *name, double value) {
        if (ints) param.props.set(name, std::vector<Value>(count, int(value)));
        else param.props.set(name, std::vector<Value>(count, value));
    };
    fill(kOfxParamPropMin, low);
    fill(kOfxParamPropDisplayMin, low);
    fill(kOfxParamPropMax, high);
    fill(kOfxParamPropDisplayMax, high);
}

}  // namespace

OfxParamStruct::OfxParamStruct(OfxParamSetHandle owner, const std::string &param_type, const std::string &param_name,
                               bool is_instance)
    : set(owner),
      type(param_type),
      name(param_name),
      shape(param_shape(param_type)),
      props("param", "parameter " + param_name, param_table(param_type)) {
    props.set(kOfxPropType, {std::string(is_instance ? kOfxTypeParameterInstance : kOfxTypeParameter)});
    for (const char *same :
         {kOfxPropName, kOfxPropLabel, kOfxPropShortLabel, kOfxPropLongLabel, kOfxParamPropScriptName})
        props.set(same, {name});
    props.set(kOfxParamPropType, {type});
    for (const char *yes :
         {kOfxParamPropEnabled, kOfxParamPropAnimates, kOfxParamPropPersistant, kOfxParamPropEvaluateOnChange,
          kOfxParamPropCanUndo, kOfxParamPropStringFilePathExists, kOfxParamPropGroupOpen})
        props.set(yes, {1});
    props.set(kOfxParamPropCacheInvalidation, {std::string(kOfxParamInvalidateValueChange)});
    props.set(kOfxParamPropStringMode, {std::string(kOfxParamStringIsSingleLine)});
    props.set(kOfxParamPropDoubleType, {std::string(kOfxParamDoubleTypePlain)});
    props.set(kOfxParamPropDefaultCoordinateSystem, {std::string(kOfxParamCoordinatesCanonical)});
    props.set(kOfxParamPropIncrement, {1.0});
    props.set(kOfxParamPropDigits, {2});
    if (shape.numeric) set_ranges(*this);
    if (shape.count > 0) set_defaults();
}

void OfxParamStruct::set_defaults() {
    if (shape.kind == Kind::String) value.text = props.text(kOfxParamPropDefault);
    else value.numbers = props.numbers(kOfxParamPropDefault);
    value.numbers.resize(shape.kind == Kind::String ? 0 : std::size_t(shape.count));
}

ParamValue OfxParamStruct::value_at(double time) const {
    if (keys.empty()) return value;
    const auto after = keys.lower_bound(time);
    if (after == keys.begin()) return after->second;
    const auto before = std::prev(after);
    if (after == keys.end()) return before->second;
    if (after->first == time) return after->second;
    if (shape.kind != Kind::Double) return before->second;
    const double t = (time - before->first) / (after->first - before->first);
    ParamValue mixed = before->second;
    for (std::size_t i = 0; i < mixed.numbers.size(); ++i)
        mixed.numbers[i] += t * (after->second.numbers[i] - mixed.numbers[i]);
    return mixed;
}

json OfxParamStruct::to_json(double time) const {
    const ParamValue now = value_at(time);
    if (shape.count == 0) return nullptr;
    if (shape.kind == Kind::String) return now.text;
    json list = json::array();
    for (double number : now.numbers) shape.kind == Kind::Int ? list.push_back(int(number)) : list.push_back(number);
    if (type == kOfxParamTypeBoolean) return now.numbers[0] != 0;
    return shape.count == 1 ? list[0] : list;
}

ParamValue OfxParamStruct::parse(const std::string &text) const {
    ParamValue parsed;
    if (shape.count == 0) throw ScriptError("parameter " + name + " holds no value");
    if (shape.kind == Kind::String) return parsed.text = text, parsed;
    if (type == kOfxParamTypeBoolean && (text == "true" || text == "false"))
        return parsed.numbers = {text == "true" ? 1.0 : 0.0}, parsed;
    if (type == kOfxParamTypeChoice) {
        const std::vector<std::string> options = props.texts(kOfxParamPropChoiceOption);
        const auto found = std::find(options.begin(), options.end(), text);
        if (found != options.end()) return parsed.numbers = {double(found - options.begin())}, parsed;
    }
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        const std::string part = text.substr(start, comma - start);
        std::size_t used = 0;
        try {
            parsed.numbers.push_back(std::stod(part, &used));
        } catch (const std::exception &) {}
        if (used == 0 || part.find_first_not_of(" ]", used) != std::string::npos)
            throw ScriptError("parameter " + name + " cannot be '" + text + "'");
        start = comma + 1;
    }
    if (parsed.numbers.size() != std::size_t(shape.count))
        throw ScriptError("parameter " + name + " holds " + std::to_string(shape.count) + " values");
    return parsed;
}

ParamValue OfxParamStruct::clamped(ParamValue wanted) const {
    if (type == kOfxParamTypeChoice) {
        const double last = double(props.texts(kOfxParamPropChoiceOption).size()) - 1;
        wanted.numbers[0] = std::max(0.0, std::min(wanted.numbers[0], last));
    }
    if (!shape.numeric) return wanted;
    for (std::size_t i = 0; i < wanted.numbers.size(); ++i)
        wanted.numbers[i] =
            std::max(props.number(kOfxParamPropMin, i), std::min(wanted.numbers[i], props.number(kOfxParamPropMax, i)));
    return wanted;
}

OfxParamSetStruct::OfxParamSetStruct(OfxImageEffectHandle owner, const std::string &owner_name)
    : effect(owner), props("paramset", "the parameters of " + owner_name, param_set_table()) {
    props.set(kOfxPropParamSetNeedsSyncing, {1});
}

OfxParamStruct *OfxParamSetStruct::find(const std::string &name) const {
    for (const auto &param : list)
        if (param->name == name) return param.get();
    return nullptr;
}

void OfxParamSetStruct::instantiate(const OfxParamSetStruct &definitions) {
    is_instance = true;
    props.copy_values(definitions.props);
    // Section 6, official use: an instance's looks may change, its nature may not.
    static const std::vector<std::string> fixed = {
        kOfxParamPropDefault,           kOfxParamPropAnimates,       kOfxParamPropPersistant, kOfxParamPropParent,
        kOfxParamPropScriptName,        kOfxParamPropStringMode,     kOfxParamPropDoubleType, kOfxParamPropPageChild,
        kOfxParamPropCacheInvalidation, kOfxParamPropPluginMayWrite, kOfxParamPropCanUndo};
    for (const auto &definition : definitions.list) {
        list.push_back(std::make_unique<OfxParamStruct>(this, definition->type, definition->name, true));
        OfxParamStruct &param = *list.back();
        param.props.copy_values(definition->props);
        param.props.set(kOfxPropType, {std::string(kOfxTypeParameterInstance)});
        for (auto &[name, property] : param.props.properties)
            if (std::find(fixed.begin(), fixed.end(), name) != fixed.end()) property.plugin_writes = false;
        if (param.shape.count > 0) param.set_defaults();
    }
}

void OfxParamSetStruct::close() {
    props.closed = true;
    for (const auto &param : list) param->props.closed = true;
}
