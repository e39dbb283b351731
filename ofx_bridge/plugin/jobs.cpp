#include "jobs.h"

#include <algorithm>

#include "fault.h"

namespace ilvi {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto RETRY_AFTER = 10s;   // a job that failed is not begun again by the very next frame
constexpr size_t MOST = 64;

struct Phase {
    const char *name;
    double from, to;
};
constexpr Phase PHASES[] = {{"read", 0, 0.05},        {"wait", 0, 0},          {"flow", 0.05, 0.2},
                            {"donors", 0.2, 0.45},    {"remainder", 0.45, 0.6}, {"features", 0.45, 0.6},
                            {"train", 0.45, 0.85},    {"fill", 0.85, 0.92},    {"write", 0.92, 1}};

double part_of(const std::string &phase, double done, double total) {
    for (const Phase &one : PHASES)
        if (phase == one.name) return one.from + (one.to - one.from) * (total > 0 ? std::min(done / total, 1.0) : 0);
    return 0;
}

std::string words_of(const Json &message) {
    const auto text = message["text"].get<std::string>(), hint = message["hint"].get<std::string>();
    return hint.empty() ? text : text + " " + hint;
}

}  // namespace

Work::Work(const Order &order)
    : job_(order.job), on_done_(order.on_done), expected_(order.expected), needed_(order.needed), solve_(order.solve) {}

Progress Work::progress() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return progress_;
}

std::map<int, std::string> Work::frames() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return frames_;
}

std::string Work::frame(int number) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = frames_.find(number);
    return found == frames_.end() ? "" : found->second;
}

bool Work::wait(std::chrono::milliseconds limit) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!settled(progress_.stage)) change_.wait_for(lock, limit);
    return settled(progress_.stage);
}

void Work::take(const Json &message, WorkerSession &session) {
    const auto type = message["type"].get<std::string>();
    if (type == "found") {
        follow(message, session);
    } else if (type == "finished") {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!message["entry"].get<std::string>().empty()) progress_.entry = message["entry"];
        }
        settle(Stage::done, "");
    } else if (type == "error") {
        settle(Stage::failed, words_of(message));
    } else if (type == "cancelled") {
        settle(Stage::stopped, words_of(message));
    } else if (type == "frame") {
        if (!message["final"].get<bool>()) return;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            frames_[message["frame"].get<int>()] = message["path"].get<std::string>();
        }
        tell_done(false);
        change_.notify_all();
    } else {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (type == "progress") {
            progress_.phase = message["phase"];
            const double done = part_of(progress_.phase, message["done"].get<double>(), message["total"].get<double>());
            progress_.done = std::max(progress_.done, done);
        } else if (type == "started") {
            progress_.entry = message["entry"];
        } else if (type == "warning") {
            progress_.text = message["text"];
        }
        change_.notify_all();
    }
}

// The cache's answer: done, composited without solving, solved, or left.
void Work::follow(const Json &message, WorkerSession &session) {
    const auto state = message["state"].get<std::string>();
    bool solve, given_up;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        progress_.entry = message["entry"];
        solve = solve_;
        given_up = given_up_;
        for (const auto &[number, path] : message["frames"].items()) frames_[std::atoi(number.c_str())] = path;
        if (state == "frames" && frames_.empty()) solve = false;   // so many that they are announced one by one
    }
    if (state == "frames" && !message["frames"].empty()) {
        settle(Stage::done, "");
    } else if (given_up) {
        settle(Stage::stopped, "Stopped.");
    } else if (state == "frames" || state == "fills" || state == "weights") {
        request("rerender", session);
    } else if (solve) {
        request("start", session);
    } else {
        settle(Stage::unsolved, "");
    }
}

void Work::request(const char *type, WorkerSession &session) {
    Json message = {{"type", type}, {"job", job_}};
    if (std::string(type) == "start") message["previews"] = false;
    const std::shared_ptr<Work> self = shared_from_this();
    std::string id;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        progress_.stage = Stage::working;
        change_.notify_all();
    }
    id = session.send(message, [self](const Json &answer, WorkerSession &from) { self->take(answer, from); });
    if (id.empty()) {
        settle(Stage::stopped, "The worker was closed.");
        return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    request_ = id;
    if (given_up_) session.cancel(id);   // in between
}

// A host may exit as soon as it has the last frame: what is to be remembered is so by then.
void Work::tell_done(bool over) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (told_ || (!over && (!expected_ || frames_.size() < expected_))) return;
        told_ = true;
    }
    if (on_done_) on_done_(*this);
}

void Work::settle(Stage stage, const std::string &text) {
    if (stage == Stage::done) tell_done(true);
    std::shared_ptr<void> needed;   // let go of with no lock held
    const std::lock_guard<std::mutex> lock(mutex_);
    needed.swap(needed_);
    progress_.stage = stage;
    if (!text.empty()) progress_.text = text;
    if (stage == Stage::done) progress_.done = 1;
    request_.clear();
    settled_at_ = Clock::now();
    change_.notify_all();
}

std::shared_ptr<Work> Jobs::find(const std::string &name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = all_.find(name);
    return found == all_.end() ? nullptr : found->second;
}

std::shared_ptr<Work> Jobs::ask(const std::string &name, const Order &order) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (order.anew) trouble_.clear();
    const auto found = all_.find(name);
    if (found != all_.end()) {
        const std::shared_ptr<Work> &work = found->second;
        const std::lock_guard<std::mutex> own(work->mutex_);
        const bool old = Clock::now() - work->settled_at_ > RETRY_AFTER;
        switch (work->progress_.stage) {
            case Stage::looking:
                if (work->given_up_) break;   // it will be stopped as soon as the cache has answered
                work->solve_ = work->solve_ || order.solve;
                return work;
            case Stage::working: return work;
            case Stage::done:
                if (!order.anew) return work;
                break;
            case Stage::unsolved:
                if (!order.solve && !order.anew) return work;
                break;
            case Stage::failed:
                if (!order.anew && !old) return work;
                break;
            case Stage::stopped:
                if (!order.anew) return work;
                break;
        }
    }
    return begin(name, order);
}

std::shared_ptr<Work> Jobs::begin(const std::string &name, const Order &order) {
    if (!trouble_.empty() && Clock::now() - trouble_at_ < RETRY_AFTER) throw Fault(trouble_);
    auto work = std::make_shared<Work>(order);
    const OnMessage on_message = [work](const Json &answer, WorkerSession &from) { work->take(answer, from); };
    try {
        const std::string id = worker_.send(order.place, {{"type", "lookup"}, {"job", order.job}}, on_message);
        const std::lock_guard<std::mutex> own(work->mutex_);
        if (work->request_.empty() && work->progress_.stage == Stage::looking) work->request_ = id;
    } catch (const Fault &fault) {
        trouble_ = fault.text();
        trouble_at_ = Clock::now();
        throw;
    }
    trouble_.clear();
    all_[name] = work;
    for (auto one = all_.begin(); all_.size() > MOST && one != all_.end();)
        one = one->second != work && settled(one->second->progress().stage) ? all_.erase(one) : std::next(one);
    return work;
}

Waiting Jobs::wait(const std::string &name, const std::shared_ptr<Work> &work, const std::function<Waiting()> &poll) {
    {
        const std::lock_guard<std::mutex> lock(work->mutex_);
        ++work->waiting_;
    }
    Waiting wanted = poll();
    while (wanted == Waiting::on && !work->wait(50ms)) wanted = poll();
    bool last;
    {
        const std::lock_guard<std::mutex> lock(work->mutex_);
        last = --work->waiting_ == 0;
    }
    if (wanted == Waiting::give_up && last) {
        forget(name);   // the next one that wants it begins it again, where it was stopped
        stop(work);
    }
    return wanted;
}

void Jobs::stop(const std::shared_ptr<Work> &work) {
    std::string id;
    {
        const std::lock_guard<std::mutex> lock(work->mutex_);
        id = work->request_;
        work->given_up_ = true;
    }
    if (!id.empty()) worker_.cancel(id);
}

void Jobs::stop_all() {
    std::map<std::string, std::shared_ptr<Work>> all;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        all = all_;
    }
    for (const auto &[name, work] : all)
        if (!settled(work->progress().stage)) stop(work);
}

void Jobs::forget(const std::string &name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.erase(name);
}

void Jobs::forget_settled() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto one = all_.begin(); one != all_.end();)
        one = settled(one->second->progress().stage) ? all_.erase(one) : std::next(one);
}

}  // namespace ilvi
