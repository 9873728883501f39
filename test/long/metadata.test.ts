import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootOnCloud, configOf, refusalOf, warningsOf } from '../support/cloud-boot.ts';
import { closedPort } from '../support/taskcluster-server.ts';

void test('a metadata service that is not there is warned of after 15 s, once, and given up after metadata.giveUpAfter', async t => {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await closedPort()}` };
  const config = () => ({ metadata: { giveUpAfter: '20s' } });
  const began = performance.now();
  const boot = await bootOnCloud(t, { cloud: 'aws', env, config });
  assert.ok(performance.now() - began > 15_000);
  assert.match(refusalOf(boot, 'metadata'), /failed after \d+ tries in (1\d|20) s: PUT .* ECONNREFUSED/);
  const slow = warningsOf(boot).filter(line => line.includes('has not answered'));
  assert.deepEqual(slow, [
    'the AWS metadata service has not answered for 15 s; it is asked again until 20 s have passed',
  ]);
});

const NAMES = { aws: 'AWS', google: 'Google', azure: 'Azure' } as const;

for (const cloud of ['aws', 'google', 'azure'] as const) {
  void test(`of ${cloud} one that comes up late has its machine boot, with one warning and one line when it answers`, async t => {
    const timeline = { 'at 0s for 17s': 'metadata hanging' };
    const began = performance.now();
    const boot = await bootOnCloud(t, { cloud, scenario: { timeline } });
    configOf(boot);
    // No try outlasts it for long.
    assert.ok(performance.now() - began < 30_000);
    const warnings = warningsOf(boot);
    assert.deepEqual(warnings, [
      `the ${NAMES[cloud]} metadata service has not answered for 15 s; it is asked again until 2 min have passed`,
    ]);
    assert.match(boot.log, new RegExp(`: the ${NAMES[cloud]} metadata service answers now\n`));
  });
}
