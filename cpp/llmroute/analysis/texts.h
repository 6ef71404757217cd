// What the user wrote: the text that conditions on a prompt look at.
//
// Pure functions of a body that read_facts has accepted; they own nothing and cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llmroute::analysis {

// Of the text of a request that much is read, from its beginning; the rest is not looked at.
inline constexpr std::size_t kMaxUserText = 1U << 20;

// The texts of all messages of role "user", unescaped and in order, each content string and each
// part of type "text" on a line of its own: joined by '\n', at most kMaxUserText bytes, cut between
// two characters. Images and files are passed over, their data are not copied. Of a key that occurs
// twice in one object the last counts, as with the providers. `messages_begin` and `messages_end`
// are those of the body's Facts.
std::string user_text(std::string_view body, std::uint32_t messages_begin,
                      std::uint32_t messages_end);

}  // namespace llmroute::analysis
