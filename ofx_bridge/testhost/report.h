// What the host tells the test: violations (the plugin's mistakes), and events (what the plugin asked of the host).
#pragma once

#include <ilvi_ofx/ofx.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace testhost {

using json = nlohmann::ordered_json;  // answers keep the order they are written in

// A mistake in the script or in the host's own files: the command is answered with an error.
struct ScriptError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Prints "VIOLATION: text" on stderr and counts it. Any thread.
void violation(const std::string &text);
int violation_count();

// Keeps an event for the answer to the running command. Any thread.
void event(json what);

// What has come up since the last call.
json take_events();
json take_violations();

// "kOfxStatOK" and so on; a number where the notes (section 3) know no name.
std::string status_name(OfxStatus status);

}  // namespace testhost
