#!/usr/bin/env python3
"""Writes jinja_cases.json: templates, variables and what Jinja2 makes of them in the environment that the hub's library sets up.

Run it with Jinja2 >= 3.1 installed; the version used stands in the file. A case whose rendering fails has "error" instead of
"expected": our engine must fail too, with a sentence of its own.
"""
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """{% generation %} … {% endgeneration %} prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @staticmethod
    def _body(caller):
        return caller()


class Raised(Exception):
    pass


def environment():
    env = jinja2.sandbox.SandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )

    def raise_exception(message):
        raise Raised(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.globals["raise_exception"] = raise_exception
    env.filters["tojson"] = tojson
    return env


V = {
    "s": "Hello, World",
    "t": "  padded\ttext \n",
    "u": "Grüße, 世界 😀 e\u0301",
    "empty": "",
    "n": 7,
    "neg": -3,
    "x": 2.5,
    "yes": True,
    "no": False,
    "nil": None,
    "l": [3, 1, 2],
    "names": ["b", "A", "c", "a"],
    "none_list": [],
    "d": {"b": 1, "a": 2, "items": 5, "k": {"deep": [1, {"z": None}]}},
    "big": 18446744073709551615,
    "people": [
        {"name": "Bob", "age": 30, "role": {"id": "u"}},
        {"name": "ann", "age": 25, "role": {"id": "a"}},
        {"name": "Cid", "age": 30},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello"},
        {"role": "user", "content": "Bye"},
    ],
    "tool": {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}},
    },
    "odd": "quote \" back \\ slash / tab \t nl \n cr \r bell \x07 del \x7f nul \x00 <b> & ' é 世 😀 \u2028",
}

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
2 * 3|string
-3|abs
-n|abs
(-n)|abs
2 ** 3 ** 2
-2 ** 2
2 ** -1
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
-7.5 // 2
7.5 % 2
-7.5 % 2
7 / 2
6 / 2
1 - 1 - 1
8 / 2 / 2
2 * 3 % 4
1 + 2 ~ 3 + 4
1 ~ 2 + 3
1 ~ 2 * 3
'a' ~ 1 ~ none ~ true ~ 1.0
not true
not not 1
not none == none
not x is defined
not nothing is defined
nothing is not defined
1 == 1.0
1 == true
true + true
'1' == 1
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2 != 1
1 in [1, 2]
3 not in [1, 2]
not 3 in [1, 2]
'ell' in 'hello'
'x' in d
'b' in d
'' in ''
1 and 2
0 and 2
1 or 2
0 or ''
'' or none
none or nothing
1 or 0 and 0
not 1 or 1
true and not false
'a' if yes else 'b'
'a' if no else 'b'
'a' if no
'a' if no else 'b' if no else 'c'
1 if yes else 2 + 3
(1 if no else 2) + 3
1 + 2 if yes else 0
[1, 2, 3]
[1, 'two', 3.0, none, true, [], {}, ()]
(1,)
(1, 2)
()
1, 2
{'a': 1, "b": [2]}
{1: 2, none: 3, true: 4}
{'a': 1, 'a': 2}
{}
'it\'s'
"say \"hi\""
['it\'s', "say \"hi\"", 'both \' and "', 'new\nline', 'tab\t', 'uni é 世 😀', '\x00\x7f\xa0', '\u200b', '\\']
'a' 'b' "c"
'\x41\u00e9\U0001F600\101\n'|length
'\q\d'
1_000
1e3
1.5e-7
1e16
1e15
123456789012345678
0.1
1e22
1e-5
0.0001
1.0
100.0
3.14159
1/3
2/3*3
1e400
-1e400
0.1 + 0.2
-0.0
5e-324
x
n
big
big + 1
s
u
nil
yes
nothing
nil == none
true
True
None
False
s.upper()
s.lower()
u.upper()
u.lower()
'straße ŉ ǆ ﬁ'.upper()
'ΑΣ ΣΑΣ'.lower()
'İI'.lower()
'hello wORLD they\'re x-y'.title()
'hello wORLD they\'re x-y (z)'|title
'hello WORLD'|capitalize
'hello WORLD'.capitalize()
'ǆabc'.title()
s.split()
s.split(',')
s.split(', ')
s.split('l')
s.split('l', 1)
s.rsplit('l', 1)
s.split('zz')
t.split()
t.split(' ')
t.split(none, 1)
'a b  c '.split(none, 1)
' a b  c'.rsplit(none, 1)
',a,,b,'.split(',')
'a,b,c'.split(sep=',', maxsplit=1)
''.split()
''.split(',')
'aXXbXXc'.rsplit('XX')
'aXXXb'.rsplit('XX', 1)
'aXXXb'.split('XX', 1)
t.strip()
t.lstrip()
t.rstrip()
'xxhixyx'.strip('xy')
'xxhixyx'.lstrip('x')
'xxhixyx'.rstrip('yx')
'\u3000hi\u00a0\x1f'.strip()
'世世a世'.strip('世')
t.strip(none)
t|trim
'xxaxx'|trim('x')
s.startswith('Hello')
s.startswith(('x', 'He'))
s.endswith('World')
s.endswith('x')
s.startswith('')
s.replace('l', 'L')
s.replace('l', 'L', 1)
'abc'.replace('', '-')
'abc'.replace('', '-', 2)
s|replace('l', 'L')
s|replace('l', 'L', 2)
12321|replace(2, 'x')
s.find('o')
s.rfind('o')
s.find('zzz')
u.find('世')
s.count('l')
'aaa'.count('aa')
'abc'.count('')
'-'.join(['a', 'b'])
'a\nb\r\nc\x0bd'.splitlines()
'a\nb\n'.splitlines()
'a\nb\n'.splitlines(true)
'prefix-x'.removeprefix('prefix-')
'x-suffix'.removesuffix('-suffix')
'x'.removesuffix('')
' \n'.isspace()
''.isspace()
s[0]
s[-1]
s[100]
s[1:4]
s[:3]
s[3:]
s[::-1]
s[::2]
s[-3:]
s[5:2]
s[10:0:-3]
u[::-1]
u[7]
u|length
l[0]
l[-1]
l[5]
l[1:]
l[::-1]
l[:1]
l[-2:]
l[::2]
(1, 2, 3)[1:]
l[true]
l['0']
l.0
d.b
d['b']
d.missing
d['missing']
d.k.deep[1].z
d.k.deep.0
d['items']
d.items()|list
d.keys()|list
d.values()|list
d.get('b')
d.get('zz')
d.get('zz', 9)
d|items|list
d|length
d|list
nothing|items|list
nothing|length
nothing|list
nothing|string
nothing|upper
nothing|trim
nothing|join
nothing|first
nothing|default('dd')
nothing|d('x')
''|default('dd')
''|default('dd', true)
none|default('dd')
none|default('dd', true)
0|default(5, boolean=true)
l|length
l|count
l|first
l|last
none_list|first
none_list|last
s|first
s|last
l|sort
l|sort(reverse=true)
names|sort
names|sort(case_sensitive=true)
people|sort(attribute='age')|map(attribute='name')|list
people|sort(attribute='age,name')|map(attribute='name')|join(',')
people|map(attribute='role.id')|list
people|map(attribute='role.id', default='?')|list
people|map('length')|list
names|map('upper')|list
names|map('replace', 'a', 'z')|join
people|selectattr('age', 'equalto', 30)|map(attribute='name')|join(', ')
people|selectattr('role')|map(attribute='name')|join(', ')
people|rejectattr('role')|map(attribute='name')|join(', ')
people|rejectattr('age', '>', 26)|map(attribute='name')|join(', ')
[1, 0, '', 'a', none]|select|list
[1, 0, '', 'a', none]|reject|list
[1, 2, 3, 4]|select('odd')|list
[1, 2, 3, 4]|reject('equalto', 2)|list
[1, 2, 3, 4]|select('>', 2)|list
[1, 2, 3, 4]|select('in', [1, 4])|list
[1, 2, 3]|join
[1, 2, 3]|join('-')
['a', none, true]|join('|')
people|join(', ', attribute='name')
d|dictsort
{'B': 1, 'a': 2}|dictsort
{'B': 1, 'a': 2}|dictsort(true)
{'B': 2, 'a': 1}|dictsort(by='value')
{'B': 2, 'a': 1}|dictsort(reverse=true)
['b', 'B', 'a', 'b']|unique|list
['b', 'B', 'a', 'b']|unique(case_sensitive=true)|list
[1, 1.0, true, 2]|unique|list
people|unique(attribute='age')|map(attribute='name')|list
l|reverse|list
s|reverse
l|min
l|max
names|max
none_list|max
people|max(attribute='age')
l|sum
people|sum(attribute='age')
[[1], [2]]|sum(start=[])
'42'|int
' 42 '|int
'4_2'|int
'x'|int
'x'|int(-1)
'3.9'|int
3.9|int
-3.9|int
true|int
none|int
'+5'|int
'1e2'|int
'3.5'|float
'x'|float
'x'|float(1.5)
3|float
none|float
2.5|round
3.5|round
2.675|round(2)
42.55|round(1, 'floor')
42.55|round(1, 'ceil')
5|round
5|round(0, 'ceil')
-3.7|abs
3|string
[1, 2]|string
3|string ~ 4
'abc'|list
'a\nb\n\nc'|indent
'a\nb\n\nc'|indent(2)
'a\nb\n\nc'|indent(2, true)
'a\nb\n\nc'|indent(2, blank=true)
'a\nb'|indent('> ', first=true)
s|upper
s|lower
5|upper
d|tojson
l|tojson
odd|tojson
odd|tojson(ensure_ascii=true)
'世😀'|tojson(true)
tool|tojson
tool|tojson(indent=2)
tool|tojson(indent=0)
tool|tojson(indent='\t')
tool|tojson(separators=(',', ':'))
tool|tojson(sort_keys=true)
{}|tojson(indent=4)
[]|tojson(indent=4)
[[], {}, [1]]|tojson(indent=1)
[1, 2.0, 1e-5, 1e16, 1e22, 0.1, -0.0, none, true, 'x']|tojson
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
(1, 2)|tojson
big|tojson
none|tojson
x|tojson
'</script>'|tojson
range(3)|list
range(1, 4)|list
range(5, 0, -2)|list
range(3)|length
range(10)[3]
2 in range(3)
dict(a=1, b=2)
dict({'z': 1}, a=2)
namespace(a=1).a
namespace(a=1).zz
namespace({'q': 4}).q
s is string
n is string
n is number
yes is number
x is float
n is integer
yes is integer
yes is boolean
n is boolean
d is mapping
l is mapping
l is sequence
s is sequence
d is sequence
n is sequence
d.items() is sequence
l|map('upper') is sequence
l|map('upper') is iterable
l is iterable
s is iterable
n is iterable
d is iterable
nothing is iterable
nothing is sequence
nil is none
nothing is none
nothing is undefined
nil is undefined
yes is true
n is true
1 is true
no is false
0 is false
none is false
n is odd
n is even
4 is even
9 is divisibleby 3
9 is divisibleby(2)
1 is eq 1
1 is equalto(2)
2 is ne 1
1 is lt 2
2 is ge 3
1 is in [1, 2]
3 is not in [1, 2]
'abc' is lower
'ABC' is upper
'a1' is lower
'1' is lower
none is sameas none
l is sameas l
[1] is sameas [1]
range is callable
n is callable
1 is defined and 2 is defined
n is number and s is string or false
s is string if yes else 0
not n is odd
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{'a': 1} == {'a': 1.0}
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
[1, 2] < [1, 3]
[1] < [1, 0]
'a' < 'b'
'Z' < 'a'
'é' > 'z'
'a' * 3
3 * 'ab'
'a' * -1
[1] * 2
[1] + [2]
(1,) + (2,)
'a' + 'b'
none + 1
'a' + 1
'a' + none
1 + nothing
nothing + 'a'
nothing.x
nothing['x']
nothing.x.y is defined
d.missing.x
d.missing.x is defined
nil.x
nil.x.y
n.x
1 < 'a'
none < 1
1 in 5
1 in 'abc'
'a' in none
'a' in nothing
nothing == nothing
nothing == none
nothing()
s()
1 / 0
1 // 0
1 % 0
0 ** -1
[1, 2]|first.x
[1, 2]|list[0]
([1, 2]|list)[0]
(s|upper).lower()
s|upper|lower
s|nosuchfilter
s is nosuchtest
s.nosuchmethod()
-'a'
+1
+true
-true
- -1
-x ** 2
(1, 2) + [3]
{}.get('a', {}).get('b')
messages[0].role
messages[0]['role']
messages[-1].content
messages[2].content.split('</think>')[-1].lstrip('\n')
messages[2].content.split('</think>')[0].split('<think>')[-1].strip()
messages|map(attribute='role')|list
messages|selectattr('role', 'equalto', 'user')|list|length
(messages|selectattr('role', 'equalto', 'nobody')) and 'generators are true'
messages[1:]|length
tool.function.parameters.properties.items()|list
tool.function.parameters.properties|length
tool.function.name is defined and tool.function.name
tool['function']['parameters']['required']|join(', ')
'%d' is string
1 if true else raise_exception('never')
raise_exception('stop ' ~ n)
[1, 2, 3][-1:]
[[1, 2], [3]]|sum(start=[])|length
'a|b' if '|' in 'a|b' else ''
'{{' ~ '}}'
{'a': {'b': 1}}.a.b
{'a': {'b': 1}}['a']['b']
{'}}': 1}
[
1,
2,
]
{'a': 1,}
(1, 2,)
l|sort|first
l | sort | first
n|string|length
n~''
7.0 // 2
7 / 2.0
2 ** 0.5
4 ** 0.5
10 ** 20
true and 'x' or 'y'
s|default('q')|upper
s is not none and s|length > 3
n > 3 and n < 10
n == 7 or raise_exception('no')
'yes' if 'b' in d and d.b == 1 else 'no'
x|int + 1
x|round|int
1.0|int
'abc'[1]
'abc'[-4]
'abc'[:-1]
'a' ~ 'b' * 2
'a' + 'b' ~ 'c'
'ab' in 'a' ~ 'b'
1 + 1 == 2
1 + 1 in [2]
not 1 + 1 == 3
""".strip()

STATEMENTS = [
    "{% for i in l %}{{ i }},{% endfor %}",
    "{% for i in [] %}x{% else %}empty{% endfor %}",
    "{% for i in l %}{{ i }}{% else %}empty{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}",
    "{% for (a, b) in [[1, 2], (3, 4)] %}{{ a + b }};{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
    "{% for k in d %}{{ k }},{% endfor %}",
    "{% for c in 'aé世' %}{{ c }}|{% endfor %}",
    "{% for i in nothing %}x{% else %}none{% endfor %}",
    "{% for i in 5 %}x{% endfor %}",
    "{% for i in none %}x{% endfor %}",
    "{% for i in l if i > 1 %}{{ loop.index }}:{{ i }}/{{ loop.length }}{{ ';' if not loop.last }}{% endfor %}",
    "{% for i in l if i > 9 %}x{% else %}nothing left{% endfor %}",
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}"
    "{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}",
    "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for i in [1, 2] %}{% for j in [3, 4] %}{{ loop.index }}{{ i }}{{ j }}{{ loop.depth }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% if i == 3 %}{% break %}{% endif %}{% else %}else{% endfor %}",
    "{% for i in range(2) %}{% for j in range(5) %}{% if j == 2 %}{% break %}{% endif %}{{ j }}{% endfor %};{% endfor %}",
    "{% break %}",
    "{% set a = 1 %}{{ a }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}",
    "{% set a = 0 %}{% for i in l %}{% set a = i %}{{ a }}{% endfor %}{{ a }}",
    "{% set a = 0 %}{% for i in l %}{{ a }}{% set a = i %}{% endfor %}",
    "{% set ns = namespace(a=0) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}",
    "{% set ns = namespace() %}{% set ns.b = 'x' %}{{ ns.b }}{{ ns.c is defined }}",
    "{% set d2 = {} %}{% set d2.x = 1 %}",
    "{% if yes %}{% set q = 1 %}{% endif %}{{ q }}",
    "{% if no %}{% set q = 1 %}{% endif %}{{ q is defined }}",
    "{% if no %}a{% elif yes %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif no %}b{% else %}c{% endif %}",
    "{% if nothing %}a{% else %}b{% endif %}",
    "{% if none_list %}a{% else %}b{% endif %}",
    "{% if '' %}a{% elif 0 %}b{% elif {} %}c{% elif 0.0 %}d{% else %}e{% endif %}",
    "{% if l|select('odd') %}true{% endif %}",
    "{% if nothing is defined and nothing.x %}a{% else %}b{% endif %}",
    "{% set x2 %}a{{ n }}b{% endset %}[{{ x2 }}]",
    "{% set x2 | upper %}a{{ n }}b{% endset %}[{{ x2 }}]",
    "{% set x2 | replace('a', 'z') | upper %}a{{ n }}b{% endset %}[{{ x2 }}]",
    "{% set x2 %}{% set inner = 5 %}{{ inner }}{% endset %}{{ x2 }}{{ inner is defined }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, z=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{{ g }}{% endmacro %}{% set g = 5 %}{{ m() }}",
    "{% macro m() %}{% set g = 6 %}{{ g }}{% endmacro %}{% set g = 5 %}{{ m() }}{{ g }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "{% macro m() %}  x  {% endmacro %}[{{ m()|trim }}]{{ m()|length }}",
    "{% macro m(v) %}{{ v|tojson }}{% endmacro %}{% for i in l %}{{ m({'i': i}) }}{% endfor %}",
    "{% macro m() %}{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}{% endmacro %}{{ m() ~ m() }}",
    "{% macro m() %}a{% endmacro %}{% if m() == 'a' %}same{% endif %}{{ m is callable }}{{ m is string }}{{ m() is string }}",
    "{% macro a() %}1{{ b() }}{% endmacro %}{% macro b() %}2{% endmacro %}{{ a() }}",
    "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% generation %}a{{ n }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    "{% set r = l.append(9) %}{{ l }}{{ r }}",
    "{% set acc = [] %}{% for i in l %}{% set _ = acc.append(i * 2) %}{% endfor %}{{ acc }}",
    "{% set g = l|map('string') %}{% for i in g %}{{ i }}{% endfor %}|{% for i in g %}{{ i }}{% endfor %}",
    "{% set g = l|map('string') %}{{ g|first }}{{ g|list }}",
    "{% set n = n + 1 %}{{ n }}",
    "{{ d.items() | list | length }}",
    "{{ loop is defined }}{% for i in [1] %}{{ loop is defined }}{% endfor %}",
    "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' }}{{ m['content'] | trim }}{% if not loop.last %}\n{% endif %}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% for m in messages[::-1] %}{% set i = (messages|length - 1) - loop.index0 %}{{ i }}{{ m.role[0] }} {% endfor %}",
    "{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}!{% endif %}{{ loop.nextitem.role if not loop.last }}{% endfor %}",
    "{% if messages[0].role == 'system' %}{% set sys = messages[0].content %}{% set messages = messages[1:] %}{% endif %}{{ sys }}{{ messages|length }}",
    "{% if tools is defined and tools %}t{% else %}-{% endif %}",
    "{{ raise_exception('x') if no else 'fine' }}",
    # white space
    "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc",
    "a\n  {%- if yes %}\n  b\n  {%- endif %}\nc",
    "a\n  {% if yes -%}\n  b\n  {% endif -%}\nc",
    "a\n  {%+ if yes %}\n  b\n  {%+ endif %}\nc",
    "a\n  {% if yes +%}\n  b\n  {% endif +%}\nc",
    "  {% if yes %}a{% endif %}",
    "x  {% if yes %}a{% endif %}",
    "  {{ n }}  \n  {{ n }}",
    "a  {{- n -}}  b",
    "a \n {{- n -}} \n b",
    "{{ n }}\n",
    "{{ n }}\n\n",
    "{{ n }}\n{{ n }}\n",
    "\n\n{{ n }}",
    "a {# comment #} b",
    "a\n{# comment #}\nb",
    "a\n  {# comment #}\n  b",
    "a {#- comment -#} b",
    "a\n {#- comment -#}\n b",
    "a\n  {#+ comment +#}\n b",
    "{# {{ x }} {% if %} #}ok",
    "a{#\nmulti\nline\n#}b",
    "{% if yes %}  \n  {% endif %}|",
    "{% if yes %}\n\n{% endif %}|",
    "{% for i in l %}\n  {{ i }}\n{% endfor %}\nend",
    "{% for i in l -%}\n  {{ i }}\n{%- endfor %}\nend",
    "\t{% if yes %}\tx\t{% endif %}\t",
    "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc\r\n",
    "a\rb\r",
    "{{ 'x\r\ny' }}",
    "{{ '{%' }}{{ \"{{\" }}{{ '#}' }}",
    "{%if yes%}a{%endif%}",
    "{%-if yes-%} a {%-endif-%} b",
    "{{n}}{{-n-}}{{n}}",
    "{{ n -}}\n\n\n{{ n }}",
    "{ { n } } {n} {%% } }",
    "a { b } c # d % e",
    "{{ {'a': {'b': 1}}['a']['b'] }}",
    "{{ {'a': {}} }}",
    "   \n  {% set a = 1 %}  \n  {{ a }}",
    "line1\n    {% set a = 1 %}\n    line2 {{ a }}\n    {% if a %}\n        deep\n    {% endif %}\nlast",
    "{% if yes %}{# c #}\nx{% endif %}",
    "{% set a = 1 -%}   \n   x",
    "\u00a0{% if yes %}a{% endif %}",
    "x\n\u3000 {% if yes %}a{% endif %}",
    "{{ n }}   {% if yes %}a{% endif %}",
    "{{ n }}\n   {% if yes %}a{% endif %}",
    "{% if yes %}a{% endif %}\n   {% if yes %}b{% endif %}",
    "{% if yes %}a{% endif %}   {% if yes %}b{% endif %}",
    # syntax errors
    "{% if yes %}",
    "{% endif %}",
    "{% for i in %}{% endfor %}",
    "{% for in l %}{% endfor %}",
    "{{ }}",
    "{{ 1 +",
    "{{ 1 + }}",
    "{{ (1 }}",
    "{{ 1) }}",
    "{{ [1, }}",
    "{{ 'abc }}",
    "{# never",
    "{% if yes %}{% else %}{% else %}{% endif %}",
    "{% unknown %}",
    "{{ a b }}",
    "{{ 1 2 }}",
    "{{ f(a=1, 2) }}",
    "{% set 1 = 2 %}",
    "{% set true = 2 %}",
    "{% set a.b.c = 2 %}",
    "{{ x is string is defined }}",
    "{{ a.b. }}",
    "{{ a[ }}",
    "{{ @ }}",
    "{{ a ! b }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{{ n|safe }}",
    "{{ '<b>'|safe }}",
]


def case(env, template, variables):
    entry = {"template": template}
    try:
        entry["expected"] = env.from_string(template).render(**json.loads(json.dumps(variables)))
    except Exception as error:  # whatever Python raises is an error to us
        entry["error"] = type(error).__name__
    return entry


def expressions():
    lines = EXPRESSIONS.split("\n")
    joined, depth = [], 0
    for line in lines:  # brackets may go over lines
        if depth:
            joined[-1] += "\n" + line
        else:
            joined.append(line)
        if line in ("[",):
            depth += 1
        elif line in ("]",):
            depth -= 1
    return joined


def main():
    env = environment()
    cases = [case(env, "{{ " + e + " }}", V) for e in expressions()]
    cases += [case(env, s, V) for s in STATEMENTS]
    path = pathlib.Path(__file__).with_name("jinja_cases.json")
    with path.open("w", encoding="utf-8") as file:
        file.write('{"jinja2": "%s",\n"variables": %s,\n"cases": [\n' % (jinja2.__version__, json.dumps(V)))
        file.write(",\n".join(json.dumps(c, ensure_ascii=True) for c in cases))
        file.write("\n]}\n")
    print(len(cases), "cases,", sum("error" in c for c in cases), "of them errors")


if __name__ == "__main__":
    main()
