// A whole reply in OpenAI's shape. What that shape has no name for goes beside it under names that
// are in use: `reasoning_content` for the thinking's summary, `images` of the message for pictures,
// `extra_content` of a call (or an image) for its signature, as the provider's own OpenAI-compatible
// face has it, and `thinking_blocks` for the signature of the text. The request side takes all of
// them back. What a search found is `annotations` of the message. Code that the provider ran itself is
// left out.
#include <algorithm>
#include <array>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/gemini_parts.h"
#include "llmroute/provider/limits.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// What the details of a count say of media; a document is billed as images.
struct Media {
  Tokens audio, image;
  void add(JsonView details) {
    each_element(details, [this](JsonView detail) {
      const JsonView modality = detail["modality"];
      const Tokens tokens = count(detail["tokenCount"]).value_or(Tokens{});
      if (modality.equals("AUDIO")) audio = audio + tokens;
      if (modality.equals("IMAGE") || modality.equals("DOCUMENT")) image = image + tokens;
    });
  }
};

void write_token(JsonWriter& w, JsonView candidate) {
  const JsonView token = candidate["token"];
  w.key("token").raw(token.is_string() ? token.raw() : R"("")");
  w.key("logprob").number(candidate["logProbability"].number().value_or(0));
  w.key("bytes").null();
}

// {"chosenCandidates": [token], "topCandidates": [{"candidates": [token]}]}, position by position.
std::string read_logprobs(JsonView result) {
  std::string out;
  if (!result["chosenCandidates"].is_array()) return out;
  JsonWriter w(out);
  w.begin_object().key("content").begin_array();
  auto top = result["topCandidates"].first_element();
  each_element(result["chosenCandidates"], [&](JsonView chosen) {
    w.begin_object();
    write_token(w, chosen);
    w.key("top_logprobs").begin_array();
    if (top) {
      each_element(top.value()["candidates"], [&w](JsonView other) {
        w.begin_object();
        write_token(w, other);
        w.end_object();
      });
      top = top.next();
    }
    w.end_array().end_object();
  });
  w.end_array().key("refusal").null().end_object();
  return out;
}

class Gatherer {
 public:
  Gatherer(std::string_view reply_id, std::size_t choice) : reply_id_(reply_id), choice_(choice) {}

  ChatAnswer gather(JsonView candidate) {
    std::string reason;
    JsonView grounding;
    std::vector<std::size_t> parts;
    each_member(candidate, [&](const JsonView::Member& m) {
      if (m.key_is("content")) {
        each_element(m.value()["parts"], [&](JsonView part) {
          parts.push_back(out_.text.size());
          add(GeminiPart(part));
        });
      }
      if (m.key_is("groundingMetadata")) grounding = m.value();
      if (m.key_is("finishReason")) reason = m.value().string();
      if (m.key_is("logprobsResult")) out_.logprobs = read_logprobs(m.value());
    });
    for (const std::string& annotation : gemini_annotations(grounding, out_.text, parts)) {
      add_element(out_.annotations, annotation);
    }
    out_.finish_reason = gemini_finish_reason(std::move(reason), calls_ > 0);
    return std::move(out_);
  }

 private:
  void add(const GeminiPart& part) {
    if (part.thought) {
      part.text.append_string(out_.reasoning);
    } else if (part.is_call) {
      add_call(part);
    } else if (part.data.is_string()) {
      out_.add_image(part.media_type.string(), part.data, gemini_extra(part.signature));
    } else if (!part.foreign) {
      out_.has_text = part.text.append_string(out_.text) || out_.has_text;
      if (part.signature.is_string()) {
        out_.add_thinking_block(gemini_signature_block(part.signature));
      }
    }
  }

  void add_call(const GeminiPart& part) {
    std::string id = part.call_id.string();
    if (id.empty()) id = gemini_call_id(reply_id_, choice_, calls_);
    ++calls_;
    out_.add_call(id, part.call_name.string(),
                  part.arguments.is_object() ? part.arguments.raw() : "{}",
                  gemini_extra(part.signature));
  }

  std::string_view reply_id_;
  std::size_t choice_;
  std::size_t calls_ = 0;
  ChatAnswer out_;
};

}  // namespace

GeminiPart::GeminiPart(JsonView part) {
  each_member(part, [this](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("text")) {
      text = value;
    } else if (m.key_is("thought")) {
      thought = value.boolean() == true;
    } else if (m.key_is("thoughtSignature")) {
      signature = value;
    } else if (m.key_is("functionCall")) {
      is_call = value.is_object();
      each_member(value, [this](const JsonView::Member& inner) {
        if (inner.key_is("id")) call_id = inner.value();
        if (inner.key_is("name")) call_name = inner.value();
        if (inner.key_is("args")) arguments = inner.value();
        if (inner.key_is("partialArgs") || inner.key_is("willContinue")) unfinished_call = true;
      });
    } else if (m.key_is("inlineData")) {
      each_member(value, [this](const JsonView::Member& inner) {
        if (inner.key_is("mimeType")) media_type = inner.value();
        if (inner.key_is("data")) data = inner.value();
      });
    } else {
      foreign = true;
    }
  });
}

GeminiReply::GeminiReply(JsonView whole) {
  each_member(whole, [this](const JsonView::Member& m) {
    if (m.key_is("candidates")) candidates = m.value();
    if (m.key_is("usageMetadata")) usage = m.value();
    if (m.key_is("promptFeedback")) feedback = m.value();
    if (m.key_is("error")) error = m.value();
    if (m.key_is("responseId")) id = m.value();
    if (m.key_is("modelVersion")) model = m.value();
    if (m.key_is("createTime")) created = m.value();
  });
}

std::optional<Failure> gemini_refusal(const GeminiReply& reply, JsonView whole) {
  const JsonView reason = reply.feedback["blockReason"];
  if (!reason.is_string()) {
    const ErrorFields fields = read_error_fields(whole);
    if (fields.found) return classify_error(200, fields);
    return std::nullopt;
  }
  ErrorFields fields;
  fields.code = reason.string();
  fields.message = reply.feedback["blockReasonMessage"].string();
  if (fields.message.empty()) fields.message = "the provider blocked the prompt: " + fields.code;
  fields.moderated = true;
  return classify_error(200, fields);
}

Usage read_gemini_usage(JsonView object) {
  Usage out;
  std::optional<Tokens> prompt;
  Tokens tools, answer;
  Media in, given;
  const auto take = [](JsonView value) { return count(value).value_or(Tokens{}); };
  each_member(object, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("promptTokenCount")) {
      prompt = count(value);
    } else if (m.key_is("toolUsePromptTokenCount")) {
      tools = take(value);
    } else if (m.key_is("candidatesTokenCount")) {
      answer = take(value);
    } else if (m.key_is("thoughtsTokenCount")) {
      out.reasoning = take(value);
    } else if (m.key_is("cachedContentTokenCount")) {
      out.cached_input = take(value);
    } else if (m.key_is("promptTokensDetails") || m.key_is("toolUsePromptTokensDetails")) {
      in.add(value);
    } else if (m.key_is("candidatesTokensDetails")) {
      given.add(value);
    }
  });
  if (!prompt) return {};
  out.reported = true;
  out.input = *prompt + tools;
  out.output = answer + out.reasoning;
  out.cached_input = std::min(out.cached_input, out.input);
  out.audio_input = std::min(in.audio, out.input);
  out.image_input = std::min(in.image, out.input);
  out.audio_output = std::min(given.audio, out.output);
  out.image_output = std::min(given.image, out.output);
  return out;
}

std::string gemini_finish_reason(std::string raw, bool has_calls) {
  constexpr std::array<std::string_view, 9> kFiltered = {
      "SAFETY",          "RECITATION",         "BLOCKLIST",   "SPII",
      "IMAGE_SAFETY",    "PROHIBITED_CONTENT", "MODEL_ARMOR", "IMAGE_PROHIBITED_CONTENT",
      "IMAGE_RECITATION"};
  if (raw == "STOP") return has_calls ? "tool_calls" : "stop";
  if (raw == "MAX_TOKENS") return "length";
  for (const std::string_view word : kFiltered) {
    if (raw == word) return "content_filter";
  }
  return raw;
}

std::string gemini_call_id(std::string_view reply_id, std::size_t choice, std::size_t index) {
  constexpr std::size_t kMaxBytes = 64;  // of a reply's id; the provider's has 22
  std::string id = "call_";
  if (!reply_id.empty() && reply_id.size() <= kMaxBytes) id.append(reply_id).append("_");
  if (choice > 0) id.append(std::to_string(choice)).append("_");
  return id.append(std::to_string(index));
}

std::string gemini_signature_block(JsonView signature) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .key("type")
      .string("thought_signature")
      .key("signature")
      .raw(signature.raw())
      .end_object();
  return out;
}

std::string gemini_extra(JsonView signature) {
  std::string out;
  if (!signature.is_string()) return out;
  JsonWriter w(out);
  w.begin_object().key("google").begin_object().key("thought_signature").raw(signature.raw());
  w.end_object().end_object();
  return out;
}

namespace {

std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

// The web page, document or place of a chunk; missing where it names none.
JsonView source_of(JsonView chunk) {
  for (const std::string_view kind : {"web", "retrievedContext", "maps"}) {
    if (chunk.at(kind, "uri").is_string()) return chunk[kind];
  }
  return {};
}

std::string url_citation(JsonView source, std::int64_t begin, std::int64_t end) {
  std::string json;
  JsonWriter w(json);
  w.begin_object().key("type").string("url_citation").key("url_citation").begin_object();
  w.key("start_index").integer(begin).key("end_index").integer(end);
  w.key("url").raw(source["uri"].raw()).key("title");
  w.raw(source["title"].is_string() ? source["title"].raw() : R"("")");
  w.end_object().end_object();
  return json;
}

}  // namespace

std::vector<std::string> gemini_annotations(JsonView grounding, std::string_view text,
                                            const std::vector<std::size_t>& parts) {
  constexpr std::size_t kMost = 1'000;
  std::vector<JsonView> sources;
  each_element(grounding["groundingChunks"],
               [&](JsonView chunk) { sources.push_back(source_of(chunk)); });
  std::vector<std::string> out;
  each_element(grounding["groundingSupports"], [&](JsonView support) {
    const JsonView segment = support["segment"];
    const auto part = static_cast<std::size_t>(segment["partIndex"].integer().value_or(0));
    const std::size_t base = part < parts.size() ? parts[part] : 0;
    const std::int64_t begin = segment["startIndex"].integer().value_or(0);
    const std::int64_t end = segment["endIndex"].integer().value_or(0);
    const auto room = static_cast<std::int64_t>(text.size() - base);
    if (begin < 0 || end <= begin || end > room) return;
    const auto first = base + static_cast<std::size_t>(begin);
    const std::int64_t before = characters(text.substr(0, first));
    const std::int64_t length =
        characters(text.substr(first, static_cast<std::size_t>(end - begin)));
    each_element(support["groundingChunkIndices"], [&](JsonView index) {
      const auto number = static_cast<std::size_t>(index.integer().value_or(-1));
      if (number >= sources.size() || sources[number].missing() || out.size() >= kMost) return;
      out.push_back(url_citation(sources[number], before, before + length));
    });
  });
  return out;
}

std::string gemini_to_openai(JsonView whole, std::string_view model, const Usage& usage) {
  const GeminiReply reply(whole);
  ChatCompletion out;
  out.id = reply.id.string();
  out.model = reply.model.is_string() ? reply.model.string() : std::string(model);
  const auto created = read_rfc3339(reply.created.string());
  if (created) {
    out.created = std::chrono::duration_cast<seconds>(created->time_since_epoch()).count();
  }
  each_element(reply.candidates, [&](JsonView candidate) {
    out.answers.push_back(Gatherer(out.id, out.answers.size()).gather(candidate));
  });
  out.usage = usage;
  return out.to_json();
}

}  // namespace llmroute::provider
