// r1: one program with verbs.
#include "cli/program.h"

int main(int argc, char** argv) { return r1::run_program(argc, argv); }
