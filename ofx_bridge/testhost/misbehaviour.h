// What the host does wrong on purpose, as the hosts of ofx-abi.md do (sections 4 to 11).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace testhost {

class Misbehaviours {
public:
    // "negative_rows", "padding=16", "missing_property=clip:OfxImageClipPropConnected"; throws ScriptError
    // for a name that is not known. "none" ends them all.
    void add(const std::string &word);

    bool on(const std::string &name) const { return active_.count(name) > 0; }
    // The text after "=", or `otherwise` where there was none.
    std::string text(const std::string &name, const std::string &otherwise = "") const;
    int number(const std::string &name, int otherwise) const;

    // Is the property taken away from this kind of object ("host", "effect", "instance", "clip", "image", "param",
    // "args")?
    bool hides_property(const std::string &object, const std::string &property) const;
    bool hides_suite(const std::string &suite, int version) const;

    std::vector<std::string> words() const;

private:
    std::map<std::string, std::vector<std::string>> active_;
};

// The one of this process: suite functions have no pointer to hang it on.
Misbehaviours &bad();

// The misbehaviours and host properties ("NAME=VALUE") of a host of section 8; throws ScriptError if unknown.
struct Profile {
    std::vector<std::string> misbehaviours;
    std::vector<std::string> host_properties;
};
Profile profile(const std::string &host);

}  // namespace testhost
