// What differs between systems: processes, private folders, where things are. One file for each kind of system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ilvi::platform {

// A child process with pipes at stdin, stdout and stderr, leader of a group of its own.
class Process {
public:
    // Which pipes can go on. woken: `wake` was called.
    struct Ready {
        bool out = false, err = false, in = false, woken = false;
    };

    // Throws Fault in words when it cannot be started. environment: NAME=value.
    Process(const std::vector<std::string> &command, const std::vector<std::string> &environment);
    ~Process();   // closes the pipes; the process itself is left alone
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    long id() const;
    Ready wait(int milliseconds, bool to_write);
    void wake();   // from any thread: ends a `wait`
    // Bytes moved; 0: nothing now; -1: that pipe is at its end.
    long read_out(char *into, size_t size);
    long read_err(char *into, size_t size);
    long write_in(const char *from, size_t size);
    void close_in();
    bool ended();            // collects it when it is
    std::string ending();    // how it ended, as part of a sentence
    bool killed() const;     // ended by a signal that cannot be caught: often for want of memory
    void terminate();        // asks it and its children to end (Windows: ends it)
    void kill();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

void quiet_thread();   // no signal of the host is handled on this thread, and none of ours reaches the host
void pin_module();     // this plugin's code stays in memory: a thread of ours may outlive a careless unload
std::string executable();      // the host's program
std::string home();
std::string data_folder();     // the user's, for ILVI, as ilvi_core.host.places has them
std::string log_folder();
bool is_executable(const std::string &path);
std::vector<std::string> environment();
long process_id();

// Folders in which pixels can be handed over, the best first: shared memory, then the temporary one.
std::vector<std::string> scratch_places();
uint64_t free_bytes(const std::string &folder);
bool make_private(const std::string &folder);   // for this user alone; false when it is there already, or cannot be

// A file that one living process holds; the system lets go of it when that process ends, however it does.
class Held {
public:
    explicit Held(const std::string &path);
    ~Held();
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    explicit operator bool() const { return handle_ != -1; }

private:
    std::intptr_t handle_ = -1;
};

}  // namespace ilvi::platform
