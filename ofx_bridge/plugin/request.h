// From the parameters to a job as the worker takes it (ilvi_core.host.job, ilvi_core.host.parameters.job_parts).
#pragma once

#include <string>

#include "parameters.h"
#include "protocol.h"
#include "worker.h"

namespace ilvi {

// Where a job's pictures are.
struct Inputs {
    std::string plate, matte;             // patterns
    std::string matte_channel = "auto";
    std::string frames;                   // "1001-1060"; empty: all that the plate has
    std::string encoding = "auto";        // what the parameter's auto stands for
};

// Fault where a value cannot be understood.  view: of the composite; empty: the parameter's.
Json job_of(const Values &values, const Inputs &inputs, const std::string &view = "");

// A name for everything that decides how a frame looks but its pixels and the range: it groups what this plugin knows.
// The cache's own key is the worker's affair.
std::string look_of(const Values &values);

std::string name_of(const Json &json);   // a short name of its content

WorkerPlace place_of(const Values &values);

}  // namespace ilvi
