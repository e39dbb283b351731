// The parameter suite: what a plugin calls on definitions and on instances. The value functions are variadic.
#include <cmath>
#include <cstdarg>

#include "effect.h"
#include "misbehaviour.h"
#include "params.h"

using namespace testhost;

namespace {

OfxStatus define(OfxParamSetHandle set, const char *type, const char *name, OfxPropertySetHandle *props) {
    if (!enter("paramDefine") || !good(set, "paramDefine")) return kOfxStatErrBadHandle;
    const Action &action = *current_action();
    if (set->is_instance || set->props.closed || !action.is(kOfxImageEffectActionDescribeInContext)) {
        violation("paramDefine outside DescribeInContext");
        return kOfxStatErrBadHandle;
    }
    if (type == nullptr || name == nullptr) return violation("paramDefine with a NULL type or name"), kOfxStatErrValue;
    if (!param_shape(type).known) {
        const bool newer = std::string(type) == kOfxParamTypeBytes;  // API 1.5: an honest refusal
        if (!newer) violation(std::string("paramDefine of ") + name + " with the unknown type " + type);
        return newer ? kOfxStatErrUnsupported : kOfxStatErrUnknown;
    }
    if (set->find(name)) return violation(std::string("paramDefine of ") + name + " twice"), kOfxStatErrExists;
    set->list.push_back(std::make_unique<OfxParamStruct>(set, type, name, false));
    if (props) *props = &set->list.back()->props;
    return kOfxStatOK;
}

OfxStatus get_handle(OfxParamSetHandle set, const char *name, OfxParamHandle *param, OfxPropertySetHandle *props) {
    if (!enter("paramGetHandle") || !good(set, "paramGetHandle")) return kOfxStatErrBadHandle;
    if (!set->is_instance) return violation("paramGetHandle works on instances only (section 6)"), kOfxStatErrBadHandle;
    OfxParamStruct *found = name ? set->find(name) : nullptr;
    if (found == nullptr) {
        violation(std::string("paramGetHandle: no parameter is called ") + (name ? name : "NULL"));
        return kOfxStatErrUnknown;
    }
    if (param) *param = found;
    if (props) *props = &found->props;
    return kOfxStatOK;
}

OfxStatus set_properties(OfxParamSetHandle set, OfxPropertySetHandle *props) {
    if (!enter("paramSetGetPropertySet") || !good(set, "paramSetGetPropertySet") || !props) return kOfxStatErrBadHandle;
    *props = &set->props;
    return kOfxStatOK;
}

OfxStatus param_properties(OfxParamHandle param, OfxPropertySetHandle *props) {
    if (!enter("paramGetPropertySet") || !good(param, "paramGetPropertySet") || !props) return kOfxStatErrBadHandle;
    *props = &param->props;
    return kOfxStatOK;
}

// Is the handle that of a parameter with a value, on an instance?
OfxStatus check(OfxParamHandle param, const char *function) {
    if (!enter(function) || !good(param, function)) return kOfxStatErrBadHandle;
    if (!param->set->is_instance)
        return violation(std::string(function) + " on the definition of " + param->name), kOfxStatErrBadHandle;
    if (param->shape.count > 0) return kOfxStatOK;
    violation(std::string(function) + ": " + param->name + " holds no value");
    return kOfxStatErrBadHandle;
}

OfxStatus read(OfxParamHandle param, const ParamValue &value, va_list args, const char *function) {
    const std::string null = std::string(function) + " of " + param->name + ": a NULL place for the value";
    if (param->shape.kind == Kind::String) {
        char **text = va_arg(args, char **);
        if (text == nullptr) return violation(null), kOfxStatErrValue;
        // Section 6: MLT answers OK and writes nothing.
        if (param->type != kOfxParamTypeCustom || !bad().on("custom_unwritten")) *text = lend(value.text);
        return kOfxStatOK;
    }
    for (const double number : value.numbers) {
        if (param->shape.kind == Kind::Int) {
            int *place = va_arg(args, int *);
            if (place == nullptr) return violation(null), kOfxStatErrValue;
            *place = int(number);
        } else {
            double *place = va_arg(args, double *);
            if (place == nullptr) return violation(null), kOfxStatErrValue;
            *place = number;
        }
    }
    return kOfxStatOK;
}

ParamValue value_of(OfxParamHandle param, double time) {
    std::lock_guard<std::mutex> guard(param->set->lock);
    return param->value_at(time);
}

OfxStatus get_value(OfxParamHandle param, ...) {
    const OfxStatus status = check(param, "paramGetValue");
    if (status != kOfxStatOK) return status;
    if (current_action()->is_render())
        violation("paramGetValue of " + param->name + " in a render action: use paramGetValueAtTime (section 6)");
    va_list args;
    va_start(args, param);
    const OfxStatus answer = read(param, value_of(param, param->set->effect->host_time), args, "paramGetValue");
    va_end(args);
    return answer;
}

OfxStatus get_value_at_time(OfxParamHandle param, OfxTime time, ...) {
    const OfxStatus status = check(param, "paramGetValueAtTime");
    if (status != kOfxStatOK) return status;
    va_list args;
    va_start(args, time);
    const OfxStatus answer = read(param, value_of(param, time), args, "paramGetValueAtTime");
    va_end(args);
    return answer;
}

// Derivative and integral, of Double parameters: numerical, good enough for a test.
OfxStatus get_derivative(OfxParamHandle param, OfxTime time, ...) {
    const OfxStatus status = check(param, "paramGetDerivative");
    if (status != kOfxStatOK) return status;
    ParamValue slope = value_of(param, time + 0.5), before = value_of(param, time - 0.5);
    for (std::size_t i = 0; i < slope.numbers.size(); ++i) slope.numbers[i] -= before.numbers[i];
    va_list args;
    va_start(args, time);
    const OfxStatus answer = read(param, slope, args, "paramGetDerivative");
    va_end(args);
    return answer;
}

OfxStatus get_integral(OfxParamHandle param, OfxTime from, OfxTime to, ...) {
    const OfxStatus status = check(param, "paramGetIntegral");
    if (status != kOfxStatOK) return status;
    ParamValue sum = value_of(param, (from + to) / 2);
    for (double &number : sum.numbers) number *= to - from;
    va_list args;
    va_start(args, to);
    const OfxStatus answer = read(param, sum, args, "paramGetIntegral");
    va_end(args);
    return answer;
}

// Section 6: only in CreateInstance, InstanceChanged and interacts; section 5: in SyncPrivateData too.
bool may_set() {
    for (const char *action : {kOfxActionCreateInstance, kOfxActionInstanceChanged, kOfxActionBeginInstanceChanged,
                               kOfxActionEndInstanceChanged, kOfxActionSyncPrivateData})
        if (current_action()->is(action)) return true;
    return false;
}

OfxStatus write(OfxParamHandle param, const double *time, va_list args, const char *function) {
    if (!may_set()) {
        violation(std::string(function) + " of " + param->name + " is not legal in this action (section 6)");
        return kOfxStatFailed;
    }
    ParamValue value;
    if (param->shape.kind == Kind::String) {
        const char *text = va_arg(args, const char *);
        if (text == nullptr)
            return violation(std::string(function) + " of " + param->name + " to NULL"), kOfxStatErrValue;
        value.text = text;
    }
    for (int i = 0; param->shape.kind != Kind::String && i < param->shape.count; ++i)
        value.numbers.push_back(param->shape.kind == Kind::Int ? va_arg(args, int) : va_arg(args, double));
    if (!(param->clamped(value) == value))
        violation(std::string(function) + " of " + param->name + " to a value outside its range");
    {
        std::lock_guard<std::mutex> guard(param->set->lock);
        if (time) param->keys[*time] = value;
        else param->value = value;
    }
    event({{"event", "param"}, {"name", param->name}, {"value", param->to_json(time ? *time : 0)}});
    // Section 5: the plugin hears of its own change before this returns, on the same thread; not while it is made.
    if (!current_action()->is(kOfxActionCreateInstance) && !current_action()->is(kOfxActionSyncPrivateData))
        notify_changed(*param->set->effect, kOfxTypeParameter, param->name, kOfxChangePluginEdited);
    return kOfxStatOK;
}

OfxStatus set_value(OfxParamHandle param, ...) {
    const OfxStatus status = check(param, "paramSetValue");
    if (status != kOfxStatOK) return status;
    va_list args;
    va_start(args, param);
    const OfxStatus answer = write(param, nullptr, args, "paramSetValue");
    va_end(args);
    return answer;
}

OfxStatus set_value_at_time(OfxParamHandle param, OfxTime time, ...) {
    const OfxStatus status = check(param, "paramSetValueAtTime");
    if (status != kOfxStatOK) return status;
    if (param->props.integer(kOfxParamPropAnimates) == 0)
        return violation("paramSetValueAtTime of " + param->name + ", which does not animate"), kOfxStatErrUnsupported;
    va_list args;
    va_start(args, time);
    const OfxStatus answer = write(param, &time, args, "paramSetValueAtTime");
    va_end(args);
    return answer;
}

OfxStatus num_keys(OfxParamHandle param, unsigned int *count) {
    const OfxStatus status = check(param, "paramGetNumKeys");
    if (status != kOfxStatOK || !count) return status != kOfxStatOK ? status : kOfxStatErrValue;
    *count = unsigned(param->keys.size());
    return kOfxStatOK;
}

OfxStatus key_time(OfxParamHandle param, unsigned int nth, OfxTime *time) {
    const OfxStatus status = check(param, "paramGetKeyTime");
    if (status != kOfxStatOK) return status;
    if (nth >= param->keys.size() || !time) return violation("paramGetKeyTime: no such key"), kOfxStatErrBadIndex;
    *time = std::next(param->keys.begin(), long(nth))->first;
    return kOfxStatOK;
}

OfxStatus key_index(OfxParamHandle param, OfxTime time, int direction, int *index) {
    const OfxStatus status = check(param, "paramGetKeyIndex");
    if (status != kOfxStatOK) return status;
    int best = -1, i = 0;
    for (const auto &key : param->keys) {
        if (direction == 0 && key.first == time) best = i;
        if (direction < 0 && key.first < time) best = i;
        if (direction > 0 && key.first > time && best < 0) best = i;
        ++i;
    }
    if (best < 0 || !index) return kOfxStatFailed;
    *index = best;
    return kOfxStatOK;
}

OfxStatus delete_key(OfxParamHandle param, OfxTime time) {
    const OfxStatus status = check(param, "paramDeleteKey");
    if (status != kOfxStatOK) return status;
    return param->keys.erase(time) ? kOfxStatOK : kOfxStatErrBadIndex;
}

OfxStatus delete_keys(OfxParamHandle param) {
    const OfxStatus status = check(param, "paramDeleteAllKeys");
    if (status == kOfxStatOK) param->keys.clear();
    return status;
}

OfxStatus copy(OfxParamHandle to, OfxParamHandle from, OfxTime offset, const OfxRangeD *range) {
    if (check(to, "paramCopy") != kOfxStatOK || check(from, "paramCopy") != kOfxStatOK) return kOfxStatErrBadHandle;
    if (to->type != from->type) return violation("paramCopy between two types"), kOfxStatErrValue;
    to->value = from->value;
    for (const auto &[time, value] : from->keys)
        if (!range || (time >= range->min && time <= range->max)) to->keys[time + offset] = value;
    return kOfxStatOK;
}

OfxStatus edit_begin(OfxParamSetHandle set, const char *name) {
    if (!enter("paramEditBegin") || !good(set, "paramEditBegin")) return kOfxStatErrBadHandle;
    ++current_action()->edits_open;
    event({{"event", "edit"}, {"name", name ? name : ""}});
    return kOfxStatOK;
}

OfxStatus edit_end(OfxParamSetHandle set) {
    if (!enter("paramEditEnd") || !good(set, "paramEditEnd")) return kOfxStatErrBadHandle;
    if (--current_action()->edits_open < 0) violation("paramEditEnd without paramEditBegin");
    return kOfxStatOK;
}

}  // namespace

const OfxParameterSuiteV1 *testhost::parameter_suite() {
    static const OfxParameterSuiteV1 suite = {
        define,       get_handle, set_properties,    param_properties, get_value, get_value_at_time, get_derivative,
        get_integral, set_value,  set_value_at_time, num_keys,         key_time,  key_index,         delete_key,
        delete_keys,  copy,       edit_begin,        edit_end};
    return &suite;
}
