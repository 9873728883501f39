import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import { overriddenOrigin } from '../../src/metadata/endpoint.ts';
import type { MetadataReply } from '../../src/metadata/metadata.ts';
import { jsonOf, optionalTextOf, textOf } from '../../src/metadata/read.ts';
import { validateMetadataWorkerData } from '../../src/generated/validators.js';

const EXPECTED = { what: 'the value', advice: 'do this' };

function reply(status: number, text: string, type = 'text/plain'): MetadataReply {
  return { url: 'http://test/a', status, headers: { 'content-type': type }, text };
}

function read(text: string): unknown {
  return jsonOf(reply(200, text), validateMetadataWorkerData, EXPECTED);
}

function complaint(code: string, message: RegExp, advice = /do this/) {
  return (error: unknown) => {
    assert.ok(error instanceof RunnerError);
    assert.equal(error.exit, 'metadata');
    assert.equal(error.code, code);
    assert.match(error.message, /^http:\/\/test\/a should give the value, but /);
    assert.match(error.message, message);
    assert.match(error.advice ?? '', advice);
    return true;
  };
}

void test('a text is kept as it is', () => {
  assert.equal(textOf(reply(200, ' a \n'), EXPECTED), ' a \n');
  assert.equal(textOf(reply(200, 'a', 'text/html'), EXPECTED), 'a');
});

void test('a value that is not there is missing, or left out where it may be', () => {
  assert.throws(() => textOf(reply(404, '<html>none'), EXPECTED), complaint('metadata.missing', /404/));
  assert.throws(() => textOf(reply(200, ' \n'), EXPECTED), complaint('metadata.missing', /empty/));
  assert.equal(optionalTextOf(reply(404, '<html>none'), EXPECTED), undefined);
  assert.equal(optionalTextOf(reply(200, '\n'), EXPECTED), undefined);
});

void test('HTML and other statuses are no values, also where the value may be absent', () => {
  for (const text of ['<html>', '\n<!DOCTYPE html>'])
    assert.throws(
      () => optionalTextOf(reply(200, text), EXPECTED),
      complaint('metadata.unreadable', /HTML/, /captive portal/),
    );
  assert.throws(
    () => optionalTextOf(reply(200, '<p>hello', 'text/html; charset=utf-8'), EXPECTED),
    complaint('metadata.unreadable', /HTML/, /captive portal/),
  );
  assert.throws(
    () => optionalTextOf(reply(403, '<html>forbidden'), EXPECTED),
    complaint('metadata.refused', /403/, /turned off/),
  );
});

void test('truncated JSON, other text and a wrong shape are told apart, and no value is quoted', () => {
  assert.throws(() => read('{"workerPoolId": "secret'), complaint('metadata.unreadable', /ends early/));
  assert.throws(() => read('c2VjcmV0'), complaint('metadata.unreadable', /it is not JSON$/));
  const wrong = '{"workerPoolId": "secret", "rootUrl": "https://tc"}';
  assert.throws(
    () => read(wrong),
    (error: unknown) => {
      complaint(
        'metadata.wrong-shape',
        /but it lacks providerId, workerGroup; \/workerPoolId must match/,
      )(error);
      assert.doesNotMatch(String(error), /secret/);
      return true;
    },
  );
});

void test('a variable may name another metadata service, and is refused where it names none', () => {
  const origin = (value: string, form: 'url' | 'host') => overriddenOrigin({ WHERE: value }, 'WHERE', form);
  assert.equal(overriddenOrigin({}, 'WHERE', 'url'), undefined);
  assert.equal(origin('', 'url'), undefined);
  assert.equal(origin('http://localhost:1338/', 'url'), 'http://localhost:1338');
  assert.equal(origin('http://[::1]:80', 'url'), 'http://[::1]');
  assert.equal(origin('localhost:8080', 'host'), 'http://localhost:8080');
  assert.equal(origin('[::1]:8080', 'host'), 'http://[::1]:8080');
  for (const [value, form] of [
    ['localhost:1338', 'url'],
    ['https://localhost', 'url'],
    ['http://me:secret@localhost', 'url'],
    ['http://localhost/secret', 'url'],
    ['secret', 'url'],
    ['http://localhost:1', 'host'],
    ['localhost:secret', 'host'],
    ['localhost:99999', 'host'],
  ] as const) {
    assert.throws(
      () => origin(value, form),
      (error: unknown) => {
        assert.ok(error instanceof RunnerError && error.exit === 'config', value);
        assert.match(error.message, /the variable WHERE of the environment is not a/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  }
});
