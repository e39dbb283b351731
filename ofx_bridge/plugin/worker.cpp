#include "worker.h"

#include <filesystem>

#include "fault.h"
#include "places.h"
#include "suites.h"

namespace ilvi {

namespace {

using namespace std::chrono_literals;

constexpr auto READY_LIMIT = 30s;      // from spawning to the worker's greeting
constexpr auto SILENCE_LIMIT = 120s;   // without any answer, to pings neither, a worker that is asked counts as hung
constexpr auto PING_EVERY = 15s;
constexpr auto TICK = 200ms;
constexpr auto STEP_GRACE = 2000ms;    // of the ladder: after its input is closed, after it is terminated
constexpr auto EXIT_WAIT = 800ms;      // in which a worker that closed a pipe is expected to be gone
constexpr const char *RESTART = "Try again: the worker starts anew.";

}  // namespace

WorkerSession::WorkerSession(const WorkerPlace &place) {
    const std::string python = find_worker(place.python);
    platform::pin_module();
    process_ = std::make_unique<platform::Process>(std::vector<std::string>{python, "-I", "-m", "ilvi_core.worker"},
                                                   worker_environment(place.cache));
    const std::string folder = log_folder();
    sweep_logs(folder);
    const std::string name = "worker-" + std::to_string(process_->id()) + ".log";
    log_ = std::make_unique<WorkerLog>((std::filesystem::path(folder) / name).string());
    begun_ = heard_ = pinged_ = Clock::now();
    const std::string host = host_facts().name.empty() ? "an OpenFX host" : host_facts().name;
    outbox_.push_back(write_message({{"type", "hello"}, {"protocol", PROTOCOL}, {"client", host + ", OpenFX"}}));
    thread_ = std::thread([this] { run(); });
}

WorkerSession::~WorkerSession() {
    if (thread_.joinable()) thread_.join();
}

std::string WorkerSession::send(Json message, OnMessage on_message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (over_ || closing_) return "";
    const std::string id = std::to_string(++ids_);
    message["id"] = id;
    outbox_.push_back(write_message(message));
    requests_[id] = std::move(on_message);
    process_->wake();
    return id;
}

void WorkerSession::cancel(const std::string &id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (over_ || !requests_.count(id)) return;
    outbox_.push_back(write_message({{"type", "cancel"}, {"id", id}}));
    process_->wake();
}

bool WorkerSession::busy() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !over_ && !requests_.empty();
}

void WorkerSession::close(std::chrono::milliseconds grace) {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    grace_ = grace;
    process_->wake();
}

// -- the thread -------------------------------------------------------------------------------------------------------

void WorkerSession::run() {
    platform::quiet_thread();
    try {
        serve();
    } catch (const Fault &fault) {
        end(fault.what(), with_log(fault.hint));
    } catch (const std::exception &error) {
        end(std::string("Reading from the worker failed: ") + error.what() + ".", with_log(RESTART));
    }
    let_end();
}

void WorkerSession::serve() {
    for (;;) {
        bool to_write;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (closing_) return;
            to_write = !outbox_.empty();
        }
        const platform::Process::Ready ready = process_->wait(static_cast<int>(TICK.count()), to_write);
        read_pipes(ready);
        if (ready.in) write_some();
        if (!out_open_ || process_->ended()) break;
        check_times();
    }
    // Nobody asked for it: the process or one of its pipes ended. Its last words may still be in the pipes.
    wait_gone(EXIT_WAIT);
    for (int i = 0; i < 100; ++i) {
        const platform::Process::Ready rest = process_->wait(0, false);
        if (!rest.out && !rest.err) break;
        read_pipes(rest);
    }
    std::string hint = RESTART;
    if (process_->killed()) hint = std::string("Perhaps the machine ran out of memory. ") + hint;
    end("The worker " + process_->ending() + ".", with_log(hint));
}

void WorkerSession::read_pipes(const platform::Process::Ready &ready) {
    char chunk[1 << 16];
    if (ready.err) {
        const long count = process_->read_err(chunk, sizeof chunk);
        if (count > 0) log_->feed(chunk, static_cast<size_t>(count));
    }
    if (!ready.out || !out_open_) return;
    const long count = process_->read_out(chunk, sizeof chunk);
    if (count < 0) out_open_ = false;
    for (long i = 0; i < count; ++i) {
        if (chunk[i] == '\n') {
            take(std::exchange(line_, ""));
        } else {
            line_ += chunk[i];
            if (line_.size() >= MAX_LINE) take(line_);   // refused there
        }
    }
}

void WorkerSession::take(const std::string &line) {
    const Json message = read_message(line);
    heard_ = Clock::now();
    const auto type = message["type"].get<std::string>();
    if (type == "ready") {
        if (message["protocol"] != PROTOCOL)
            throw Fault("The worker (ILVI " + message["version"].get<std::string>() + ") speaks protocol " +
                            message["protocol"].dump() + ", this plugin protocol " + std::to_string(PROTOCOL) + ".",
                        "Install the plugin and the worker of one version.");
        if (ready_) throw Fault("The worker sent 'ready' twice.", RESTART);
        ready_ = true;
        return;
    }
    const auto id = message["id"].get<std::string>();
    if (type == "error" && id.empty())
        throw Fault(message["text"].get<std::string>(), message["hint"].get<std::string>());
    if (!ready_) throw Fault("The worker sent '" + type + "' before it was ready.", RESTART);
    OnMessage on_message;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = requests_.find(id);
        if (found == requests_.end()) return;   // a ping of ours, or one that ended while this was on its way
        on_message = found->second;
        if (ends_request(message)) requests_.erase(found);
    }
    if (on_message) on_message(message, *this);
}

void WorkerSession::write_some() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!outbox_.empty()) {
        const std::string &line = outbox_.front();
        const long count = process_->write_in(line.data() + sent_, line.size() - sent_);
        if (count < 0) {
            outbox_.clear();   // it ends: the other pipe tells how
            return;
        }
        if (count == 0) return;
        sent_ += static_cast<size_t>(count);
        if (sent_ < line.size()) continue;
        outbox_.pop_front();
        sent_ = 0;
    }
}

void WorkerSession::check_times() {
    const Clock::time_point now = Clock::now();
    if (!ready_ && now - begun_ > READY_LIMIT)
        throw Fault("The worker was not ready within 30 s.", with_log(RESTART));
    if (!busy()) {
        heard_ = now;
        return;
    }
    if (now - heard_ > SILENCE_LIMIT) throw Fault("The worker has not answered for 120 s.", with_log(RESTART));
    if (ready_ && now - heard_ > PING_EVERY && now - pinged_ > PING_EVERY) {
        pinged_ = now;
        const std::lock_guard<std::mutex> lock(mutex_);
        outbox_.push_back(write_message({{"type", "ping"}, {"id", "ping" + std::to_string(++ids_)}}));
    }
}

// Every open request ends. Only the first call counts.
void WorkerSession::end(const std::string &text, const std::string &hint) {
    std::map<std::string, OnMessage> open;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (over_) return;
        over_ = true;
        open.swap(requests_);
    }
    if (!text.empty()) log_->note(text);
    for (const auto &[id, on_message] : open) {
        if (!on_message) continue;
        if (text.empty())
            on_message({{"type", "cancelled"}, {"id", id}, {"text", "The worker was closed."}, {"hint", ""}}, *this);
        else
            on_message({{"type", "error"}, {"id", id}, {"code", "failed"}, {"text", text}, {"hint", hint}}, *this);
    }
}

// The ladder: let it end by itself, close its input, terminate it, kill it. A worker that is asked to end while the
// host itself does is left behind after its grace: it ends by itself when its input does.
void WorkerSession::let_end() {
    std::chrono::milliseconds grace{0};
    bool asked;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        asked = closing_ && !over_;
        grace = grace_;
        if (asked) {
            if (sent_ == 0) outbox_.clear();   // what was not begun is not wanted any more
            outbox_.push_back(write_message({{"type", "shutdown"}}));
        }
    }
    if (asked) write_some();
    end("", "");
    process_->close_in();
    if (wait_gone(asked ? grace : STEP_GRACE) || (asked && leaving())) return;
    process_->terminate();
    if (!wait_gone(STEP_GRACE)) process_->kill();
    wait_gone(STEP_GRACE);
}

// Whether the host itself goes, which is not to be held up.
bool WorkerSession::leaving() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return closing_ && grace_ < STEP_GRACE;
}

bool WorkerSession::wait_gone(std::chrono::milliseconds limit) {
    const Clock::time_point begun = Clock::now(), until = begun + limit;
    char chunk[1 << 14];
    while (!process_->ended()) {
        if (Clock::now() >= until || (over_ && leaving() && Clock::now() - begun >= grace_)) return false;
        // a worker whose pipes are full cannot end
        const platform::Process::Ready ready = process_->wait(10, false);
        if (over_ && ready.out && process_->read_out(chunk, sizeof chunk) < 0) continue;
        if (ready.err) {
            const long count = process_->read_err(chunk, sizeof chunk);
            if (count > 0) log_->feed(chunk, static_cast<size_t>(count));
        }
        if (ready.out && !over_) std::this_thread::sleep_for(5ms);   // its last words are read later
    }
    return true;
}

std::string WorkerSession::with_log(const std::string &hint) const {
    const std::string last = log_->end(8), text = hint.empty() ? RESTART : hint;
    if (last.empty()) return text + " Its log is " + log_->path() + ".";
    return text + " The end of its log (" + log_->path() + "):\n" + last;
}

// -- the one of this process ------------------------------------------------------------------------------------------

std::string Worker::send(const WorkerPlace &place, const Json &message, const OnMessage &on_message) {
    for (int tries = 0; tries < 2; ++tries) {
        const std::string id = running(place)->send(message, on_message);
        if (!id.empty()) return id;
    }
    throw Fault("The worker ended as soon as it was started.", "Look at its log in " + log_folder() + ".");
}

std::shared_ptr<WorkerSession> Worker::running(const WorkerPlace &place) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (session_ && !session_->over() && !(place == place_)) {
        if (session_->busy())
            throw Fault("The worker is busy with a job for another cache folder or of another Python.",
                        "Wait until that job is done, or stop it.");
        session_->close(STEP_GRACE);
    }
    if (!session_ || session_->over() || !(place == place_)) {
        session_.reset();   // waits until the one before is gone: two would share the GPU's memory
        session_ = std::make_shared<WorkerSession>(place);
        place_ = place;
    }
    return session_;
}

void Worker::cancel(const std::string &id) {
    std::shared_ptr<WorkerSession> session;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        session = session_;
    }
    if (session) session->cancel(id);
}

void Worker::close(std::chrono::milliseconds grace) {
    std::shared_ptr<WorkerSession> session;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        session.swap(session_);
    }
    if (session) session->close(grace);
}

}  // namespace ilvi
