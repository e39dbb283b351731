// ilvi_testhost [SCRIPT]: runs the commands of a file, or of standard input. README.md has the language.
//
// Exit code: 0 all went well, 1 the plugin broke a rule (see VIOLATION on stderr), 2 a command could not be carried
// out.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "report.h"
#include "script.h"

namespace {

// The answers get a file descriptor of their own; whatever a plugin prints on stdout goes to stderr.
std::FILE *take_stdout() {
    const int own = dup(STDOUT_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    return fdopen(own, "w");
}

}  // namespace

int main(int argc, char **argv) {
    std::FILE *answers = take_stdout();
    std::ifstream file;
    if (argc > 1) file.open(argv[1]);
    if (argc > 2 || (argc > 1 && !file)) {
        std::fprintf(stderr, "usage: ilvi_testhost [SCRIPT]\n");
        return 2;
    }
    std::istream &input = argc > 1 ? static_cast<std::istream &>(file) : std::cin;
    testhost::Script script;
    std::string line;
    while (!script.ended() && std::getline(input, line)) {
        const testhost::json answer = script.run(line);
        if (answer.is_null()) continue;
        std::fprintf(answers, "%s\n", answer.dump(-1, ' ', false, testhost::json::error_handler_t::replace).c_str());
        std::fflush(answers);
    }
    script.finish();
    std::fclose(answers);
    if (testhost::violation_count() > 0) return 1;
    return script.failed() ? 2 : 0;
}
