#include "properties.h"

#include <algorithm>

#include "misbehaviour.h"
#include "tables.h"

using namespace testhost;

OfxPropertySetStruct::OfxPropertySetStruct(std::string object_kind, std::string owner_name,
                                           const std::vector<PropertyDef> &table)
    : object(std::move(object_kind)), owner(std::move(owner_name)) {
    for (const PropertyDef &def : table) define(def);
}

void OfxPropertySetStruct::define(const PropertyDef &def) {
    if (bad().hides_property(object, def.name)) return void(hidden.insert(def.name));
    Property property{def.kind, def.dimension, def.plugin_writes, false, {}, {}};
    Value zero = 0;
    if (def.kind == Kind::Double) zero = 0.0;
    if (def.kind == Kind::String) zero = std::string();
    if (def.kind == Kind::Pointer) zero = static_cast<void *>(nullptr);
    property.values.assign(static_cast<std::size_t>(def.dimension), zero);
    property.initial = property.values;
    properties.insert_or_assign(def.name, std::move(property));
}

void OfxPropertySetStruct::set(const std::string &name, std::vector<Value> values) {
    std::lock_guard<std::mutex> guard(lock);
    const auto found = properties.find(name);
    if (found == properties.end()) return;
    found->second.values = values;
    found->second.initial = std::move(values);
}

bool OfxPropertySetStruct::has(const std::string &name) const { return properties.count(name) > 0; }

bool OfxPropertySetStruct::written(const std::string &name) const { return has(name) && properties.at(name).written; }

int OfxPropertySetStruct::integer(const std::string &name, int index) const {
    return has(name) ? std::get<int>(properties.at(name).values.at(static_cast<std::size_t>(index))) : 0;
}

double OfxPropertySetStruct::number(const std::string &name, std::size_t index) const {
    const Value value = has(name) ? properties.at(name).values.at(index) : Value(0.0);
    return std::holds_alternative<int>(value) ? std::get<int>(value) : std::get<double>(value);
}

std::string OfxPropertySetStruct::text(const std::string &name) const {
    const std::vector<std::string> all = texts(name);
    return all.empty() ? "" : all[0];
}

std::vector<std::string> OfxPropertySetStruct::texts(const std::string &name) const {
    std::vector<std::string> list;
    if (has(name))
        for (const Value &value : properties.at(name).values) list.push_back(std::get<std::string>(value));
    return list;
}

std::vector<double> OfxPropertySetStruct::numbers(const std::string &name) const {
    std::vector<double> list;
    if (has(name))
        for (std::size_t i = 0; i < properties.at(name).values.size(); ++i) list.push_back(number(name, i));
    return list;
}

void OfxPropertySetStruct::copy_values(const OfxPropertySetStruct &from) {
    for (auto &[name, property] : properties) {
        const auto found = from.properties.find(name);
        if (found == from.properties.end() || found->second.kind != property.kind) continue;
        property.values = property.initial = found->second.values;
        property.written = found->second.written;
    }
}

void OfxPropertySetStruct::hide(const std::string &name) {
    properties.erase(name);
    hidden.insert(name);
}

json OfxPropertySetStruct::dump() const {
    std::lock_guard<std::mutex> guard(lock);
    json all = json::object();
    for (const auto &[name, property] : properties) {
        json list = json::array();
        for (const Value &value : property.values)
            std::visit(
                [&](const auto &v) {
                    if constexpr (std::is_same_v<std::decay_t<decltype(v)>, void *>)
                        list.push_back(v ? json("pointer") : json(nullptr));
                    else list.push_back(v);
                },
                value);
        all[name] = property.dimension == 1 ? list[0] : list;
    }
    return all;
}

namespace {

using Handle = OfxPropertySetHandle;
const char *const kind_names[] = {"int", "double", "string", "pointer"};

std::string about(Handle set, const char *function, const char *name) {
    return std::string(function) + " of " + (name ? name : "NULL") + " on " + set->owner;
}

// Finds the property and holds the set's lock in `guard`, or says why not.
OfxStatus find(Handle set, const char *name, const char *function, Property **found,
               std::unique_lock<std::mutex> &guard) {
    if (!enter(function)) return kOfxStatFailed;
    if (!good(set, function)) return kOfxStatErrBadHandle;
    if (name == nullptr) return violation(about(set, function, name)), kOfxStatErrUnknown;
    if (set->closed) {
        violation(about(set, function, name) + ": a definition is used after describe");
        return kOfxStatErrBadHandle;
    }
    guard = std::unique_lock<std::mutex>(set->lock);
    const auto place = set->properties.find(name);
    if (place == set->properties.end()) {
        guard.unlock();
        if (set->hidden.count(name) == 0 && !is_private_probe(name))
            violation(about(set, function, name) + ": this object has no such property");
        return kOfxStatErrUnknown;
    }
    *found = &place->second;
    return kOfxStatOK;
}

template <class T>
void hand_out(const Value &from, T *to) {
    if constexpr (std::is_same_v<T, char *>) *to = lend(std::get<std::string>(from));
    else *to = std::get<T>(from);
}

// Reads `count` values from `index` on.
template <Kind kind, class T>
OfxStatus get(Handle set, const char *name, int index, int count, T *values, const char *function) {
    Property *property = nullptr;
    std::unique_lock<std::mutex> guard;
    const OfxStatus status = find(set, name, function, &property, guard);
    if (status != kOfxStatOK) return status;
    if (property->kind != kind) {
        violation(about(set, function, name) + ": the property is of type " + kind_names[int(property->kind)]);
        return kOfxStatErrValue;
    }
    if (index < 0 || count < 0 || index + count > int(property->values.size())) {
        violation(about(set, function, name) + ": index " + std::to_string(index + count - 1) + " of " +
                  std::to_string(property->values.size()) + " values");
        return kOfxStatErrBadIndex;
    }
    if (values == nullptr) return violation(about(set, function, name) + ": no place for the value"), kOfxStatErrValue;
    for (int i = 0; i < count; ++i) hand_out(property->values[std::size_t(index + i)], &values[i]);
    return kOfxStatOK;
}

// Writes `count` values from `index` on; whole: they are the property's only values (the N functions).
template <Kind kind, class T>
OfxStatus put(Handle set, const char *name, int index, int count, const T *values, bool whole, const char *function) {
    Property *property = nullptr;
    std::unique_lock<std::mutex> guard;
    const OfxStatus status = find(set, name, function, &property, guard);
    if (status != kOfxStatOK) return status;
    const std::string what = about(set, function, name);
    if (property->kind != kind) {
        violation(what + ": the property is of type " + kind_names[int(property->kind)]);
        return kOfxStatErrValue;
    }
    if (!property->plugin_writes) return violation(what + ": a plugin may not write it"), kOfxStatErrValue;
    const int size = int(property->values.size());
    const bool fits =
        property->dimension == 0 ? index >= 0 && index <= size : index >= 0 && index + count <= property->dimension;
    if (!fits || count < 0) {
        violation(what + ": index " + std::to_string(index + count - 1) + " of " + std::to_string(size) + " values");
        return kOfxStatErrBadIndex;
    }
    if (values == nullptr && count > 0) return violation(what + ": no values"), kOfxStatErrValue;
    if (property->dimension == 0 && whole) property->values.clear();
    for (int i = 0; i < count; ++i) {
        Value value;
        if constexpr (kind == Kind::String) {
            if (values[i] == nullptr) return violation(what + ": a NULL string"), kOfxStatErrValue;
            value = std::string(values[i]);
            if (!is_allowed_value(name, values[i])) violation(what + ": '" + values[i] + "' is none of its values");
        } else {
            value = values[i];
        }
        const std::size_t place = std::size_t(index + i);
        if (place < property->values.size()) property->values[place] = value;
        else property->values.push_back(value);
    }
    property->written = true;
    return kOfxStatOK;
}

OfxStatus set_pointer(Handle s, const char *p, int i, void *v) {
    return put<Kind::Pointer, void *>(s, p, i, 1, &v, false, "propSetPointer");
}
OfxStatus set_string(Handle s, const char *p, int i, const char *v) {
    return put<Kind::String>(s, p, i, 1, &v, false, "propSetString");
}
OfxStatus set_double(Handle s, const char *p, int i, double v) {
    return put<Kind::Double>(s, p, i, 1, &v, false, "propSetDouble");
}
OfxStatus set_int(Handle s, const char *p, int i, int v) { return put<Kind::Int>(s, p, i, 1, &v, false, "propSetInt"); }
OfxStatus set_pointers(Handle s, const char *p, int n, void *const *v) {
    return put<Kind::Pointer>(s, p, 0, n, v, true, "propSetPointerN");
}
OfxStatus set_strings(Handle s, const char *p, int n, const char *const *v) {
    return put<Kind::String>(s, p, 0, n, v, true, "propSetStringN");
}
OfxStatus set_doubles(Handle s, const char *p, int n, const double *v) {
    return put<Kind::Double>(s, p, 0, n, v, true, "propSetDoubleN");
}
OfxStatus set_ints(Handle s, const char *p, int n, const int *v) {
    return put<Kind::Int>(s, p, 0, n, v, true, "propSetIntN");
}
OfxStatus get_pointer(Handle s, const char *p, int i, void **v) {
    return get<Kind::Pointer>(s, p, i, 1, v, "propGetPointer");
}
OfxStatus get_string(Handle s, const char *p, int i, char **v) {
    return get<Kind::String>(s, p, i, 1, v, "propGetString");
}
OfxStatus get_double(Handle s, const char *p, int i, double *v) {
    return get<Kind::Double>(s, p, i, 1, v, "propGetDouble");
}
OfxStatus get_int(Handle s, const char *p, int i, int *v) { return get<Kind::Int>(s, p, i, 1, v, "propGetInt"); }
OfxStatus get_pointers(Handle s, const char *p, int n, void **v) {
    return get<Kind::Pointer>(s, p, 0, n, v, "propGetPointerN");
}
OfxStatus get_strings(Handle s, const char *p, int n, char **v) {
    return get<Kind::String>(s, p, 0, n, v, "propGetStringN");
}
OfxStatus get_doubles(Handle s, const char *p, int n, double *v) {
    return get<Kind::Double>(s, p, 0, n, v, "propGetDoubleN");
}
OfxStatus get_ints(Handle s, const char *p, int n, int *v) { return get<Kind::Int>(s, p, 0, n, v, "propGetIntN"); }

OfxStatus reset(Handle set, const char *name) {
    Property *property = nullptr;
    std::unique_lock<std::mutex> guard;
    const OfxStatus status = find(set, name, "propReset", &property, guard);
    if (status != kOfxStatOK) return status;
    if (!property->plugin_writes)
        return violation(about(set, "propReset", name) + ": a plugin may not write it"), kOfxStatErrValue;
    property->values = property->initial;
    return kOfxStatOK;
}

OfxStatus dimension(Handle set, const char *name, int *count) {
    Property *property = nullptr;
    std::unique_lock<std::mutex> guard;
    const OfxStatus status = find(set, name, "propGetDimension", &property, guard);
    if (status != kOfxStatOK) return status;
    if (count == nullptr) return kOfxStatErrValue;
    *count = int(property->values.size());
    return kOfxStatOK;
}

}  // namespace

const OfxPropertySuiteV1 *testhost::property_suite() {
    static const OfxPropertySuiteV1 suite = {set_pointer, set_string,  set_double,   set_int,     set_pointers,
                                             set_strings, set_doubles, set_ints,     get_pointer, get_string,
                                             get_double,  get_int,     get_pointers, get_strings, get_doubles,
                                             get_ints,    reset,       dimension};
    return &suite;
}
