// Windows. Pipes that have no name cannot be waited for: they are looked at in turn.
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <cstdlib>

#include "fault.h"
#include "platform.h"

namespace ilvi::platform {

namespace {

constexpr int LOOK_EVERY = 10;   // ms
constexpr DWORD PIPE_SIZE = 1 << 20;

std::wstring wide(const std::string &text) {
    const int size = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
    std::wstring made(static_cast<size_t>(size), L'\0');
    MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), made.data(), size);
    return made;
}

std::string narrow(const std::wstring &text) {
    const int size =
        WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0, nullptr, nullptr);
    std::string made(static_cast<size_t>(size), '\0');
    WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), made.data(), size, nullptr, nullptr);
    return made;
}

std::string variable(const char *name) {
    const DWORD size = GetEnvironmentVariableW(wide(name).c_str(), nullptr, 0);
    std::wstring value(size, L'\0');
    if (size) value.resize(GetEnvironmentVariableW(wide(name).c_str(), value.data(), size));
    return narrow(value);
}

void shut(HANDLE &handle) {
    if (handle) CloseHandle(handle);
    handle = nullptr;
}

// A word of a command line, as the C runtime takes it apart again.
std::wstring quoted(const std::wstring &word) {
    std::wstring made = L"\"";
    size_t slashes = 0;
    for (wchar_t c : word) {
        if (c == L'"') made.append(slashes + 1, L'\\');
        slashes = c == L'\\' ? slashes + 1 : 0;
        made += c;
    }
    return made.append(slashes, L'\\') + L"\"";
}

// ours: the end that the child does not get.
void make_pipe(HANDLE *child, HANDLE *ours, bool child_reads) {
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    HANDLE from = nullptr, to = nullptr;
    if (!CreatePipe(&from, &to, &inherited, PIPE_SIZE)) throw Fault("No pipe can be made.", "Close some programs.");
    *child = child_reads ? from : to;
    *ours = child_reads ? to : from;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
}

// Bytes that wait in a pipe; -1: it is at its end.
long waiting(HANDLE pipe) {
    DWORD count = 0;
    if (!pipe || !PeekNamedPipe(pipe, nullptr, 0, nullptr, &count, nullptr)) return -1;
    return static_cast<long>(count);
}

long read_some(HANDLE &pipe, char *into, size_t size) {
    const long there = waiting(pipe);
    DWORD count = 0;
    const DWORD most = there > 0 && static_cast<size_t>(there) < size ? static_cast<DWORD>(there) : static_cast<DWORD>(size);
    if (there == 0) return 0;
    if (there < 0 || !ReadFile(pipe, into, most, &count, nullptr) || count == 0) {
        shut(pipe);
        return -1;
    }
    return static_cast<long>(count);
}

}  // namespace

struct Process::Parts {
    HANDLE process = nullptr, job = nullptr, in = nullptr, out = nullptr, err = nullptr, wake = nullptr;
    DWORD id = 0, code = 0;
    bool ended = false;
};

Process::Process(const std::vector<std::string> &command, const std::vector<std::string> &env)
    : parts_(std::make_unique<Parts>()) {
    std::wstring line, block;
    for (const std::string &word : command) line += (line.empty() ? L"" : L" ") + quoted(wide(word));
    for (const std::string &entry : env) block += wide(entry) + L'\0';
    block += L'\0';
    HANDLE in = nullptr, out = nullptr, err = nullptr;
    make_pipe(&in, &parts_->in, true);
    make_pipe(&out, &parts_->out, false);
    make_pipe(&err, &parts_->err, false);

    STARTUPINFOEXW start{};
    start.StartupInfo.cb = sizeof start;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = in;
    start.StartupInfo.hStdOutput = out;
    start.StartupInfo.hStdError = err;
    // only these three are inherited: another child of the host would keep the worker's pipes open
    HANDLE given[] = {in, out, err};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<char> list(size);
    start.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(list.data());
    InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size);
    UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, given, sizeof given, nullptr,
                              nullptr);
    PROCESS_INFORMATION made{};
    const DWORD flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT |
                        EXTENDED_STARTUPINFO_PRESENT | CREATE_SUSPENDED;
    const BOOL begun = CreateProcessW(wide(command[0]).c_str(), line.data(), nullptr, nullptr, TRUE, flags, block.data(),
                                      nullptr, &start.StartupInfo, &made);
    const DWORD error = GetLastError();
    DeleteProcThreadAttributeList(start.lpAttributeList);
    for (HANDLE handle : given) CloseHandle(handle);
    if (!begun) {
        for (HANDLE *handle : {&parts_->in, &parts_->out, &parts_->err}) shut(*handle);
        throw Fault("The worker " + command[0] + " cannot be started: error " + std::to_string(error) + ".",
                    "Run ILVI's installer, or set ILVI_PYTHON to the Python that has ILVI.");
    }
    // its children end with it, and all of them with the host, whatever ends that
    parts_->job = CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(parts_->job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    AssignProcessToJobObject(parts_->job, made.hProcess);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    parts_->process = made.hProcess;
    parts_->id = made.dwProcessId;
    parts_->wake = CreateEventW(nullptr, FALSE, FALSE, nullptr);
}

Process::~Process() {
    for (HANDLE *handle : {&parts_->in, &parts_->out, &parts_->err, &parts_->wake, &parts_->process, &parts_->job})
        shut(*handle);
}

long Process::id() const { return static_cast<long>(parts_->id); }

Process::Ready Process::wait(int milliseconds, bool to_write) {
    Ready ready;
    for (int waited = 0;; waited += LOOK_EVERY) {
        ready.out = parts_->out && waiting(parts_->out) != 0;
        ready.err = parts_->err && waiting(parts_->err) != 0;
        ready.in = to_write && parts_->in;
        const int pause = ready.out || ready.err || ready.in || waited >= milliseconds ? 0 : LOOK_EVERY;
        ready.woken = WaitForSingleObject(parts_->wake, static_cast<DWORD>(pause)) == WAIT_OBJECT_0;
        if (!pause || ready.woken) return ready;
    }
}

void Process::wake() { SetEvent(parts_->wake); }

long Process::read_out(char *into, size_t size) { return read_some(parts_->out, into, size); }

long Process::read_err(char *into, size_t size) { return read_some(parts_->err, into, size); }

long Process::write_in(const char *from, size_t size) {
    DWORD count = 0;
    if (!parts_->in || !WriteFile(parts_->in, from, static_cast<DWORD>(size), &count, nullptr)) {
        shut(parts_->in);
        return -1;
    }
    return static_cast<long>(count);
}

void Process::close_in() { shut(parts_->in); }

bool Process::ended() {
    if (!parts_->ended && WaitForSingleObject(parts_->process, 0) == WAIT_OBJECT_0) {
        GetExitCodeProcess(parts_->process, &parts_->code);
        parts_->ended = true;
    }
    return parts_->ended;
}

std::string Process::ending() {
    return parts_->ended ? "ended with exit code " + std::to_string(parts_->code) : "closed its pipes";
}

bool Process::killed() const { return false; }   // Windows does not tell

void Process::terminate() { TerminateProcess(parts_->process, 1); }

void Process::kill() { TerminateJobObject(parts_->job, 1); }

void quiet_thread() {}   // there are no signals

void pin_module() {
    HMODULE module = nullptr;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       reinterpret_cast<LPCWSTR>(&pin_module), &module);
}

std::string executable() {
    wchar_t path[32768];
    return narrow(std::wstring(path, GetModuleFileNameW(nullptr, path, 32768)));
}

std::string home() { return variable("USERPROFILE"); }

std::string data_folder() {
    const std::string named = variable("LOCALAPPDATA");
    return (named.empty() ? home() + "\\AppData\\Local" : named) + "\\ilvi\\ilvi";
}

std::string log_folder() { return data_folder() + "\\Logs"; }

bool is_executable(const std::string &path) {
    const DWORD facts = GetFileAttributesW(wide(path).c_str());
    return facts != INVALID_FILE_ATTRIBUTES && !(facts & FILE_ATTRIBUTE_DIRECTORY);
}

std::vector<std::string> environment() {
    std::vector<std::string> all;
    wchar_t *block = GetEnvironmentStringsW();
    for (const wchar_t *entry = block; entry && *entry; entry += wcslen(entry) + 1) all.push_back(narrow(entry));
    FreeEnvironmentStringsW(block);
    return all;
}

long process_id() { return static_cast<long>(GetCurrentProcessId()); }

std::vector<std::string> scratch_places() {
    wchar_t path[MAX_PATH + 1];
    return {narrow(std::wstring(path, GetTempPathW(MAX_PATH + 1, path)))};
}

uint64_t free_bytes(const std::string &folder) {
    ULARGE_INTEGER free{};
    return GetDiskFreeSpaceExW(wide(folder).c_str(), &free, nullptr, nullptr) ? free.QuadPart : 0;
}

// The temporary folder is the user's own already.
bool make_private(const std::string &folder) { return CreateDirectoryW(wide(folder).c_str(), nullptr) != 0; }

Held::Held(const std::string &path) {
    const HANDLE file = CreateFileW(wide(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_ALWAYS,
                                    FILE_FLAG_DELETE_ON_CLOSE, nullptr);
    handle_ = file == INVALID_HANDLE_VALUE ? -1 : reinterpret_cast<std::intptr_t>(file);
}

Held::~Held() {
    if (handle_ != -1) CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

}  // namespace ilvi::platform
