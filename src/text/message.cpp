#include "text/message.h"

#include <algorithm>
#include <array>

namespace r1 {
namespace {

const std::string& string_field(const OrderedJson& json, const char* name, const std::string& what) {
  const auto field = json.find(name);
  if (field == json.end()) fail(Exit::kFailure, "{}: a message without '{}'", what, name);
  if (!field->is_string()) fail(Exit::kFailure, "{}: '{}' of a message is not a string", what, name);
  return field->get_ref<const std::string&>();
}

std::string read_role(const OrderedJson& json, const std::string& what) {
  static constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  const std::string& role = string_field(json, "role", what);
  if (role == "developer") return "system";
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
    fail(Exit::kFailure, "{}: unknown role '{}' (expected system, user, assistant or tool)", what, role.substr(0, 100));
  }
  return role;
}

// Text parts are joined as they are.
std::string joined_parts(const OrderedJson& parts, const std::string& what) {
  std::string content;
  for (const OrderedJson& part : parts) {
    if (!part.is_object()) fail(Exit::kFailure, "{}: a part of 'content' is not an object", what);
    const std::string& type = string_field(part, "type", what + ": a part of 'content'");
    if (type != "text")
      fail(Exit::kFailure, "{}: a part of 'content' has type '{}'; only 'text' is supported", what,
           type.substr(0, 100));
    content += string_field(part, "text", what + ": a part of 'content'");
  }
  return content;
}

}  // namespace

OrderedJson Message::to_json() const {
  OrderedJson json = OrderedJson::object();
  json["role"] = role;
  json["content"] = null_content ? OrderedJson(nullptr) : OrderedJson(content);
  if (!reasoning.empty()) json["reasoning_content"] = reasoning;
  if (extra.is_object()) {
    for (const auto& [name, value] : extra.items()) {
      if (!json.contains(name)) json[name] = value;
    }
  }
  return json;
}

Message Message::from_json(const OrderedJson& json, const std::string& what) {
  constexpr size_t kMostFields = 100;  // ordered objects look names up by walking all
  if (!json.is_object()) fail(Exit::kFailure, "{}: a message is not a JSON object", what);
  if (json.size() > kMostFields) fail(Exit::kFailure, "{}: a message with {} fields", what, json.size());
  Message message;
  message.role = read_role(json, what);
  const auto content = json.find("content");
  const bool calls = json.contains("tool_calls") && !json["tool_calls"].is_null();
  if (content == json.end() || content->is_null()) {
    if (message.role != "assistant" || !calls)
      fail(Exit::kFailure, "{}: a {} message without 'content'", what, message.role);
    message.null_content = true;
  } else if (content->is_array()) {
    message.content = joined_parts(*content, what);
  } else {
    message.content = string_field(json, "content", what);
  }
  for (const auto& [name, value] : json.items()) {
    if (name == "role" || name == "content") continue;
    if (name == "reasoning_content" || name == "reasoning") {
      if (!value.is_null() && message.reasoning.empty()) message.reasoning = string_field(json, name.c_str(), what);
    } else {
      message.extra[name] = value;
    }
  }
  return message;
}

}  // namespace r1
