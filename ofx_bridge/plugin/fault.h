// What goes wrong, in words for the artist.
#pragma once

#include <stdexcept>
#include <string>

namespace ilvi {

// what(): what, where, what was expected and found.  hint: what to do next.
class Fault : public std::runtime_error {
public:
    explicit Fault(const std::string &message, std::string advice = "")
        : std::runtime_error(message), hint(std::move(advice)) {}

    std::string text() const { return hint.empty() ? what() : std::string(what()) + " " + hint; }

    std::string hint;
};

// The host or the artist wants it no more.
class Stopped : public Fault {
public:
    using Fault::Fault;
};

}  // namespace ilvi
