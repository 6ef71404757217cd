// Request bodies written straight from Python objects.
//
// With the GIL held. Nothing is imported and no Python code runs for plain dicts, lists, tuples,
// strings, numbers, booleans and None; other mappings and sequences, enumerations, dataclasses and
// objects with model_dump() take a slower road. Depth is bounded, so a cycle is an error.
#pragma once

#include <Python.h>

#include <string>

#include "llmroute/base/error.h"

namespace llmroute::bindings {

// Appends `value` as JSON. ErrorKind::invalid_argument with the path below `root` ("messages" gives
// "messages[2].content") for what JSON cannot carry: foreign types, NaN and infinities, lone
// surrogates, keys that are no strings, too much depth. A Python exception raised by the object's
// own code is left set, and the error's message is empty.
Result<void> append_json(std::string& out, PyObject* value, const char* root);

// Appends a string with quotes.
Result<void> append_json_string(std::string& out, PyObject* text);

}  // namespace llmroute::bindings
