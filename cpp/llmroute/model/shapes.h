// Makers of the schema's shapes, for whoever declares one (see schema.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "llmroute/model/schema.h"

namespace llmroute::schema {

inline constexpr double kMaxTextBytes = 4'096;

constexpr Shape number_of(Kind kind, double min, double max) {
  Shape shape;
  shape.kind = kind;
  shape.min = min;
  shape.max = max;
  return shape;
}

constexpr Shape text_of(std::string (*check)(std::string_view)) {
  Shape shape;
  shape.max = kMaxTextBytes;
  shape.check = check;
  return shape;
}

constexpr Shape words_of(std::span<const std::string_view> words) {
  Shape shape = text_of(nullptr);
  shape.words = words;
  return shape;
}

constexpr Shape table_of(std::span<const Field> fields) {
  Shape shape;
  shape.kind = Kind::table;
  shape.fields = fields;
  return shape;
}

// Of two types.
constexpr Shape either_of(const Shape& item, const Shape& other) {
  Shape shape;
  shape.kind = Kind::either;
  shape.item = &item;
  shape.other = &other;
  return shape;
}

constexpr Shape map_of(const Shape& item, double max, std::string (*check_key)(std::string_view)) {
  Shape shape = number_of(Kind::map, 0, max);
  shape.item = &item;
  shape.check_key = check_key;
  return shape;
}

// Of any items.
constexpr Shape series_of(const Shape& item, double min, double max) {
  Shape shape = number_of(Kind::list, min, max);
  shape.item = &item;
  return shape;
}

// Of texts, none twice.
constexpr Shape list_of(const Shape& item, double min, double max) {
  Shape shape = series_of(item, min, max);
  shape.unique = true;
  return shape;
}

}  // namespace llmroute::schema
