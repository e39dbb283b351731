// Instances: made, changed, saved, copied and destroyed as a host does.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "host.h"

namespace testhost {

using Instance = OfxImageEffectStruct;
using Values = std::map<std::string, ParamValue>;

// CreateInstance and the first GetClipPreferences. `values`: a saved project's, set before the plugin hears of it.
// Throws ScriptError where the plugin refuses, or does not support a clip's depth or components.
std::unique_ptr<Instance> create_instance(const std::string &name, const std::map<std::string, ClipInput> &inputs,
                                          const Values &values);
// DestroyInstance (twice, if asked to misbehave) and the checks for what was left behind.
OfxStatus destroy_instance(std::unique_ptr<Instance> instance);

// New inputs on a living instance: InstanceChanged for each clip named, then clip preferences.
void connect(Instance &instance, const std::map<std::string, ClipInput> &inputs, const std::string &changed);

// A user's edit of a parameter (InstanceChanged, kOfxChangeUserEdited). time: sets a key.
OfxStatus edit_param(Instance &instance, const std::string &name, const std::string &value, const double *time);
OfxStatus press_button(Instance &instance, const std::string &name);
OfxParamStruct &param_of(Instance &instance, const std::string &name);  // throws ScriptError

// SyncPrivateData, then every value that a project keeps (kOfxParamPropPersistant), secret ones too.
Values values_to_save(Instance &instance);
json to_json(Instance &instance, const Values &values);
Values values_from_json(const json &saved);

}  // namespace testhost
