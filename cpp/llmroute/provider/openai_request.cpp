#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class OpenAiEncoder {
 public:
  OpenAiEncoder(const ChatRequest& request, const Deployment& deployment,
                std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        dropped_(dropped),
        losses_("openai", true, dropped),
        writer_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 256;
    out_.reserve(request_.body.size() + kRoomForChanges);
    writer_.begin_object().key("model").string(deployment_.model);
    const Facts& facts = request_.facts;
    std::string_view body = request_.body;
    auto messages = body.substr(facts.messages_begin, facts.messages_end - facts.messages_begin);
    std::string carried;
    if (facts.shape != Shape::chat) {
      Losses losses("openai", request_.options.drop_unsupported, dropped_);
      carried = without_foreign(request_, deployment_.quirks, losses);
      if (losses.error()) return *losses.error();
      body = carried;
      messages = {};
    }
    for (auto m = JsonView(body).first_member(messages); m; m = m.next()) {
      auto written = member(m);
      if (!written) return written.error();
    }
    write_max_tokens();
    if (request_.options.stream) {
      writer_.key("stream").boolean(true);
      write_stream_options();
    }
    writer_.end_object();
    return std::move(out_);
  }

 private:
  Result<void> member(const JsonView::Member& m) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model") || m.key_is("stream")) return {};
    if (m.key_is("stream_options")) {
      stream_options_ = value;
      return {};
    }
    const std::string key = m.key_view().string();
    if (refused(key)) return refuse(key);
    if (key == "messages" && value.is_array()) {
      writer_.key(key);
      write_openai_messages(writer_, value, deployment_.quirks, losses_);
    } else if (key == "tools" && value.is_array()) {
      writer_.key(key);
      write_openai_tools(writer_, value, deployment_.quirks, losses_);
    } else if (is_max_tokens(key) && !deployment_.quirks.max_tokens_field.empty()) {
      // Both names may be there; the newer one wins, and the field is written once.
      if (max_tokens_.missing() || key == "max_completion_tokens") max_tokens_ = value;
    } else {
      writer_.key(name_of(key)).raw(value.raw());
    }
    return {};
  }

  // What the provider calls it.
  std::string_view name_of(const std::string& key) const {
    for (const auto& [parameter, name] : deployment_.quirks.rename) {
      if (parameter == key) return name;
    }
    return key;
  }

  Result<void> refuse(const std::string& key) {
    if (request_.options.drop_unsupported) {
      dropped_.push_back(key);
      return {};
    }
    return make_error(ErrorKind::bad_request,
                      deployment_.name + " does not take the parameter \"" + key +
                          "\"; leave it out, or allow it to be dropped",
                      key);
  }

  bool refused(const std::string& key) const {
    const Parameter parameter = parameter_of(key);
    return parameter != Parameter::other &&
           deployment_.unsupported.test(static_cast<std::size_t>(parameter));
  }

  static bool is_max_tokens(const std::string& key) {
    return key == "max_tokens" || key == "max_completion_tokens";
  }

  void write_max_tokens() {
    if (max_tokens_.missing()) return;
    writer_.key(deployment_.quirks.max_tokens_field).raw(max_tokens_.raw());
  }

  // Usage is asked for even where the caller did not: an unbilled stream is a lie.
  void write_stream_options() {
    const bool ask = deployment_.quirks.stream_usage;
    if (!ask && stream_options_.missing()) return;
    writer_.key("stream_options").begin_object();
    if (ask) writer_.key("include_usage").boolean(true);
    each_member(stream_options_, [&](const JsonView::Member& m) {
      if (!ask || !m.key_is("include_usage")) {
        writer_.key(m.key_view().string()).raw(m.value().raw());
      }
    });
    writer_.end_object();
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  std::vector<std::string>& dropped_;
  Losses losses_;
  std::string out_;
  JsonWriter writer_;
  JsonView stream_options_, max_tokens_;
};

}  // namespace

Result<std::string> encode_openai(const ChatRequest& request, const Deployment& deployment,
                                  std::vector<std::string>& dropped) {
  return OpenAiEncoder(request, deployment, dropped).run();
}

}  // namespace llmroute::provider
