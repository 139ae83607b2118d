#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cwchar>

#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace r1 {
namespace {

volatile std::sig_atomic_t resized = 0, continued = 0;

constexpr char kAnnouncePastes[] = "\x1b[?2004h", kPlainPastes[] = "\x1b[?2004l";

void catch_signal(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

// Behind Ctrl-Z and fg the terminal is as the shell left it, and its last line is the shell's.
void take_terminal_again(EditLine* editor) {
  say(kAnnouncePastes);
  el_set(editor, EL_PREP_TERM, 0);
  el_set(editor, EL_PREP_TERM, 1);
  el_set(editor, EL_REFRESH);
}

// One character from the terminal. libedit's own reading would go on after Ctrl-C; this one ends.
int read_character(EditLine* editor, wchar_t* character) {
  std::mbstate_t state = {};
  for (;;) {
    if (!wait_for_input(STDIN_FILENO)) {
      if (interrupted()) return -1;
      if (resized != 0) {
        resized = 0;
        el_resize(editor);
      }
      if (continued != 0) {
        continued = 0;
        take_terminal_again(editor);
      }
      continue;
    }
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return static_cast<int>(got);
    const size_t length = std::mbrtowc(character, &byte, 1, &state);
    if (length == static_cast<size_t>(-2)) continue;  // an incomplete character
    if (length == static_cast<size_t>(-1)) {
      state = {};
      continue;  // not UTF-8: dropped
    }
    return 1;
  }
}

// Bound to the sequence that announces pasted text: takes all of it, newlines too, up to the sequence that ends it.
unsigned char take_paste(EditLine* editor, int) {
  static const std::wstring kEnd = L"\x1b[201~";
  std::wstring text;
  wchar_t character = 0;
  while (el_wgetc(editor, &character) == 1) {
    text += character == L'\r' ? L'\n' : character;
    if (text.ends_with(kEnd)) {
      text.resize(text.size() - kEnd.size());
      break;
    }
  }
  if (!text.empty() && el_winsertstr(editor, text.c_str()) != 0) return CC_ERROR;
  return CC_REFRESH;
}

// The editor needs to know where characters begin; only that part of the locale is touched.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX < 2) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::Terminal {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::filesystem::path history_file;
  std::string prompt;

  explicit Terminal(std::filesystem::path file) : history_file(std::move(file)) {
    use_utf8();
    catch_signal(SIGWINCH, [](int) { resized = 1; });
    catch_signal(SIGCONT, [](int) { continued = 1; });

    editor = el_init("r1", stdin, stderr, stderr);
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, 1000);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_PROMPT, prompt_of);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 0);
    el_set(editor, EL_HIST, ::history, history);
    el_wset(editor, EL_GETCFN, read_character);
    el_set(editor, EL_ADDFN, "take-paste", "Take pasted text", take_paste);
    for (const auto& [keys, command] : kKeys) el_set(editor, EL_BIND, keys, command, nullptr);
  }

  ~Terminal() {
    history_end(history);
    el_end(editor);
  }

  void remember(const std::string& line) {
    HistEvent event;
    ::history(history, &event, H_ENTER, line.c_str());
    if (history_file.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(history_file.parent_path(), ignored);
    const mode_t mask = ::umask(077);
    ::history(history, &event, H_SAVE, history_file.c_str());  // losing history is no reason to stop
    ::umask(mask);
  }

  static char* prompt_of(EditLine* editor) {
    Terminal* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }

  static constexpr std::pair<const char*, const char*> kKeys[] = {
      {"\\e[200~", "take-paste"},        {"\\e[A", "ed-prev-history"}, {"\\e[B", "ed-next-history"},
      {"\\e[C", "ed-next-char"},         {"\\e[D", "ed-prev-char"},    {"\\e[H", "ed-move-to-beg"},
      {"\\e[F", "ed-move-to-end"},       {"\\e[1~", "ed-move-to-beg"}, {"\\e[4~", "ed-move-to-end"},
      {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},
      {"^W", "ed-delete-prev-word"},     {"^U", "vi-kill-line-prev"},  {"^R", "em-inc-search-prev"},
  };
};

LineEditor::LineEditor(std::filesystem::path history) {
  if (moves_cursor(STDIN_FILENO) && is_terminal(STDERR_FILENO))
    terminal_ = std::make_unique<Terminal>(std::move(history));
}

LineEditor::~LineEditor() = default;

LineEditor::End LineEditor::read(const std::string& prompt, std::string* line) {
  line->clear();
  if (terminal_ == nullptr) {
    if (is_terminal(STDIN_FILENO)) say(prompt);
    for (char byte = 0;;) {
      if (!wait_for_input(STDIN_FILENO)) {
        if (interrupted()) return End::Interrupted;
        continue;
      }
      const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return line->empty() ? End::EndOfInput : End::Line;
      if (byte == '\n') return End::Line;
      *line += byte;
    }
  }
  terminal_->prompt = prompt;
  el_resize(terminal_->editor);
  continued = 0;  // while nobody edited
  say(kAnnouncePastes);
  int length = 0;
  const char* text = el_gets(terminal_->editor, &length);
  say(kPlainPastes);
  if (interrupted()) return End::Interrupted;
  if (text == nullptr || length <= 0) return End::EndOfInput;
  line->assign(text, static_cast<size_t>(length));
  if (line->ends_with('\n')) line->pop_back();
  if (line->find_first_not_of(" \t\n") != std::string::npos) terminal_->remember(*line);
  return End::Line;
}

}  // namespace r1
