// What this process has of ILVI: one worker, its jobs, and what is known of frames. No instance owns any of it.
#pragma once

#include "collection.h"
#include "jobs.h"
#include "records.h"
#include "scratch.h"
#include "worker.h"

namespace ilvi {

struct State {
    Scratch scratch;
    Records records;
    Collections collections{scratch};
    Worker worker;
    Jobs jobs{worker};
};

// Between Load and Unload.
State &state();

}  // namespace ilvi
