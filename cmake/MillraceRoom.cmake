# millrace_room(NAME ROOMS... [LINK targets...]): one room of lib/, as objects (for the library) and as a static archive
# (for the tests of this room and of those above it). ROOMS are the rooms it may include.
#
#   millrace_room(log SOURCES segment.cc ... ROOMS base env record LINK PkgConfig::LZ4)
#
# LIBRARY broker: the objects go into millrace::broker instead of millrace::millrace. APART: the room is an archive alone and no
# part of a library.
function(millrace_room name)
  cmake_parse_arguments(ROOM "APART" "LIBRARY" "SOURCES;ROOMS;LINK" ${ARGN})
  set(objects millrace_${name}_objects)
  add_library(${objects} OBJECT ${ROOM_SOURCES})
  target_compile_features(${objects} PUBLIC cxx_std_20)
  # libmillrace_broker.so uses what is private in libmillrace.so, so there a room's names are shown, whatever MILLRACE_EXPORT
  # says; calls are bound at link time all the same. Of a static library a host's plugin shows nothing.
  set(visibility hidden)
  if(BUILD_SHARED_LIBS)
    set(visibility default)
    target_compile_options(${objects} PRIVATE -fno-semantic-interposition)
  endif()
  set_target_properties(${objects} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET ${visibility}
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
    if(NOT ROOM_LIBRARY)
      set(ROOM_LIBRARY millrace)
    endif()
    set_property(GLOBAL APPEND PROPERTY MILLRACE_OBJECTS_OF_${ROOM_LIBRARY} ${objects})
    set_property(GLOBAL APPEND PROPERTY MILLRACE_LINK_OF_${ROOM_LIBRARY} ${ROOM_LINK})
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

# millrace_library(TARGET LIBRARY): the library target of the rooms that name LIBRARY, and its alias millrace::LIBRARY.
function(millrace_library target library)
  get_property(objects GLOBAL PROPERTY MILLRACE_OBJECTS_OF_${library})
  get_property(private_link GLOBAL PROPERTY MILLRACE_LINK_OF_${library})
  list(REMOVE_DUPLICATES private_link)
  add_library(${target})
  add_library(millrace::${library} ALIAS ${target})
  foreach(object IN LISTS objects)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
  endforeach()
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME ${library} VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
    "$<INSTALL_INTERFACE:include>")
  target_link_libraries(${target} PUBLIC absl::status absl::statusor absl::time absl::any_invocable Threads::Threads
    PRIVATE ${private_link} absl::flat_hash_map absl::flat_hash_set absl::btree absl::inlined_vector absl::strings
    absl::str_format)
  if(BUILD_SHARED_LIBS)
    set(exports "${PROJECT_SOURCE_DIR}/cmake/exports.map")
    target_link_options(${target} PRIVATE "LINKER:--version-script=${exports}" LINKER:-Bsymbolic-functions
      $<$<NOT:$<BOOL:${MILLRACE_SANITIZE}>>:LINKER:--no-undefined>)
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${exports}")
  else()
    target_compile_definitions(${target} PUBLIC MILLRACE_STATIC_DEFINE)
  endif()
endfunction()

# The warnings that the project's own code must not have. Three of gcc's are left out: with optimization, gcc 12 sees overlaps, overflows
# and uninitialized members inside std::string and std::vector that are none (gcc bugs 105329, 105651). One of clang's: it holds
# std::stable_sort of gcc's library against who calls it.
function(millrace_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
    $<$<BOOL:${MILLRACE_WERROR}>:-Werror>)
endfunction()

# millrace_test(NAME ROOMS rooms... SOURCES files...): one Catch2 program; ctest lists each of its cases. LABELS threads (or reliability-threads,
# which ctest -L finds under both): it starts threads, so it runs under ThreadSanitizer too.
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
  if(TEST_LABELS MATCHES "threads")
    # `cmake --build build --target thread_tests && ctest -L threads`, under ThreadSanitizer.
    if(NOT TARGET thread_tests)
      add_custom_target(thread_tests)
    endif()
    add_dependencies(thread_tests ${name})
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}/" PROPERTIES ${properties})
endfunction()
