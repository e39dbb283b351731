// The worker process as the plugin sees it: one thread of ours moves its three pipes; requests are answered by
// callbacks on that thread, which never calls the host.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "platform.h"
#include "protocol.h"
#include "worker_log.h"

namespace ilvi {

class WorkerSession;

// Called with every message that answers a request, the last one being its end (`ends_request`). Must be quick; may
// send further requests to that session, and to it alone.
using OnMessage = std::function<void(const Json &, WorkerSession &)>;

struct WorkerPlace {
    std::string python;   // the setting; empty: ILVI_PYTHON, or the installer's record
    std::string cache;    // empty: the worker's choice
    bool operator==(const WorkerPlace &other) const { return python == other.python && cache == other.cache; }
};

// One life of a worker, from its spawning to its end. Whatever happens, every open request is told its end.
class WorkerSession {
public:
    explicit WorkerSession(const WorkerPlace &place);   // Fault when it cannot be started
    ~WorkerSession();                                   // after `close`; waits for the thread, not for the worker
    WorkerSession(const WorkerSession &) = delete;
    WorkerSession &operator=(const WorkerSession &) = delete;

    // message: without its id. The id of the request; empty when the session is over, and then nothing is called.
    std::string send(Json message, OnMessage on_message);
    void cancel(const std::string &id);
    bool over() const { return over_; }
    bool busy() const;
    // Shut down, with a checkpoint of what runs; the thread goes on until the worker is gone, or for that long.
    void close(std::chrono::milliseconds grace);

private:
    using Clock = std::chrono::steady_clock;

    void run();
    void serve();
    void read_pipes(const platform::Process::Ready &ready);
    void take(const std::string &line);
    void write_some();
    void check_times();
    void end(const std::string &text, const std::string &hint);   // an error; empty: stopped on purpose
    void let_end();
    void queue(const Json &message);
    std::string with_log(const std::string &hint) const;
    bool wait_gone(std::chrono::milliseconds limit);
    bool leaving() const;

    std::unique_ptr<platform::Process> process_;
    std::unique_ptr<WorkerLog> log_;
    mutable std::mutex mutex_;                   // of the next five
    std::map<std::string, OnMessage> requests_;
    std::deque<std::string> outbox_;
    uint64_t ids_ = 0;
    bool closing_ = false;
    std::chrono::milliseconds grace_{10000};
    std::atomic<bool> over_{false};
    // the thread's own
    bool ready_ = false, out_open_ = true;
    size_t sent_ = 0;   // bytes of the outbox's first line
    std::string line_;
    Clock::time_point begun_, heard_, pinged_;
    std::thread thread_;
};

// The one worker of this process: started when the first request comes, and again after it ended.
class Worker {
public:
    // As WorkerSession::send, with a worker of that place. Fault when it cannot be started, or is busy for another one.
    std::string send(const WorkerPlace &place, const Json &message, const OnMessage &on_message);
    void cancel(const std::string &id);
    void close(std::chrono::milliseconds grace);

private:
    std::shared_ptr<WorkerSession> running(const WorkerPlace &place);

    std::mutex mutex_;
    std::shared_ptr<WorkerSession> session_;
    WorkerPlace place_;
};

}  // namespace ilvi
