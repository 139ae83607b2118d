# A kernel set's object exports exactly one symbol, its table, and no weak one: a weak copy of a library function, compiled with
# the set's instructions, could be given by the linker to the whole program, which then dies on an older CPU.
#   cmake -DNM=<nm> -DOBJECT=<file.o> -P exports_one_symbol.cmake
execute_process(COMMAND "${NM}" --defined-only --extern-only --format=posix "${OBJECT}" OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" symbols "${listing}")
list(LENGTH symbols count)
set(weak ${symbols})
list(FILTER weak INCLUDE REGEX "^[^ ]+ [VWvwu]")
if(weak OR NOT count EQUAL 1)
  list(JOIN symbols "\n  " shown)
  message(FATAL_ERROR "${OBJECT} exports ${count} symbols, expected one strong one:\n  ${shown}")
endif()
message(STATUS "exports ${symbols}")
