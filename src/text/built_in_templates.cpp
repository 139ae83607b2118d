// The built-in chat templates: our own text after tokenizer.md 4, for vocabularies whose files bring no template or one
// that the engine does not read. Each renders what the model was trained on, quirks included; content that is null is
// read as empty. R"jinja(…)jinja" begins with a line break for the reader's sake; {#- -#} takes it back.
#include <array>

#include "text/chat_template.h"

namespace r1 {
namespace {

// Tool calls and results of V3 and the distills: the first call of a conversation opens the group, only further ones
// close it.
constexpr std::string_view kDeepSeekV3 = R"jinja({#- DeepSeek-V3 -#}
{%- set state = namespace(system='', systems=0, calls=0, results=0, after_tool=false) -%}
{%- for message in messages if message.role == 'system' -%}
  {%- set state.system = state.system ~ ('\n\n' if state.systems else '') ~ message.content -%}
  {%- set state.systems = state.systems + 1 -%}
{%- endfor -%}
{{- bos_token ~ state.system -}}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- set state.after_tool = false -%}
    {{- '<｜User｜>' ~ message.content -}}
  {%- elif message.role == 'assistant' and message.content is none -%}
    {%- set state.after_tool = false -%}
    {%- for call in message.tool_calls -%}
      {{- '\n' if state.calls else '<｜Assistant｜><｜tool▁calls▁begin｜>' -}}
      {{- '<｜tool▁call▁begin｜>' ~ call.type ~ '<｜tool▁sep｜>' ~ call.function.name ~ '\n```json\n' -}}
      {{- call.function.arguments if call.function.arguments is string else call.function.arguments|tojson -}}
      {{- '\n```<｜tool▁call▁end｜>' -}}
      {%- if state.calls -%}
        {{- '<｜tool▁calls▁end｜><｜end▁of▁sentence｜>' -}}
      {%- endif -%}
      {%- set state.calls = state.calls + 1 -%}
    {%- endfor -%}
  {%- elif message.role == 'assistant' -%}
    {{- '<｜tool▁outputs▁end｜>' if state.after_tool else '<｜Assistant｜>' -}}
    {{- message.content ~ '<｜end▁of▁sentence｜>' -}}
    {%- set state.after_tool = false -%}
  {%- elif message.role == 'tool' -%}
    {%- set state.after_tool = true -%}
    {{- '\n' if state.results else '<｜tool▁outputs▁begin｜>' -}}
    {{- '<｜tool▁output▁begin｜>' ~ message.content ~ '<｜tool▁output▁end｜>' -}}
    {%- set state.results = state.results + 1 -%}
  {%- endif -%}
{%- endfor -%}
{{- '<｜tool▁outputs▁end｜>' if state.after_tool else '<｜Assistant｜>' if add_generation_prompt else '' -}}
)jinja";

constexpr std::string_view kDeepSeekR1Distill = R"jinja({#- The six distills of DeepSeek-R1 -#}
{%- set state = namespace(system='', calls=0, results=0, after_tool=false) -%}
{%- for message in messages if message.role == 'system' -%}
  {%- set state.system = message.content -%}
{%- endfor -%}
{{- bos_token ~ state.system -}}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- set state.after_tool = false -%}
    {{- '<｜User｜>' ~ message.content -}}
  {%- elif message.role == 'assistant' and message.content is none -%}
    {%- set state.after_tool = false -%}
    {%- for call in message.tool_calls -%}
      {{- '\n' if state.calls else '<｜Assistant｜><｜tool▁calls▁begin｜>' -}}
      {{- '<｜tool▁call▁begin｜>' ~ call.type ~ '<｜tool▁sep｜>' ~ call.function.name ~ '\n```json\n' -}}
      {{- call.function.arguments if call.function.arguments is string else call.function.arguments|tojson -}}
      {{- '\n```<｜tool▁call▁end｜>' -}}
      {%- if state.calls -%}
        {{- '<｜tool▁calls▁end｜><｜end▁of▁sentence｜>' -}}
      {%- endif -%}
      {%- set state.calls = state.calls + 1 -%}
    {%- endfor -%}
  {%- elif message.role == 'assistant' -%}
    {{- '<｜tool▁outputs▁end｜>' ~ message.content if state.after_tool else '<｜Assistant｜>' ~ message.content.split('</think>')[-1] -}}
    {{- '<｜end▁of▁sentence｜>' -}}
    {%- set state.after_tool = false -%}
  {%- elif message.role == 'tool' -%}
    {%- set state.after_tool = true -%}
    {{- '\n' if state.results else '<｜tool▁outputs▁begin｜>' -}}
    {{- '<｜tool▁output▁begin｜>' ~ message.content ~ '<｜tool▁output▁end｜>' -}}
    {%- set state.results = state.results + 1 -%}
  {%- endif -%}
{%- endfor -%}
{{- '<｜tool▁outputs▁end｜>' if state.after_tool else '<｜Assistant｜><think>\n' if add_generation_prompt else '' -}}
)jinja";

constexpr std::string_view kDeepSeekR1 = R"jinja({#- DeepSeek-R1, 671B -#}
{%- set state = namespace(system='', systems=0, results=0) -%}
{%- for message in messages if message.role == 'system' -%}
  {%- set state.system = state.system ~ ('\n\n' if state.systems else '') ~ message.content -%}
  {%- set state.systems = state.systems + 1 -%}
{%- endfor -%}
{{- bos_token ~ state.system -}}
{%- for message in messages -%}
  {%- set content = '' if message.content is none else message.content -%}
  {%- if message.role != 'tool' and message.role != 'assistant' -%}
    {%- set state.results = 0 -%}
  {%- endif -%}
  {%- if message.role == 'user' -%}
    {{- '<｜User｜>' ~ content -}}
  {%- elif message.role == 'assistant' and message.tool_calls -%}
    {{- '<｜tool▁outputs▁end｜>' if state.results else '<｜Assistant｜>' -}}
    {{- content.split('</think>')[-1] ~ '<｜tool▁calls▁begin｜>' -}}
    {%- for call in message.tool_calls -%}
      {{- '' if loop.first else '\n' -}}
      {{- '<｜tool▁call▁begin｜>' ~ call.type ~ '<｜tool▁sep｜>' ~ call.function.name ~ '\n```json\n' -}}
      {{- call.function.arguments if call.function.arguments is string else call.function.arguments|tojson -}}
      {{- '\n```<｜tool▁call▁end｜>' -}}
    {%- endfor -%}
    {{- '<｜tool▁calls▁end｜><｜end▁of▁sentence｜>' -}}
    {%- set state.results = 0 -%}
  {%- elif message.role == 'assistant' -%}
    {{- '<｜tool▁outputs▁end｜>' if state.results else '<｜Assistant｜>' -}}
    {{- content.split('</think>')[-1] ~ '<｜end▁of▁sentence｜>' -}}
    {%- set state.results = 0 -%}
  {%- elif message.role == 'tool' -%}
    {{- '' if state.results else '<｜tool▁outputs▁begin｜>' -}}
    {{- '<｜tool▁output▁begin｜>' ~ content ~ '<｜tool▁output▁end｜>' -}}
    {%- set state.results = state.results + 1 -%}
  {%- endif -%}
{%- endfor -%}
{{- '<｜tool▁outputs▁end｜>' if state.results else '<｜Assistant｜><think>\n' if add_generation_prompt else '' -}}
)jinja";

constexpr std::string_view kDeepSeekR10528 =
    R"jinja({#- DeepSeek-R1-0528 and its Qwen3 distill: the user's turn ends with the assistant's tag -#}
{%- set state = namespace(system='', systems=0, results=0, role='') -%}
{%- for message in messages if message.role == 'system' -%}
  {%- set state.system = state.system ~ ('\n\n' if state.systems else '') ~ message.content -%}
  {%- set state.systems = state.systems + 1 -%}
{%- endfor -%}
{{- bos_token ~ state.system -}}
{%- for message in messages -%}
  {%- set content = '' if message.content is none else message.content -%}
  {%- if message.role == 'user' -%}
    {{- '<｜User｜>' ~ content ~ '<｜Assistant｜>' -}}
    {%- set state.results = 0 -%}
  {%- elif message.role == 'assistant' -%}
    {{- '<｜tool▁outputs▁end｜>' if state.results else '' -}}
    {{- content.split('</think>')[-1] -}}
    {%- for call in message.tool_calls or [] -%}
      {{- '<｜tool▁calls▁begin｜>' if loop.first else '\n' -}}
      {{- '<｜tool▁call▁begin｜>' ~ call.type ~ '<｜tool▁sep｜>' ~ call.function.name ~ '\n```json\n' -}}
      {{- call.function.arguments if call.function.arguments is string else call.function.arguments|tojson -}}
      {{- '\n```<｜tool▁call▁end｜>' -}}
      {{- '<｜tool▁calls▁end｜>' if loop.last else '' -}}
    {%- endfor -%}
    {{- '<｜end▁of▁sentence｜>' -}}
    {%- set state.results = 0 -%}
  {%- elif message.role == 'tool' -%}
    {{- '' if state.results else '<｜tool▁outputs▁begin｜>' -}}
    {{- '<｜tool▁output▁begin｜>' ~ content ~ '<｜tool▁output▁end｜>' -}}
    {%- set state.results = state.results + 1 -%}
  {%- endif -%}
  {%- set state.role = message.role -%}
{%- endfor -%}
{{- '<｜tool▁outputs▁end｜>' if state.results else '' -}}
{{- '<｜Assistant｜>' if add_generation_prompt and state.role != 'user' and state.role != 'tool' else '' -}}
)jinja";

constexpr std::string_view kChatMl = R"jinja({#- ChatML without a default system message -#}
{%- for message in messages -%}
  {{- '<|im_start|>' ~ message.role ~ '\n' ~ (message.content or '') ~ '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\n' if add_generation_prompt else '' -}}
)jinja";

constexpr std::string_view kSmolLm2 = R"jinja({#- SmolLM2-Instruct -#}
{%- if messages and messages[0].role != 'system' -%}
  {{- '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
  {{- '<|im_start|>' ~ message.role ~ '\n' ~ (message.content or '') ~ '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\n' if add_generation_prompt else '' -}}
)jinja";

constexpr std::string_view kLlama3 =
    R"jinja({#- Llama-3-Instruct: a system turn only where there is a system message -#}
{{- bos_token -}}
{%- for message in messages -%}
  {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ (message.content or '')|trim ~ '<|eot_id|>' -}}
{%- endfor -%}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' if add_generation_prompt else '' -}}
)jinja";

// Qwen's way with tools: declared in the system turn, called in <tool_call>, answered in a user turn.
constexpr std::string_view kQwen25 = R"jinja({#- Qwen2.5-Instruct -#}
{%- set first = messages[0].content if messages and messages[0].role == 'system'
        else 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' -%}
{{- '<|im_start|>system\n' ~ first -}}
{%- if tools -%}
  {{- '\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n' -}}
  {{- 'You are provided with function signatures within <tools></tools> XML tags:\n<tools>' -}}
  {%- for tool in tools -%}
    {{- '\n' ~ tool|tojson -}}
  {%- endfor -%}
  {{- '\n</tools>\n\nFor each function call, return a json object with function name and arguments' -}}
  {{- ' within <tool_call></tool_call> XML tags:\n<tool_call>\n' -}}
  {{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- for message in messages -%}
  {%- if message.role == 'tool' -%}
    {{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else '<|im_start|>user' -}}
    {{- '\n<tool_response>\n' ~ message.content ~ '\n</tool_response>' -}}
    {{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '<|im_end|>\n' -}}
  {%- elif message.role == 'assistant' and message.tool_calls -%}
    {{- '<|im_start|>assistant' -}}
    {{- '\n' ~ message.content if message.content else '' -}}
    {%- for call in message.tool_calls -%}
      {%- set call = call.function if call.function is defined else call -%}
      {{- '\n<tool_call>\n{"name": "' ~ call.name ~ '", "arguments": ' ~ call.arguments|tojson ~ '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\n' -}}
  {%- elif message.role != 'system' or not loop.first -%}
    {{- '<|im_start|>' ~ message.role ~ '\n' ~ (message.content or '') ~ '<|im_end|>\n' -}}
  {%- endif -%}
{%- endfor -%}
{{- '<|im_start|>assistant\n' if add_generation_prompt else '' -}}
)jinja";

// The thought of an assistant's turn is printed only after the last question of the user; results of tools are not
// questions.
constexpr std::string_view kQwen3 = R"jinja({#- Qwen3 -#}
{%- set first = messages[0].content if messages and messages[0].role == 'system' else '' -%}
{%- if tools -%}
  {{- '<|im_start|>system\n' ~ (first ~ '\n\n' if messages[0].role == 'system' else '') -}}
  {{- '# Tools\n\nYou may call one or more functions to assist with the user query.\n\n' -}}
  {{- 'You are provided with function signatures within <tools></tools> XML tags:\n<tools>' -}}
  {%- for tool in tools -%}
    {{- '\n' ~ tool|tojson -}}
  {%- endfor -%}
  {{- '\n</tools>\n\nFor each function call, return a json object with function name and arguments' -}}
  {{- ' within <tool_call></tool_call> XML tags:\n<tool_call>\n' -}}
  {{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' -}}
{%- elif messages and messages[0].role == 'system' -%}
  {{- '<|im_start|>system\n' ~ first ~ '<|im_end|>\n' -}}
{%- endif -%}
{%- set last = namespace(question=messages|length - 1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) -%}
    {%- set last.question = loop.index0 -%}
  {%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
  {%- set content = message.content or '' -%}
  {%- if message.role == 'tool' -%}
    {{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else '<|im_start|>user' -}}
    {{- '\n<tool_response>\n' ~ content ~ '\n</tool_response>' -}}
    {{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '<|im_end|>\n' -}}
  {%- elif message.role == 'assistant' -%}
    {%- set thought = '' -%}
    {%- if message.reasoning_content is defined and message.reasoning_content is not none -%}
      {%- set thought = message.reasoning_content -%}
    {%- elif '</think>' in content -%}
      {%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
      {%- set content = content.split('</think>')[-1].lstrip('\n') -%}
    {%- endif -%}
    {{- '<|im_start|>assistant\n' -}}
    {%- if loop.index0 > last.question and (loop.last or thought) -%}
      {{- '<think>\n' ~ thought.strip('\n') ~ '\n</think>\n\n' ~ content.lstrip('\n') -}}
    {%- else -%}
      {{- content -}}
    {%- endif -%}
    {%- for call in message.tool_calls or [] -%}
      {{- '\n' if content or not loop.first else '' -}}
      {%- set call = call.function if call.function else call -%}
      {{- '<tool_call>\n{"name": "' ~ call.name ~ '", "arguments": ' -}}
      {{- call.arguments if call.arguments is string else call.arguments|tojson -}}
      {{- '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\n' -}}
  {%- elif message.role != 'system' or not loop.first -%}
    {{- '<|im_start|>' ~ message.role ~ '\n' ~ content ~ '<|im_end|>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' -}}
  {{- '<think>\n\n</think>\n\n' if enable_thinking is defined and enable_thinking is false else '' -}}
{%- endif -%}
)jinja";

struct Row {
  std::string_view name, source;
};

constexpr std::array<Row, 9> kBuiltIn = {{{"chatml", kChatMl},
                                          {"deepseek-r1", kDeepSeekR1},
                                          {"deepseek-r1-0528", kDeepSeekR10528},
                                          {"deepseek-r1-distill", kDeepSeekR1Distill},
                                          {"deepseek-v3", kDeepSeekV3},
                                          {"llama3", kLlama3},
                                          {"qwen2.5", kQwen25},
                                          {"qwen3", kQwen3},
                                          {"smollm2", kSmolLm2}}};

}  // namespace

std::string_view ChatTemplate::built_in(std::string_view name) {
  for (const Row& row : kBuiltIn) {
    if (row.name == name) return row.source;
  }
  return "";
}

std::vector<std::string> ChatTemplate::built_in_names() {
  std::vector<std::string> names;
  for (const Row& row : kBuiltIn) names.emplace_back(row.name);
  return names;
}

}  // namespace r1
