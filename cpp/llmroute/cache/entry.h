// What is kept of an answer, and its ways in and out.
//
// One form for whole and streamed answers: the body of a chat.completion as OpenAI writes it. A
// stream's deltas are put together into one, and taken apart again for a reader that wants a stream.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/time.h"
#include "llmroute/cache/key.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/usage.h"

namespace llmroute::cache {

// Immutable once kept; shared by the cache and whoever is being answered from it.
struct Entry {
  std::string body;           // JSON
  std::string request_id;     // of the request whose answer it is
  std::string deployment;     // that gave it
  std::string finish_reason;  // of the first choice, canonical
  Usage usage;
  // Its whole form may lack what a stream does not carry (signatures of thinking).
  bool streams_only = false;

  std::size_t weight() const {
    return sizeof(Entry) + body.size() + request_id.size() + deployment.size() +
           finish_reason.size();
  }
};
using EntryPtr = std::shared_ptr<const Entry>;

// True for an answer that ended of itself or where the caller's own bound cut it. A filter's word
// and reasons nobody knows are not kept.
bool complete(std::string_view finish_reason);

// A whole answer in OpenAI's shape, valid JSON. Null where a choice has no message or is not
// complete. `like` has all but the body.
EntryPtr entry_from_body(std::string body, Entry like);

// The deltas of a stream while they pass, joined where they continue each other, so that a thousand
// of them weigh what their text does. A restart begins anew.
class Recorder {
 public:
  // Stops, and lets go of what it has, where more than that would have to be kept.
  explicit Recorder(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  void take(const std::vector<Delta>& deltas);
  void restart();
  bool stopped() const { return stopped_; }
  const std::vector<Delta>& deltas() const { return deltas_; }

 private:
  static bool continues(const Delta& last, const Delta& next);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool stopped_ = false;
  std::vector<Delta> deltas_;
};

// A stream that ended well. Null where it is not complete, or has several choices. `like` has all
// but body and finish reason; `model` and `created` go into the body.
EntryPtr entry_from_deltas(const std::vector<Delta>& deltas, Entry like, std::string_view model,
                           WallTime created);

// As a provider would have streamed it, in a few pieces.
std::vector<Delta> deltas_of(const Entry& entry);

// For a store. A value that is cut, changed, or kept under another key is none when it is read.
std::string to_bytes(const Key& key, const Entry& entry, WallTime kept);
struct Stored {
  EntryPtr entry;
  WallTime kept{};
};
std::optional<Stored> from_bytes(const Key& key, std::string_view bytes);

}  // namespace llmroute::cache
