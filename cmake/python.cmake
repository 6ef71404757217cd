# The extension module llmroute._core, stamped with the id of the sources that it is made from.
set(PYBIND11_FINDPYTHON ON)
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 3.1 CONFIG REQUIRED)

set(stamp ${PROJECT_BINARY_DIR}/generated/llmroute/build_id.h)
# All sources count, the unused too: the id is a function of the tree and of nothing else.
file(GLOB_RECURSE stamped CONFIGURE_DEPENDS cpp/*.cpp cpp/*.h)
add_custom_command(
  OUTPUT ${stamp}
  COMMAND ${Python_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/llmroute/_build.py
          ${PROJECT_SOURCE_DIR} ${stamp}
  DEPENDS ${stamped} CMakeLists.txt cmake/layers.cmake cmake/python.cmake cmake/re2.cmake
          .ci/layers.json python/llmroute/_build.py
  COMMENT "Stamp the build id"
  VERBATIM)

file(GLOB bindings CONFIGURE_DEPENDS cpp/bindings/*.cpp)
pybind11_add_module(_core MODULE NO_EXTRAS ${bindings} ${stamp})
target_include_directories(_core PRIVATE ${PROJECT_BINARY_DIR}/generated)
list(TRANSFORM LLMROUTE_BUILT_LAYERS PREPEND llmroute_ OUTPUT_VARIABLE libraries)
target_link_libraries(_core PRIVATE ${libraries} nlohmann_json::nlohmann_json)
if(NOT APPLE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_link_options(_core PRIVATE -Wl,--exclude-libs,ALL -Wl,--gc-sections -s)
endif()
install(TARGETS _core LIBRARY DESTINATION llmroute COMPONENT python)
