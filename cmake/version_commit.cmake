# Writes the header that tells which commit this is; run at every build, and touches the file only when it changes.
#   cmake -DSOURCE=<dir> -DVERSION=<x.y.z> -DOUT=<file> -P version_commit.cmake
set(commit "unknown")
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} -C "${SOURCE}" describe --always --dirty --exclude=* OUTPUT_VARIABLE described
                  OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(commit "${described}")
  endif()
endif()
set(text "#pragma once\n\nnamespace r1 {\n\ninline constexpr char kVersion[] = \"${VERSION}\";\ninline constexpr char kCommit[] = \"${commit}\";\n\n}  // namespace r1\n")
if(EXISTS "${OUT}")
  file(READ "${OUT}" old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE "${OUT}" "${text}")
endif()
