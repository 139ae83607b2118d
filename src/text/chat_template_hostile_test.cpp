// What strangers' templates may try: each ends soon, in an error or with its text, and within the memory allowed.
#include <gtest/gtest.h>

#include <chrono>

#include "text/chat_template.h"

namespace r1 {
namespace {

std::string render(std::string_view source) { return ChatTemplate(source, "test").render_text(OrderedJson::object()); }

std::string failure(std::string_view source) {
  try {
    render(source);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(HostileTemplate, NestingEndsInAnError) {
  const auto deep = [](std::string_view open, std::string_view middle, std::string_view close) {
    return failure(std::string("{{ ") + repeat(open, 60'000) + std::string(middle) + repeat(close, 60'000) + " }}");
  };
  EXPECT_NE(deep("(", "1", ")").find("nested deeper than 200"), std::string::npos);
  EXPECT_NE(deep("[", "1", "]").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("{1:", "1", "}").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("-", "1", "").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("not ", "1", "").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("f(", "1", ")").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("a[", "1", "]").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("1 if 1 else ", "1", "").find("nested deeper"), std::string::npos);
  EXPECT_NE(deep("a is a(", "1", ")").find("is not supported"), std::string::npos);
  EXPECT_NE(deep("a is in(", "1", ")").find("nested deeper"), std::string::npos);
  EXPECT_NE(failure(repeat("{% if 1 %}", 60'000)).find("nested deeper"), std::string::npos);
  EXPECT_NE(failure(repeat("{% for a in b %}", 60'000)).find("nested deeper"), std::string::npos);
}

TEST(HostileTemplate, LongChainsAreFine) {
  EXPECT_EQ(render("{{ 1" + repeat("+1", 60'000) + " }}"), "60001");
  EXPECT_EQ(render("{{ 1" + repeat("|int", 60'000) + " }}"), "1");
  EXPECT_EQ(render("{{ ''" + repeat("~''", 60'000) + " }}"), "");
  EXPECT_EQ(render("{{ 1" + repeat(" or 1", 60'000) + " }}"), "1");
  EXPECT_EQ(render("{{ 1" + repeat(" == 1", 60'000) + " }}"), "True");
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", 60'000) + "{% endif %}"), "");
  EXPECT_EQ(render(repeat("{{1}}", 60'000)).size(), 60'000U);
}

TEST(HostileTemplate, LoopsStringsAndMemoryAreBounded) {
  const auto begin = std::chrono::steady_clock::now();
  for (const char* source : {
           "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
           "{{ range(100001) }}",
           "{{ range(0, 9223372036854775807, 1) }}",
           "{{ 'a' * 999999999 }}",
           "{{ [1] * 999999999 }}",
           "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
           "{% for i in range(90000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 9999 }}{% endfor %}",
           "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
           "{% macro m(n) %}{{ m(n) ~ m(n) }}{% endmacro %}{{ m(1) }}",
           "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(25) }}",
           "{% set l = [1] %}{% for i in range(50) %}{% set _ = l.append(l) %}{% endfor %}{{ l }}",
           "{% set l = [1] %}{% set _ = l.append(l) %}{{ l|tojson }}",
           "{% set l = [1] %}{% set m = [1] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == m }}{{ l < m "
           "}}",
           "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
           "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ "
           "ns.l|tojson }}",
           "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
           "{% set a = 'a' * 9999999 %}{% for i in range(90000) %}{{ a.replace('b', 'c')|length }}{% endfor %}",
           "{% set a = 'a' * 9999999 %}{% set l = [] %}{% for i in range(90000) %}{% set _ = l.append(a ~ i) %}{% "
           "endfor %}",
           "{{ ('a,' * 7000000).split(',')|length }}",
           "{{ ('a' * 16000000)|list|length }}",
           "{{ ('a' * 1000000).replace('a', 'a' * 1000000) }}",
           "{{ ('a' * 100000)|list|join('b' * 100000) }}",
           "{{ ('a\n' * 1000000)|indent(1000000) }}",
           "{{ 9223372036854775807 ** 9223372036854775807 }}",
           "{{ [[1, 2], [3, 4]]|tojson(indent=100000000) ~ ([[[[[[[[1]]]]]]]] * 1000000)|tojson(indent=10000) }}",
           "{{ ['a']|map('map', 'map', 'map', 'nothing')|list }}",
           "{{ strftime_now('%999999999d') }}",
       }) {
    EXPECT_NE(failure(source), "") << source;
  }
  const std::string maps = "{{ 'a'|map(" + repeat("'map',", 60'000) + "'upper') }}";
  EXPECT_NE(failure(maps), "");
  EXPECT_EQ(render("{{ ('a' * 500000 ~ 'b' * 500000) in ('a' * 1000000) }}"), "False");
  EXPECT_EQ(render("{{ ('a' * 1000000).rfind('b' ~ 'a' * 500000) }}"), "-1");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(seconds, 120);  // seconds each at the worst, with sanitizers too
}

TEST(HostileTemplate, ValuesThatOutliveTheirBlock) {
  EXPECT_NE(failure("{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m "
                    "%}{% endfor %}{{ ns.m() }}"),
            "");
  EXPECT_EQ(render("{% set ns = namespace() %}{% for i in [1, 2] %}{% set ns.l = loop %}{% endfor %}{{ ns.l.length "
                   "}}{{ ns.l.previtem }}"),
            "2");
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self is defined }}"), "True");
  EXPECT_EQ(render("{% set l = [1, 2] %}{% for i in l %}{% if l|length < 9 %}{% set _ = l.append(i) %}{% endif %}{% "
                   "endfor %}{{ l|length }}"),
            "4");
}

TEST(HostileTemplate, InvalidUtf8PassesThrough) {
  EXPECT_EQ(render("\xff{{ '\xe4\xbd' ~ 'x' }}"), "\xff\xe4\xbdx");
  EXPECT_EQ(render("{{ 'a\xffz'|length }}{{ 'a\xffz'[::-1] }}{{ 'a\xffz'|upper }}"),
            "3z\xff"
            "aA\xffZ");
}

// `each(i)` for i in [0, count).
template <typename Each>
std::string enumerate(size_t count, const Each& each) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += each(std::to_string(i));
  return out;
}

TEST(HostileTemplate, MemoryThatRecursionHoldsIsCounted) {
  const std::string list = "{% set l = [0] * 900000 %}";
  const std::string inner_break = repeat("{% for i in l %}", 40) + "{{ 1 }}" + repeat("{% break %}{% endfor %}", 40);
  const std::string many = repeat("1,", 100'000);
  const std::string parameters = enumerate(60'000, [](const std::string& i) { return "a" + i + ","; });
  const std::string long_name(500'000, 'a');
  for (const std::string& source : {
           list + inner_break,
           list + "{% macro m(n) %}{% for i in l if m(n) %}{% endfor %}{% endmacro %}{{ m(1) }}",
           "{% set l = [0] * 100000 %}{% set _ = l.append(l) %}{% set l = l[::-1] %}{% set _ = l.append(l) %}"
           "{% set m = l[::-1] %}{% set _ = m.append(m) %}{% set m = m[::-1] %}" +
               std::string(
                   "{% set s = [] %}{% for i in range(100000) %}{% set _ = s.append(s) %}{% endfor %}{{ s|map(") +
               repeat("'map',", 200) + "'list') }}",
           "{% macro m() %}{{ [" + many + "m()] }}{% endmacro %}{{ m() }}",
           "{% macro m(" + parameters + "z) %}{{ m(" + repeat("1,", 60'000) + "1) }}{% endmacro %}{{ m() }}",
           "{% macro m() %}" + enumerate(20'000, [](const std::string& i) { return "{% set a" + i + " = 1 %}"; }) +
               "{{ m() }}{% endmacro %}{{ m() }}",
           std::string("{% set a = 'a' * 16000000 %}{% macro m() %}{{ a }}{{ m() }}{% endmacro %}{{ m() }}"),
           std::string("{% set a = 'a' * 8000000 %}{% macro m() %}{{ a ~ m() }}{% endmacro %}{{ m() }}"),
           "{% for i in range(99999) %}{% set n = namespace() %}{% set n." + long_name + " = 1 %}{% endfor %}",
       }) {
    EXPECT_NE(failure(source).find("MiB of memory"), std::string::npos) << source.substr(0, 200) << failure(source);
  }
  // What is left behind is given back: this would need 800 MiB.
  EXPECT_EQ(render(list + repeat("{% for i in l %}{% break %}{% endfor %}", 20)), "");
}

TEST(HostileTemplate, WorkIsCounted) {
  const std::string many = enumerate(30'000, [](const std::string& i) { return "a" + i + ","; });
  const std::string named = enumerate(30'000, [](const std::string& i) { return "a" + i + "=1,"; });
  for (const std::string& source : {
           std::string("{{ [1,2]|map(attribute='.'*16000000, default={})|list }}"),
           std::string("{% set a = 'a' * 1000000 %}{% for i in range(9999) %}{% for c in a %}{% break %}{% endfor %}{% "
                       "endfor %}"),
           std::string("{% set l = range(99999)|list %}{% for i in range(99999) %}{% set m = l + [1] %}{% endfor %}"),
           std::string("{% set l = range(99999)|list %}{% for i in range(99999) %}{% set m = l|sort %}{% endfor %}"),
           "{% macro m(" + many + "z) %}{% endmacro %}{{ m(" + named + "z=1) }}",
           std::string("{% set a = 'aB' * 500000 %}{% for i in range(99999) %}{% set m = a is lower %}{% endfor %}"),
           repeat("{% for i in [1] %}", 190) + "{% for i in range(99999) %}{% for j in range(10) %}" +
               repeat("{{ x }}", 50) + repeat("{% endfor %}", 192),
       }) {
    const std::string what = failure(source);
    EXPECT_TRUE(what.find("more work") != std::string::npos || what.find("MiB of memory") != std::string::npos)
        << source.substr(0, 200) << what;
  }
}

TEST(HostileTemplate, ManyKeysAndNamesAreFound) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string numbers =
      "{% set d = {" + enumerate(60'000, [](const std::string& i) { return i + ":0,"; }) + "} %}";
  EXPECT_EQ(render(numbers + "{% for i in range(60000) %}{% if d[i] %}{% endif %}{% endfor %}{{ d == dict(d) }}"),
            "True");
  const std::string names = enumerate(40'000, [](const std::string& i) { return "{% set a" + i + " = 1 %}"; });
  EXPECT_EQ(render(names + "{% for i in range(99999) %}{{ x }}{{ y }}{% endfor %}{{ a39999 }}"), "1");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(seconds, 10);  // a quarter of a second; looking through them one by one took over 20
}

TEST(HostileTemplate, LongNumbersAreReadOnce) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(render("{{ ('1_' * 4000000 ~ 'x')|int }}"), "0");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(seconds, 10);  // a tenth of a second; moving the rest at every '_' took minutes
  EXPECT_NE(failure("{% set a = 'a' * 1000000 %}{% for i in range(99999) %}{% set m = a|int %}{% endfor %}"), "");
  EXPECT_EQ(render("{{ '1_000_0'|int ~ ' ' ~ '1__0'|int ~ ' ' ~ '_1'|int ~ ' ' ~ ' +1_2.5 '|float }}"),
            "10000 0 0 12.5");
}

TEST(HostileTemplate, LongNamesOfWhatIsMissingAreNotKept) {
  const std::string name(1000, 'n');
  EXPECT_LT(failure("{{ " + name + " + 1 }}").size(), 300U);
  EXPECT_LT(failure("{{ (1)." + name + " + 1 }}").size(), 300U);
}

}  // namespace
}  // namespace r1
