// What the host offers: its suites, its name, and a way to tell the artist something.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <string>

namespace ilvi {

// Only property, effect and parameter are sure to be there after `load_suites`.
struct Suites {
    const OfxPropertySuiteV1 *property = nullptr;
    const OfxImageEffectSuiteV1 *effect = nullptr;
    const OfxParameterSuiteV1 *parameter = nullptr;
    const OfxMessageSuiteV1 *message = nullptr;
    const OfxMessageSuiteV2 *message2 = nullptr;
    const OfxProgressSuiteV1 *progress = nullptr;
    const OfxProgressSuiteV2 *progress2 = nullptr;
};

struct HostFacts {
    std::string name;        // reverse DNS, as the host says it; may be empty
    bool temporal = false;   // it can give frames of other times
    bool half = false;       // it knows half floats
};

const Suites &suites();
const HostFacts &host_facts();
void take_host(OfxHost *host);   // calls nothing of it: that is not allowed yet
OfxStatus load_suites();         // kOfxStatErrMissingHostFeature without the three that are needed

// type: kOfxMessageError, ...  Never with a lock held.
void tell(OfxImageEffectHandle instance, const char *type, const std::string &text);
// The same from a render, which may come for every frame: the same words only once in a while.
void tell_seldom(OfxImageEffectHandle instance, const char *type, const std::string &text);

// The host's progress bar, where it has one. Ends with the object.
class ProgressBar {
public:
    ProgressBar(OfxImageEffectHandle instance, const std::string &label);
    ~ProgressBar();
    ProgressBar(const ProgressBar &) = delete;
    ProgressBar &operator=(const ProgressBar &) = delete;
    bool update(double done);   // 0..1; false: the artist cancels

private:
    OfxImageEffectHandle instance_;
    bool begun_ = false;
};

}  // namespace ilvi
