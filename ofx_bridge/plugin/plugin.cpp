// The entry points that a host finds, and what it asks for by name. No exception leaves this file.
#include <ilvi_ofx/ofx.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>

#include "actions.h"
#include "describe.h"
#include "render.h"
#include "state.h"
#include "suites.h"

namespace ilvi {

namespace {

// In which a worker may end while the host waits for us; after it, it ends by itself, for its input has.
constexpr auto LEAVING = std::chrono::milliseconds(500);

std::unique_ptr<State> the_state;

// A host that exits without unloading leaves the frames behind: they are removed here, the worker sees that it is gone.
struct AtExit {
    ~AtExit() {
        if (!the_state) return;
        the_state->scratch.remove_all();
        // not destroyed: a thread of ours may be at work, and ends with the process
        static_cast<void>(the_state.release());
    }
} at_exit;

OfxStatus load() {
    const OfxStatus status = load_suites();
    if (status == kOfxStatOK && !the_state) the_state = std::make_unique<State>();
    return status;
}

OfxStatus unload() {
    if (the_state) the_state->worker.close(LEAVING);
    the_state.reset();
    return kOfxStatOK;
}

OfxStatus act(const char *action, OfxImageEffectHandle effect, OfxPropertySetHandle in, OfxPropertySetHandle out) {
    const auto is = [action](const char *name) { return std::strcmp(action, name) == 0; };
    if (is(kOfxActionLoad)) return load();
    if (is(kOfxActionUnload)) return unload();
    if (!the_state) return kOfxStatErrFatal;   // it was never loaded: there is no suite to use
    if (is(kOfxActionDescribe)) return describe(effect);
    if (is(kOfxImageEffectActionDescribeInContext)) return describe_in_context(effect);
    // Nothing is kept in an instance: it may be made for one frame, and destroyed twice.
    if (is(kOfxActionCreateInstance) || is(kOfxActionDestroyInstance)) return kOfxStatOK;
    if (is(kOfxImageEffectActionRender)) return render(effect, in);
    if (is(kOfxActionInstanceChanged)) return instance_changed(effect, in);
    if (is(kOfxImageEffectActionGetRegionsOfInterest)) return regions_of_interest(effect, in, out);
    if (is(kOfxImageEffectActionGetClipPreferences)) return clip_preferences(out);
    return kOfxStatReplyDefault;   // hosts have actions of their own
}

OfxStatus main_entry(const char *action, const void *handle, OfxPropertySetHandle in, OfxPropertySetHandle out) {
    const auto effect = static_cast<OfxImageEffectHandle>(const_cast<void *>(handle));
    try {
        return action ? act(action, effect, in, out) : kOfxStatErrValue;
    } catch (const std::bad_alloc &) {
        return kOfxStatErrMemory;
    } catch (const std::exception &error) {
        try {
            tell(effect, kOfxMessageError, std::string("Something failed inside ILVI: ") + error.what());
        } catch (...) {
        }
        return kOfxStatFailed;
    } catch (...) {
        return kOfxStatFailed;
    }
}

OfxPlugin the_plugin = {kOfxImageEffectPluginApi,
                        kOfxImageEffectPluginApiVersion,
                        IDENTIFIER,
                        VERSION_MAJOR,
                        VERSION_MINOR,
                        take_host,
                        main_entry};

}  // namespace

State &state() { return *the_state; }

}  // namespace ilvi

extern "C" {

int OfxGetNumberOfPlugins(void) { return 1; }

OfxPlugin *OfxGetPlugin(int nth) { return nth == 0 ? &ilvi::the_plugin : nullptr; }

OfxStatus OfxSetHost(const OfxHost *) { return kOfxStatOK; }

}
