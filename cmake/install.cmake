# What `cmake --install` puts where, and the packages that `cpack` makes of it: two components, each a .deb of its own, and
# one archive of both. The tree may be moved: programs find each other by their own place.
include(GNUInstallDirs)
set(doc "${CMAKE_INSTALL_DATADIR}/doc/medley")

# Made by the program itself, from what --help says.
set(made "${CMAKE_BINARY_DIR}/made")
add_custom_command(
  OUTPUT "${made}/stamp"
  COMMAND ${CMAKE_COMMAND} -E rm -rf "${made}"
  COMMAND ${CMAKE_COMMAND} -E make_directory "${made}/completion"
  COMMAND medley manual --out "${made}/man"
  COMMAND medley completion bash > "${made}/completion/medley"
  COMMAND medley completion zsh > "${made}/completion/_medley"
  COMMAND medley completion fish > "${made}/completion/medley.fish"
  COMMAND ${CMAKE_COMMAND} -E touch "${made}/stamp"
  DEPENDS medley
  COMMENT "Manual pages and completion scripts")
add_custom_target(made_by_medley ALL DEPENDS "${made}/stamp")

install(TARGETS medley RUNTIME COMPONENT medley)
install(DIRECTORY "${made}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT medley)
install(FILES "${made}/completion/medley" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        COMPONENT medley)
install(FILES "${made}/completion/_medley" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT medley)
install(FILES "${made}/completion/medley.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d"
        COMPONENT medley)
install(FILES README.md CHANGELOG.md CITATION.cff DESTINATION "${doc}" COMPONENT medley)
install(DIRECTORY docs/ DESTINATION "${doc}/docs" COMPONENT medley)
install(DIRECTORY examples DESTINATION "${doc}" COMPONENT medley USE_SOURCE_PERMISSIONS
        PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY cluster/packaging DESTINATION "${doc}/cluster" COMPONENT medley USE_SOURCE_PERMISSIONS)
install(FILES LICENSE DESTINATION "${doc}" RENAME copyright COMPONENT medley)
if(TARGET medley-worker)
  # Beside the libraries of the system it needs LibTorch, wherever the build found it.
  set(programs medley-worker)
  if(TARGET medley-gpu-check)  # is built where nvcc is
    list(APPEND programs medley-gpu-check)
  endif()
  set_target_properties(${programs} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${programs} RUNTIME COMPONENT medley-worker)
  install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/medley-worker" RENAME copyright
          COMPONENT medley-worker)
endif()

set(CPACK_PACKAGE_NAME medley)
set(CPACK_PACKAGE_VERSION "${MEDLEY_VERSION}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Ablation sweeps of blended emotion recognition, on a laptop or a cluster")
set(CPACK_PACKAGE_CONTACT "The Medley developers <medley@users.noreply.github.com>")
set(CPACK_RESOURCE_FILE_LICENSE "${CMAKE_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_GENERATOR "DEB;TZST")
set(CPACK_PACKAGE_FILE_NAME "medley-${MEDLEY_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_COMPONENTS_ALL medley)
if(TARGET medley-worker)
  list(APPEND CPACK_COMPONENTS_ALL medley-worker)
endif()

string(REPLACE "-" "~" CPACK_DEBIAN_PACKAGE_VERSION "${MEDLEY_VERSION}")  # a development version comes before its release
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_MEDLEY_PACKAGE_NAME medley)
set(CPACK_DEBIAN_MEDLEY_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION_SUMMARY}
 The command line, the coordinator and the dashboard. Trials are trained by medley-worker, on this host or on others.")
set(CPACK_DEBIAN_MEDLEY_PACKAGE_RECOMMENDS medley-worker)
set(CPACK_DEBIAN_MEDLEY-WORKER_PACKAGE_NAME medley-worker)
set(CPACK_DEBIAN_MEDLEY-WORKER_DESCRIPTION "Worker of Medley, which trains with LibTorch
 It joins a coordinator (package medley), alone or as an MPI program.")
include(CPack)
