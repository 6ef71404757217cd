// The shape of a price: schema.cpp places it in the document.
#pragma once

#include "llmroute/model/schema.h"

namespace llmroute::schema {

extern const Shape kPrice;  // deployments.NAME.price

}  // namespace llmroute::schema
