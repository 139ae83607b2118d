#include "cli/chat.h"

#include <poll.h>
#include <unistd.h>

#include <sstream>

#include "base/file.h"
#include "cli/answer_printer.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/suggest.h"
#include "cli/terminal.h"

namespace r1 {
namespace {

constexpr char kHelp[] =
    "  /think on|off|budget N   think before answering, or not, or at most N tokens; auto: as the template has it\n"
    "  /system TEXT             the system prompt; without TEXT none\n"
    "  /set NAME VALUE          a sampling option: temperature, top-p, top-k, min-p, seed, max-tokens, stop\n"
    "  /reset                   forget what has been said\n"
    "  /save FILE, /load FILE   keep the conversation, take it up again\n"
    "  /stats                   tokens, speed, memory\n"
    "  /stop                    end the answer that is being written (as Ctrl-C does)\n"
    "  /quit                    leave (as Ctrl-D does)\n"
    "A message goes on in the next line after a trailing \\, and over many lines between two \"\"\".\n";

const std::vector<std::string>& commands() {
  static const std::vector<std::string> known = {"/help", "/think",  "/stop", "/reset", "/save",
                                                 "/load", "/system", "/set",  "/stats", "/quit"};
  return known;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

// "~/x" as the shell would have it.
std::string from_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

constexpr char kCtrlD = '\x04';
constexpr char kQuotes[] = "\"\"\"";
constexpr const char *kPrompt = ">>> ", *kMorePrompt = "... ";

}  // namespace

Chat::Chat(Conversation& conversation, ChatOptions options)
    : conversation_(conversation), options_(std::move(options)), editor_(options_.history) {}

int Chat::run() {
  say("Ask, or type /help. Ctrl-C ends an answer, Ctrl-D leaves.\n");
  for (;;) {
    bool ended_by_signal = false;
    const std::optional<std::string> message = read_message(&ended_by_signal);
    if (!message) {
      say("\n");
      if (!ended_by_signal) return 0;
      check_interrupt();
    }
    try {
      const std::string line = trimmed(*message);
      if (line.starts_with('/') && message->find('\n') == std::string::npos) {
        if (!command(line)) return 0;
      } else if (!line.empty()) {
        answer_to(*message);
      }
    } catch (const Error& error) {  // the chat goes on
      say(fmt::format("r1: {} {}\n", styled(STDERR_FILENO, Style::Red, "error:"), printable(error.what())));
      if (!error.hint().empty()) say(fmt::format("hint: {}\n", error.hint()));
    }
  }
}

LineEditor::End Chat::next_line(const std::string& prompt, std::string* line) {
  if (!typed_ahead_.empty()) {
    *line = std::move(typed_ahead_.front());
    typed_ahead_.pop_front();
    return LineEditor::End::Line;
  }
  return input_ended_ ? LineEditor::End::EndOfInput : editor_.read(prompt, line);
}

std::optional<std::string> Chat::read_message(bool* ended_by_signal) {
  std::string message, line;
  const char* prompt = kPrompt;
  bool quoted = false;
  for (;;) {
    switch (next_line(prompt, &line)) {
      case LineEditor::End::EndOfInput:
        if (prompt == kPrompt) return std::nullopt;
        say("\nr1: the unfinished message is dropped\n");
        return "";
      case LineEditor::End::Interrupted:
        *ended_by_signal = true;
        return std::nullopt;
      case LineEditor::End::Line:
        break;
    }
    prompt = kMorePrompt;
    if (!quoted && message.empty() && line.starts_with(kQuotes)) {
      quoted = true;
      line = line.substr(3);
    }
    if (quoted) {
      const bool last = line.ends_with(kQuotes);
      if (last) line.resize(line.size() - 3);
      message += line;
      if (last) return message;
      message += '\n';
    } else if (line.ends_with('\\')) {
      line.pop_back();
      message += line + "\n";
    } else {
      return message + line;
    }
  }
}

void Chat::take_typed() {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  if (!is_terminal(STDIN_FILENO) || ::poll(&input, 1, 0) != 1 || (input.revents & POLLIN) == 0) return;
  char buffer[4096];
  const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);  // whole lines, nobody edits now
  if (got == 0) input_ended_ = true;                                // Ctrl-D: leave when the answer is there
  if (got <= 0) return;
  std::string text(buffer, static_cast<size_t>(got));
  // A Ctrl-D that came while the terminal was still the editor's is a character.
  if (std::erase(text, kCtrlD) > 0) input_ended_ = true;
  std::istringstream typed(text);
  for (std::string line; std::getline(typed, line);) typed_ahead_.push_back(line);
}

bool Chat::stop_wanted() {
  if (take_interrupt()) return true;
  check_interrupt();
  take_typed();
  if (typed_ahead_.empty() || trimmed(typed_ahead_.back()) != "/stop") return false;
  typed_ahead_.pop_back();
  return true;
}

void Chat::answer_to(const std::string& question) {
  AnswerPrinter printer(options_.hide_thinking);
  const AnswerWatch watch{[&](std::string_view reasoning, std::string_view text) { printer.show(reasoning, text); },
                          [this] { return stop_wanted(); }};
  const Answer made = conversation_.ask(question, watch);
  take_typed();  // a Ctrl-D would be lost when the editor takes the terminal over
  printer.finish();
  last_speed_ = made.speed_text();
  say(styled(STDERR_FILENO, Style::Dim, conversation_.closing_line(made)) + "\n");
}

void Chat::set(const std::string& rest) {
  Options options("set");
  SamplingOptions& sampling = conversation_.options().sampling;
  sampling.declare(options);
  const size_t space = rest.find(' ');
  const std::string name = rest.substr(0, space), value = space == std::string::npos ? "" : trimmed(rest.substr(space));
  std::vector<std::string> known;
  for (const auto& option : options.all()) known.push_back(option->name);
  Option* option = options.find(name);
  if (option == nullptr)
    fail(Exit::kUsage, "/set: unknown name '{}'{}, expected one of {}", name, did_you_mean(name, known),
         fmt::join(known, ", "));
  if (value.empty()) fail(Exit::kUsage, "/set {} needs a value", name);
  options.choose(*option, {value}, "/set");
  say(fmt::format("{}: {}\n", name, value));
}

void Chat::think(const std::string& rest) {
  const std::string value = rest.starts_with("budget ") ? trimmed(rest.substr(7)) : rest;
  if (!value.empty()) conversation_.think(Thinking::from_text(value));
  say(fmt::format("thinking: {}\n", conversation_.options().thinking.text()));
}

// Only a file that holds a conversation is overwritten unasked.
void Chat::save(const std::string& file) {
  if (kind_of(file) != FileKind::Nothing && !Conversation::is_saved(file)) {
    std::string reply;
    say(fmt::format("{} is there and is not a saved conversation.\n", printable(file)));
    const LineEditor::End end = next_line("overwrite it? [y/N] ", &reply);
    reply = trimmed(reply);
    if (end != LineEditor::End::Line || (reply != "y" && reply != "yes")) {
      take_interrupt();
      say("not saved\n");
      return;
    }
  }
  conversation_.save(file);
  say(fmt::format("saved {} to {}\n", count_text(static_cast<int64_t>(conversation_.messages().size()), "message"),
                  printable(file)));
}

void Chat::stats() const {
  say(fmt::format("messages: {}\nthinking: {}\n", conversation_.messages().size(),
                  conversation_.options().thinking.text()));
  if (!last_speed_.empty()) say(fmt::format("last answer: {}; seed {}\n", last_speed_, conversation_.last_seed()));
  if (options_.memory) say(options_.memory());
}

bool Chat::command(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string name = line.substr(0, space), rest = space == std::string::npos ? "" : trimmed(line.substr(space));
  const auto file = [&] {
    if (rest.empty()) fail(Exit::kUsage, "{} needs a file", name);
    return from_home(rest);
  };
  if (name == "/quit" || name == "/exit" || name == "/bye") return false;
  if (name == "/help") {
    say(kHelp);
  } else if (name == "/think") {
    think(rest);
  } else if (name == "/set") {
    set(rest);
  } else if (name == "/system") {
    if (conversation_.options().raw) fail(Exit::kUsage, "/system needs a chat template, and there is none here");
    conversation_.options().system = rest;
    say(rest.empty() ? "system prompt: none\n" : fmt::format("system prompt: {}\n", printable(rest)));
  } else if (name == "/reset") {
    say(fmt::format("forgotten: {}\n", count_text(static_cast<int64_t>(conversation_.messages().size()), "message")));
    conversation_.reset();
  } else if (name == "/save") {
    save(file());
  } else if (name == "/load") {
    conversation_.load(file());
    say(fmt::format("loaded {} from {}\n", count_text(static_cast<int64_t>(conversation_.messages().size()), "message"),
                    file()));
  } else if (name == "/stats") {
    stats();
  } else if (name == "/stop") {
    say("no answer is being written\n");
  } else {
    fail(Exit::kUsage, "unknown command '{}'{}; /help lists them", name, did_you_mean(name, commands()));
  }
  return true;
}

}  // namespace r1
