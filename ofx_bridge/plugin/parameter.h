// What one row of the parameter table holds.
#pragma once

namespace ilvi {

enum class Kind { choice, whole, number, tick, words, file, button, text, secret_words, secret_whole };

// number: the default of numbers, ticks (0, 1) and choices (its index); text: the default of words.
// low, high: the limits of numbers; shown: the range of their sliders.
struct Parameter {
    const char *name;
    Kind kind;
    const char *label;
    const char *hint;
    double number;
    const char *text;
    const char *const *choices;
    int choice_count;
    double low, high, shown_low, shown_high;
    const char *group;
};

struct Group {
    const char *name;
    const char *label;
};

}  // namespace ilvi
