# The install rules and package files: find_package(millrace 0.1 CONFIG) gives millrace::millrace, millrace::broker and, where
# it was built, millrace::remote (COMPONENTS broker remote asks for them by name); for pkg-config there are millrace.pc,
# millrace-broker.pc and millrace-remote.pc. All find their prefix from where they lie, so that an installed tree can be moved. Components: runtime (the shared
# library, the licence), tools (the command line) and dev (all else). The testing headers stay behind: millrace::testing is for add_subdirectory alone.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(millrace_cmake_directory "${CMAKE_INSTALL_LIBDIR}/cmake/millrace")

set(millrace_libraries millrace millrace_broker_library)
if(MILLRACE_HAS_REMOTE)
  list(APPEND millrace_libraries millrace_remote_library)
endif()
install(TARGETS ${millrace_libraries} EXPORT millraceTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
# Headers of what was not built would only fail to link.
set(millrace_absent_headers PATTERN testing EXCLUDE)
if(NOT MILLRACE_WITH_TCP)
  list(APPEND millrace_absent_headers PATTERN server.h EXCLUDE PATTERN metrics_listener.h EXCLUDE)
endif()
if(NOT MILLRACE_HAS_REMOTE)
  list(APPEND millrace_absent_headers PATTERN remote.h EXCLUDE PATTERN mirror.h EXCLUDE)
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/millrace" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev
  FILES_MATCHING PATTERN "*.h" ${millrace_absent_headers})
# Where Kafka's tools are told to find it.
if(MILLRACE_BUILD_EXAMPLES)
  install(FILES "${PROJECT_SOURCE_DIR}/examples/config/kraft/server.properties" DESTINATION config/kraft COMPONENT runtime)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime)

# The command line, and Kafka's names for it, in a component of its own (tools).
if(TARGET example_cli)
  install(TARGETS example_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
  set(millrace_tools storage server-start topics console-producer console-consumer consumer-groups configs get-offsets delete-records
    log-dirs dump-log broker-api-versions producer-perf-test consumer-perf-test)
  set(millrace_links "${PROJECT_BINARY_DIR}/package/bin")
  file(MAKE_DIRECTORY "${millrace_links}")
  foreach(tool IN LISTS millrace_tools)
    file(CREATE_LINK millrace "${millrace_links}/kafka-${tool}.sh" SYMBOLIC)
    install(FILES "${millrace_links}/kafka-${tool}.sh" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
  endforeach()
endif()

# CMake's package.
install(EXPORT millraceTargets NAMESPACE millrace:: DESTINATION "${millrace_cmake_directory}" COMPONENT dev)
if(BUILD_SHARED_LIBS)
  set(MILLRACE_IS_STATIC FALSE)
else()
  set(MILLRACE_IS_STATIC TRUE)
endif()
if(TARGET PkgConfig::ISAL)
  set(MILLRACE_HAS_ISAL TRUE)
else()
  set(MILLRACE_HAS_ISAL FALSE)
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/millraceConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/millraceConfig.cmake" INSTALL_DESTINATION "${millrace_cmake_directory}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/millraceConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/millraceConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/millraceConfigVersion.cmake"
  DESTINATION "${millrace_cmake_directory}" COMPONENT dev)

# pkg-config's.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(MILLRACE_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  set(MILLRACE_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(MILLRACE_PC_PREFIX "\${pcfiledir}/${up}")
  set(MILLRACE_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(MILLRACE_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(MILLRACE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(MILLRACE_PC_PRIVATE "liblz4 libzstd snappy zlib")
if(MILLRACE_HAS_ISAL)
  string(APPEND MILLRACE_PC_PRIVATE " libisal")
endif()
foreach(part IN ITEMS cord flat_hash_map flat_hash_set btree inlined_vector strings str_format)
  string(APPEND MILLRACE_PC_PRIVATE " absl_${part}")
endforeach()
set(MILLRACE_PC_CFLAGS "")
if(MILLRACE_IS_STATIC)
  set(MILLRACE_PC_CFLAGS " -DMILLRACE_STATIC_DEFINE")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/millrace.pc.in" "${PROJECT_BINARY_DIR}/package/millrace.pc" @ONLY)
configure_file("${CMAKE_CURRENT_LIST_DIR}/millrace-broker.pc.in" "${PROJECT_BINARY_DIR}/package/millrace-broker.pc" @ONLY)
if(MILLRACE_HAS_REMOTE)
  configure_file("${CMAKE_CURRENT_LIST_DIR}/millrace-remote.pc.in" "${PROJECT_BINARY_DIR}/package/millrace-remote.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/package/millrace-remote.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT dev)
endif()
install(FILES "${PROJECT_BINARY_DIR}/package/millrace.pc" "${PROJECT_BINARY_DIR}/package/millrace-broker.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT dev)
