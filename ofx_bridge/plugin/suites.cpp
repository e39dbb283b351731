#include "suites.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "properties.h"

namespace ilvi {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t LONGEST_MESSAGE = 1500;   // bytes; some hosts format into a buffer of 2048
constexpr auto SELDOM = std::chrono::seconds(10);

OfxHost *given = nullptr;
Suites found;
HostFacts facts;

template <class Suite> const Suite *fetch(const char *name, int version) {
    return static_cast<const Suite *>(given->fetchSuite(given->host, name, version));
}

bool starts_with(const std::string &text, const char *start) { return text.rfind(start, 0) == 0; }

// The message is the format itself, as some hosts lose the arguments after it: every % is doubled.
std::string as_format(const std::string &text) {
    std::string format;
    for (char c : text.substr(0, LONGEST_MESSAGE)) {
        format += c;
        if (c == '%') format += '%';
    }
    return format;
}

}  // namespace

const Suites &suites() { return found; }

const HostFacts &host_facts() { return facts; }

void take_host(OfxHost *host) { given = host; }

OfxStatus load_suites() {
    if (!given || !given->fetchSuite) return kOfxStatErrMissingHostFeature;
    found = Suites{};
    found.property = fetch<OfxPropertySuiteV1>(kOfxPropertySuite, 1);
    found.effect = fetch<OfxImageEffectSuiteV1>(kOfxImageEffectSuite, 1);
    found.parameter = fetch<OfxParameterSuiteV1>(kOfxParameterSuite, 1);
    if (!found.property || !found.effect || !found.parameter) return kOfxStatErrMissingHostFeature;

    facts = HostFacts{};
    facts.name = get_string(given->host, kOfxPropName).value_or("");
    facts.temporal = get_int(given->host, kOfxImageEffectPropTemporalClipAccess).value_or(0) != 0;
    const int major = get_int(given->host, kOfxPropAPIVersion, 0).value_or(1);
    const int minor = get_int(given->host, kOfxPropAPIVersion, 1).value_or(0);
    facts.half = major > 1 || minor >= 4 || starts_with(facts.name, "net.mlt") || starts_with(facts.name, "MLT");

    found.message = fetch<OfxMessageSuiteV1>(kOfxMessageSuite, 1);
    // Asking for version 2 ends one host at once, and Resolve shows nothing by it: only where version 1 is not there.
    if (!found.message && !starts_with(facts.name, "DaVinciResolve"))
        found.message2 = fetch<OfxMessageSuiteV2>(kOfxMessageSuite, 2);
    found.progress2 = fetch<OfxProgressSuiteV2>(kOfxProgressSuite, 2);
    if (!found.progress2) found.progress = fetch<OfxProgressSuiteV1>(kOfxProgressSuite, 1);
    return kOfxStatOK;
}

void tell(OfxImageEffectHandle instance, const char *type, const std::string &text) {
    const std::string format = as_format(text);
    if (found.message && found.message->message)
        found.message->message(instance, type, "ilvi", format.c_str());
    else if (found.message2 && found.message2->message)
        found.message2->message(instance, type, "ilvi", format.c_str());
}

void tell_seldom(OfxImageEffectHandle instance, const char *type, const std::string &text) {
    static std::mutex mutex;
    static std::map<std::string, Clock::time_point> told;
    {
        const std::lock_guard<std::mutex> lock(mutex);
        const Clock::time_point now = Clock::now();
        const auto last = told.find(text);
        if (last != told.end() && now - last->second < SELDOM) return;
        if (told.size() > 100) told.clear();
        told[text] = now;
    }
    tell(instance, type, text);
}

ProgressBar::ProgressBar(OfxImageEffectHandle instance, const std::string &label) : instance_(instance) {
    const std::string format = as_format(label);
    OfxStatus status = kOfxStatFailed;
    if (found.progress2 && found.progress2->progressStart)
        status = found.progress2->progressStart(instance_, format.c_str(), "ilvi");
    else if (found.progress && found.progress->progressStart)
        status = found.progress->progressStart(instance_, format.c_str());
    begun_ = status == kOfxStatOK;
}

ProgressBar::~ProgressBar() {
    if (!begun_) return;
    if (found.progress2)
        found.progress2->progressEnd(instance_);
    else
        found.progress->progressEnd(instance_);
}

bool ProgressBar::update(double done) {
    if (!begun_) return true;
    const double part = std::clamp(done, 0.0, 1.0);
    const OfxStatus status = found.progress2 ? found.progress2->progressUpdate(instance_, part)
                                             : found.progress->progressUpdate(instance_, part);
    return status != kOfxStatReplyNo;
}

}  // namespace ilvi
