#include "parameters.h"

#include <algorithm>
#include <cmath>

#include "parameters_table.h"
#include "properties.h"
#include "suites.h"

namespace ilvi {

namespace {

const char *type_of(Kind kind) {
    switch (kind) {
        case Kind::choice: return kOfxParamTypeChoice;
        case Kind::whole:
        case Kind::secret_whole: return kOfxParamTypeInteger;
        case Kind::number: return kOfxParamTypeDouble;
        case Kind::tick: return kOfxParamTypeBoolean;
        case Kind::button: return kOfxParamTypePushButton;
        default: return kOfxParamTypeString;
    }
}

// All limits are set always: what a host takes for absent ones makes sliders that do not move.
template <class Number> void set_limits(OfxPropertySetHandle made, const Parameter &row) {
    set(made, kOfxParamPropDefault, static_cast<Number>(row.number));
    set(made, kOfxParamPropMin, static_cast<Number>(row.low));
    set(made, kOfxParamPropMax, static_cast<Number>(row.high));
    set(made, kOfxParamPropDisplayMin, static_cast<Number>(row.shown_low));
    set(made, kOfxParamPropDisplayMax, static_cast<Number>(row.shown_high));
}

void set_values(OfxPropertySetHandle made, const Parameter &row) {
    switch (row.kind) {
        case Kind::choice:
            for (int i = 0; i < row.choice_count; ++i) set(made, kOfxParamPropChoiceOption, row.choices[i], i);
            set(made, kOfxParamPropDefault, static_cast<int>(row.number));
            break;
        case Kind::tick: set(made, kOfxParamPropDefault, static_cast<int>(row.number)); break;
        case Kind::whole:
        case Kind::secret_whole: set_limits<int>(made, row); break;
        case Kind::number:
            set_limits<double>(made, row);
            set(made, kOfxParamPropDoubleType, kOfxParamDoubleTypePlain);
            set(made, kOfxParamPropIncrement, row.shown_high > 100 ? 1.0 : 0.1);
            set(made, kOfxParamPropDigits, 1);
            break;
        case Kind::button: break;
        default: {
            const bool text = row.kind == Kind::text, file = row.kind == Kind::file;
            const bool folder = file && row.name == std::string("cache_dir");
            set(made, kOfxParamPropStringMode, folder ? kOfxParamStringIsDirectoryPath
                                               : file ? kOfxParamStringIsFilePath
                                                      : kOfxParamStringIsSingleLine);
            // a pattern such as plate.####.exr is no file that there is
            if (file) set(made, kOfxParamPropStringFilePathExists, 0);
            set(made, kOfxParamPropDefault, row.text);
            if (text) set(made, kOfxParamPropEnabled, 0);
        }
    }
}

void define(OfxParamSetHandle all, const Parameter &row) {
    OfxPropertySetHandle made = nullptr;
    if (suites().parameter->paramDefine(all, type_of(row.kind), row.name, &made) != kOfxStatOK || !made) return;
    set(made, kOfxPropLabel, row.label);
    set(made, kOfxPropShortLabel, row.label);
    set(made, kOfxPropLongLabel, row.label);
    set(made, kOfxParamPropScriptName, row.name);
    set(made, kOfxParamPropHint, row.hint);
    if (*row.group) set(made, kOfxParamPropParent, row.group);
    if (row.kind == Kind::button) return;
    set(made, kOfxParamPropAnimates, 0);   // no setting of a solve can differ between its frames
    set_values(made, row);
    const std::string name = row.name;
    const bool kept = row.kind == Kind::secret_words || row.kind == Kind::secret_whole;
    set(made, kOfxParamPropSecret, kept ? 1 : 0);
    set(made, kOfxParamPropPersistant, row.kind == Kind::text ? 0 : 1);
    if (kept || row.kind == Kind::text) set(made, kOfxParamPropCanUndo, 0);
    // Only what changes the picture: each of these makes the host forget its frames.
    const bool shows = row.kind != Kind::text && row.kind != Kind::secret_words && name != "time_limit";
    set(made, kOfxParamPropEvaluateOnChange, shows ? 1 : 0);
}

const Parameter &row_of(const std::string &name) {
    return *std::find_if(std::begin(PARAMETERS), std::end(PARAMETERS),
                         [&](const Parameter &row) { return name == row.name; });
}

OfxParamHandle handle_of(OfxImageEffectHandle instance, const char *name) {
    OfxParamSetHandle all = nullptr;
    OfxParamHandle parameter = nullptr;
    if (suites().effect->getParamSet(instance, &all) != kOfxStatOK || !all) return nullptr;
    if (suites().parameter->paramGetHandle(all, name, &parameter, nullptr) != kOfxStatOK) return nullptr;
    return parameter;
}

double number_of(OfxParamHandle parameter, const Parameter &row, double time) {
    OfxStatus status = kOfxStatFailed;
    double value = row.number;
    if (parameter && row.kind == Kind::number) {
        status = suites().parameter->paramGetValueAtTime(parameter, time, &value);
    } else if (parameter) {
        int whole = static_cast<int>(row.number);   // a host may say OK and write nothing
        status = suites().parameter->paramGetValueAtTime(parameter, time, &whole);
        value = whole;
    }
    if (status != kOfxStatOK || !std::isfinite(value)) return row.number;
    if (row.kind == Kind::choice) return value >= 0 && value < row.choice_count ? value : row.number;
    if (row.kind == Kind::tick) return value;
    return std::clamp(value, row.low, row.high);
}

std::string words_of(OfxParamHandle parameter, const Parameter &row, double time) {
    char *value = nullptr;
    if (!parameter || suites().parameter->paramGetValueAtTime(parameter, time, &value) != kOfxStatOK || !value)
        return row.text;
    return value;
}

}  // namespace

void define_parameters(OfxImageEffectHandle descriptor) {
    OfxParamSetHandle all = nullptr;
    if (suites().effect->getParamSet(descriptor, &all) != kOfxStatOK || !all) return;
    for (const Group &group : GROUPS) {
        OfxPropertySetHandle made = nullptr;
        if (suites().parameter->paramDefine(all, kOfxParamTypeGroup, group.name, &made) != kOfxStatOK || !made) continue;
        set(made, kOfxPropLabel, group.label);
        set(made, kOfxParamPropHint, group.label);
        set(made, kOfxParamPropGroupOpen, 0);
    }
    for (const Parameter &row : PARAMETERS) define(all, row);
}

Values::Values(OfxImageEffectHandle instance, double time) {
    for (const Parameter &row : PARAMETERS) {
        switch (row.kind) {
            case Kind::button: break;
            case Kind::choice:
            case Kind::whole:
            case Kind::number:
            case Kind::tick:
            case Kind::secret_whole:
                numbers_[row.name] = number_of(handle_of(instance, row.name), row, time);
                break;
            default: words_[row.name] = words_of(handle_of(instance, row.name), row, time);
        }
    }
}

int Values::whole(const std::string &name) const { return static_cast<int>(std::lround(numbers_.at(name))); }

std::string Values::choice(const std::string &name) const { return row_of(name).choices[whole(name)]; }

void write(OfxImageEffectHandle instance, const char *name, const std::string &value) {
    if (OfxParamHandle parameter = handle_of(instance, name))
        suites().parameter->paramSetValue(parameter, value.c_str());
}

void write(OfxImageEffectHandle instance, const char *name, int value) {
    if (OfxParamHandle parameter = handle_of(instance, name)) suites().parameter->paramSetValue(parameter, value);
}

}  // namespace ilvi
