# One interface target carries what every target of ours is compiled with.
option(MEDLEY_TESTS "Build the tests" ON)
option(MEDLEY_TRAINER "Build the trainer and medley-worker (needs LibTorch)" ON)
set(MEDLEY_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
# Asserts stay on in every build of ours.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(medley_options INTERFACE)
target_compile_features(medley_options INTERFACE cxx_std_17)
set_target_properties(medley_options PROPERTIES INTERFACE_POSITION_INDEPENDENT_CODE ON)
target_include_directories(medley_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(medley_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
target_compile_definitions(medley_options INTERFACE MEDLEY_VERSION="${PROJECT_VERSION}")
if(MEDLEY_SANITIZE)
  target_compile_options(medley_options INTERFACE -fsanitize=${MEDLEY_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(medley_options INTERFACE -fsanitize=${MEDLEY_SANITIZE})
endif()

# medley_library(NAME SOURCES... ): one static library of a folder, compiled with medley_options.
function(medley_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC medley_options)
endfunction()
