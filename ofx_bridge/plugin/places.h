// Where the worker's Python is, and what the worker gets of the host's environment: as ilvi_core.host.places has it.
#pragma once

#include <string>
#include <vector>

namespace ilvi {

// The path of the worker's Python: the setting, else ILVI_PYTHON, else the installer's record. The first of them that
// is set counts: when it is wrong, that is a Fault, and no other is tried.
std::string find_worker(const std::string &setting);

// NAME=value, without what would leak the host into the worker.  cache: the cache's folder; empty: the worker's choice.
std::vector<std::string> worker_environment(const std::string &cache);

std::string log_folder();    // ILVI_LOG, or the user's
std::string data_folder();   // beside the installer's record

std::string expanded(const std::string &path);   // from the root, ~ replaced
std::string trimmed(const std::string &text);

}  // namespace ilvi
