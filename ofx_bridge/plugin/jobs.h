// The jobs of this process, by name: never in an instance, of which a host makes and destroys as many as it likes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "protocol.h"
#include "worker.h"

namespace ilvi {

// looking: the cache is asked; unsolved: it has nothing, and nobody asked to solve; working: frames are being made.
enum class Stage { looking, unsolved, working, done, failed, stopped };

inline bool settled(Stage stage) { return stage != Stage::looking && stage != Stage::working; }

// How a job is at one moment.
struct Progress {
    Stage stage = Stage::looking;
    std::string phase;
    double done = 0;      // 0..1, roughly
    std::string text;     // why it failed, or what to know
    std::string entry;
};

// What who waits for a job wants: to wait on, to leave it running, or to have it no more.
enum class Waiting { on, leave, give_up };

class Work;
using OnDone = std::function<void(Work &)>;   // on the worker's thread: calls nothing of the host

struct Order {
    Json job;
    WorkerPlace place;
    bool solve = false;    // where the cache has nothing; else that is all there is to it
    bool anew = false;     // a person asked: what failed or was stopped before is tried again
    size_t expected = 0;   // frames; 0: not known
    OnDone on_done;        // once every frame is there, before anybody who waits hears of the last one
    std::shared_ptr<void> needed;   // let go of when the job is over: what the worker reads
};

class Work : public std::enable_shared_from_this<Work> {
public:
    explicit Work(const Order &order);

    Progress progress() const;
    std::map<int, std::string> frames() const;   // those that are there, number -> file
    std::string frame(int number) const;         // empty: not yet
    bool wait(std::chrono::milliseconds limit);  // until something changes; whether it is settled

private:
    friend class Jobs;
    void take(const Json &message, WorkerSession &session);
    void follow(const Json &message, WorkerSession &session);
    void settle(Stage stage, const std::string &text);
    void tell_done(bool over);
    void request(const char *type, WorkerSession &session);

    const Json job_;
    const OnDone on_done_;
    const size_t expected_;
    mutable std::mutex mutex_;   // of the rest
    std::shared_ptr<void> needed_;
    std::condition_variable change_;
    Progress progress_;
    std::map<int, std::string> frames_;
    std::string request_;        // the open one
    bool solve_, told_ = false;
    bool given_up_ = false;   // nothing more is asked of the worker for it
    int waiting_ = 0;
    std::chrono::steady_clock::time_point settled_at_;
};

class Jobs {
public:
    explicit Jobs(Worker &worker) : worker_(worker) {}

    std::shared_ptr<Work> find(const std::string &name);
    // The job of that name, begun unless it is there. The cache is asked first. Fault when there is no worker.
    std::shared_ptr<Work> ask(const std::string &name, const Order &order);
    // Waits until it is settled or `poll` (called with no lock held) says otherwise. A job that is given up is stopped
    // when nobody else waits for it.
    Waiting wait(const std::string &name, const std::shared_ptr<Work> &work, const std::function<Waiting()> &poll);
    void stop(const std::shared_ptr<Work> &work);
    void stop_all();
    void forget(const std::string &name);
    void forget_settled();

private:
    std::shared_ptr<Work> begin(const std::string &name, const Order &order);

    Worker &worker_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Work>> all_;
    std::string trouble_;   // why no worker could be started, not asked again for each frame
    std::chrono::steady_clock::time_point trouble_at_;
};

}  // namespace ilvi
