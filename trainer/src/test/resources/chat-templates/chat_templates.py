"""Renders chat templates with transformers, as goldens of Firesteel's own rendering.

    python3 chat_templates.py BUILT_IN_FOLDER OUT.json

OUT.json has `snippets`: small templates of the language's parts, each with the text, or null where it must fail; and `chats`: the
templates of BUILT_IN_FOLDER (trainer/src/main/resources/dev/firesteel/chat) and templates written here in the manners of published
ones, each with conversations, the text, and the ranges of characters between generation and endgeneration. goldens.json beside this
program was made with transformers 5.24.0 and Jinja2 3.1.6. ChatTemplateAgreementTest compares. Needs `pip install transformers jinja2`.
"""

import json
import pathlib
import sys

from transformers.utils.chat_template_utils import render_jinja_template

MESSAGES = [
    {"role": "system", "content": " Sys "},
    {"role": "user", "content": "Hi <b> {{ 1+1 }} é"},
    {"role": "assistant", "content": "<think>\nx\n</think>\n\nYo\n"},
    {"role": "user", "content": "Q?"},
]

SNIPPETS = [
    "{{ 'a\\nb' }}",
    "{{ messages[0]['content']|trim }}",
    '{% for m in messages %}{{ m.role }},{% endfor %}',
    '{% for m in messages[1:] %}{{loop.index0}}{{loop.first}}{{loop.last}} {% endfor %}',
    '{{ messages[-1].content }}',
    '{{ messages[::-1][0].content }}',
    '{{ messages[1].content }}',
    "{% for m in messages if m.role == 'user' %}{{m.content}}{% else %}none{% endfor %}",
    '{% set ns = namespace(x=0) %}{% for m in messages %}{% set ns.x = ns.x + 1 %}{% endfor %}{{ ns.x }}',
    "{{ messages[2].content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ messages[2].content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}",
    '{{ messages[0].content.strip() }}',
    "{{ messages[0].content.startswith(' S') }}",
    "{{ messages[0].content.upper() }}{{ 'abc'.title() }}",
    "{{ messages[0].content.replace('S','T') }}",
    "{{ 'a' ~ 1 ~ none ~ true }}",
    "{{ 'x' if false }}|",
    '{{ undefinedx }}|',
    '{{ undefinedx is defined }}',
    '{{ messages[0].tool_calls is not defined }}',
    "{{ messages[0] is mapping }}{{ messages is iterable }}{{ messages is sequence }}{{ 'a' is string }}",
    "{{ 'user' not in ['a','b'] }}",
    "{{ not ('a' == 'b') and true }}",
    "{{ not 'a' == 'b' }}",
    '{{ (loop is defined) }}',
    "{{ [1,2.5,'a',none,true] }}",
    "{{ {'a':1,'b':[1,'x']} }}",
    "{{ {'a':1,'b':[1,'é<>']}|tojson }}",
    "{{ {'a':1,'b':[1,2]}|tojson(indent=2) }}",
    "{{ messages|selectattr('role','equalto','user')|list|length }}",
    "{{ messages|map(attribute='role')|join(', ') }}",
    "{{ messages|rejectattr('role','eq','user')|map(attribute='role')|list }}",
    '{% macro f(a, b=2) %}[{{a}}-{{b}}]{% endmacro %}{{ f(1) }}{{ f(1,b=3) }}',
    '{% set x %}hello {{ bos_token }}{% endset %}{{ x }}',
    "{%- if messages[0]['role'] == 'system' -%}\n  a\n{%- else -%}\n b\n{%- endif %}\n\nend\n",
    'a\n  {% if true %}\n  b\n  {% endif %}\nc\n',
    '{# c #}\nx',
    '  {#- c -#}  x',
    "{% for k, v in {'a':1,'b':2}.items() %}{{k}}={{v}};{% endfor %}",
    "{% for k, v in {'a':1}|items %}{{k}}={{v}};{% endfor %}",
    "{% for k in {'a':1,'b':2} %}{{k}}{% endfor %}",
    '{{ 7 // 2 }} {{ 7 % 2 }} {{ 7 / 2 }} {{ 2 ** 3 }}',
    '{{ (loop.index0 if loop is defined else 5) % 2 == 0 }}',
    "{% for m in messages %}{% if m.role == 'user' %}{% continue %}{% endif %}{{ m.role }}{% if loop.index == 3 %}{% break %}{% endif %}{% endfor %}",
    '{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if not loop.last }};{% endfor %}',
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}x{% endif %}{% endfor %}",
    "{{ messages[0].get('content') }}{{ messages[0].get('zz', 'd') }}",
    "{{ 'content' in messages[0] }}",
    "{{ ('a','b')[1] }}",
    "{{ 'abc'[0] }}{{ 'abc'[1:] }}{{ 'abc'[-1] }}",
    "{{ '%s-%d' % ('a', 3) }}",
    "{{ '{}'.format(3) }}",
    "{{ 'x'|default('y') }}{{ q|default('y') }}{{ ''|default('z', true) }}",
    '{{ messages|length - 1 }}',
    '{{ range(3)|list }}',
    '{% for i in range(messages|length -1, -1, -1) %}{{i}}{% endfor %}',
    "{{ 'A'|lower }}{{ 'b'|upper }}{{ 'cd'|capitalize }}",
    "{{ messages[2].content | replace('\\n', '|') }}",
    "{{ 1 == 1.0 }}{{ 'a' < 'b' }}{{ true and 'x' }}{{ '' or 'y' }}",
    "{% if messages[0].content is string and messages[0].content|trim != '' %}ok{% endif %}",
    '{{ none }}',
    '{% set x = none %}{{ x is none }}{{ x is defined }}{{ not x }}',
    "{{ 'a' 'b' }}",
    "{%- set loop_messages = messages -%}{%- for message in loop_messages -%}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}",
    "{{ raise_exception('nope') }}",
    "{% for m in messages %}\n{% if m.role == 'user' %}\n<|user|>\n{{ m.content + eos_token }}\n{% elif m.role == 'assistant' %}\n{% generation %}\n{{ m.content }}\n{% endgeneration %}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    '{{ \'it\\\'s\' }}{{ "q\\"" }}',
    "{{ '\\t' }}|{{ '\\\\n' }}",
    "{{ 3|string + 'a' }}{{ '5'|int + 1 }}",
    '{% if tools %}t{% endif %}{{ tools is none }}{{ tools is defined }}',
    '{% set a, b = 1, 2 %}{{a}}{{b}}',
    "{{ messages[0]['content'] if messages[0]['role']=='system' else 'x' }}",
    '{% raw %}{{ x }}{% endraw %}',
    '{{ [1,2]+[3] }}',
    '{{ dict(a=1).a }}',
    "{{ 'abc' | first }}{{ [1,2]|last }}",
    '{{ messages[0].content|trim|length }}',
    '{% for m in messages %}{% set role = m.role %}{% endfor %}{{ role is defined }}',
    '{% set x=1 %}{% if true %}{% set x=2 %}{% endif %}{{x}}',
    '{% for m in messages %}{% set x = loop.index %}{% endfor %}{{x is defined}}',
    "{{ 'a,b'.split(',') | join('|') }}{{ ' a  b '.split() }}",
    "{{ messages[1]['content'] }}",
    "{{- 'x' }}\n{{ 'y' -}}  \nz",
    '{% set messages = messages[1:] %}{{ messages|length }}',
    "{{ 'x'.join(['a','b']) }}",
    "{{ 'aXb'.find('X') }}{{ 'aba'.count('a') }}",
    "{{ '\\u00e9' }}",
    '{{ messages is not none and not (messages|length == 3) }}',
    '{{ -3|abs }}',
    '{% filter upper %}abc{% endfilter %}',
    '{% if not x is defined %}{% set x = 5 %}{% endif %}{{ x }}',
    '{% for i in [1,2,3] if i > 1 %}{{ loop.index }}:{{ i }} {% endfor %}',
    '{{ messages | tojson(indent=4) }}',
    "{{ {'b':1.0,'a':1e20,'c':1e-7,'d':0.1} }}",
    "{{ {'b':1.0,'a':1e20,'c':1e-7}|tojson }}",
    'a {%- if true %} b {% endif -%} c',
    '  {% if true +%}\n x\n{% endif %}',
    '{%+ if true %} x{% endif %}',
    '  {%+ if true %} x{% endif %}',
    'x\n\n  {# hi #}\n  y',
    "{{ 'a\nb' }}",
    '{% for m in messages -%}\n  {{- m.role -}}\n{%- endfor %}\n',
    "{{ ' '.join(['x','y']) }}{{ 'a-b-c'.rsplit('-', 1) }}{{ 'a b c'.split(' ', 1) }}{{ ' a b '.split(None, 1) }}",
    "{{ 'hello'[1:3] }}{{ 'hello'[::-1] }}{{ [1,2,3,4][::2] }}{{ [1,2,3][5:] }}{{ [1,2,3][-2:] }}",
    '{{ 1 if 0 else 2 if 0 else 3 }}',
    '{{ -2 ** 2 }} {{ 2 ** -1 }} {{ -7 // 2 }} {{ -7 % 3 }}',
    "{{ 'a' in 'abc' and not 'd' in 'abc' }}",
    '{{ 1 < 2 < 3 }} {{ 1 < 2 > 5 }}',
    '{{ [] is defined and [] }}',
    '{{ none == none }} {{ none is none }} {{ x is none }}',
    '{{ x.y }}',
    '{{ messages[9].content }}',
    '{{ messages[0].zzz.y }}',
    '{{ messages[0].zzz }}|',
    "{{ 'x' + 1 }}",
    "{{ undefd + 'x' }}",
    "{{ undefd ~ 'x' }}",
    "{{ none ~ 'x' }}",
    "{{ 'x' * 3 }}{{ [0]*2 }}",
    '{{ (1,2) }}{{ (1,) }}{{ () }}',
    '{{ "it\'s" ~ [\'it\\\'s\', \'q"\'] }}',
    "{{ ['a\nb\\\\'] }}",
    "{% set ns = namespace(a=1, b='x') %}{% set ns.a = 'q' %}{{ ns.a ~ ns.b ~ ns.c }}",
    "{% macro m(x) -%}\n  [{{ x }}]\n{%- endmacro -%}\n{{ m('a') }}{{ m(x='b') }}{{ m() }}",
    '{% set x %}  a\n {% endset %}[{{ x }}]',
    '{% set x | trim %}  a\n {% endset %}[{{ x }}]',
    '{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}',
    '{% filter trim | upper %} a {% endfilter %}',
    "{{ messages | map(attribute='content') | map('trim') | join('|') }}",
    "{{ messages | map(attribute='content') | map('length') | sum }}",
    "{{ messages | selectattr('content') | list | length }}",
    "{{ [3,1,2]|sort }}{{ [3,1,2]|sort(reverse=true) }}{{ ['b','A']|sort }}{{ {'b':1,'a':2}|dictsort }}",
    '{{ [1,1,2]|unique|list }}{{ [1,5,2]|max }}',
    "{{ 'a\nb\n\nc'|indent(2) }}{{ 'a\nb'|indent(2, true) }}",
    "{{ 'x' is in ['x'] }}{{ 3 is divisibleby 3 }}{{ 3 is odd }}{{ 4 is eq 4 }}",
    "{{ '%05d|%-4s|%.2f|%%' % (42, 'a', 1.5) }}",
    "{{ '{} {1} {a}'.format(1) }}",
    "{{ '{0} {1} {a}'.format(1,2,a=3) }}",
    "{{ 'ab' | list }}{{ 'ab'|reverse }}{{ [1,2]|reverse|list }}",
    '{% raw %}\n a {{ b }}\n{% endraw %}\nc',
    '{%- raw -%}  a  {%- endraw -%}  b',
    '{{ \'é\' | upper }}{{ \'hello world\'|title }}{{ "they\'re".title() }}',
    '{% for a, b in [(1,2),(3,4)] %}{{ a+b }},{% endfor %}',
    '{% for x in messages %}{% for y in [1,2] %}{{ loop.depth }}{% if y == 1 %}{% continue %}{% endif %}{{ y }}{% endfor %}{% endfor %}',
    "{{ messages[0]['role'] in ['system','user'] and messages | length > 1 }}",
    '{{ messages[:-1] | length }}{{ messages[1:3] | length }}',
    "{{ true | string }}{{ 1.0 | string }}{{ 1.5|int }}{{ '12x'|int(7) }}{{ 3|float }}",
    "{{ undefd | default('a') | upper }}",
    '{{ undefd | length }}',
    '{% for x in undefd %}a{% else %}b{% endfor %}',
    "{{ 'a' if undefd else 'b' }}",
    "{{ 'A'.lower().upper() }}",
    "{{ 'a,b,,c'.split(',') }}",
    "{{ 'x'.strip('x') == '' }}",
    '{{ 10 / 4 }} {{ 10 // 4 }} {{ 10.0 // 4 }} {{ 7.5 % 2 }}',
    '{{ 1e3 }} {{ 1_000 }} {{ 0.1 + 0.2 }}',
    '{{ messages[0].items() | list }}',
    "{{ {'a':{'b':1}}.a.b }}{{ {'a':{'b':1}} }}",
    "{% if messages[0].role == 'system' %}\n\t{{ messages[0].content }}\n\t{%- set messages = messages[1:] %}\n{% endif %}\n{{ messages|length }}",
    "{{ {'é': 'ü\u2028\x7f'} | tojson }}",
    "{{ {'a': 'é'} | tojson(ensure_ascii=True) }}",
    "{{ {'b':1,'a':2} | tojson(sort_keys=true, separators=(',',':')) }}",
    "{{ ['x', none, true, 1.0] | tojson }}",
    '{{ loop }}',
    '{{ foo() }}',
    '{{ messages | foo }}',
    "{{ 'a'.foo }}|",
    "{{ 'a'.foo() }}",
    '{% foo %}',
    '{{ 1 + }}',
    '{% if x %}',
    '{% endif %}',
    "{{ 'a }}",
    '{{ [1,2 }}',
    "{{ 'abc'.find('z') }}",
    "{{ 'a.b'.partition('.') }}",
    "{{ 'tab\\tq\\x41' }}",
    "{{ 'x' ~ 'y' | upper }}",
    "{{ ('x' ~ 'y') | upper }}",
    '{{ not true == false }}',
    "{{ 'a' < 'B' }}",
    "{{ 'Hi %s' | format('x') }}",
    '{{ 7|abs }}{{ 2.567|round(2) }}',
    "{{ [1,[2,'x']]|string }}",
    "{{ 1 is number and 'a' is not number }}",
    "{{ dict(a=1, b='x') }}",
    '{{ messages|first }}',
    '{% set (a, b) = (1, 2) %}{{a}}{{b}}',
    '{% set a = 1, 2 %}{{a}}',
    '{{ {} }}{{ []|tojson(indent=2) }}',
    "{{ 'ﬁ'|length }}{{ '😀x'|length }}{{ '😀x'[0] }}{{ '😀x'[1:] }}",

    # Scopes, white space and lines.
    "a\r\n  {% if true %}\r\nb\r\n  {% endif %}\r\nc\r\n",
    "{% set x = 1 %}{% for i in [1] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% macro f() %}{{ x }}{% endmacro %}{% set x = 3 %}{{ f() }}",
    "{% generation %}a{% set y = 1 %}{% endgeneration %}{{ y is defined }}",
    "{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{{ messages | map('upper') | list }}",
    "{{ {'a': none}.a is none }}{{ {'a': none}.get('a') }}",
    "{%- for m in messages %}\n  {%- if m.role == 'user' %}\n    {{- 'U:' + m.content }}\n  {%- else %}\n    {{- m.content | trim }}\n  {%- endif %}\n{%- endfor %}",
]

SYSTEM_RULES = """{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}{% else %}{% set turns = messages %}{% endif %}
{% for message in turns %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('roles must alternate user/assistant/...') }}
{% endif %}
{% if message['role'] == 'user' %}
{{ bos_token + '[INST] ' + (('<<SYS>>\\n' + system.strip() + '\\n<</SYS>>\\n\\n') if loop.first and system is defined else '') + message['content'].strip() + ' [/INST]' }}
{%- elif message['role'] == 'assistant' %}
{{- ' ' + message['content'] | trim + ' ' + eos_token }}
{%- endif %}
{% endfor %}
"""

DEFAULT_SYSTEM = """{%- if tools %}
    {{- raise_exception('no tools here') }}
{%- endif %}
{%- if messages[0].role != 'system' %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last_query=-1) %}
{%- for message in messages[::-1] if message.role == 'user' %}
    {%- if ns.last_query < 0 %}{% set ns.last_query = messages|length - 1 - loop.index0 %}{% endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {% generation %}
        {%- if '</think>' in content and loop.index0 < messages|length - 1 %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- content + '<|im_end|>' }}
        {% endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

BLOCKS = """{% for message in messages %}
  {# one role a line #}
{% if message.role == 'system' %}
<|system|>
{{ message.content }}{{ eos_token }}
{% elif message.role == 'user' %}
<|user|>
{{ message.content }}{{ eos_token }}
{% elif message.role == 'assistant' %}
<|assistant|>
{% generation %}
{{ message.content }}{{ eos_token }}
{% endgeneration %}
{% endif %}
{% if loop.last and add_generation_prompt %}
<|assistant|>
{% endif %}
{% endfor %}
"""

PARTS = """{% macro turn(role, text, close=true) -%}
  <start_of_turn>{{ role }}
{{ text | trim }}{% if close %}<end_of_turn>{% endif %}

{% endmacro -%}
{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = m['role'] %}{% endif %}{{ turn(role, m['content']) }}{% endfor %}
{%- if add_generation_prompt -%}<start_of_turn>model{{ '\\n' }}{%- endif -%}
"""

WRITTEN = {"system_rules": SYSTEM_RULES, "default_system": DEFAULT_SYSTEM, "blocks": BLOCKS, "parts": PARTS}


def turn(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = [
    ([turn("user", "Hi")], True),
    ([turn("user", "Hi"), turn("assistant", "Hello.")], False),
    ([turn("system", "Be brief."), turn("user", " Hi \n"), turn("assistant", " Hello. "), turn("user", "Why?"),
      turn("assistant", "So\n\nbe it.")], False),
    ([turn("system", "Be brief."), turn("user", "Hi"), turn("assistant", "<think>\na\n</think>\n\nHello."), turn("user", "É?")], True),
    ([turn("user", "Translate.\n\n### Input:\nHallo"), turn("assistant", "Hello {{ x }} <|im_end|> </s>")], False),
    ([turn("assistant", "Hello.")], False),
]
VARIABLES = {"bos_token": "<s>", "eos_token": "</s>"}


def rendered(source, messages, prompt):
    try:
        texts, ranges = render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=prompt, return_assistant_tokens_mask=True, **VARIABLES)
        return texts[0], [list(each) for each in ranges[0]]
    except Exception as e:
        return None, str(e)


def main(folder, out):
    snippets = [{"template": each, "text": rendered(each, MESSAGES, True)[0]} for each in SNIPPETS]
    sources = {file.stem: file.read_text(encoding="utf-8") for file in sorted(pathlib.Path(folder).glob("*.jinja"))}
    chats = []
    for name, source in (sources | WRITTEN).items():
        for messages, prompt in CONVERSATIONS:
            text, ranges = rendered(source, messages, prompt)
            chat = {"name": name, "messages": messages, "prompt": prompt, "text": text}
            chat |= {"error": ranges} if text is None else {"generations": ranges}
            chats.append(chat)
    goldens = {"messages": MESSAGES, "variables": VARIABLES, "written": WRITTEN, "snippets": snippets, "chats": chats}
    pathlib.Path(out).write_text(json.dumps(goldens, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
