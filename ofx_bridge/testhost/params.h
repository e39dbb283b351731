// Parameters: definitions on a descriptor, values and keys on an instance, and the parameter suite.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "properties.h"

namespace testhost {

struct ParamShape {
    bool known = false;
    Kind kind = Kind::Int;
    int count = 0;         // values it holds; 0: groups, pages and push buttons
    bool numeric = false;  // has a range
};
ParamShape param_shape(const std::string &type);

struct ParamValue {
    std::vector<double> numbers;  // int parameters too: every int is exact
    std::string text;
    bool operator==(const ParamValue &other) const { return numbers == other.numbers && text == other.text; }
};

}  // namespace testhost

struct OfxParamStruct : testhost::Alive<OfxParamStruct> {
    OfxParamStruct(OfxParamSetHandle owner, const std::string &type, const std::string &name, bool is_instance);

    testhost::ParamValue value_at(double time) const;  // keys: linear for doubles, stepped for the rest
    testhost::json to_json(double time) const;
    // From a script or a saved project: "3", "0.5,1", "true", an option's label, plain text. Throws ScriptError.
    testhost::ParamValue parse(const std::string &text) const;
    testhost::ParamValue clamped(testhost::ParamValue value) const;  // into Min..Max, as a host's knobs do
    void set_defaults();                                             // the value, from kOfxParamPropDefault

    OfxParamSetHandle set;
    const std::string type, name;
    const testhost::ParamShape shape;
    OfxPropertySetStruct props;
    testhost::ParamValue value;
    std::map<double, testhost::ParamValue> keys;
};

struct OfxParamSetStruct : testhost::Alive<OfxParamSetStruct> {
    OfxParamSetStruct(OfxImageEffectHandle owner, const std::string &owner_name);

    OfxParamStruct *find(const std::string &name) const;
    void instantiate(const OfxParamSetStruct &definitions);
    void close();  // describe is over: later use of the definitions is a violation

    OfxImageEffectHandle effect;
    OfxPropertySetStruct props;
    std::vector<std::unique_ptr<OfxParamStruct>> list;
    mutable std::mutex lock;  // the values'
    bool is_instance = false;
};

namespace testhost {
const OfxParameterSuiteV1 *parameter_suite();
}
