// The effect's parameters: defined from the table, read all at once, written in the actions that may.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <map>
#include <string>

namespace ilvi {

void define_parameters(OfxImageEffectHandle descriptor);

// What all parameters of an instance are at one time; the table's default where the host gives none.
class Values {
public:
    Values(OfxImageEffectHandle instance, double time);
    double number(const std::string &name) const { return numbers_.at(name); }
    int whole(const std::string &name) const;
    bool tick(const std::string &name) const { return numbers_.at(name) != 0; }
    const std::string &words(const std::string &name) const { return words_.at(name); }
    std::string choice(const std::string &name) const;

private:
    std::map<std::string, double> numbers_;
    std::map<std::string, std::string> words_;
};

// In InstanceChanged only. The host may call the plugin again before these return: hold no lock.
void write(OfxImageEffectHandle instance, const char *name, const std::string &value);
void write(OfxImageEffectHandle instance, const char *name, int value);

}  // namespace ilvi
