// The host: its properties and suites, the plugin's binary, and every call into the plugin.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "effect.h"

namespace testhost {

class Host {
public:
    Host();
    ~Host();

    // Loads the binary and takes plugin `index` through setHost, Load and Describe (section 1).
    json load(const std::string &path, int index);
    // DescribeInContext, once for each context asked for.
    json describe_in_context(const std::string &context);
    // Unload and dlclose. All instances must be gone.
    json unload(bool close_binary);
    json describe() const;
    // "NAME=VALUE" for a property of the host; commas between values.
    void set_property(const std::string &assignment);

    bool loaded() const { return plugin_ != nullptr; }
    OfxImageEffectStruct &descriptor() const;  // of the context in force; throws ScriptError before `context`

    // Calls the plugin's mainEntry. Checks what section 5 promises of every action.
    OfxStatus call(const char *action, OfxImageEffectStruct *effect, OfxPropertySetStruct *in,
                   OfxPropertySetStruct *out, const std::function<void(Action &)> &prepare = {},
                   double *seconds = nullptr, double *host_seconds = nullptr);

    const void *fetch_suite(OfxPropertySetHandle handle, const char *name, int version);

private:
    void *function(const char *name, bool required);
    void check_description() const;
    void check_context() const;

    OfxPropertySetStruct props_;
    OfxHost abi_;
    void *binary_ = nullptr;
    OfxPlugin *plugin_ = nullptr;
    std::string path_;
    int loads_ = 0;
    std::unique_ptr<OfxImageEffectStruct> base_;  // what Describe filled
    std::map<std::string, std::unique_ptr<OfxImageEffectStruct>> contexts_;
    std::string context_;
};

Host &host();  // the one of this process; fetchSuite and the suites need it

// The inArgs of an action, as the table of section 5 has them.
std::unique_ptr<OfxPropertySetStruct> in_args(const std::string &action);

}  // namespace testhost
