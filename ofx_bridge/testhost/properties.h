// Property sets and the property suite. Every set knows which properties it may have, of which type and size.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "calls.h"

namespace testhost {

enum class Kind { Int, Double, String, Pointer };  // in the order of Value's alternatives
using Value = std::variant<int, double, std::string, void *>;

// One row of the tables of section 6. dimension 0: a list of any length.
struct PropertyDef {
    const char *name;
    Kind kind;
    int dimension = 1;
    bool plugin_writes = false;
};

struct Property {
    Kind kind;
    int dimension;
    bool plugin_writes;
    bool written = false;  // by the plugin
    std::vector<Value> values;
    std::vector<Value> initial;  // what propReset goes back to
};

}  // namespace testhost

struct OfxPropertySetStruct : testhost::Alive<OfxPropertySetStruct> {
    using Value = testhost::Value;

    // object: the kind, as in missing_property=OBJECT:NAME; owner: for messages, e.g. "clip Source".
    OfxPropertySetStruct(std::string object, std::string owner, const std::vector<testhost::PropertyDef> &table);

    void define(const testhost::PropertyDef &def);

    // The host's own access: no checks but that the property exists. A hidden property is left out silently.
    void set(const std::string &name, std::vector<Value> values);
    bool has(const std::string &name) const;
    bool written(const std::string &name) const;
    int integer(const std::string &name, int index = 0) const;
    double number(const std::string &name, std::size_t index = 0) const;
    std::string text(const std::string &name) const;
    std::vector<std::string> texts(const std::string &name) const;
    std::vector<double> numbers(const std::string &name) const;
    void copy_values(const OfxPropertySetStruct &from);
    void hide(const std::string &name);  // taken away on purpose: asking for it is no violation
    testhost::json dump() const;

    const std::string object, owner;
    // Plugin access: closed sets belong to definitions after describe; every use of them is a violation.
    bool closed = false;
    std::map<std::string, testhost::Property> properties;
    std::set<std::string> hidden;
    mutable std::mutex lock;
};

namespace testhost {
const OfxPropertySuiteV1 *property_suite();
}
