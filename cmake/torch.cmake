# LibTorch 1.13 (Debian) or any 2.x. CUDA is used when this LibTorch was built for it.
set(CMAKE_POLICY_DEFAULT_CMP0012 NEW)
find_package(Torch REQUIRED)
if(Torch_VERSION AND Torch_VERSION VERSION_LESS 1.13)
  message(FATAL_ERROR "LibTorch ${Torch_VERSION} is too old: 1.13 or any 2.x is needed")
endif()
# Headers of others: no warnings from them in our files.
add_library(medley_torch INTERFACE)
target_link_libraries(medley_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(medley_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
