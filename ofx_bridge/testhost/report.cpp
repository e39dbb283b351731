#include "report.h"

#include <cstdio>
#include <map>
#include <mutex>

#include "calls.h"

namespace testhost {

namespace {

struct Log {
    std::mutex lock;
    json events = json::array();
    json violations = json::array();
    int count = 0;
};

Log &log() {
    static Log *the_log = new Log;  // never destroyed: plugin threads may outlive main
    return *the_log;
}

json take(json &list) {
    std::lock_guard<std::mutex> guard(log().lock);
    json taken = std::move(list);
    list = json::array();
    return taken;
}

}  // namespace

void violation(const std::string &text) {
    const Action *action = current_action();
    const std::string line = action ? std::string(action->name) + ": " + text : text;
    std::lock_guard<std::mutex> guard(log().lock);
    std::fprintf(stderr, "VIOLATION: %s\n", line.c_str());
    std::fflush(stderr);
    log().violations.push_back(line);
    ++log().count;
}

int violation_count() {
    std::lock_guard<std::mutex> guard(log().lock);
    return log().count;
}

void event(json what) {
    std::lock_guard<std::mutex> guard(log().lock);
    log().events.push_back(std::move(what));
}

json take_events() { return take(log().events); }
json take_violations() { return take(log().violations); }

std::string status_name(OfxStatus status) {
    static const std::map<OfxStatus, const char *> names = {
        {kOfxStatOK, "kOfxStatOK"},
        {kOfxStatFailed, "kOfxStatFailed"},
        {kOfxStatErrFatal, "kOfxStatErrFatal"},
        {kOfxStatErrUnknown, "kOfxStatErrUnknown"},
        {kOfxStatErrMissingHostFeature, "kOfxStatErrMissingHostFeature"},
        {kOfxStatErrUnsupported, "kOfxStatErrUnsupported"},
        {kOfxStatErrExists, "kOfxStatErrExists"},
        {kOfxStatErrFormat, "kOfxStatErrFormat"},
        {kOfxStatErrMemory, "kOfxStatErrMemory"},
        {kOfxStatErrBadHandle, "kOfxStatErrBadHandle"},
        {kOfxStatErrBadIndex, "kOfxStatErrBadIndex"},
        {kOfxStatErrValue, "kOfxStatErrValue"},
        {kOfxStatReplyYes, "kOfxStatReplyYes"},
        {kOfxStatReplyNo, "kOfxStatReplyNo"},
        {kOfxStatReplyDefault, "kOfxStatReplyDefault"},
        {kOfxStatUnlicensed, "kOfxStatUnlicensed"},
    };
    const auto found = names.find(status);
    return found == names.end() ? std::to_string(status) : found->second;
}

}  // namespace testhost
