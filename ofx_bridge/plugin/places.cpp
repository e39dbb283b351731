#include "places.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fault.h"
#include "platform.h"

namespace ilvi {

namespace fs = std::filesystem;

namespace {

// what would make the worker's Python load the host's modules or take the host's installation for its own
constexpr const char *LEAKS[] = {"PYTHONHOME",  "PYTHONPATH",     "PYTHONEXECUTABLE",   "PYTHONSTARTUP",
                                 "VIRTUAL_ENV", "QT_PLUGIN_PATH", "__PYVENV_LAUNCHER__"};
constexpr const char *LIBRARY_PATHS[] = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"};
// folders in which many programs live together: a host that is installed right there owns nothing of them
constexpr const char *SHARED[] = {"/", "/usr", "/usr/local", "/opt", "/opt/local", "/opt/homebrew", "/snap", "/home"};
constexpr const char *AGAIN = "Run ILVI's installer again.";

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return trimmed(value ? value : "");
}

std::string worker_at(const std::string &named, const std::string &place, const std::string &hint) {
    const std::string path = expanded(named);   // not behind its links: a venv's python is one
    if (!platform::is_executable(path))
        throw Fault(place + " names " + path + ", expected the Python of ILVI's worker.", hint);
    return path;
}

std::string record_path() {
    const std::string named = variable("ILVI_RECORD");
    return named.empty() ? (fs::path(platform::data_folder()) / "worker.json").string() : expanded(named);
}

// What the installer noted; empty when there is no note.
std::string recorded(const std::string &record) {
    std::ifstream file(record, std::ios::binary);
    if (!file) {
        std::error_code error;
        if (!fs::exists(record, error)) {
            if (variable("ILVI_RECORD").empty()) return "";
            throw Fault("ILVI_RECORD names " + record + ", which is not there.", "Correct it or unset it.");
        }
        throw Fault("The installer's record " + record + " cannot be read.", AGAIN);
    }
    std::stringstream text;
    text << file.rdbuf();
    const nlohmann::json found = nlohmann::json::parse(text.str(), nullptr, false);
    if (found.is_discarded()) throw Fault("The installer's record " + record + " is not JSON.", AGAIN);
    const bool named = found.is_object() && found.contains("python") && found["python"].is_string();
    const std::string python = named ? trimmed(found["python"].get<std::string>()) : "";
    if (python.empty()) throw Fault("The installer's record " + record + " names no Python.", AGAIN);
    return python;
}

// The folders that are the installation of the host's program and nothing else: /opt/hfs20/bin/hython -> /opt/hfs20.
std::vector<std::string> host_roots() {
    std::vector<std::string> roots;
    const std::string program = platform::executable();
    if (program.empty()) return roots;
    std::error_code error;
    for (const fs::path &path : {fs::path(program), fs::canonical(program, error)}) {
        fs::path root = path.parent_path();
        if (root.filename() == "bin" || root.filename() == "MacOS") root = root.parent_path();
        const std::string text = root.string();
        const bool shared = std::find(std::begin(SHARED), std::end(SHARED), text) != std::end(SHARED);
        if (!text.empty() && !shared && text != platform::home()) roots.push_back(text);
    }
    return roots;
}

bool inside(const std::string &folder, const std::vector<std::string> &roots) {
    if (folder.empty()) return false;
    std::error_code error;
    const std::string places[] = {fs::absolute(folder, error).lexically_normal().string(),
                                  fs::weakly_canonical(folder, error).string()};
    for (const std::string &place : places)
        for (const std::string &root : roots)
            if (place == root || place.rfind(root + "/", 0) == 0) return true;
    return false;
}

// A list of library folders without the host's own; empty when nothing is left.
std::string without_host(const std::string &listed) {
    const std::vector<std::string> roots = host_roots();
    std::string kept, part;
    bool any = false;
    for (std::stringstream parts(listed); std::getline(parts, part, ':');) {
        if (inside(part, roots)) continue;
        kept += (kept.empty() ? "" : ":") + part;
        any = any || !part.empty();
    }
    return any ? kept : "";
}

}  // namespace

std::string find_worker(const std::string &setting) {
    if (!trimmed(setting).empty()) return worker_at(setting, "The setting", "Correct the setting.");
    const std::string named = variable("ILVI_PYTHON");
    if (!named.empty()) return worker_at(named, "ILVI_PYTHON", "Correct ILVI_PYTHON or unset it.");
    const std::string record = record_path(), python = recorded(record);
    if (!python.empty()) return worker_at(python, "The installer's record " + record, AGAIN);
    throw Fault("ILVI's worker is not installed: no setting and no ILVI_PYTHON names its Python, and there is no " +
                    record + ".",
                "Run ILVI's installer, or set ILVI_PYTHON to the Python that has ILVI.");
}

std::vector<std::string> worker_environment(const std::string &cache) {
    std::vector<std::string> kept;
    for (const std::string &entry : platform::environment()) {
        const std::string name = entry.substr(0, entry.find('='));
        if (std::find(std::begin(LEAKS), std::end(LEAKS), name) != std::end(LEAKS)) continue;
        if (!cache.empty() && name == "ILVI_CACHE") continue;
        if (std::find(std::begin(LIBRARY_PATHS), std::end(LIBRARY_PATHS), name) != std::end(LIBRARY_PATHS)) {
            const std::string rest = without_host(entry.substr(name.size() + 1));
            if (!rest.empty()) kept.push_back(name + "=" + rest);
            continue;
        }
        kept.push_back(entry);
    }
    if (!cache.empty()) kept.push_back("ILVI_CACHE=" + cache);
    return kept;
}

std::string log_folder() {
    const std::string named = variable("ILVI_LOG");
    return named.empty() ? platform::log_folder() : expanded(named);
}

std::string data_folder() { return fs::path(record_path()).parent_path().string(); }

std::string expanded(const std::string &path) {
    std::string text = trimmed(path);
    if (text == "~" || text.rfind("~/", 0) == 0) text = platform::home() + text.substr(1);
    std::error_code error;
    const fs::path whole = fs::absolute(text, error);
    return error ? text : whole.lexically_normal().string();
}

std::string trimmed(const std::string &text) {
    const char *blank = " \t\r\n";
    const size_t from = text.find_first_not_of(blank);
    return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(blank) - from + 1);
}

}  // namespace ilvi
