#include "calls.h"

#include <cstring>
#include <memory>

namespace testhost {

namespace {

thread_local Action *thread_action = nullptr;

struct Loan {
    std::unique_ptr<char[]> text;
    std::size_t size;
};
thread_local std::vector<Loan> loans;

void take_back_loans() {
    for (Loan &loan : loans) std::memset(loan.text.get(), '#', loan.size);
    loans.clear();
}

}  // namespace

bool Action::is(const char *action) const { return std::strcmp(name, action) == 0; }

bool Action::is_render() const {
    for (const char *one :
         {kOfxImageEffectActionRender, kOfxImageEffectActionBeginSequenceRender, kOfxImageEffectActionEndSequenceRender,
          kOfxImageEffectActionIsIdentity, kOfxImageEffectActionGetFramesNeeded,
          kOfxImageEffectActionGetRegionOfDefinition, kOfxImageEffectActionGetRegionsOfInterest})
        if (is(one)) return true;
    return false;
}

Action *current_action() { return thread_action; }

Action *swap_action(Action *action) {
    Action *before = thread_action;
    thread_action = action;
    return before;
}

bool enter(const char *function, bool anywhere) {
    take_back_loans();
    const Action *action = current_action();
    if (action == nullptr && !anywhere) {
        violation(std::string(function) + " called outside every action (a thread of the plugin's own, or at exit)");
        return false;
    }
    if (action != nullptr && !action->may_call_host) {
        violation(std::string(function) + " called where nothing may be called on the host (section 1)");
        return false;
    }
    return true;
}

char *lend(const std::string &text) {
    Loan loan{std::make_unique<char[]>(text.size() + 1), text.size() + 1};
    std::memcpy(loan.text.get(), text.c_str(), loan.size);
    loans.push_back(std::move(loan));
    return loans.back().text.get();
}

}  // namespace testhost
