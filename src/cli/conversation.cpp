#include "cli/conversation.h"

#include <filesystem>
#include <random>

#include "base/file.h"
#include "cli/json_line.h"
#include "text/stream_decoder.h"

namespace r1 {
namespace {

bool holds_messages(const OrderedJson& saved) {
  return saved.is_object() && saved.contains("messages") && saved["messages"].is_array();
}

}  // namespace

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
  if (static_cast<int64_t>(request.prompt.size()) >= options_.context) {
    const char* what = messages_.empty() ? "the prompt" : "the conversation";
    throw Error(
        fmt::format("{} has {} tokens, and the context holds {}", what, request.prompt.size(), options_.context),
        Exit::kUsage,
        messages_.empty() ? "shorten it, or ask for more with --context"
                          : "/reset forgets the conversation; started with --context N, r1 holds more");
  }
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

std::string Conversation::closing_line(const Answer& made) const {
  const std::string speed = made.speed_text();
  if (made.finish == FinishReason::Cancelled) return fmt::format("[{}; stopped]", speed);
  if (made.finish != FinishReason::Length) return fmt::format("[{}]", speed);
  const int64_t limit = options_.sampling.max_tokens.value_or(-1);
  if (limit >= 0 && static_cast<int64_t>(made.ids.size()) >= limit)
    return fmt::format("[{}; cut off: --max-tokens {} is reached]", speed, limit);
  return fmt::format("[{}; cut off: the context of {} tokens is full (--context)]", speed, options_.context);
}

void Conversation::think(const Thinking& thinking) {
  check_thinking(thinking, model_);
  options_.thinking = thinking;
}

void Conversation::save(const std::string& file) const {
  OrderedJson saved;
  if (!options_.system.empty()) saved["system"] = options_.system;
  saved["messages"] = OrderedJson::array();
  for (const Message& message : messages_) saved["messages"].push_back(message.to_json());
  write_file(file, saved.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

bool Conversation::is_saved(const std::string& file) {
  if (!std::filesystem::is_regular_file(file)) return false;
  try {
    return holds_messages(parse_ordered_json(read_file(file), file));
  } catch (const Error&) {
    return false;
  }
}

void Conversation::load(const std::string& file) {
  const OrderedJson saved = parse_ordered_json(read_file(file), file);
  if (!holds_messages(saved)) {
    fail(Exit::kFailure, "{}: found no list \"messages\": this is not a saved conversation", file);
  }
  std::vector<Message> messages;
  for (const OrderedJson& message : saved["messages"])
    messages.push_back(Message::from_json(message, file + ": messages"));
  if (saved.contains("system") && saved["system"].is_string()) options_.system = saved["system"];
  messages_ = std::move(messages);
}

}  // namespace r1
