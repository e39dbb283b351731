#include "protocol.h"

#include <cmath>

#include "fault.h"

namespace ilvi {

namespace {

constexpr const char *HINT = "Stop and start the worker; if it happens again, send its log with 'ilvi doctor'.";
constexpr double LARGEST = 1e300;

enum class Field { text, whole, yes_no, number, number_or_null, object, paths };

// value: what it is where the message leaves it out; discarded: it may not.
struct FieldRule {
    const char *name;
    Field kind;
    Json value = Json(Json::value_t::discarded);
};

struct MessageRule {
    const char *type;
    std::vector<FieldRule> fields;
};

const std::vector<MessageRule> &rules() {
    static const std::vector<MessageRule> all = {
        {"ready",
         {{"protocol", Field::whole},
          {"version", Field::text},
          {"pid", Field::whole},
          {"python", Field::text},
          {"cache", Field::text}}},
        {"found",
         {{"id", Field::text},
          {"state", Field::text},
          {"entry", Field::text, ""},
          {"frames", Field::paths, Json::object()},
          {"reduced", Field::yes_no, false},
          {"seconds", Field::number, 0.0}}},
        {"accepted", {{"id", Field::text}, {"ahead", Field::whole, 0}}},
        {"started",
         {{"id", Field::text}, {"state", Field::text}, {"entry", Field::text, ""}, {"device", Field::text, ""}}},
        {"progress",
         {{"id", Field::text},
          {"phase", Field::text},
          {"done", Field::whole},
          {"total", Field::whole},
          {"eta", Field::number_or_null, nullptr},
          {"loss", Field::number_or_null, nullptr}}},
        {"frame",
         {{"id", Field::text},
          {"frame", Field::whole},
          {"path", Field::text},
          {"final", Field::yes_no},
          {"view", Field::text, ""}}},
        {"info", {{"id", Field::text}, {"text", Field::text}}},
        {"warning", {{"id", Field::text}, {"code", Field::text}, {"text", Field::text}}},
        {"error", {{"id", Field::text}, {"code", Field::text}, {"text", Field::text}, {"hint", Field::text, ""}}},
        {"cancelling", {{"id", Field::text}}},
        {"cancelled", {{"id", Field::text}, {"text", Field::text, ""}, {"hint", Field::text, ""}}},
        {"finished",
         {{"id", Field::text},
          {"entry", Field::text, ""},
          {"frames", Field::whole, 0},
          {"stats", Field::object, Json::object()}}},
        {"cleared",
         {{"id", Field::text}, {"entries", Field::whole}, {"bytes", Field::whole}, {"in_use", Field::whole, 0}}},
        {"pong", {{"id", Field::text}}},
    };
    return all;
}

bool is_kind(const Json &value, Field kind) {
    switch (kind) {
        case Field::text: return value.is_string();
        case Field::whole: return value.is_number_integer();
        case Field::yes_no: return value.is_boolean();
        case Field::number_or_null:
            if (value.is_null()) return true;
            [[fallthrough]];
        case Field::number: return value.is_number() && std::fabs(value.get<double>()) <= LARGEST;
        case Field::object: return value.is_object();
        case Field::paths:
            if (!value.is_object()) return false;
            for (const Json &part : value)
                if (!part.is_string()) return false;
            return true;
    }
    return false;
}

std::string shown(const std::string &line) {
    std::string text;
    for (char c : line.substr(0, 60)) text += c >= ' ' && c <= '~' ? c : '?';
    return "'" + text + (line.size() > 60 ? "...'" : "'");
}

}  // namespace

std::string write_message(const Json &message) {
    // escaped to ASCII; a path that is no UTF-8 loses those bytes rather than the session
    std::string line = message.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
    if (line.size() > MAX_LINE)
        throw Fault("A message of " + std::to_string(line.size()) + " bytes exceeds " + std::to_string(MAX_LINE) + ".",
                    "Ask for less.");
    return line;
}

Json read_message(const std::string &line) {
    if (line.size() >= MAX_LINE)
        throw Fault("A message is longer than " + std::to_string(MAX_LINE) + " bytes.", HINT);
    Json message = Json::parse(line, nullptr, false);
    if (!message.is_object() || !message.contains("type") || !message["type"].is_string())
        throw Fault("A line is no message: " + shown(line) + ".", HINT);
    const auto type = message["type"].get<std::string>();
    for (const MessageRule &rule : rules()) {
        if (type != rule.type) continue;
        for (const FieldRule &field : rule.fields) {
            if (!message.contains(field.name)) {
                if (field.value.is_discarded())
                    throw Fault("A message '" + type + "' has no '" + field.name + "'.", HINT);
                message[field.name] = field.value;
            } else if (!is_kind(message[field.name], field.kind)) {
                throw Fault("A message '" + type + "' has " + shown(message[field.name].dump(-1, ' ', true)) + " as its " +
                                field.name + ".",
                            HINT);
            }
        }
        return message;
    }
    throw Fault("There is no message " + shown(type) + " (protocol " + std::to_string(PROTOCOL) + ").", HINT);
}

bool ends_request(const Json &message) {
    const std::string &type = message["type"].get_ref<const std::string &>();
    for (const char *end : {"found", "error", "cancelled", "finished", "cleared", "pong"})
        if (type == end) return true;
    return false;
}

}  // namespace ilvi
