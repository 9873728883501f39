/** What a runner config says, as its user writes it; through the built program. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { assertBadConfig, configFile, DUMMY } from '../support/dummy-config.ts';
import { runProgram } from '../support/program.ts';
import { writeScript } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

/** What --check says about a content, each mistake as `line:column: text`. */
async function mistakes(t: TestContext, content: string): Promise<readonly string[]> {
  const path = await configFile(t, content);
  const result = await runProgram('start-worker', ['--check', path]);
  assertBadConfig(result, path);
  const lines = result.stderr.trimEnd().split('\n');
  const told = lines[0] === `${path}: ${lines.length - 1} mistakes` ? lines.slice(1) : lines;
  for (const line of told) assert.match(line.slice(path.length), /^:\d+:\d+: \S.{5}/, result.stderr);
  return told.map(line => line.slice(path.length + 1));
}

/** The worker's configuration as the dummy worker shows it, after a run without warnings. */
async function workerConfigOf(t: TestContext, content: string | Buffer): Promise<unknown> {
  const path = await configFile(t, content);
  const { code, stdout, stderr } = await runProgram('start-worker', [path]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /warning|error/);
  return (parse(stdout) as { readonly workerConfig: unknown }).workerConfig;
}

void test('every value of every section may be of a wrong type: each is told at its place, all at once', async t => {
  const sections = [
    [
      'provider',
      'providerType rootURL clientID accessToken workerPoolID workerGroup workerID providerMetadata',
    ],
    ['worker', 'implementation path configPath'],
    ['logging', 'implementation path maxSize keep'],
    ['network', 'retryFor attemptTimeout'],
    ['limits', 'line message fileEntries fileSize filesTotal'],
    ['lifecycle', 'helloTimeout drainTimeout'],
  ] as const;
  const chosen: Readonly<Record<string, string>> = {
    providerType: 'standalone',
    implementation: 'generic-worker',
  };
  for (const wrong of ['17', '-1.5', 'true', '[1]', '{}', '{a: {b: 1}}', '""', 'null']) {
    const lines = ['getSecrets: 1', 'cacheOverRestarts: []', 'workerConfig: 3'];
    let expected = lines.length;
    for (const [section, keys] of sections) {
      lines.push(`${section}:`);
      for (const key of keys.split(' ')) {
        const choice = section === 'logging' && key === 'implementation' ? 'file' : chosen[key];
        lines.push(`  ${key}: ${choice ?? wrong}`);
        const fits =
          choice !== undefined ||
          (key === 'providerMetadata' && /^(\{|null)/.test(wrong)) ||
          (wrong === '17' && (key === 'keep' || key === 'fileEntries'));
        if (!fits) expected += 1;
      }
    }
    const told = await mistakes(t, lines.join('\n'));
    assert.equal(told.length, expected, `${wrong}:\n${told.join('\n')}`);
    // Each on the line of its own value.
    assert.equal(new Set(told.map(line => line.split(':')[0])).size, expected, told.join('\n'));
  }
  // A section of another kind altogether.
  for (const wrong of ['17', 'true', '[1]', 'text']) {
    const told = await mistakes(t, sections.map(([section]) => `${section}: ${wrong}\n`).join(''));
    assert.equal(told.length, sections.length, told.join('\n'));
  }
});

void test('a run tells the same mistakes as --check, one a line, and goes no further', async t => {
  const path = await configFile(t, `${DUMMY.replace('dummy', 'dumy')}zork: 1\n`);
  const [check, run] = await Promise.all([
    runProgram('start-worker', ['--check', path]),
    runProgram('start-worker', [path]),
  ]);
  assertBadConfig(run, path);
  const lines = run.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 3);
  assert.deepEqual(
    lines.map(line => line.replace(/^\S+ \S+ start-worker: error: /, '')),
    check.stderr.trimEnd().split('\n'),
  );
});

void test('what a file may not hold is told at its place: keys twice, documents, numbers, tags, tabs', async t => {
  for (const [content, expected] of [
    [`${DUMMY}worker:\n  implementation: dummy\n`, [/^12:1: the key "worker" stands twice/]],
    [`${DUMMY}workerConfig: {a: 1, a: 2}\n`, [/^12:22: the key "a" stands twice/]],
    [`${DUMMY}---\nfoo: 1\n`, [/^12:1: a second document begins here/]],
    ['provider:\n\tproviderType: static\n', [/^2:1: a tab cannot indent/]],
    [DUMMY.replace('clientID: c', 'clientID: "c'), [/^4:13: the quote that opens here is not closed/]],
    [`${DUMMY}workerConfig: {a: *nothing}\n`, [/^12:19: no anchor/]],
    [`${DUMMY}workerConfig: {a: !thing x}\n`, [/^12:\d+: this tag/]],
    [`${DUMMY}workerConfig: {<<: 7}\n`, [/^12:20: << takes a mapping/]],
    [
      `${DUMMY}workerConfig:\n  a: 0777\n  b: 12345678901234567890\n  c: 1_000\n  d: 1:30\n  e: .inf\n  f: 0o17\n  g: 1e400\n`,
      [/^13:6: .*octal/, /^14:6: .*digits/, /^15:6: /, /^16:6: .*base 60/, /^17:6: /, /^18:6: /, /^19:6: /],
    ],
  ] as const) {
    const told = await mistakes(t, content);
    assert.equal(told.length, expected.length, told.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(told[index] ?? '', pattern);
  }
});

void test('anchors, merge keys, DOS line ends, a byte-order mark and JSON work', async t => {
  const yaml = `${DUMMY}workerConfig:
  one: &base {x: 1, y: [1]}
  two: {<<: *base, y: [2]}
  three: {<<: [{x: 3}, *base]}
  # a comment
`;
  const expected = { one: { x: 1, y: [1] }, two: { y: [2], x: 1 }, three: { x: 3, y: [1] } };
  assert.deepEqual(await workerConfigOf(t, yaml), expected);
  assert.deepEqual(await workerConfigOf(t, `\uFEFF${yaml.replaceAll('\n', '\r\n')}`), expected);
  const json = JSON.stringify({ ...(parse(DUMMY) as object), workerConfig: expected }, null, '\t');
  assert.deepEqual(await workerConfigOf(t, json), expected);
});

void test('a mistake in a file with DOS line ends and a byte-order mark has the place that an editor shows', async t => {
  const told = await mistakes(t, `\uFEFF${DUMMY}zork: 1\n`.replaceAll('\n', '\r\n'));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /^12:1: unknown key "zork"/);
});

void test('sections that a template left empty count as absent', async t => {
  const empty = ['workerConfig', 'logging', 'network', 'limits', 'lifecycle'];
  assert.deepEqual(await workerConfigOf(t, `${DUMMY}${empty.join(':\n')}:\n`), {});
});

void test("yes, no, on, off, dates and quoted numbers reach the worker's config as they stand", async t => {
  const folder = await temporaryFolder(t);
  const values = `{a: yes, b: no, c: on, d: off, e: Yes, f: 2026-11-21, g: "0777", h: "12345678901234567890",
    i: ~, j: 1.5, k: 0x1F, l: y, m: 9007199254740991, n: '', o: "\\u00e9\\t", p: 1e3, q: {}, r: [], yes: 1}`;
  const worker = await writeScript(folder, 'worker', `cp "$3" '${folder}/seen.json'`);
  const section = `implementation: generic-worker\n  path: ${worker}\n  configPath: ${folder}/worker.json`;
  const config = DUMMY.replace('implementation: dummy', section);
  const path = await configFile(t, `${config}workerConfig: ${values}\n`);
  const { code, stderr } = await runProgram('start-worker', [path]);
  assert.equal(code, 0, stderr);
  const seen = JSON.parse(await readFile(join(folder, 'seen.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(
    Object.fromEntries(Object.entries(seen).filter(([key]) => key.length === 1 || key === 'yes')),
    {
      ...{ a: 'yes', b: 'no', c: 'on', d: 'off', e: 'Yes', f: '2026-11-21', g: '0777' },
      ...{ h: '12345678901234567890', i: null, j: 1.5, k: 31, l: 'y', m: 9007199254740991, n: '' },
      ...{ o: '\u00e9\t', p: 1000, q: {}, r: [], yes: 1 },
    },
  );
});

void test('a secret in a wrong place, of a wrong type or in broken YAML is not shown', async t => {
  const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2-4444';
  const provider = (key: string, value: string) =>
    DUMMY.replace(new RegExp(`${key}: .*`), `${key}: ${value}`);
  for (const content of [
    provider('accessToken', '867530986753'),
    provider('accessToken', `[${secret}]`),
    provider('accessToken', `{${secret}: ${secret}}`),
    provider('accessToken', `*${secret}`),
    provider('accessToken', `!${secret} x`),
    provider('accessToken', `"${secret}`),
    provider('accessToken', `'${secret}' ${secret}`),
    provider('accessToken', `\n    ${secret}\n  ${secret}`),
    provider('accessToken', `@${secret}`),
    provider('accessToken', `"\\q${secret}"`),
    provider('accessToken', `${secret}: ${secret}`),
    provider('workerGroup', secret),
    provider('workerGroup', `{password: ${secret}}`),
    provider('rootURL', `http://user:${secret}@127.0.0.1:1`),
    provider('rootURL', `http://127.0.0.1:1/?token=${secret}`),
    provider('providerType', secret),
    `${DUMMY}staticSecret: ${secret}\n`,
    `${DUMMY}${secret}\n`,
    `${DUMMY}logging: {implementation: stdio, password: ${secret}}\n`,
    `${DUMMY}network: {token: ${secret}, retryFor: ${secret}}\n`,
    `${DUMMY}workerConfig: ${secret}\n`,
    `${DUMMY}workerConfig: {password: &a ${secret}, b: *${secret}}\n`,
    `${DUMMY}workerConfig: {password: 0777867530986753}\n`,
  ]) {
    const told = (await mistakes(t, content)).join('\n');
    assert.doesNotMatch(told, /hunter2|86753098/, content);
  }
});
