#include "cli/conversation.h"

#include <random>

#include "base/file.h"
#include "cli/json_line.h"
#include "text/stream_decoder.h"

namespace r1 {

Conversation::Conversation(const LoadedModel& model, Engine& engine, ConversationOptions options)
    : model_(model), engine_(engine), options_(std::move(options)) {}

std::vector<int32_t> Conversation::prompt(const std::string& question) const {
  if (options_.raw) return model_.tokenizer().encode(question, {.add_special = true, .parse_special = true});
  std::vector<Message> messages = messages_;
  if (!options_.system.empty()) messages.insert(messages.begin(), {"system", options_.system, "", nullptr});
  messages.push_back({"user", question, "", nullptr});
  return encode_conversation(model_, std::move(messages), options_.thinking);
}

Answer Conversation::ask(const std::string& question, const AnswerWatch& watch) {
  Request request;
  request.prompt = prompt(question);
  request.sampling = options_.sampling.over(model_.default_sampling());
  if (!options_.sampling.seed) request.sampling.seed = std::random_device{}();
  last_seed_ = request.sampling.seed;
  request.max_tokens = options_.sampling.max_tokens.value_or(-1);
  request.stop = options_.sampling.stop;
  request.thinking = prompt_opens_thought(model_.tokenizer(), request.prompt);
  Answer made = answer(engine_, model_.tokenizer(), std::move(request), options_.thinking.budget, watch);
  if (!options_.raw) {
    messages_.push_back({"user", question, "", nullptr});
    messages_.push_back({"assistant", made.text, made.reasoning, nullptr});
  }
  return made;
}

void Conversation::save(const std::string& file) const {
  OrderedJson saved;
  if (!options_.system.empty()) saved["system"] = options_.system;
  saved["messages"] = OrderedJson::array();
  for (const Message& message : messages_) saved["messages"].push_back(message.to_json());
  write_file(file, saved.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

void Conversation::load(const std::string& file) {
  const OrderedJson saved = parse_ordered_json(read_file(file), file);
  if (!saved.is_object() || !saved.contains("messages") || !saved["messages"].is_array()) {
    fail(Exit::kFailure, "{}: found no list \"messages\": this is not a saved conversation", file);
  }
  std::vector<Message> messages;
  for (const OrderedJson& message : saved["messages"])
    messages.push_back(Message::from_json(message, file + ": messages"));
  if (saved.contains("system") && saved["system"].is_string()) options_.system = saved["system"];
  messages_ = std::move(messages);
}

}  // namespace r1
