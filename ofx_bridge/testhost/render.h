// Rendering: the sequence and frame actions of section 5, in their order.
#pragma once

#include "instance.h"

namespace testhost {

struct RenderRequest {
    int first = 1, last = 1, step = 1;
    double scale = 1;
    std::string out;  // .npy pattern; "": nothing is written
    bool draft = false, thumbnail = false, interactive = false;
    bool has_window = false;
    Rect window;  // pixels, y upwards
};

// "frames" has an entry for every frame; "ok" is true if all of them came.
json render(Instance &instance, const std::map<std::string, ClipInput> &inputs, const RenderRequest &request);

}  // namespace testhost
