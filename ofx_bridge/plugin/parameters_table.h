// Made by make_table.py from table.py and ilvi_core.host.parameters: change it there, and run it again.
#pragma once

#include "parameter.h"

namespace ilvi {

inline constexpr const char *view_choices[] = {"result", "fill", "matte", "overlay", "confidence"};
inline constexpr const char *range_choices[] = {"clip", "custom"};
inline constexpr const char *matte_from_choices[] = {"auto", "mask", "alpha", "files"};
inline constexpr const char *frames_from_choices[] = {"auto", "button", "playback"};
inline constexpr const char *unsolved_choices[] = {"mark", "black", "fail"};
inline constexpr const char *preset_choices[] = {"draft", "production", "paper"};
inline constexpr const char *method_choices[] = {"ilvi", "dip", "dip-vid", "dip-vid-3dcn", "dip-vid-flow"};
inline constexpr const char *motion_choices[] = {"auto", "static", "planar", "free"};
inline constexpr const char *remainder_choices[] = {"auto", "smooth", "exemplar", "network"};
inline constexpr const char *encoding_choices[] = {"auto", "scene-linear", "encoded"};
inline constexpr const char *grain_choices[] = {"as the preset", "on", "off"};
inline constexpr const char *device_choices[] = {"auto", "cuda", "cuda:0", "cuda:1", "cuda:2", "cuda:3", "mps", "cpu"};

// clang-format off
inline constexpr Parameter PARAMETERS[] = {
    {"inpaint", Kind::button, "Inpaint",
     "Get the range from the host, solve it, and show the result.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"stop", Kind::button, "Stop",
     "Stop the job. What was learned is kept: Inpaint goes on from there.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"rerender", Kind::button, "Re-render",
     "New frames by the present view and composite settings of what was solved before. Never solves.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"clear", Kind::button, "Clear",
     "Forget the result, and remove it from the cache.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"status", Kind::text, "status",
     "What the effect is doing, or what is wrong.",
     0, "Not solved yet. Press Inpaint.", nullptr, 0, 0, 1, 0, 1, ""},
    {"view", Kind::choice, "view",
     "What is shown: the result, the fill alone, the comp matte as grey, the matte in red over the plate, or how far the fill is known from other frames.",
     0, "", view_choices, 5, 0, 1, 0, 1, ""},
    {"range", Kind::choice, "frame range",
     "Which frames are solved together: all that the source has, or your own first and last.",
     0, "", range_choices, 2, 0, 1, 0, 1, ""},
    {"first", Kind::whole, "first",
     "First frame of a custom range.",
     1, "", nullptr, 0, -1000000, 1000000, 0, 1000, ""},
    {"last", Kind::whole, "last",
     "Last frame of a custom range.",
     100, "", nullptr, 0, -1000000, 1000000, 0, 1000, ""},
    {"matte_from", Kind::choice, "matte from",
     "Where the matte is. auto: the Mask input, else the source's alpha where it says anything, else the matte files.",
     0, "", matte_from_choices, 4, 0, 1, 0, 1, ""},
    {"frames_from", Kind::choice, "frames from",
     "How the host's frames come: all at once when Inpaint is pressed (button), or one by one as they are rendered (playback), solved when the last one is there. auto: playback in final renders, and where the host can give the current frame only.",
     0, "", frames_from_choices, 3, 0, 1, 0, 1, ""},
    {"unsolved", Kind::choice, "not solved",
     "What a frame without a result shows: the source with a striped border, black, or an error.",
     0, "", unsolved_choices, 3, 0, 1, 0, 1, ""},
    {"preset", Kind::choice, "preset",
     "draft: minutes on a CPU. production: four times the pixels, and grain. paper: the paper's own values, hours (with a method of the paper).",
     0, "", preset_choices, 3, 0, 1, 0, 1, "solve_group"},
    {"method", Kind::choice, "method",
     "ilvi is the one to use; the others are the paper's four, for comparison.",
     0, "", method_choices, 5, 0, 1, 0, 1, "solve_group"},
    {"solve_dilate", Kind::whole, "solve dilation",
     "Pixels by which the solved hole is larger than the matte. The composite never goes beyond the hole.",
     4, "", nullptr, 0, 0, 1024, 0, 64, "solve_group"},
    {"matte_invert", Kind::tick, "invert matte",
     "The matte is 1 where the plate is to be kept.",
     0, "", nullptr, 0, 0, 1, 0, 1, "solve_group"},
    {"motion", Kind::choice, "motion",
     "What the background does: found out (auto), the camera stands (static), one plane (planar), or nothing is assumed (free).",
     0, "", motion_choices, 4, 0, 1, 0, 1, "solve_group"},
    {"remainder", Kind::choice, "never seen",
     "What fills pixels that no frame shows: smooth, a key frame's texture (exemplar), a small network, or whichever tests best (auto).",
     0, "", remainder_choices, 4, 0, 1, 0, 1, "solve_group"},
    {"encoding", Kind::choice, "colourspace hint",
     "What the plate's values are: scene-linear, or encoded (log, sRGB) so that they look right as they are. auto: encoded for 8 and 16 bit whole numbers, scene-linear for half and float, files by their format.",
     0, "", encoding_choices, 3, 0, 1, 0, 1, "solve_group"},
    {"size", Kind::words, "working size",
     "How many pixels are worked on, such as 768x384; empty: the preset's. The output keeps the plate's size.",
     0, "", nullptr, 0, 0, 1, 0, 1, "solve_group"},
    {"seed", Kind::whole, "seed",
     "Another one gives another guess where nothing was seen.",
     0, "", nullptr, 0, 0, 2147483647, 0, 1000, "solve_group"},
    {"comp_dilate", Kind::whole, "comp dilation",
     "Pixels by which the comp matte is larger than the matte.",
     1, "", nullptr, 0, 0, 1024, 0, 64, "comp_group"},
    {"comp_feather", Kind::number, "comp feather",
     "Pixels of falling edge outside it.",
     2, "", nullptr, 0, 0, 1024, 0, 64, "comp_group"},
    {"match_edge", Kind::tick, "match edge",
     "Spread the colour step at the comp matte's edge over the fill.",
     1, "", nullptr, 0, 0, 1, 0, 1, "comp_group"},
    {"grain", Kind::choice, "grain",
     "Give what was generated the plate's own grain (on in production).",
     0, "", grain_choices, 3, 0, 1, 0, 1, "comp_group"},
    {"device", Kind::choice, "device",
     "What the worker computes on.",
     0, "", device_choices, 8, 0, 1, 0, 1, "run_group"},
    {"memory", Kind::number, "memory (GiB)",
     "How much the worker may hold in plates; 0: half of the machine's.",
     0, "", nullptr, 0, 0, 1000000, 0, 256, "run_group"},
    {"cache_dir", Kind::file, "cache folder",
     "Where solved frames are kept; empty: ILVI_CACHE, or your own cache folder. Farm and colleagues need to see it.",
     0, "", nullptr, 0, 0, 1, 0, 1, "run_group"},
    {"worker", Kind::file, "worker",
     "The Python that has ILVI; empty: ILVI_PYTHON, or what the installer noted.",
     0, "", nullptr, 0, 0, 1, 0, 1, "run_group"},
    {"plate_files", Kind::file, "plate files",
     "A sequence (plate.####.exr) to solve instead of the host's frames, on the first render; needs matte files.",
     0, "", nullptr, 0, 0, 1, 0, 1, "files_group"},
    {"matte_files", Kind::file, "matte files",
     "A sequence that is the matte, with the plate's frame numbers.",
     0, "", nullptr, 0, 0, 1, 0, 1, "files_group"},
    {"file_offset", Kind::whole, "file offset",
     "Added to the host's time it gives the frame number of plate and matte files.",
     0, "", nullptr, 0, -1000000, 1000000, -1000, 1000, "files_group"},
    {"time_limit", Kind::number, "time limit (s)",
     "How long one render waits for a solve; the job goes on after it.",
     600, "", nullptr, 0, 0, 86400, 0, 3600, "run_group"},
    {"entry", Kind::secret_words, "entry",
     "The cache's entry of the result.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"pattern", Kind::secret_words, "pattern",
     "Where the frames of the result are.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"solved", Kind::secret_words, "solved",
     "Which frames the results belong to.",
     0, "", nullptr, 0, 0, 1, 0, 1, ""},
    {"revision", Kind::secret_whole, "revision",
     "Counts results, so that the host renders again.",
     0, "", nullptr, 0, 0, 2147483647, 0, 1, ""},
};

inline constexpr Group GROUPS[] = {
    {"solve_group", "Solve"},
    {"comp_group", "Composite"},
    {"files_group", "Files"},
    {"run_group", "Worker"},
};
// clang-format on

}  // namespace ilvi
