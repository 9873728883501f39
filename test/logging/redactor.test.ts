import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { collectSecrets } from '../../src/logging/collect-secrets.ts';
import { createMatcher } from '../../src/logging/matcher.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { JsonValue } from '../../src/json.ts';
import type { Redactor } from '../../src/logging/redactor.ts';

const TOKEN = 'nA7+x/Q-z_9f%Lm$2^(k)|é"w\\<p>&~*!';

function redactorOf(...values: readonly string[]): Redactor {
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  return redactor;
}

suite('a secret value never gets through', () => {
  const json = JSON.stringify(TOKEN).slice(1, -1);
  const forms: Readonly<Record<string, string>> = {
    'as it is': TOKEN,
    'URL-encoded': encodeURIComponent(TOKEN),
    'URL-encoded with lower-case hex': encodeURIComponent(TOKEN).replace(/%../g, hex => hex.toLowerCase()),
    'in a form': new URLSearchParams({ a: TOKEN }).toString().slice(2),
    'in a URL made by hand': encodeURI(TOKEN),
    'JSON-escaped': json,
    'JSON-escaped twice': JSON.stringify(json).slice(1, -1),
    'JSON-escaped as Go does': json.replace(/[<>&]/g, mark => `\\u00${mark.charCodeAt(0).toString(16)}`),
    'JSON-escaped to ASCII': json.replaceAll('é', '\\u00e9'),
  };
  for (const [name, form] of Object.entries(forms)) {
    test(name, () => assert.equal(redactorOf(TOKEN).redact(`before ${form} after`), 'before [secret] after'));
  }

  for (const encoding of ['base64', 'base64url'] as const) {
    for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
      test(`in ${encoding} with ${before.length} bytes before it`, () => {
        const whole = Buffer.from(`${before}${TOKEN}${before}`).toString(encoding);
        const redacted = redactorOf(TOKEN).redact(whole);
        assert.match(redacted, /^.{0,8}\[secret\].{0,9}$/);
      });
    }
  }

  test('as a line of a value of several lines', () => {
    const redactor = redactorOf('-----BEGIN KEY-----\r\n  MIIEvQIBADANBg+/kq\nshort\n-----END KEY-----\n');
    assert.equal(redactor.redact('a MIIEvQIBADANBg+/kq b short'), 'a [secret] b short');
    assert.equal(redactor.redact('a MIIEvQIBADANBg%2B%2Fkq b'), 'a [secret] b');
  });

  test('without the blanks and newline around it', () => {
    assert.equal(redactorOf(' hunter2hunter2\n').redact('<hunter2hunter2>'), '<[secret]>');
  });

  test('where it is long and was cut', () => {
    const long = Array.from({ length: 500 }, (_, number) => `part${number}`).join('-');
    const redactor = redactorOf(long);
    assert.equal(redactor.redact(`<${long}>`), '<[secret]>');
    assert.match(redactor.redact(long.slice(0, 2000)), /^\[secret\].{0,1023}$/);
    assert.ok(redactor.reach <= 1024);
  });

  test('where two overlap, or one holds the other', () => {
    const redactor = redactorOf('abcdefghijkl', 'ijklmnopqrst', 'cdefgh');
    assert.equal(
      redactor.redact('<abcdefghijklmnopqrst> <abcdefgh> <cdefghijkl>'),
      '<[secret]> <ab[secret]> <[secret]ijkl>',
    );
  });

  test('where it is broken Unicode', () => {
    assert.doesNotThrow(() => redactorOf('half a pair: \ud800').redact('anything'));
  });
});

test('a redactor that knows nothing changes nothing', () => {
  assert.equal(createRedactor().redact('text'), 'text');
  assert.equal(createRedactor().reach, 0);
});

test('values under 4 characters are left: they would shred the log', () => {
  assert.equal(redactorOf('', 'a', 'abc').redact('abc a'), 'abc a');
  assert.equal(redactorOf('abcd').redact('abcde'), '[secret]e');
});

test('a value is known from the moment it is added', () => {
  const redactor = redactorOf('first-secret');
  assert.equal(redactor.redact('first-secret other-secret'), '[secret] other-secret');
  redactor.add('other-secret');
  assert.equal(redactor.redact('first-secret other-secret'), '[secret] [secret]');
});

test('among thousands of secrets each is found', () => {
  const values = Array.from({ length: 3000 }, (_, number) => `common-prefix-${number * 7919}-end`);
  const redactor = redactorOf(...values);
  assert.equal(redactor.redact(values.join(' ')), values.map(() => '[secret]').join(' '));
  assert.equal(redactor.redact('common-prefix-1-end'), 'common-prefix-1-end');
});

test('the matcher finds what a simple search finds', () => {
  let state = 20261121;
  function random(below: number): number {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  }
  function randomText(length: number): string {
    return Array.from({ length }, () => 'abcé'.charAt(random(4))).join('');
  }
  for (let round = 0; round < 500; round += 1) {
    const words = Array.from({ length: 1 + random(8) }, () => randomText(3 + random(14)));
    const text = randomText(random(300));
    const expected: (readonly [number, number])[] = [];
    for (let start = 0; start < text.length; start += 1) {
      const lengths = words.filter(word => text.startsWith(word, start)).map(word => word.length);
      if (lengths.length > 0) expected.push([start, start + Math.max(...lengths)]);
    }
    assert.deepEqual(createMatcher(words)(text), expected, JSON.stringify({ words, text }));
  }
});

suite('secrets in a configuration', () => {
  function learned(value: JsonValue): readonly string[] {
    const values: string[] = [];
    collectSecrets(value, { add: secret => values.push(secret), redact: text => text, reach: 0 });
    return values.sort();
  }

  test('are the longer strings under keys that look secret, at any depth', () => {
    const config = {
      accessToken: 'token-token',
      a: [{ password: 'pass-pass' }],
      name: 'not-secret',
      apiKey: 'short',
    };
    assert.deepEqual(learned(config), ['pass-pass', 'token-token']);
  });

  test('are what is nested under such a key, unless its own key says that it is about the secret', () => {
    const config = {
      passwords: { alice: 'alice-alice', bob: ['bob-bob-bob', 12345678, null] },
      credentials: { clientId: 'project/client', accessToken: 'token-token' },
    };
    assert.deepEqual(learned(config), ['alice-alice', 'bob-bob-bob', 'token-token']);
  });

  test('may be nested deeper than the stack', () => {
    let config: JsonValue = { token: 'deep-deep-deep' };
    for (let depth = 0; depth < 100_000; depth += 1) config = [config];
    assert.deepEqual(learned(config), ['deep-deep-deep']);
  });
});
