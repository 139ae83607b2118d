#include "text/chat_template.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/file.h"
#include "test_data.h"

namespace r1 {
namespace {

std::string joined(const std::vector<PromptSpan>& spans) {
  std::string text;
  for (const PromptSpan& span : spans) text += span.text;
  return text;
}

// The parts that the template's author did not write, one after the other.
std::vector<std::string> message_parts(const std::vector<PromptSpan>& spans) {
  std::vector<std::string> parts;
  for (const PromptSpan& span : spans) {
    if (!span.literal) parts.push_back(span.text);
  }
  return parts;
}

std::string render(std::string_view source, const OrderedJson& variables = OrderedJson::object()) {
  return ChatTemplate(source, "test").render_text(variables);
}

std::string failure(std::string_view source, const OrderedJson& variables = OrderedJson::object()) {
  try {
    render(source, variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Message message(std::string role, std::string content) {
  Message made;
  made.role = std::move(role);
  made.content = std::move(content);
  return made;
}

TemplateInput input_of(const OrderedJson& variables) {
  TemplateInput input;
  for (const OrderedJson& json : variables["messages"]) input.messages.push_back(Message::from_json(json, "test"));
  input.add_generation_prompt = variables.value("add_generation_prompt", false);
  const auto token = [&](const char* name) {
    return variables.contains(name) && variables[name].is_string() ? variables[name].get<std::string>() : "";
  };
  input.bos_token = token("bos_token");
  input.eos_token = token("eos_token");
  if (variables.contains("tools")) input.tools = variables["tools"];
  if (variables.contains("enable_thinking")) input.variables["enable_thinking"] = variables["enable_thinking"];
  return input;
}

// The text of a template that a case of chat_cases.json names: a file, or a field of a JSON file.
std::optional<std::string> template_text(const std::string& reference) {
  const size_t hash = reference.find('#');
  const auto path = find_data("tokenizers/" + reference.substr(0, hash));
  if (!path) return std::nullopt;
  const std::string text = read_file(*path);
  if (hash == std::string::npos) return text;
  return parse_json(text, reference).at(reference.substr(hash + 1)).get<std::string>();
}

struct ChatCase {
  std::string name, family, source;
  OrderedJson variables;
  std::string expected;
};

// `missing` counts cases whose template is not here.
std::vector<ChatCase> chat_cases(const std::filesystem::path& path, int& missing) {
  std::vector<ChatCase> cases;
  for (const OrderedJson& json : parse_ordered_json(read_file(path), "chat_cases.json")) {
    const auto source = template_text(json["template_file"]);
    missing += !source;
    const std::string family = json["template"];
    cases.push_back({family + " " + json["case"].get<std::string>(), family, source.value_or(""), json["variables"],
                     json["expected"]});
  }
  return cases;
}

TEST(ChatTemplate, RendersTheGoldenCases) {
  R1_DATA_OR_SKIP(path, "tokenizers/templates/chat_cases.json");
  int missing = 0, rendered = 0;
  for (const ChatCase& one : chat_cases(path, missing)) {
    if (one.source.empty()) continue;
    SCOPED_TRACE(one.name);
    ++rendered;
    const ChatTemplate chat(one.source, one.family);
    EXPECT_EQ(chat.render_text(one.variables), one.expected);
    EXPECT_EQ(joined(chat.render(input_of(one.variables))), one.expected);
  }
  EXPECT_EQ(rendered + missing, 43);
  EXPECT_GE(rendered, 20);
  RecordProperty("missing", missing);
}

TEST(ChatTemplate, BuiltInsRenderTheGoldenCases) {
  R1_DATA_OR_SKIP(path, "tokenizers/templates/chat_cases.json");
  int missing = 0;
  for (const ChatCase& one : chat_cases(path, missing)) {
    SCOPED_TRACE(one.name);
    const std::string name = one.family == "qwen2.5-instruct" ? "qwen2.5" : one.family;
    const ChatTemplate chat(ChatTemplate::built_in(name), name);
    EXPECT_EQ(chat.render_text(one.variables), one.expected);
  }
}

// Conversations of all shapes: the built-ins must not differ from the templates that the models were published with.
OrderedJson random_conversation(bool null_content_in_calls) {
  OrderedJson messages = OrderedJson::array();
  const int count = *rc::gen::inRange(1, 9);
  const auto text = [] {
    return *rc::gen::element<std::string>("", "x", "\n\nA", "<think>\na\n</think>\n\nb", "a</think>b</think>c",
                                          "<tool_response>q</tool_response>", "é😀 ", "</think>");
  };
  for (int i = 0; i < count; ++i) {
    OrderedJson one = {
        {"role", *rc::gen::element<std::string>("system", "user", "user", "assistant", "assistant", "tool")},
        {"content", text()}};
    if (one["role"] == "assistant" && *rc::gen::inRange(0, 3) == 0) {
      if (null_content_in_calls) one["content"] = nullptr;
      for (int call = *rc::gen::inRange(1, 4); call > 0; --call) {
        OrderedJson arguments =
            null_content_in_calls ? OrderedJson("{\"a\": 1}") : OrderedJson({{"a", 1.5}, {"b", {true, nullptr}}});
        one["tool_calls"].push_back({{"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}});
      }
    }
    if (one["role"] == "assistant" && *rc::gen::inRange(0, 4) == 0) one["reasoning_content"] = text();
    messages.push_back(std::move(one));
  }
  OrderedJson variables = {{"messages", messages},
                           {"bos_token", "<BOS>"},
                           {"eos_token", "<EOS>"},
                           {"add_generation_prompt", *rc::gen::arbitrary<bool>()}};
  if (*rc::gen::inRange(0, 3) == 0) variables["tools"] = {{{"type", "function"}, {"function", {{"name", "f"}}}}};
  if (*rc::gen::inRange(0, 3) == 0) variables["enable_thinking"] = *rc::gen::arbitrary<bool>();
  return variables;
}

void check_built_in(const std::string& name, const std::string& reference, bool null_content_in_calls) {
  const auto source = template_text(reference);
  if (!source) GTEST_SKIP() << "needs " << reference;
  const ChatTemplate published(*source, reference), ours(ChatTemplate::built_in(name), name);
  EXPECT_TRUE(rc::check("the built-in '" + name + "' is the published template", [&] {
    const OrderedJson variables = random_conversation(null_content_in_calls);
    std::string expected;
    try {
      expected = published.render_text(variables);
    } catch (const Error&) {
      RC_DISCARD("the published template refuses it");
    }
    RC_ASSERT(ours.render_text(variables) == expected);
  }));
}

TEST(BuiltInTemplate, DeepSeekV3) {
  check_built_in("deepseek-v3", "deepseek-v3/tokenizer_config.json#chat_template", true);
}
TEST(BuiltInTemplate, DeepSeekR1Distill) {
  check_built_in("deepseek-r1-distill", "templates/deepseek-r1-distill.jinja", true);
}
TEST(BuiltInTemplate, Qwen25) { check_built_in("qwen2.5", "templates/qwen2.5-instruct.jinja", false); }
TEST(BuiltInTemplate, Qwen3) { check_built_in("qwen3", "qwen3/tokenizer_config.json#chat_template", false); }

// tokenizer.md 4.2 and 4.5 by example; there are no files of these.
TEST(BuiltInTemplate, DeepSeekR1) {
  const ChatTemplate chat(ChatTemplate::built_in("deepseek-r1"), "deepseek-r1");
  TemplateInput input;
  input.bos_token = "<BOS>";
  input.messages = {message("system", "A"), message("system", "B"), message("user", "Q1"),
                    message("assistant", "t</think>\n\nAnswer"), message("user", "Q2")};
  EXPECT_EQ(
      joined(chat.render(input)),
      "<BOS>A\n\nB<｜User｜>Q1<｜Assistant｜>\n\nAnswer<｜end▁of▁sentence｜><｜User｜>Q2<｜Assistant｜><think>\n");
  OrderedJson call = {{"type", "function"}, {"function", {{"name", "f"}, {"arguments", "{}"}}}};
  Message calls = message("assistant", "");
  calls.null_content = true;
  calls.extra["tool_calls"] = {call, call};
  input.messages = {message("user", "Q"), calls, message("tool", "1"), message("tool", "2")};
  EXPECT_EQ(joined(chat.render(input)),
            "<BOS><｜User｜>Q<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```"
            "json\n{}\n```<｜tool▁call▁end｜>\n"
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><"
            "｜end▁of▁sentence｜>"
            "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>1<｜tool▁output▁end｜><｜tool▁output▁begin｜>2<"
            "｜tool▁output▁end｜><｜tool▁outputs▁end｜>");
}

TEST(BuiltInTemplate, DeepSeekR10528) {
  const ChatTemplate chat(ChatTemplate::built_in("deepseek-r1-0528"), "deepseek-r1-0528");
  TemplateInput input;
  input.bos_token = "<BOS>";
  input.messages = {message("user", "Hi")};
  EXPECT_EQ(joined(chat.render(input)), "<BOS><｜User｜>Hi<｜Assistant｜>");
  input.messages = {message("system", "S"), message("user", "Q1"), message("assistant", "<think>x</think>Answer"),
                    message("user", "Q2")};
  EXPECT_EQ(joined(chat.render(input)),
            "<BOS>S<｜User｜>Q1<｜Assistant｜>Answer<｜end▁of▁sentence｜><｜User｜>Q2<｜Assistant｜>");
  input.messages = {message("system", "S")};
  EXPECT_EQ(joined(chat.render(input)), "<BOS>S<｜Assistant｜>");
}

TEST(BuiltInTemplate, ChatMlSmolLmAndLlama) {
  TemplateInput input;
  input.bos_token = "<|begin_of_text|>";
  input.messages = {message("user", " Hi ")};
  const auto built_in = [&](const char* name) {
    return joined(ChatTemplate(ChatTemplate::built_in(name), name).render(input));
  };
  const std::string turn = "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(built_in("chatml"), turn);
  EXPECT_EQ(
      built_in("smollm2"),
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" + turn);
  EXPECT_EQ(built_in("llama3"),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|"
            "end_header_id|>\n\n");
}

TEST(BuiltInTemplate, NamesAndSuggestions) {
  for (const std::string& name : ChatTemplate::built_in_names()) {
    EXPECT_FALSE(ChatTemplate::built_in(name).empty()) << name;
    EXPECT_NO_THROW(ChatTemplate(ChatTemplate::built_in(name), name));
  }
  EXPECT_EQ(ChatTemplate::built_in("no such"), "");
  EXPECT_EQ(suggest_built_in("<|im_start|>"), "chatml");
  EXPECT_EQ(suggest_built_in("<|im_start|> <think>"), "qwen3");
  EXPECT_EQ(suggest_built_in("'<｜User｜>' '<｜Assistant｜><think>'"), "deepseek-r1");
  EXPECT_EQ(suggest_built_in("'<｜User｜>'"), "deepseek-v3");
  EXPECT_EQ(suggest_built_in("<|start_header_id|>"), "llama3");
  EXPECT_EQ(suggest_built_in("hello"), "");
}

// ---- the language, judged by Jinja2 itself (tests/data/tokenizers/make_jinja_cases.py)

TEST(TemplateLanguage, AgreesWithJinja2) {
  R1_DATA_OR_SKIP(path, "tokenizers/jinja_cases.json");
  const OrderedJson file = parse_ordered_json(read_file(path), "jinja_cases.json");
  for (const OrderedJson& one : file["cases"]) {
    const std::string source = one["template"];
    SCOPED_TRACE(source);
    if (one.contains("expected")) {
      try {
        EXPECT_EQ(render(source, file["variables"]), one["expected"].get<std::string>());
      } catch (const Error& error) {
        ADD_FAILURE() << error.what() << "\nexpected: " << one["expected"];
      }
    } else {
      EXPECT_NE(failure(source, file["variables"]), "") << "expected " << one["error"];
    }
  }
}

TEST(TemplateLanguage, NamesWhatItLacks) {
  EXPECT_EQ(failure("<|im_start|>\n{{ x|pprint }}"),
            "test, line 2: the filter 'pprint' is not supported in chat templates; the built-in template 'chatml' may "
            "be asked for instead");
  EXPECT_NE(failure("a\n\n{% include 'x' %}").find("line 3: the statement 'include' is not supported"),
            std::string::npos);
  EXPECT_NE(failure("{{ 1 is weird }}").find("the test 'weird'"), std::string::npos);
  EXPECT_NE(failure("{{ 'a'.encode() }}").find("the method 'encode' of a string"), std::string::npos);
  EXPECT_NE(failure("{{ '%s' % 1 }}").find("formatting a string with '%'"), std::string::npos);
  EXPECT_NE(failure("{{ joiner() }}").find("the function 'joiner'"), std::string::npos);
  EXPECT_NE(failure("{{ f(*x) }}").find("unpacking arguments"), std::string::npos);
  EXPECT_NE(failure("{% for x in y recursive %}{% endfor %}").find("a recursive loop"), std::string::npos);
  EXPECT_NE(failure("{{ [1]|tojson(cls=1) }}").find("the argument 'cls' of 'tojson'"), std::string::npos);
  EXPECT_NE(failure("{{ 'a'|safe ~ '<' }}").find("the filter 'safe'"), std::string::npos);
  EXPECT_NE(failure("{{ 'a'|'safe' }}"), "");  // the name, not a string of its letters
  EXPECT_NE(failure("{{ 1|map }}").find("built-in template may be asked for"), 0U);
}

TEST(TemplateLanguage, SaysWhereAndWhy) {
  EXPECT_EQ(failure("a\nb\n{{ x.y.z }}"), "test, line 3: 'x' is undefined, and so has no 'y'");
  EXPECT_EQ(failure("{{ raise_exception('Only user messages') }}"),
            "test, line 1: the template refuses: Only user messages");
  EXPECT_EQ(failure("{%- if x %}\n{{ 1 }}"), "test, line 2: 'endif' is missing at the end of the template");
  try {
    ChatTemplate("{{ 1 + }}", "tokenizer_config.json: chat_template");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    EXPECT_STREQ(error.what(), "tokenizer_config.json: chat_template, line 1: expected an expression, found '}}'");
  }
}

TEST(TemplateLanguage, TellsTheDate) {
  const std::string date = render("{{ strftime_now('%Y-%m-%d') }}");
  ASSERT_EQ(date.size(), 10U);
  EXPECT_GE(std::stoi(date), 2024);
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y')|length }}"), "11");
}

TEST(ChatTemplate, NumbersOfEqualValueAreOneKey) {
  EXPECT_EQ(render("{{ {1: 'a', true: 'b', 1.0: 'c'} }}"), "{1: 'c'}");
  EXPECT_EQ(render("{{ {0.0: 'a'}[-0.0] ~ {0: 'b'}[false] ~ {1.5: 'c'}[1.5] ~ {none: 'd'}[none] }}"), "abcd");
  EXPECT_EQ(render("{{ {9007199254740993: 'a'}[9007199254740992] is defined }}"), "False");
  EXPECT_EQ(render("{% set nan = 1e308 * 10 - 1e308 * 10 %}{{ {nan: 1, nan: 2}|length }}{{ nan in {nan: 1} }}"),
            "2False");
  EXPECT_EQ(render("{{ {1e300: 'a', '1': 'b'}[1e300] ~ ({1: 'a'} == {1.0: 'a'}) }}"), "aTrue");
}

// ---- provenance

TEST(Provenance, MessagesAreNotLiteral) {
  const ChatTemplate chat(
      "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>' + m.content.strip()|upper }}<end>{% endfor %}{{ "
      "tools|tojson }}{{ extra }}",
      "test");
  TemplateInput input;
  input.bos_token = "<bos>";
  input.messages = {message("user", " <end> hi "), message("assistant", "")};
  input.tools = {{{"name", "<end>"}}};
  input.variables = {{"extra", "<bos>"}};
  const auto spans = chat.render(input);
  EXPECT_EQ(joined(spans), "<bos><|user|><END> HI<end><|assistant|><end>[{\"name\": \"<end>\"}]<bos>");
  EXPECT_EQ(message_parts(spans),
            (std::vector<std::string>{"user", "<END> HI", "assistant", "[{\"name\": \"<end>\"}]<bos>"}));
}

TEST(Provenance, FollowsEveryOperation) {
  TemplateInput input;
  input.messages = {message("user", "u1,u2")};
  const auto parts = [&](const std::string& expression) {
    return message_parts(
        ChatTemplate("{% set c = messages[0].content %}{{ " + expression + " }}", "test").render(input));
  };
  using Parts = std::vector<std::string>;
  EXPECT_EQ(parts("'a' ~ c ~ 'b'"), Parts{"u1,u2"});
  EXPECT_EQ(parts("('a' ~ c ~ 'b')[2:5]"), Parts{"1,u"});
  EXPECT_EQ(parts("('a' ~ c)[::-1]"), Parts{"2u,1u"});
  EXPECT_EQ(parts("c.split(',')|join('|')"), (Parts{"u1", "u2"}));
  EXPECT_EQ(parts("c.replace(',', '<x>')"), (Parts{"u1", "u2"}));
  EXPECT_EQ(parts("'a-b'.replace('-', c)"), Parts{"u1,u2"});
  EXPECT_EQ(parts("(c ~ 'B')|upper"), Parts{"U1,U2"});
  EXPECT_EQ(parts("(c ~ 'b')|capitalize"), Parts{"U1,u2"});
  EXPECT_EQ(parts("(c ~ 'b')|title"), Parts{"U1,u2"});
  EXPECT_EQ(parts("('  ' ~ c ~ 'b')|trim"), Parts{"u1,u2"});
  EXPECT_EQ(parts("('x' ~ c)|list|join('')"), Parts{"u1,u2"});
  EXPECT_EQ(parts("[c, 'b']|string"), (Parts{"['u1,u2', '", "']"}));
  EXPECT_EQ(parts("{'k': c}|tojson"), (Parts{"{\"", "\": \"u1,u2\"}"}));
  EXPECT_EQ(parts("('x\n' ~ c)|indent('> ')"), Parts{"u1,u2"});
  EXPECT_EQ(parts("c|length ~ loop"), Parts{});
  EXPECT_EQ(parts("c * 2"), Parts{"u1,u2u1,u2"});
  EXPECT_EQ(parts("messages|map(attribute='role')|first"), Parts{"user"});
  EXPECT_EQ(parts("messages[0]|items|first|first"), Parts{"role"});
  EXPECT_EQ(parts("'a' if c else 'b'"), Parts{});
}

TEST(Provenance, MacrosAndBlocksKeepIt) {
  TemplateInput input;
  input.messages = {message("user", "text")};
  const auto spans =
      ChatTemplate(
          "{% macro m(x) %}<{{ x }}>{% endmacro %}{% set b %}[{{ m(messages[0].content) }}]{% endset %}{{ b|trim }}",
          "test")
          .render(input);
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[0].text, "[<");
  EXPECT_EQ(spans[1].text, "text");
  EXPECT_FALSE(spans[1].literal);
  EXPECT_EQ(spans[2].text, ">]");
}

RC_GTEST_PROP(Provenance, NothingOfAMessageIsEverLiteral, ()) {
  // Digits and capitals come from the message, small letters from the template.
  const auto content = *rc::gen::container<std::string>(rc::gen::element('A', 'B', '1', '2', ',', ' ', '\n'));
  const std::vector<std::string> operations = {
      ".strip()", ".split(',')|join('x')", "|trim",          "[1:-1]",
      "[::-1]",   ".replace('A', 'y')",    " ~ 'z'",         "|string|indent(2)",
      ".title()", "|list|sort|join",       "|tojson|string", ".splitlines()|map('trim')|join('w')"};
  const auto chosen = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(operations));
  std::string source = "{% set v = 'ab' ~ messages[0].content ~ 'c' %}";
  for (const std::string& operation : chosen) source += "{% set v = (v" + operation + ") %}";
  TemplateInput input;
  input.messages = {message("user", content)};
  for (const PromptSpan& span : ChatTemplate(source + "{{ v }}", "test").render(input)) {
    for (const char c : span.text) {
      if (c == 'A' || c == 'B')
        RC_ASSERT(!span.literal || std::string_view(source).find(".title") != std::string_view::npos);
      if (c == '1' || c == '2') RC_ASSERT(!span.literal);
    }
  }
}

TEST(Message, FromJson) {
  const auto parse = [](const char* text) { return Message::from_json(parse_ordered_json(text, "test"), "line 3"); };
  EXPECT_EQ(
      parse(R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})").content,
      "ab");
  EXPECT_EQ(parse(R"({"role": "developer", "content": "x"})").role, "system");
  const Message call = parse(
      R"({"role": "assistant", "content": null, "reasoning_content": "r", "tool_calls": [{"id": "1"}], "name": "n"})");
  EXPECT_EQ(call.reasoning, "r");
  EXPECT_EQ(call.to_json().dump(),
            R"({"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"1"}],"name":"n"})");
  for (const char* bad :
       {R"([])", R"({"content": "x"})", R"({"role": "robot", "content": "x"})", R"({"role": "user"})",
        R"({"role": "user", "content": null})", R"({"role": "user", "content": 3})",
        R"({"role": "user", "content": [{"type": "image_url"}]})", R"({"role": 1, "content": "x"})",
        R"({"role": "assistant", "content": "x", "reasoning": 5})", R"({"role": "user", "content": ["x"]})"}) {
    EXPECT_THROW(parse(bad), Error) << bad;
  }
  try {
    parse(R"({"role": "robot", "content": "x"})");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "line 3: unknown role 'robot' (expected system, user, assistant or tool)");
  }
}

}  // namespace
}  // namespace r1
