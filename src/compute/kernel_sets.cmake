# Each isa_<set>.cpp is the same kernel source compiled for one instruction set, with that set's flags and nothing else's.
# It exports one table and no weak symbol (docs/kernels.md); tests/ checks that with nm.

function(r1_kernel_set target set)
  add_library(r1_isa_${set} OBJECT "${PROJECT_SOURCE_DIR}/src/compute/cpu/isa_${set}.cpp")
  target_link_libraries(r1_isa_${set} PRIVATE r1_flags)
  if(R1_SANITIZE)  # unrolled and instrumented, they would take a quarter of an hour
    target_compile_options(r1_isa_${set} PRIVATE -DR1_PLAIN_LOOPS -Wno-psabi ${ARGN})
  else()
    target_compile_options(r1_isa_${set} PRIVATE -O3 -Wno-psabi ${ARGN})
  endif()
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:r1_isa_${set}>)
  set_property(GLOBAL APPEND PROPERTY R1_KERNEL_SETS r1_isa_${set})  # what tests/ looks at with nm
endfunction()

function(r1_kernel_sets target)
  r1_kernel_set(${target} generic)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    r1_kernel_set(${target} avx2 -mavx2 -mfma -mf16c)
    set(avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx2 -mfma -mf16c -mprefer-vector-width=512)
    r1_kernel_set(${target} avx512 ${avx512})
    r1_kernel_set(${target} avx512bf16 ${avx512} -mavx512bf16)
    target_compile_definitions(${target} PRIVATE R1_X86=1)
  endif()
endfunction()
