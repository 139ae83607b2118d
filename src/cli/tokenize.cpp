// r1 tokenize: text to ids and back.
#include <filesystem>

#include "cli/batch_input.h"
#include "cli/batch_output.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "cli/verb.h"
#include "engine/loaded_model.h"

namespace r1 {
namespace {

struct TokenizeOptions {
  std::string model, in = "-", out = "-";
  std::vector<std::string> texts;
  bool add_special = true, parse_special = true;
};

const BatchOutput::Format kFormat = {"tokenize", {"pieces"}};

OrderedJson pieces(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  OrderedJson list = OrderedJson::array();
  for (const int32_t id : ids) list.push_back(std::string(tokenizer.piece(id)));
  return list;
}

std::string output_line(const Tokenizer& tokenizer, const OrderedJson& id, const std::vector<int32_t>& ids) {
  JsonLine line;
  line.add("id", id).add_ids("ids", ids).add("text", tokenizer.decode(ids)).add("pieces", pieces(tokenizer, ids));
  return line.text();
}

struct Line {
  OrderedJson id;
  std::vector<int32_t> ids;
};

void write_lines(const std::vector<Line>& lines, const Tokenizer& tokenizer, BatchOutput& output) {
  output.open();
  Progress progress("tokenizing", Progress::Unit::Count, lines.size(), "lines");
  for (size_t i = 0; i < lines.size(); ++i) {
    output.put(i, output_line(tokenizer, lines[i].id, lines[i].ids));
    progress.update(i + 1);
  }
  progress.finish();
  output.close();
}

// Texts of the command line are called 0, 1, 2, …: a name that says nothing of the text, so nothing is continued.
int tokenize_texts(const TokenizeOptions& options, const Tokenizer& tokenizer, const EncodeOptions& usual) {
  std::error_code none;
  if (options.out != "-" && std::filesystem::is_regular_file(options.out, none) &&
      std::filesystem::file_size(options.out, none) > 0) {
    throw Error(
        fmt::format("{} is there already, and only a file of texts with ids (--in) can be continued", options.out),
        Exit::kUsage, "name another --out, or remove the file");
  }
  std::vector<Line> lines;
  for (const std::string& text : options.texts) lines.push_back({lines.size(), tokenizer.encode(text, usual)});
  BatchOutput output(options.out, kFormat, true);
  write_lines(lines, tokenizer, output);
  return 0;
}

int tokenize(const TokenizeOptions& options) {
  const Tokenizer tokenizer = open_tokenizer(options.model);
  const EncodeOptions usual{options.add_special, options.parse_special};
  if (!options.texts.empty()) return tokenize_texts(options, tokenizer, usual);
  check_not_same_file(options.in, options.out);
  BatchOutput output(options.out, kFormat, true);
  std::vector<Line> lines;
  read_batch(options.in, [&](const BatchLine& line) {
    line.only({"id", "text", "ids", "add_special", "parse_special"});
    const bool from_ids = line.one_of({"text", "ids"}) == "ids";
    const EncodeOptions encode{line.flag("add_special").value_or(usual.add_special),
                               line.flag("parse_special").value_or(usual.parse_special)};
    std::vector<int32_t> ids;
    if (!from_ids) {
      ids = tokenizer.encode(line.text("text"), encode);
    } else if (!line.field("ids").is_array() || !line.field("ids").empty()) {
      ids = line.ids("ids", tokenizer.size());
    }
    if (!output.has(line.id())) lines.push_back({line.field("id"), std::move(ids)});
  });
  write_lines(lines, tokenizer, output);
  return 0;
}

std::function<int()> declare_tokenize(Options& options) {
  auto settings = std::make_shared<TokenizeOptions>();
  options.positional(settings->model, "MODEL", "a folder with tokenizer.json, or a .gguf file; weights are not needed");
  options.positionals(settings->texts, "[TEXT...]", "texts to encode, instead of --in");
  options.group("Files");
  options.add("i,in", settings->in, "FILE", "JSONL; - is standard input").path().command_line_only();
  options.add("o,out", settings->out, "FILE", "JSONL; - is standard output. A file that is there is continued")
      .path()
      .command_line_only();
  options.group("Encoding");
  options.add_switch("add-special", settings->add_special,
                     "begin (and end) text as the tokenizer says, where a line does not tell");
  options.add_switch("parse-special", settings->parse_special,
                     "control tokens in the text are recognised, where a line does not tell");
  return [settings] { return tokenize(*settings); };
}

}  // namespace

Verb tokenize_verb() {
  return {"tokenize",
          "text to token ids and back",
          "r1 tokenize MODEL [TEXT...] [--in FILE] [--out FILE] [options]",
          "An input line is an object with \"id\" and one of \"text\" and \"ids\", and, where wanted, add_special and "
          "parse_special (true or false). "
          "An output line has id, ids, text (the ids decoded) and pieces (the tokens as the vocabulary writes them).",
          {{"r1 tokenize model.gguf 'Hello, world'", "the ids of one text"},
           {"r1 tokenize model/ --in texts.jsonl --out ids.jsonl", "a file of texts"}},
          declare_tokenize};
}

}  // namespace r1
