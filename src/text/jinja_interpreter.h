// Runs a parsed template: variables in, text with provenance out.
#pragma once

#include "text/jinja_program.h"
#include "text/jinja_value.h"

namespace r1::jinja {

// Throws Fault, with its line, for mistakes of the template, exceptions it raises, and limits it meets.
Text interpret(Heap& heap, const Block& program, const Dict& variables);

}  // namespace r1::jinja
