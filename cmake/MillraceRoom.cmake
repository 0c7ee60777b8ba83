# millrace_room(NAME ROOMS... [LINK targets...]): one room of lib/, as objects (for the library) and as a static archive
# (for the tests of this room and of those above it). ROOMS are the rooms it may include.
#
#   millrace_room(log SOURCES segment.cc ... ROOMS base env record LINK PkgConfig::LZ4)
#
# APART: the room is an archive alone and no part of the library.
function(millrace_room name)
  cmake_parse_arguments(ROOM "APART" "" "SOURCES;ROOMS;LINK" ${ARGN})
  set(objects millrace_${name}_objects)
  add_library(${objects} OBJECT ${ROOM_SOURCES})
  target_compile_features(${objects} PUBLIC cxx_std_20)
  set_target_properties(${objects} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON UNITY_BUILD "${MILLRACE_UNITY}" UNITY_BUILD_BATCH_SIZE 12)
  target_include_directories(${objects} PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/lib")
  target_link_libraries(${objects} PRIVATE absl::status absl::statusor absl::time absl::any_invocable
    absl::flat_hash_map absl::flat_hash_set absl::btree absl::inlined_vector absl::strings absl::str_format
    Threads::Threads ${ROOM_LINK})
  if(NOT BUILD_SHARED_LIBS)
    target_compile_definitions(${objects} PRIVATE MILLRACE_STATIC_DEFINE)
  endif()
  millrace_warnings(${objects})
  if(NOT ROOM_APART)
    set_property(GLOBAL APPEND PROPERTY MILLRACE_ROOM_OBJECTS ${objects})
    set_property(GLOBAL APPEND PROPERTY MILLRACE_PRIVATE_LINK ${ROOM_LINK})
  endif()

  add_library(millrace_${name} STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${objects}>)
  target_include_directories(millrace_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/lib")
  target_compile_features(millrace_${name} PUBLIC cxx_std_20)
  set(below ${ROOM_ROOMS})
  list(TRANSFORM below PREPEND millrace_)
  target_link_libraries(millrace_${name} PUBLIC ${below} absl::status absl::statusor absl::time absl::any_invocable
    absl::flat_hash_map absl::flat_hash_set absl::btree absl::inlined_vector absl::strings absl::str_format
    Threads::Threads ${ROOM_LINK})
endfunction()

# The warnings that the project's own code must not have. Three of gcc's are left out: with optimization, gcc 12 sees overlaps, overflows
# and uninitialized members inside std::string and std::vector that are none (gcc bugs 105329, 105651).
function(millrace_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    $<$<BOOL:${MILLRACE_WERROR}>:-Werror>)
endfunction()

# millrace_test(NAME ROOMS rooms... SOURCES files...): one Catch2 program; ctest lists each of its cases. LABELS threads: it starts
# threads, so it runs under ThreadSanitizer too.
function(millrace_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;ROOMS;LINK;LABELS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_compile_features(${name} PRIVATE cxx_std_20)
  set(below ${TEST_ROOMS})
  list(TRANSFORM below PREPEND millrace_)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/test")
  target_link_libraries(${name} PRIVATE ${below} Catch2::Catch2WithMain ${TEST_LINK})
  millrace_warnings(${name})
  # A property with an empty value would swallow the next one's name.
  set(properties TIMEOUT ${TEST_TIMEOUT})
  if(TEST_LABELS)
    list(APPEND properties LABELS "${TEST_LABELS}")
  endif()
  if("threads" IN_LIST TEST_LABELS)
    # `cmake --build build --target thread_tests && ctest -L threads`, under ThreadSanitizer.
    if(NOT TARGET thread_tests)
      add_custom_target(thread_tests)
    endif()
    add_dependencies(thread_tests ${name})
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}/" PROPERTIES ${properties})
endfunction()
