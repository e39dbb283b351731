// Properties of the host's objects, each read as if it could be absent: in some host it is.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <optional>
#include <string>

namespace ilvi {

// Nothing where the suite, the object, the property or the value is not there.
std::optional<int> get_int(OfxPropertySetHandle object, const char *name, int index = 0);
std::optional<double> get_double(OfxPropertySetHandle object, const char *name, int index = 0);
std::optional<std::string> get_string(OfxPropertySetHandle object, const char *name, int index = 0);
void *get_pointer(OfxPropertySetHandle object, const char *name);
std::optional<OfxRectI> get_rectangle(OfxPropertySetHandle object, const char *name);
int dimension(OfxPropertySetHandle object, const char *name);

// Whether one of a property's strings is that one.
bool holds(OfxPropertySetHandle object, const char *name, const char *value);
bool is_set(OfxPropertySetHandle object, const char *name);   // an int that is not 0

// A host that does not know a property refuses it, which is no reason to stop.
void set(OfxPropertySetHandle object, const char *name, int value, int index = 0);
void set(OfxPropertySetHandle object, const char *name, double value, int index = 0);
void set(OfxPropertySetHandle object, const char *name, const char *value, int index = 0);

}  // namespace ilvi
