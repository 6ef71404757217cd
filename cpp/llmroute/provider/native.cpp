#include "llmroute/provider/native.h"

#include <algorithm>

#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// The quirks' own list: the dialect's says what chat completions have and its shape has not.
bool refused(const Deployment& deployment, const std::string& key) {
  const auto& list = deployment.quirks.unsupported;
  return std::find(list.begin(), list.end(), key) != list.end();
}

}  // namespace

Result<std::string> encode_native(const ChatRequest& request, const Deployment& deployment,
                                  std::vector<std::string>& dropped, NativeDefault otherwise) {
  constexpr std::size_t kRoomForChanges = 256;
  std::string out;
  out.reserve(request.native.size() + kRoomForChanges);
  JsonWriter w(out);
  w.begin_object().key("model").string(deployment.model);
  bool needed = !otherwise.key.empty();
  for (auto m = JsonView(request.native).first_member(); m; m = m.next()) {
    if (m.value().is_null() || m.key_is("model") || m.key_is("stream")) continue;
    const std::string key = m.key_view().string();
    if (refused(deployment, key)) {
      if (!request.options.drop_unsupported) {
        return make_error(ErrorKind::bad_request,
                          deployment.name + " does not take the parameter \"" + key +
                              "\"; leave it out, or allow it to be dropped",
                          key);
      }
      dropped.push_back(key);
      continue;
    }
    needed = needed && key != otherwise.key;
    w.key(key).raw(m.value().raw());
  }
  if (needed) w.key(otherwise.key).integer(otherwise.value);
  if (request.options.stream) w.key("stream").boolean(true);
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
