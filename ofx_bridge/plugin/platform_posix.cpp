// Linux and macOS.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "fault.h"
#include "platform.h"

extern char **environ;
#if defined(__GLIBC__)
// since glibc 2.34; the plugin is to load with older ones too
extern "C" int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int) noexcept __attribute__((weak));
#endif

namespace ilvi::platform {

namespace {

constexpr const char *START_HINT = "Run ILVI's installer, or set ILVI_PYTHON to the Python that has ILVI.";

// A worker that outlives the host by a moment is not to hold what the host has open: its pipes, its sockets.
#if defined(__APPLE__)
constexpr int CLOSED = POSIX_SPAWN_CLOEXEC_DEFAULT;
void close_the_rest(posix_spawn_file_actions_t *) {}
#else
constexpr int CLOSED = 0;
void close_the_rest([[maybe_unused]] posix_spawn_file_actions_t *actions) {
#if defined(__GLIBC__)
    if (posix_spawn_file_actions_addclosefrom_np) posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
}
#endif

// Both ends are closed in programs that the host starts meanwhile: one that kept them would keep the worker alive.
struct Pipe {
    int from = -1, to = -1;
    Pipe() {
        int ends[2];
#if defined(__linux__)
        const int made = pipe2(ends, O_CLOEXEC);
#else
        const int made = pipe(ends);
#endif
        if (made != 0) throw Fault(std::string("No pipe can be made: ") + strerror(errno) + ".", "Close some files.");
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
        from = ends[0];
        to = ends[1];
    }
    ~Pipe() {
        if (from >= 0) close(from);
        if (to >= 0) close(to);
    }
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    static int take(int &end) { return std::exchange(end, -1); }
};

void unblocked(int file) { fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK); }

void shut(int &file) {
    if (file >= 0) close(file);
    file = -1;
}

long moved(ssize_t count, bool writing) {
    if (count > 0) return static_cast<long>(count);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    return writing && count == 0 ? 0 : -1;
}

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

struct Process::Parts {
    pid_t pid = -1;
    int in = -1, out = -1, err = -1, wake_from = -1, wake_to = -1;
    bool ended = false;
    int status = 0;      // as waitpid gives it
    bool known = false;  // whether it did: a host may collect all children itself
};

Process::Process(const std::vector<std::string> &command, const std::vector<std::string> &env)
    : parts_(std::make_unique<Parts>()) {
    Pipe in, out, err, wake;
    std::vector<char *> argv, envp;
    for (const std::string &part : command) argv.push_back(const_cast<char *>(part.c_str()));
    for (const std::string &part : env) envp.push_back(const_cast<char *>(part.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.from, 0);
    posix_spawn_file_actions_adddup2(&actions, out.to, 1);
    posix_spawn_file_actions_adddup2(&actions, err.to, 2);
    close_the_rest(&actions);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);   // a host may ignore SIGPIPE or SIGCHLD, which is inherited
    posix_spawnattr_setsigmask(&attributes, &none);
    // Away from the host's terminal and its Ctrl-C, and to be stopped with all its children.
    const int flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | CLOSED;
    posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
    const int failed = posix_spawn(&parts_->pid, command[0].c_str(), &actions, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) throw Fault("The worker " + command[0] + " cannot be started: " + strerror(failed) + ".", START_HINT);

    parts_->in = Pipe::take(in.to);
    parts_->out = Pipe::take(out.from);
    parts_->err = Pipe::take(err.from);
    parts_->wake_from = Pipe::take(wake.from);
    parts_->wake_to = Pipe::take(wake.to);
    for (int file : {parts_->in, parts_->out, parts_->err, parts_->wake_from, parts_->wake_to}) unblocked(file);
}

Process::~Process() {
    for (int *file : {&parts_->in, &parts_->out, &parts_->err, &parts_->wake_from, &parts_->wake_to}) shut(*file);
}

long Process::id() const { return parts_->pid; }

Process::Ready Process::wait(int milliseconds, bool to_write) {
    // poll passes over a negative file, which is one that is at its end
    pollfd files[] = {{parts_->out, POLLIN, 0},
                      {parts_->err, POLLIN, 0},
                      {parts_->wake_from, POLLIN, 0},
                      {to_write ? parts_->in : -1, POLLOUT, 0}};
    Ready ready;
    if (poll(files, 4, milliseconds) <= 0) return ready;
    ready.out = files[0].revents != 0;
    ready.err = files[1].revents != 0;
    ready.woken = files[2].revents != 0;
    ready.in = files[3].revents != 0;
    char ignored[64];
    while (ready.woken && read(parts_->wake_from, ignored, sizeof ignored) > 0) {
    }
    return ready;
}

void Process::wake() {
    const ssize_t written = write(parts_->wake_to, "x", 1);   // full: it is awake already
    static_cast<void>(written);
}

long Process::read_out(char *into, size_t size) {
    const long count = moved(read(parts_->out, into, size), false);
    if (count < 0) shut(parts_->out);
    return count;
}

long Process::read_err(char *into, size_t size) {
    const long count = moved(read(parts_->err, into, size), false);
    if (count < 0) shut(parts_->err);
    return count;
}

long Process::write_in(const char *from, size_t size) {
    if (parts_->in < 0) return -1;
    const long count = moved(write(parts_->in, from, size), true);
    if (count < 0) shut(parts_->in);
    return count;
}

void Process::close_in() { shut(parts_->in); }

bool Process::ended() {
    if (parts_->ended) return true;
    int status = 0;
    const pid_t found = waitpid(parts_->pid, &status, WNOHANG);
    if (found == parts_->pid) {
        parts_->status = status;
        parts_->known = parts_->ended = true;
    } else if (found < 0 && errno == ECHILD) {
        parts_->ended = true;   // the host collected it
    }
    return parts_->ended;
}

std::string Process::ending() {
    if (!parts_->ended) return "closed its pipes";
    if (!parts_->known) return "ended";
    if (WIFSIGNALED(parts_->status)) return "was ended by signal " + std::to_string(WTERMSIG(parts_->status));
    return "ended with exit code " + std::to_string(WEXITSTATUS(parts_->status));
}

bool Process::killed() const {
    return parts_->known && WIFSIGNALED(parts_->status) && WTERMSIG(parts_->status) == SIGKILL;
}

// The group is there as long as one of its processes is, the leader or a child that it left behind.
void Process::terminate() { ::kill(-parts_->pid, SIGTERM); }

void Process::kill() { ::kill(-parts_->pid, SIGKILL); }

void quiet_thread() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void pin_module() {
    Dl_info info;
    if (dladdr(reinterpret_cast<void *>(&pin_module), &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

std::string executable() {
    char path[PATH_MAX];
#if defined(__APPLE__)
    uint32_t size = sizeof path;
    return _NSGetExecutablePath(path, &size) == 0 ? path : "";
#else
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
#endif
}

std::string home() {
    const std::string named = variable("HOME");
    return named.empty() ? "/" : named;
}

std::string data_folder() {
#if defined(__APPLE__)
    return home() + "/Library/Application Support/ilvi";
#else
    const std::string named = variable("XDG_DATA_HOME");
    return (named.empty() ? home() + "/.local/share" : named) + "/ilvi";
#endif
}

std::string log_folder() {
#if defined(__APPLE__)
    return home() + "/Library/Logs/ilvi";
#else
    const std::string named = variable("XDG_STATE_HOME");
    return (named.empty() ? home() + "/.local/state" : named) + "/ilvi/log";
#endif
}

bool is_executable(const std::string &path) {
    struct stat facts;
    return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::vector<std::string> environment() {
    std::vector<std::string> all;
    for (char **entry = environ; entry && *entry; ++entry) all.emplace_back(*entry);
    return all;
}

long process_id() { return getpid(); }

std::vector<std::string> scratch_places() {
    std::vector<std::string> places;
#if defined(__linux__)
    places.emplace_back("/dev/shm");
#endif
    const std::string named = variable("TMPDIR");
    if (!named.empty()) places.push_back(named);
    places.emplace_back("/tmp");
    return places;
}

uint64_t free_bytes(const std::string &folder) {
    struct statvfs facts;
    if (statvfs(folder.c_str(), &facts) != 0) return 0;
    return static_cast<uint64_t>(facts.f_bavail) * facts.f_frsize;
}

bool make_private(const std::string &folder) { return mkdir(folder.c_str(), 0700) == 0; }

Held::Held(const std::string &path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        return;
    }
    handle_ = file;
}

Held::~Held() {
    if (handle_ != -1) close(static_cast<int>(handle_));
}

}  // namespace ilvi::platform
