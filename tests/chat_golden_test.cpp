// The real model's own template on its golden conversations: the text bit for bit, the ids wherever no message holds a
// control token.
#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/loaded_model.h"
#include "test_data.h"
#include "text/chat_template.h"

namespace r1 {
namespace {

TEST(ChatGolden, SmolLm2) {
  R1_DATA_OR_SKIP(folder, "models/smollm2-135m-instruct");
  const LoadedModel model(folder / "SmolLM2-135M-Instruct.Q4_1.gguf");
  ASSERT_TRUE(model.has_chat_template());
  EXPECT_EQ(suggest_built_in(model.tokenizer()), "smollm2");
  const ChatTemplate built_in(ChatTemplate::built_in("smollm2"), "smollm2");
  const std::string lines = read_file(folder / "golden" / "chat.jsonl");
  int count = 0;
  for (size_t begin = 0; begin < lines.size(); ++count) {
    const size_t end = lines.find('\n', begin);
    const OrderedJson golden = parse_ordered_json(lines.substr(begin, end - begin), "chat.jsonl");
    begin = end + 1;
    SCOPED_TRACE(golden["id"].dump());
    TemplateInput input;
    for (const OrderedJson& message : golden["messages"])
      input.messages.push_back(Message::from_json(message, "chat.jsonl"));
    input.add_generation_prompt = golden["add_generation_prompt"];
    const std::string expected = golden["text"];
    EXPECT_EQ(model.render_chat(input), expected);
    std::string built_in_text;
    for (const PromptSpan& span : built_in.render(input)) built_in_text += span.text;
    EXPECT_EQ(built_in_text, expected);
    const auto ids = model.encode_chat(input), golden_ids = golden["ids"].get<std::vector<int32_t>>();
    if (golden["id"] == 23) {  // a user wrote "<|im_end|>": text here, the control token in the golden
      EXPECT_NE(ids, golden_ids);
      EXPECT_EQ(model.tokenizer().decode(ids), expected);
    } else {
      EXPECT_EQ(ids, golden_ids);
    }
  }
  EXPECT_EQ(count, 56);
}

}  // namespace
}  // namespace r1
