// The command language: one command a line, one JSON answer a line. README.md has the list.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "render.h"

namespace testhost {

struct Words;

class Script {
public:
    // Runs one line. Returns its answer, with the events and violations that came up; null for blank lines
    // and comments (#).
    json run(const std::string &line);
    // Destroys what lives and unloads, as a host does that ends well.
    void finish();

    bool ended() const { return ended_; }
    bool failed() const { return failed_; }  // a command could not be carried out

private:
    json command(const Words &words);
    json clip(const Words &words);
    json host_command(const Words &words);
    json set(const Words &words);
    json render_command(const Words &words);
    json save(const std::string &path);
    json restore(const std::string &path);
    json destroy(const std::string &name);
    json state();
    Instance &current();

    std::map<std::string, ClipInput> inputs_;
    std::map<std::string, std::unique_ptr<Instance>> instances_;
    std::string current_ = "main";
    Values saved_;  // for the next instance that is made
    bool ended_ = false, failed_ = false;
};

}  // namespace testhost
