/**
 * The one question of a start that goes on: which instance this is, when the metadata service does not answer as it
 * should.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ScenarioFault } from '../../src/simulator/index.ts';
import { restartingMachine } from '../support/restarting-machine.ts';

const FAULTS: Readonly<Record<string, Omit<ScenarioFault, 'call'>>> = {
  'fails once': { status: 503, times: 1 },
  'fails twice': { status: 500, times: 2 },
  'is slow': { delay: '500ms' },
  'fails for ever': { status: 503 },
  'drops each connection': { reset: true },
  'never answers': { hang: true },
  'is always cut off': { body: 'cut' },
  'is a web page': { body: 'html' },
  'is empty': { body: 'empty' },
  'is something else': { body: 'wrong-shape' },
};

/** The question has 2 s, the first look for notices has one; the rest is a busy machine's. */
const BOUND_MS = 30_000;

void suite('a machine that is started again', { concurrency: 3 }, () => {
  for (const cloud of ['aws', 'azure', 'google'] as const) {
    for (const [how, fault] of Object.entries(FAULTS)) {
      void test(`on ${cloud}, whose metadata service ${how}, goes on as the same worker`, async t => {
        const machine = await restartingMachine(t, { cloud, config: { network: { retryFor: '30s' } } });
        const first = await machine.start();
        assert.equal(first.code, 67, first.log);
        machine.simulator.setFaults([{ call: 'metadata', ...fault }]);
        const begunMs = performance.now();
        const { code, log, calls, workerConfig } = await machine.start();
        assert.equal(code, 67, log);
        assert.deepEqual(calls, []);
        assert.deepEqual(workerConfig, first.workerConfig);
        assert.doesNotMatch(log, /: error: /);
        assert.ok(performance.now() - begunMs < BOUND_MS);
      });
    }
  }
});
