// One command, taken apart.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "report.h"

namespace testhost {

// A line's words: "double quotes" keep spaces together; NAME=VALUE words are options.
struct Words {
    std::string name, rest;  // the command, and everything after it
    std::vector<std::string> plain;
    std::map<std::string, std::string> options;
    std::vector<std::string> all;  // plain and options, as written

    explicit Words(const std::string &line) {
        std::size_t at = line.find_first_not_of(" \t\r");
        const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
        name = line.substr(at, end - at);
        rest = trim(line.substr(end));
        for (const std::string &word : split(rest)) {
            all.push_back(word);
            const auto equals = word.find('=');
            if (equals == std::string::npos) plain.push_back(word);
            else options[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }

    static std::string trim(const std::string &text) {
        const auto from = text.find_first_not_of(" \t\r");
        return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
    }
    static std::vector<std::string> split(const std::string &text) {
        std::vector<std::string> words;
        std::string word;
        bool quoted = false, any = false;
        for (const char c : text + " ") {
            if (c == '"') quoted = !quoted, any = true;
            else if (quoted || (c != ' ' && c != '\t' && c != '\r')) word += c, any = true;
            else if (any) words.push_back(word), word.clear(), any = false;
        }
        if (quoted) throw ScriptError("a quote is not closed");
        return words;
    }

    // The n-th plain word.
    const std::string &at(std::size_t n, const char *what) const {
        if (n >= plain.size()) throw ScriptError(name + " needs " + what);
        return plain[n];
    }
    std::string option(const std::string &key, const std::string &otherwise) const {
        const auto found = options.find(key);
        return found == options.end() ? otherwise : found->second;
    }
    int number(const std::string &key, int otherwise) const {
        return options.count(key) ? std::stoi(options.at(key)) : otherwise;
    }
    double real(const std::string &key, double otherwise) const {
        return options.count(key) ? std::stod(options.at(key)) : otherwise;
    }
    void only(std::initializer_list<const char *> keys) const {
        for (const auto &option : options)
            if (std::find(keys.begin(), keys.end(), option.first) == keys.end())
                throw ScriptError(name + " has no option '" + option.first + "'");
    }
};

}  // namespace testhost
