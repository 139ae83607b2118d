// The program around the verbs: finds the verb, fills its options, runs it, and turns every end into an exit status.
#pragma once

namespace r1 {

int run_program(int argc, char** argv);

}  // namespace r1
