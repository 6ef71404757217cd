// What may become part of a request line or a header: nothing that is accepted can smuggle anything.
#include <cctype>

#include "llmroute/model/schema_texts.h"
#include "llmroute/provider/common.h"
#include "llmroute/wire/http.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

bool clean(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20U && c != '\t') return false;
    if (byte == 0x7FU) return false;
  }
  return true;
}

void address(std::string_view text) {
  if (!schema::check_base_url(text).empty()) return;
  MUST_HOLD(clean(text) && text.find_first_of(" \t#\\") == std::string_view::npos);
  const std::size_t begin = text.find("://") + 3;
  const std::string_view rest = text.substr(begin);
  const std::string_view host = rest.substr(0, rest.find_first_of("/?"));
  MUST_HOLD(!host.empty() && host.find('@') == std::string_view::npos);
  const std::string url = provider::endpoint(text, "/chat/completions");
  // The path is added within the path: scheme and host stay what they were.
  MUST_HOLD(url.substr(0, begin + host.size()) == text.substr(0, begin + host.size()));
  MUST_HOLD(url.find("/chat/completions") != std::string::npos);
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::string_view name = choices.take(choices.below(24));
  const std::string_view text = choices.rest();
  if (llmroute::wire::check_header(name, text)) {
    MUST_HOLD(!name.empty() && clean(text) && name.find_first_of(" :\r\n\t") == name.npos);
  }
  address(text);
  std::string full("https://");
  address(full.append(text));
  return 0;
}
