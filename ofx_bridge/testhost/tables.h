// The tables of section 6: which object has which properties, and which strings an enum may take.
#pragma once

#include <string>
#include <vector>

#include "properties.h"

namespace testhost {

const std::vector<PropertyDef> &host_table();
const std::vector<PropertyDef> &effect_table();  // descriptors
const std::vector<PropertyDef> &instance_table();
const std::vector<PropertyDef> &clip_descriptor_table();
const std::vector<PropertyDef> &clip_instance_table();
const std::vector<PropertyDef> &image_table();
const std::vector<PropertyDef> &param_set_table();

// By the parameter's type; empty where the type is not known.
std::vector<PropertyDef> param_table(const std::string &type);

// Section 5: the inArgs of an action.
std::vector<PropertyDef> in_args_table(const std::string &action);

// Properties that plugins rightly look for to recognise a host, and that this host has not.
bool is_private_probe(const std::string &property);

// False only for an enum property whose values are listed and do not have this one.
bool is_allowed_value(const std::string &property, const std::string &value);

}  // namespace testhost
