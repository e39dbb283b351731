#include "properties.h"

#include <cmath>

#include "suites.h"

namespace ilvi {

namespace {

const OfxPropertySuiteV1 *usable(OfxPropertySetHandle object) { return object ? suites().property : nullptr; }

}  // namespace

std::optional<int> get_int(OfxPropertySetHandle object, const char *name, int index) {
    const OfxPropertySuiteV1 *suite = usable(object);
    int value = 0;
    if (!suite || suite->propGetInt(object, name, index, &value) != kOfxStatOK) return std::nullopt;
    return value;
}

std::optional<double> get_double(OfxPropertySetHandle object, const char *name, int index) {
    const OfxPropertySuiteV1 *suite = usable(object);
    double value = 0;
    if (!suite || suite->propGetDouble(object, name, index, &value) != kOfxStatOK || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<std::string> get_string(OfxPropertySetHandle object, const char *name, int index) {
    const OfxPropertySuiteV1 *suite = usable(object);
    char *value = nullptr;
    if (!suite || suite->propGetString(object, name, index, &value) != kOfxStatOK || !value) return std::nullopt;
    return std::string(value);   // at once: the host may reuse its memory
}

void *get_pointer(OfxPropertySetHandle object, const char *name) {
    const OfxPropertySuiteV1 *suite = usable(object);
    void *value = nullptr;
    if (!suite || suite->propGetPointer(object, name, 0, &value) != kOfxStatOK) return nullptr;
    return value;
}

std::optional<OfxRectI> get_rectangle(OfxPropertySetHandle object, const char *name) {
    int sides[4];
    for (int i = 0; i < 4; ++i) {
        const std::optional<int> side = get_int(object, name, i);
        if (!side) return std::nullopt;
        sides[i] = *side;
    }
    return OfxRectI{sides[0], sides[1], sides[2], sides[3]};
}

int dimension(OfxPropertySetHandle object, const char *name) {
    const OfxPropertySuiteV1 *suite = usable(object);
    int count = 0;
    if (!suite || suite->propGetDimension(object, name, &count) != kOfxStatOK) return 0;
    return count;
}

bool holds(OfxPropertySetHandle object, const char *name, const char *value) {
    for (int i = 0, count = dimension(object, name); i < count; ++i)
        if (get_string(object, name, i) == value) return true;
    return false;
}

bool is_set(OfxPropertySetHandle object, const char *name) { return get_int(object, name).value_or(0) != 0; }

void set(OfxPropertySetHandle object, const char *name, int value, int index) {
    if (const OfxPropertySuiteV1 *suite = usable(object)) suite->propSetInt(object, name, index, value);
}

void set(OfxPropertySetHandle object, const char *name, double value, int index) {
    if (const OfxPropertySuiteV1 *suite = usable(object)) suite->propSetDouble(object, name, index, value);
}

void set(OfxPropertySetHandle object, const char *name, const char *value, int index) {
    if (const OfxPropertySuiteV1 *suite = usable(object)) suite->propSetString(object, name, index, value);
}

}  // namespace ilvi
