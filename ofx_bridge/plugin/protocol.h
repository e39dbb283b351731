// The messages between the plugin and the worker: docs/protocol.md, as ilvi_core.host.protocol reads and writes them.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

namespace ilvi {

using Json = nlohmann::json;

inline constexpr int PROTOCOL = 1;
inline constexpr size_t MAX_LINE = 1 << 20;   // bytes of one message, its newline included

// One message as a line, its newline included. Fault when it would be longer than MAX_LINE.
std::string write_message(const Json &message);

// The message in a line (without its newline): an object with a known `type` and its fields, each of its kind and with
// its default where it may be absent. Fault says what is wrong with it: the session ends then, nothing is skipped.
Json read_message(const std::string &line);

// Whether a request gets no other message after this one.
bool ends_request(const Json &message);

}  // namespace ilvi
