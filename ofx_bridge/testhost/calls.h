// Who is calling: the action that a thread is in, and what every suite function checks when it is entered.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "report.h"

namespace testhost {

struct Image;
struct RenderJob;

// One call of mainEntry (or of setHost and the like) in progress. Threads of multiThread share their starter's.
struct Action {
    const char *name = "";
    OfxImageEffectHandle effect = nullptr;
    std::string reason;  // kOfxPropChangeReason, for InstanceChanged and its brackets
    double time = 0;
    RenderJob *job = nullptr;   // the render in progress, for Render
    bool may_call_host = true;  // false in setHost, OfxGetPlugin (section 1)
    std::thread::id thread = std::this_thread::get_id();
    Action *outer = nullptr;

    std::mutex lock;              // for the rest, which spawned threads may touch
    std::vector<Image *> images;  // fetched and not released
    double host_seconds = 0;      // spent in fetching and releasing images
    bool progress_open = false;
    int progress_updates = 0;
    int edits_open = 0;

    bool is(const char *action) const;
    bool is_render() const;  // one of the render-thread actions of section 5
};

Action *current_action();
// Makes the action this thread's (nullptr: none). Returns the one before.
Action *swap_action(Action *action);

// First line of every suite function: takes back the strings lent by the last call, and says whether
// a call is allowed here. `anywhere`: also on threads of the plugin's own (memory and mutexes).
bool enter(const char *function, bool anywhere = false);

// A string for the plugin that lives only until this thread's next suite call (section 4, notes).
char *lend(const std::string &text);

// Base of every handle: a NULL, foreign or retired handle is recognised without touching it.
template <class T>
class Alive {
public:
    Alive() {
        std::lock_guard<std::mutex> guard(lock());
        all().insert(this);
    }
    Alive(const Alive &) = delete;
    Alive &operator=(const Alive &) = delete;
    ~Alive() { retire(); }

    void retire() {
        std::lock_guard<std::mutex> guard(lock());
        all().erase(this);
    }
    static bool is(const T *handle) {
        std::lock_guard<std::mutex> guard(lock());
        return handle != nullptr && all().count(handle) == 1;
    }

private:
    static std::mutex &lock() {
        static auto *the_lock = new std::mutex;
        return *the_lock;
    }
    static std::set<const void *> &all() {
        static auto *the_set = new std::set<const void *>;
        return *the_set;
    }
};

// Is the handle alive? If not, a violation in the name of `function`.
template <class T>
bool good(const T *handle, const char *function) {
    if (Alive<T>::is(handle)) return true;
    violation(std::string(function) + (handle ? ": a handle that is not (or no longer) valid" : ": a NULL handle"));
    return false;
}

}  // namespace testhost
