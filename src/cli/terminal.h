// The terminal: who is watching which stream, in what colours, how wide; and what a person is told besides the results.
// Everything here goes to stderr. Results go through cli/output.h.
#pragma once

#include <string>
#include <string_view>

namespace r1 {

enum class Colour { Auto, Always, Never };

// What --color, --quiet and --verbose chose; set once, before anything is printed.
struct TerminalSettings {
  Colour colour = Colour::Auto;
  int verbosity = 0;  // -1 quiet, 0 normal, 1 verbose, 2 debug
};
void set_terminal(const TerminalSettings& settings);
int verbosity();

bool is_terminal(int descriptor);
// Escape sequences may be written: a terminal that is not dumb, or CLICOLOR_FORCE; NO_COLOR and --color never forbid
// it.
bool colours(int descriptor);
// The cursor may be moved (progress bars, line editing): a terminal that is not dumb, whatever the colours.
bool moves_cursor(int descriptor);
int terminal_width(int descriptor);  // columns; 80 where nobody knows

enum class Style { Plain, Dim, Bold, Red, Yellow, Green, Cyan };
// The text in that style if the stream shows colours, else as it is.
std::string styled(int descriptor, Style style, std::string_view text);
std::string_view style_code(Style style);  // the escape sequence that switches to it

// "r1: note: …" and "r1: warning: …" on stderr, unless quiet.
void note(const std::string& sentence);
void warn(const std::string& sentence);
// Text on stderr as it is. Errors of writing there are ignored: nobody is left to be told.
void say(std::string_view text);

// Text that a model or a file wrote, safe for a terminal: control characters other than newline and tab are dropped.
std::string printable(std::string_view text);

}  // namespace r1
