# Lists the suites of a GoogleTest program as CTest cases. PROGRAM, LIST (the file that is written), PREFIX (of names),
# FILTER (of GoogleTest by whole suites, or empty).
set(filter)
if(FILTER)
  set(filter "--gtest_filter=${FILTER}")
endif()
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests ${filter} OUTPUT_VARIABLE listed RESULT_VARIABLE result TIMEOUT 300)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: ${result}")
endif()
string(REGEX REPLACE "[][;]" "_" listed "${listed}")  # what separates a list in CMake
string(REGEX MATCHALL "[^\n]+" lines "${listed}")
set(text)
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_/]+)\\.")
    set(suite "${CMAKE_MATCH_1}")
    string(APPEND text "add_test([==[${PREFIX}${suite}]==] [==[${PROGRAM}]==] [==[--gtest_filter=${suite}.*]==])\n"
      "set_tests_properties([==[${PREFIX}${suite}]==] PROPERTIES TIMEOUT ${TIMEOUT} LABELS trainer COST 5\n"
      "  FAIL_REGULAR_EXPRESSION [==[\\[  SKIPPED \\]]==] ENVIRONMENT [==[OPENBLAS_NUM_THREADS=1;OMP_NUM_THREADS=1]==])\n")
  endif()
endforeach()
if(NOT text)
  message(FATAL_ERROR "${PROGRAM} has no tests")
endif()
file(WRITE "${LIST}" "${text}")
