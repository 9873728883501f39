import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, MINIMAL, mistake, mistakes } from './support.ts';

/** MINIMAL has ten lines and workerConfig: is the eleventh: what a test adds begins at line 12, column 3. */
function withWorkerConfig(...lines: readonly string[]): string {
  return `${MINIMAL}workerConfig:\n${lines.map(line => `  ${line}\n`).join('')}`;
}

void test('anchors and merge keys work: what stands in the mapping wins, then the first of a list', async t => {
  const { config } = await load(
    t,
    withWorkerConfig(
      'base: &base {x: 1, y: [1, 2]}',
      'more: &more {x: 5, z: 6, <<: *base}',
      'one: {y: mine, <<: *base}',
      'list: {<<: [*more, *base]}',
      'same: *base',
      'quoted: {"<<": 1}',
    ),
  );
  assert.deepEqual(config.workerConfig, {
    base: { x: 1, y: [1, 2] },
    more: { x: 5, z: 6, y: [1, 2] },
    one: { x: 1, y: 'mine' },
    list: { x: 5, z: 6, y: [1, 2] },
    same: { x: 1, y: [1, 2] },
    quoted: { '<<': 1 },
  });
});

void test('yes, no, on, off, dates and quoted numbers are texts', async t => {
  const { config } = await load(
    t,
    withWorkerConfig(
      'a: [yes, no, on, off]',
      'b: 2026-11-21',
      'c: "0777"',
      "d: '1_000'",
      'e: !!str 0777',
      'f: 0x1F',
    ),
  );
  assert.deepEqual(config.workerConfig, {
    a: ['yes', 'no', 'on', 'off'],
    b: '2026-11-21',
    c: '0777',
    d: '1_000',
    e: '0777',
    f: 31,
  });
});

void test('keys that are numbers or booleans become text as they stand', async t => {
  const { config } = await load(t, withWorkerConfig('1.0: a', 'true: b', '"": c'));
  assert.deepEqual(config.workerConfig, { '1.0': 'a', true: 'b', '': 'c' });
});

const AMBIGUOUS = [
  '0777',
  '-0777',
  '0o17',
  '1_000',
  '1_0.5',
  '0b11',
  '+0x1F',
  '0x_FF',
  '12:30:45',
  '12:30',
  '08',
];
for (const number of AMBIGUOUS) {
  void test(`the plain number ${number} is refused at its place`, async t => {
    assert.match(await mistake(t, withWorkerConfig(`port: ${number}`)), /^12:9: .*YAML 1\.[12]/);
  });
}

void test('numbers that JSON cannot carry on are refused', async t => {
  const found = await mistakes(
    t,
    withWorkerConfig('- 1', '- 9007199254740993', '- 1e400', '- .inf', '- -.inf', '- .nan'),
  );
  assert.deepEqual(
    found.slice(1).map(line => line.split(':')[0]),
    ['13', '14', '15', '16', '17'],
  );
  assert.match(found[1] ?? '', /cannot hold/);
});

const UNHOLDABLE = [
  '12345678901234567890',
  '12345678901234567890e0',
  '9007199254740993.0',
  '-9007199254740993',
  '1.23456789012345678901',
  '1e-400',
  '1e400',
  '0x20000000000001',
];
for (const number of UNHOLDABLE) {
  void test(`the number ${number}, which a double cannot hold, is refused at its place`, async t => {
    const told = await mistake(t, withWorkerConfig(`n: ${number}`));
    assert.match(told, /^12:6: a number that a double cannot hold .* put it in quotes if it is text$/);
    const { config } = await load(t, withWorkerConfig(`n: "${number}"`));
    assert.deepEqual(config.workerConfig, { n: number });
  });
}

void test('numbers that a double holds in another spelling are let through', async t => {
  const numbers =
    '0.1, 1.50, 1e3, 100000, 0, -0.0, 0e400, 1.5E+3, -.25, 0.000001, 123e-20, 5e-324, 1000000000000000000000, 9007199254740992';
  const { config } = await load(t, withWorkerConfig(`n: [${numbers}]`));
  assert.deepEqual(config.workerConfig, { n: numbers.split(', ').map(Number) });
});

void test('a number that fills the file is judged at once', async t => {
  const start = process.cpuUsage();
  const told = await mistake(t, withWorkerConfig(`n: 1${'0'.repeat(1_000_000)}1`));
  assert.match(told, /^12:6: a number that a double cannot hold/);
  const { user, system } = process.cpuUsage(start);
  assert.ok((user + system) / 1000 < 5000);
});

void test('a key twice in its mapping is refused where it stands again', async t => {
  assert.match(
    await mistake(t, withWorkerConfig('one: 1', 'two: 2', 'one: 3')),
    /^14:3: the key "one" stands twice/,
  );
});

void test('several documents are refused where the second begins', async t => {
  assert.match(await mistake(t, `${MINIMAL}---\na: 1\n`), /^11:1: a second document begins here/);
});

for (const [what, line, expected] of [
  ['a binary value', 'a: !!binary aGVsbG8=', /12:15: this tag \(!name\) has no meaning here/],
  ['a tag of a program', 'a: !ruby/object {b: 1}', /12:19: this tag \(!name\) has no meaning here/],
  ['a mapping as key', '? {a: 1}\n  : b', /12:5: a key must be a text/],
  ['the key __proto__', 'a: {__proto__: {polluted: true}}', /12:7: the key "__proto__" is not allowed/],
  ['an alias to nothing', 'a: *nothing', /12:6: no anchor \(&name\) of this name stands before this alias/],
  ['an alias to what it stands in', 'a: &a [*a]', /12:10: this alias \(\*name\) stands inside what it means/],
  ['a merge of something else', 'a: {<<: 5}', /12:11: << takes a mapping/],
  ['a merge of itself', 'a: &a {<<: *a}', /12:14: this alias \(\*name\) stands inside/],
] as const) {
  void test(`${what} is refused at its place`, async t => {
    assert.match(await mistake(t, withWorkerConfig(line)), expected);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });
}

void test('a billion laughs and a bottomless nesting end at once', async t => {
  const laughs = Array.from(
    { length: 12 },
    (_, n) => `l${n + 1}: &l${n + 1} [${Array(10).fill(`*l${n}`).join(', ')}]`,
  );
  assert.match(await mistake(t, withWorkerConfig('l0: &l0 [ha]', ...laughs)), /more than 100000 values/);
  assert.match(
    await mistake(t, withWorkerConfig(`deep: ${'['.repeat(200)}${']'.repeat(200)}`)),
    /more than 100 levels/,
  );
  assert.match(await mistake(t, withWorkerConfig(`deep: ${'['.repeat(100_000)}`)), /nested too deep/);
});

void test('text that is no YAML is refused at its place, without a piece of it', async t => {
  const secret = 'hunter2-hunter2';
  for (const line of [
    `password: "${secret}`,
    `password: ${secret}: ${secret}`,
    `password: \`${secret}\``,
    `password: "\\q${secret}"`,
    `password: [${secret}`,
    `password: *${secret} x`,
    `\tpassword: ${secret}`,
    `password: &${secret} &${secret} 1`,
    `password: !<${secret} 1`,
    `password: *${secret}`,
    `password: !${secret}`,
    `password: !!${secret}`,
    `password: &${secret} [*${secret}]`,
  ]) {
    for (const found of await mistakes(t, withWorkerConfig(line))) {
      assert.match(found, /^1[1-9]:\d+: ./);
      assert.doesNotMatch(found, /hunter/, line);
    }
  }
});

void test('a quote that is never closed is told where it opens', async t => {
  for (const quote of ['"', "'"]) {
    const found = await mistakes(t, withWorkerConfig(`a: "closed"\n  b: ${quote}open\n  c: 1`));
    assert.deepEqual(found, ['13:6: the quote that opens here is not closed']);
  }
});

void test('another version of YAML is refused', async t => {
  assert.match(await mistake(t, `%YAML 1.1\n---\n${MINIMAL}`), /^1:1: a runner config is YAML 1.2/);
});
