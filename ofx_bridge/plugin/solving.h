// What a button and a render have in common: which range, which job, and what is left when it is done.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "collection.h"
#include "jobs.h"
#include "parameters.h"

namespace ilvi {

// The frames that are solved together: the custom ones, or those that the source has; nothing where the host does not
// say.
std::optional<std::pair<int, int>> range_of(OfxImageEffectHandle instance, const Values &values);

bool by_files(const Values &values);      // plate files are named: no frame of the host is needed
bool wants_mask(const Values &values);

// A job, its name in `Jobs`, and what it becomes.
struct Plan {
    std::string name;
    Order order;
};

// For frames of the host, all of which were gathered; what they become goes to the records when it is done.
Plan plan_of(const Values &values, const std::shared_ptr<Collection> &collection, bool solve);
// For plate and matte files.  view: empty: the parameter's.
Plan plan_of_files(const Values &values, bool solve, const std::string &view = "");

}  // namespace ilvi
