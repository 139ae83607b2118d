// Message: one turn of a conversation, as chat templates see it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  std::string reasoning;  // an assistant's thought, if it is kept apart from the answer
  OrderedJson extra;      // further fields (tool_calls, name, …) as the client sent them; null if none
  bool null_content =
      false;  // the client sent null, as an assistant does that only calls tools: `content` is empty then

  // What the template gets: role, content, reasoning_content (if any), and extra's fields.
  OrderedJson to_json() const;
  // Takes {"role", "content": string | null | [{"type": "text", "text"} …], "reasoning_content" or "reasoning", …};
  // "developer" is read as "system". Throws Error that names the field and `what` (for example "prompts.jsonl line 3").
  static Message from_json(const OrderedJson& json, const std::string& what);
};

}  // namespace r1
