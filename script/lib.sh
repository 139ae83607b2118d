# Shared by the scripts of this folder: source "$(dirname "$0")/lib.sh". It leaves the shell in the repository's root, and
# answers --help with the comment at the script's top.
# shellcheck shell=bash
set -euo pipefail
called_from=$PWD
help_text() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$script_file"; }
script_file=$(realpath "$0")
case ${1:-} in
  -h | --help) help_text; exit 0 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A line that tells what happens now.
say() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# A path as the caller meant it, from the folder where the script was called.
from_caller() { case $1 in /*) echo "$1" ;; *) echo "$called_from/$1" ;; esac }

# As many compilers at once as there are cores, but a gigabyte of memory each.
parallel_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  ((memory >= 1)) || memory=1
  echo $((memory < cores ? memory : cores))
}

# The clang that the presets want, or the newest one here: clang_tool clang++, clang_tool clang-format.
clang_tool() {
  local version
  for version in -14 -15 -16 -17 -18 -19 ''; do
    if command -v "$1$version" > /dev/null; then
      echo "$1$version"
      return
    fi
  done
  die "$1 is not installed: run ./script/setup --dev"
}

# build PRESET [cmake -D options ...] [-- targets ...]: configures and builds build/PRESET.
build() {
  local preset=$1 options=() targets=()
  shift
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  if (($# > 1)); then
    shift
    targets=(--target "$@")
  fi
  if command -v ccache > /dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  say "configuring build/$preset"
  cmake --preset "$preset" "${options[@]}"
  say "building build/$preset with $(parallel_jobs) jobs"
  cmake --build "build/$preset" --parallel "$(parallel_jobs)" "${targets[@]}"
}

# run_tests PRESET [ctest options ...]: ctest, with one moving line on a terminal.
run_tests() {
  local preset=$1 log
  log=$PWD/build/$preset/ctest.log
  shift
  if [[ -t 1 ]]; then set -- --progress "$@"; fi
  say "testing build/$preset: ctest $*"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --output-log "$log" --parallel "$(nproc)" "$@"
}
