// Memory and threads: the two suites that a plugin may call from any thread.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "effect.h"
#include "misbehaviour.h"
#include "services.h"

using namespace testhost;

void testhost::panic() {
    std::fprintf(stderr, "PANIC: a function that this host does not implement was called\n");
    std::abort();
}

namespace {

// ---- memory: from any thread ----

std::mutex memory_lock;
std::map<void *, std::size_t> &blocks() {
    static auto *all = new std::map<void *, std::size_t>;
    return *all;
}

OfxStatus memory_alloc(void *, size_t bytes, void **data) {
    if (!enter("memoryAlloc", true) || !data) return kOfxStatErrBadHandle;
    void *block = std::malloc(bytes ? bytes : 1);
    if (!block) return kOfxStatErrMemory;
    std::lock_guard<std::mutex> guard(memory_lock);
    blocks()[block] = bytes;
    *data = block;
    return kOfxStatOK;
}

OfxStatus memory_free(void *data) {
    if (!enter("memoryFree", true)) return kOfxStatErrBadHandle;
    std::lock_guard<std::mutex> guard(memory_lock);
    if (blocks().erase(data) == 0)
        return violation("memoryFree of something that memoryAlloc did not give"), kOfxStatErrBadHandle;
    std::free(data);
    return kOfxStatOK;
}

// ---- threads ----

thread_local int thread_index = -1;  // -1: not spawned by multiThread

OfxStatus multi_thread(OfxThreadFunctionV1 function, unsigned int count, void *argument) {
    if (!enter("multiThread")) return kOfxStatFailed;
    if (thread_index >= 0) return violation("multiThread inside multiThread"), kOfxStatErrExists;
    if (count == 0) count = 2;
    Action *action = current_action();
    const auto work = [&](unsigned int i) {
        Action *before = swap_action(action);
        thread_index = int(i);
        function(i, count, argument);
        thread_index = -1;
        swap_action(before);
    };
    std::vector<std::thread> threads;
    for (unsigned int i = 0; i < count; ++i) {
        if (bad().on("serial_threads")) work(i);  // section 11: HostSupport
        else threads.emplace_back(work, i);
    }
    for (std::thread &thread : threads) thread.join();
    return kOfxStatOK;
}

OfxStatus cpu_count(unsigned int *count) {
    if (!enter("multiThreadNumCPUs", true) || !count) return kOfxStatErrBadHandle;
    *count = bad().on("serial_threads") ? 1 : std::max(1u, std::thread::hardware_concurrency());
    return kOfxStatOK;
}

OfxStatus index_of_thread(unsigned int *index) {
    if (!enter("multiThreadIndex", true) || !index) return kOfxStatErrBadHandle;
    *index = unsigned(std::max(0, thread_index));
    return thread_index >= 0 ? kOfxStatOK : kOfxStatFailed;
}

int is_spawned() { return thread_index >= 0 ? 1 : 0; }

}  // namespace

struct OfxMutex : Alive<OfxMutex> {
    std::recursive_mutex mutex;
};

namespace {

OfxMutexHandle alive_mutex(OfxMutexHandle mutex, const char *function) {
    return enter(function, true) && good(mutex, function) ? mutex : nullptr;
}

OfxStatus mutex_create(OfxMutexHandle *mutex, int count) {
    if (!enter("mutexCreate", true) || !mutex) return kOfxStatErrBadHandle;
    if (bad().on("no_mutexes")) return kOfxStatErrMissingHostFeature;  // section 4, notes: Sony Catalyst
    *mutex = new OfxMutex;
    for (int i = 0; i < count; ++i) (*mutex)->mutex.lock();
    return kOfxStatOK;
}

OfxStatus mutex_destroy(const OfxMutexHandle mutex) {
    if (!alive_mutex(mutex, "mutexDestroy")) return kOfxStatErrBadHandle;
    delete mutex;
    return kOfxStatOK;
}

OfxStatus mutex_lock(const OfxMutexHandle mutex) {
    if (!alive_mutex(mutex, "mutexLock")) return kOfxStatErrBadHandle;
    mutex->mutex.lock();
    return kOfxStatOK;
}

OfxStatus mutex_unlock(const OfxMutexHandle mutex) {
    if (!alive_mutex(mutex, "mutexUnLock")) return kOfxStatErrBadHandle;
    mutex->mutex.unlock();
    return kOfxStatOK;
}

OfxStatus mutex_try(const OfxMutexHandle mutex) {
    if (!alive_mutex(mutex, "mutexTryLock")) return kOfxStatErrBadHandle;
    return mutex->mutex.try_lock() ? kOfxStatOK : kOfxStatFailed;
}

// Section 11: openfx-runner hands out tables whose functions end the process.
OfxStatus panic_alloc(void *, size_t, void **) { panic(); }
OfxStatus panic_free(void *) { panic(); }
OfxStatus panic_threads(OfxThreadFunctionV1, unsigned int, void *) { panic(); }
OfxStatus panic_number(unsigned int *) { panic(); }
int panic_int() { panic(); }
OfxStatus panic_create(OfxMutexHandle *, int) { panic(); }
OfxStatus panic_mutex(const OfxMutexHandle) { panic(); }

}  // namespace

namespace {
bool panics(const char *suite) {
    for (const std::string &word : bad().words())
        if (word == std::string("panicking_stubs=") + suite) return true;
    return false;
}
}  // namespace

const OfxMemorySuiteV1 *testhost::memory_suite() {
    static const OfxMemorySuiteV1 suite = {memory_alloc, memory_free}, stubs = {panic_alloc, panic_free};
    return panics(kOfxMemorySuite) ? &stubs : &suite;
}

const OfxMultiThreadSuiteV1 *testhost::thread_suite() {
    static const OfxMultiThreadSuiteV1 suite = {multi_thread,  cpu_count,  index_of_thread, is_spawned, mutex_create,
                                                mutex_destroy, mutex_lock, mutex_unlock,    mutex_try};
    static const OfxMultiThreadSuiteV1 stubs = {panic_threads, panic_number, panic_number, panic_int,  panic_create,
                                                panic_mutex,   panic_mutex,  panic_mutex,  panic_mutex};
    return panics(kOfxMultiThreadSuite) ? &stubs : &suite;
}

void testhost::check_memory() {
    std::lock_guard<std::mutex> guard(memory_lock);
    for (const auto &block : blocks())
        violation("memoryAlloc of " + std::to_string(block.second) + " bytes was never freed");
    blocks().clear();
}
