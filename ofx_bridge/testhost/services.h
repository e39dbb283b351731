// The small suites: messages, progress, timeline (services.cpp), memory, threads (threads.cpp).
#pragma once

#include <ilvi_ofx/ofx.h>

namespace testhost {

const void *message_suite(int version);
const void *progress_suite(int version);
const OfxTimeLineSuiteV1 *timeline_suite();
const OfxMemorySuiteV1 *memory_suite();
const OfxMultiThreadSuiteV1 *thread_suite();

// Section 11: openfx-runner's suites have functions that end the process.
[[noreturn]] void panic();

// At unload: what memoryAlloc gave and memoryFree never got back.
void check_memory();

}  // namespace testhost
