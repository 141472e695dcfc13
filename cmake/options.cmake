# One interface target carries what every target of ours is compiled with.
option(MEDLEY_TESTS "Build the tests" ON)
option(MEDLEY_TRAINER "Build the trainer and medley-worker (needs LibTorch)" ON)
set(MEDLEY_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
# Asserts stay on in every build of ours. -O3 where numbers are made (medley_hot), -O2 elsewhere, -O1
# where nobody waits (COLD).
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
find_program(CCACHE ccache)
if(CCACHE)
  # The two things that ccache must not mind about precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(medley_options INTERFACE)
target_compile_features(medley_options INTERFACE cxx_std_17)
target_include_directories(medley_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(medley_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
if(MEDLEY_SANITIZE)
  target_compile_options(medley_options INTERFACE -fsanitize=${MEDLEY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(medley_options INTERFACE -fsanitize=${MEDLEY_SANITIZE})
endif()

# Precompiled headers: those of other libraries that most files of a kind include. A file still includes what it uses;
# MEDLEY_PRECOMPILE=OFF compiles each on its own.
option(MEDLEY_PRECOMPILE "Precompile the headers of other libraries" ON)
set(medley_headers_base <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory>
  <optional> <set> <string> <utility> <variant> <vector> <nlohmann/json.hpp>)
set(medley_headers_log ${medley_headers_base} <fmt/format.h> <spdlog/spdlog.h>)
set(medley_headers_command ${medley_headers_log} <CLI/CLI.hpp>)
set(medley_headers_test ${medley_headers_base} <gtest/gtest.h>)
set(medley_headers_torch ${medley_headers_base} <torch/autograd.h> <torch/types.h>)
set(medley_libraries_base nlohmann_json::nlohmann_json)
set(medley_libraries_log ${medley_libraries_base} fmt::fmt spdlog::spdlog)
set(medley_libraries_command ${medley_libraries_log} CLI11::CLI11)
set(medley_libraries_test ${medley_libraries_base} GTest::gtest)
set(medley_libraries_torch ${medley_libraries_base} medley_torch)

# medley_headers(TARGET KIND): TARGET uses the precompiled headers of a KIND: base, log, command, test or torch.
function(medley_headers target kind)
  if(NOT MEDLEY_PRECOMPILE)
    return()
  endif()
  set(owner medley_headers_of_${kind})
  if(NOT TARGET ${owner})
    set(source ${CMAKE_BINARY_DIR}/${owner}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "")
    add_library(${owner} OBJECT ${source})
    target_link_libraries(${owner} PRIVATE medley_options ${medley_libraries_${kind}})
    target_precompile_headers(${owner} PRIVATE ${medley_headers_${kind}})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# Compiles in three quarters of the time of -O2. From GCC 13 on, headers precompiled with -O2 serve no file with -O1.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  set(medley_cold)
else()
  set(medley_cold $<$<CONFIG:Release>:-O1>)
endif()

# medley_library(NAME [HEADERS KIND] [COLD] [UNITY SIZE] SOURCES... ): one static library of a folder, compiled with
# medley_options. UNITY: medley_unity().
function(medley_library name)
  cmake_parse_arguments(LIBRARY "COLD" "HEADERS;UNITY" "" ${ARGN})
  add_library(${name} STATIC ${LIBRARY_UNPARSED_ARGUMENTS})
  if(LIBRARY_UNITY)
    medley_unity(${name} ${LIBRARY_UNITY})
  endif()
  target_link_libraries(${name} PUBLIC medley_options)
  if(LIBRARY_COLD)
    target_compile_options(${name} PRIVATE ${medley_cold})
  endif()
  if(LIBRARY_HEADERS)
    medley_headers(${name} ${LIBRARY_HEADERS})
  endif()
endfunction()

# medley_unity(TARGET SIZE): its files are compiled SIZE at a time, as one. An empty file costs 12 CPU seconds once it
# includes torch, so that many small ones are dear. Files with options of their own stay alone, as do those that have
# SKIP_UNITY_BUILD_INCLUSION because a private struct has members of a type of an anonymous namespace.
option(MEDLEY_UNITY "Compile files that include expensive headers several at a time" ON)
function(medley_unity target size)
  if(MEDLEY_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
  endif()
endfunction()

# medley_hot([OPTIONS OPTION...] SOURCES...): files whose loops take the time, with -O3 and further options, with which the
# precompiled headers would not be valid.
function(medley_hot)
  if(MEDLEY_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(HOT "" "" "OPTIONS;SOURCES" ${ARGN})
  set_source_files_properties(${HOT_SOURCES} PROPERTIES COMPILE_OPTIONS "-O3;${HOT_OPTIONS}")
  if(HOT_OPTIONS)
    set_source_files_properties(${HOT_SOURCES} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()
